"""The pages of laboratory and planner: who may see them, what they say, where links stand."""

from __future__ import annotations

import io
import json
import re
import zipfile

import pytest
from django.test import Client
from django.urls import reverse

from annotate.people.models import Role, User
from annotate.reports.branch_rows import branch_pairs
from annotate.studies.lifecycle import move
from annotate.studies.models import Study
from generation.spec import Adaptive
from tests.factories import join, make_study, make_user
from tests.reports.laboratory_arrange import generated_branches, imported_branches, score

pytestmark = [pytest.mark.django_db, pytest.mark.whole]
STUDENT = ["WWW", "WWT", "TTL", "LLL", "LLW", "LLT"]
REFINED = ["WWL", "LLL", "WWW", "WTL", "WWW", "TTL"]


def page_of(user: User, address: str, **asked: str) -> str:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.get(address, asked)
    assert answer.status_code == 200
    return answer.content.decode()


def told(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).replace("\u00a0", " ")


def laboratory(study: Study) -> str:
    return reverse("study-laboratory", args=[study.uid])


def scored_study(*, waiting: bool = False, simulated: bool = False) -> Study:
    """Two estimators scored it; `waiting` for the votes of its last refined pair."""
    refined = [*REFINED[:-1], ""] if waiting else REFINED
    study = generated_branches(STUDENT, refined, simulated=simulated)
    arm = study.methods.get(name="refined").settings["arm"]
    digest = Adaptive.model_validate(arm).estimator.digest()
    score(study, "student", digest, [0.9, 0.8, 0.7, 0.1, 0.2, 0.3])
    score(study, "student", "e" * 64, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    return study


@pytest.mark.bothdb
def test_the_page_shows_curve_cost_and_estimators() -> None:
    study = scored_study()
    html = page_of(study.owner, laboratory(study))
    said = told(html)
    assert "would win 50.0 % and lose 0.0 % of 6 prompts" in said
    for label in (
        "By model M1 symmetric, rule not_worse",
        "Current state: what real decisions give",
        "Every cut-off, from the votes on both branches",
        "How good the estimators are",
        "Estimators against each other",
    ):
        assert label in said
    assert html.count('class="plot plot-wide"') == html.count('class="plot plot-narrow"') == 6
    assert not re.search(r"<[^>]+\sstyle\s*=", html)
    assert "Simulated" not in said


def test_model_rule_and_k_come_from_the_address_and_nonsense_is_answered() -> None:
    study = scored_study()
    said = told(page_of(study.owner, laboratory(study), model="M3", rule="win_only", k="40"))
    assert "By model M3 fixed budget, k = 40, rule win_only" in said
    said = told(page_of(study.owner, laboratory(study), model="M9", rule="?", k="many"))
    assert "By model M1 symmetric, rule not_worse" in said
    assert "k is a number from 0 to 100; 'many' was given" in said.replace("&#x27;", "'")


def test_the_band_comes_from_the_address() -> None:
    study = scored_study()
    for band, drawn in (
        ("prompts", "prompts"),
        ("votes", "prompts and votes"),
        ("crossed", "prompts and annotators"),
        ("none", "prompts"),
    ):
        said = told(page_of(study.owner, laboratory(study), band=band))
        assert f"bootstrap over {drawn}, 2,000 draws" in said
    assert "These votes are of 3 annotators, fewer than 20" in said


def test_a_study_s_laboratory_can_be_downloaded_under_the_question_of_its_address() -> None:
    study = scored_study()
    client = Client()
    client.force_login(study.owner, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.get(laboratory(study), {"model": "M3", "k": "40", "give": "zip"})
    assert answer["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert "figure-16.svg" in archive.namelist()
        found = json.loads(archive.read("laboratory.json"))
    assert (found["settings"]["model"], found["settings"]["percentile"]) == ("M3", 40)


def test_a_running_study_has_no_p_values_on_its_page() -> None:
    study = scored_study(waiting=True)
    said = told(page_of(study.owner, laboratory(study)))
    assert "Estimators against each other, of a running study" in said
    assert "No p-values yet" in said
    assert "McNemar" not in said
    move(study, Study.State.CLOSED, actor=study.owner)
    said = told(page_of(study.owner, laboratory(study)))
    assert "McNemar p" in said
    assert "No p-values" not in said


def test_simulated_votes_stay_marked() -> None:
    study = scored_study(simulated=True)
    html = page_of(study.owner, laboratory(study))
    assert "36 of 36 votes were cast by programs" in told(html)
    assert "Simulated annotators" in told(html)
    subtitles = re.findall(r'class="fig-sub">([^<]*)', html)
    assert len(subtitles) == 6
    assert all("Simulated votes" in words for words in subtitles)


def test_imported_branches_are_asked_for() -> None:
    study = imported_branches(STUDENT, REFINED)
    assert "Which methods are the two branches?" in told(page_of(study.owner, laboratory(study)))
    pair = next(p for p in branch_pairs(study) if p.student.name == "student")
    said = told(page_of(study.owner, laboratory(study), branches=pair.key))
    assert "would win 50.0 % and lose 0.0 % of 6 prompts" in said
    assert "No estimator has scored" in said


def test_a_study_without_branches_or_verdicts_says_what_is_missing() -> None:
    study = make_study(pairs=2)
    assert "no two branches" in told(page_of(study.owner, laboratory(study)))
    waiting = generated_branches(["", ""], ["", ""])
    said = told(page_of(waiting.owner, laboratory(waiting)))
    assert "No prompt has a verdict on both branches yet" in said


def test_report_and_dashboard_link_to_it_where_the_recipes_tell_the_branches() -> None:
    generated, imported = scored_study(), imported_branches(STUDENT, REFINED)
    for name in ("study", "study-report"):
        for study, linked in ((generated, True), (imported, False)):
            html = page_of(study.owner, reverse(name, args=[study.uid]))
            assert (laboratory(study) in html) is linked, (name, linked)


def test_strangers_and_annotators_get_404() -> None:
    study = scored_study()
    for user in (make_user(Role.RESEARCHER), join(study), make_user(Role.ANNOTATOR)):
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        assert client.get(laboratory(study)).status_code == 404


def test_the_planner_answers_a_question_and_keeps_it_in_the_form() -> None:
    user = make_user(Role.RESEARCHER)
    said = told(page_of(user, reverse("study-plan"), win_rate="55", tie_rate="0"))
    assert "takes 783 prompts for each contrast" in said
    html = page_of(user, reverse("study-plan"), win_rate="57", on_demand="on")
    assert re.search(r'name="win_rate" value="57"', html)
    assert re.search(r'name="on_demand"[^>]* checked', html)


def test_the_planner_draws_votes_only_on_request_and_the_same_again() -> None:
    user = make_user(Role.RESEARCHER)
    asked = {"prompts": "150", "studies": "30", "overlap": "5", "annotators": "9"}
    assert "Drawn vote by vote" not in told(page_of(user, reverse("study-plan"), **asked))
    html = page_of(user, reverse("study-plan"), simulate="on", **asked)
    said = told(html)
    assert (
        "Drawn vote by vote, seed 0: 30 studies of 150 prompts, 5 votes a pair; 9 annotators"
        in said
    )
    assert "Difference of the two, points" in said
    assert re.search(r'name="studies" value="30"', html)
    assert said == told(page_of(user, reverse("study-plan"), simulate="on", **asked))
    other = told(page_of(user, reverse("study-plan"), simulate="on", seed="1", **asked))
    assert said != other.replace("seed 1", "seed 0")


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"overlap": "2"}, "or an odd overlap"),
        ({"group_size": "5", "icc": "0.7"}, "a larger deviation of prompts"),
        ({"annotators": "2"}, "no fewer annotators"),
        ({"studies": "1000000"}, "less than or equal to 10000"),
    ],
)
def test_a_simulation_that_cannot_be_drawn_is_explained_beside_the_formula(asked, reason) -> None:
    user = make_user(Role.RESEARCHER)
    said = told(page_of(user, reverse("study-plan"), simulate="on", **asked))
    assert reason in said
    assert "Drawn vote by vote" not in said
    assert "prompts for each contrast" in said


def test_the_planner_says_what_is_wrong_beside_the_field() -> None:
    user = make_user(Role.RESEARCHER)
    said = told(page_of(user, reverse("study-plan"), prompts="0", win_rate="many"))
    assert "Ensure this value is greater than or equal to 1" in said
    assert "Enter a number" in said
    assert "there is nothing to find" in told(page_of(user, reverse("study-plan"), win_rate="50"))
