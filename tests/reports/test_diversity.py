"""The report of a diversity study, from votes of simulated honest annotators in the database."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from django.core.management import call_command
from django.urls import reverse

from annotate.analysis.diversity import OVERALL
from annotate.cli.simulated_rating import rate
from annotate.judging import queue
from annotate.judging.growing import grow
from annotate.judging.opening import open_ready
from annotate.people.models import Role
from annotate.reports.diversity_files import answers_csv, summary_json
from annotate.reports.diversity_frame import decode_diversity, encode_diversity, read_diversity
from annotate.reports.diversity_page import headline, lay_out, methods
from annotate.reports.diversity_report import (
    answer_rows,
    diversity_report,
    diversity_report_on,
)
from annotate.studies.create import clone_study
from annotate.studies.models import Study
from annotate.studies.prompts import PromptRow, store_prompts
from annotate.web.rating import levels, rows
from annotate.web.study_pages import protocol_line
from tests.factories import NOW, make_picture, make_user
from tests.judging.arrange import member, vote_all, vote_next
from tests.judging.raters import NAMES, honestly
from tests.judging.test_diversity import ARMS, CLEARLY, open_study

pytestmark = [pytest.mark.django_db, pytest.mark.whole]


def judged(study: Study, *, people: int = 3, collapsed: str = "student") -> Study:
    """By honest annotators, right in 9 of 10; pictures of `collapsed` lie close together."""
    answer = honestly(study, rng=np.random.default_rng(5), collapsed=collapsed)
    for who in [member(study) for _ in range(people)]:
        while hand := queue.hand(who, now=NOW):
            vote_next(who, answer(hand[0]))
    return study


def test_a_collapsed_method_ranks_last_and_controls_anchor_the_scale():
    study = judged(open_study(prompts=25, control_rate=0.3))
    found = diversity_report(study)
    overall = {s.method: s.estimate for s in found.scores if s.attribute == OVERALL}
    assert overall["student"] < overall["teacher"]
    assert all(d.adjusted_p < 0.01 for d in found.differences)
    same, high = found.anchors
    assert min(same.votes, high.votes) > 0
    assert same.mean == 0
    assert high.mean > 0.8
    assert re.match(
        r"teacher is the most varied at 0\.\d\d, 95 % interval 0\.\d\d to 0\.\d\d, student the",
        headline(found),
    )
    assert headline(found).endswith("they differ on 4 of 4 attributes.")
    assert [section.name for section in lay_out(found).sections] == [
        "scores", "differences", "controls", "recipes", "methods",
    ]  # fmt: skip


def test_the_terminal_gets_scores_instead_of_win_rates(capsys):
    study = judged(open_study(prompts=2, control_rate=0.3))
    call_command("report_study", str(study.uid))
    said = capsys.readouterr().out
    found = diversity_report(study)
    assert said.startswith(headline(found))
    assert "win rate" not in said
    lines = {line.split()[0]: line for line in said.splitlines() if line}
    for score in found.scores:
        assert f"{score.estimate:.2f}" in lines[score.method]
    assert f"beside itself: 0.00 in {found.anchors[0].votes} votes" in said


def test_equal_scores_make_no_method_the_most_varied_and_no_controls_no_section():
    study = open_study(prompts=2, control_rate=0)
    config = {"attributes": rows(), "levels": levels(study.read_protocol())}
    same = dict.fromkeys(NAMES, 0.5) | {"scene": 1}
    who = member(study)
    while queue.hand(who, now=NOW):
        vote_next(who, rate(same, same, config=config, accuracy=1.0, rng=np.random.default_rng(0)))
    found = diversity_report(study)
    assert headline(found) == "All 2 methods score 0.00 for diversity."
    assert "controls" not in [section.name for section in lay_out(found).sections]
    assert protocol_line(study).startswith("Diversity, ")


def test_controls_change_no_score():
    study = judged(open_study(prompts=8, control_rate=0.3))
    before = diversity_report(study)
    vote = study.votes.filter(comparison__kind="control", comparison__identical=True).first()
    vote.answers.update(choice="2")
    after = diversity_report(study)
    assert after.scores == before.scores
    assert after.anchors != before.anchors


def test_cannot_judge_is_counted_and_left_out():
    study = open_study(prompts=1)
    who = member(study)
    vote_next(who, CLEARLY | {"style": "cannot"})
    vote_next(who, CLEARLY)
    found = {(s.method, s.attribute): s for s in diversity_report(study).scores}
    styles = [found[m, "style"] for m in ("student", "teacher")]
    assert sorted((s.votes, s.cannot_judge) for s in styles) == [(0, 1), (1, 0)]


def test_a_prompt_in_a_spreadsheet_is_no_formula():
    study = open_study(prompts=1)
    vote_next(member(study), CLEARLY)
    row = replace(next(answer_rows(study, read_diversity(study))), prompt="=1+1")
    assert b",'=1+1," in answers_csv([row])


def test_page_and_files_say_what_was_simulated(client):
    study = open_study(prompts=1)
    who = member(study)
    type(who.user).objects.filter(pk=who.user_id).update(simulated=True)
    who.user.refresh_from_db()
    vote_next(who, CLEARLY)
    client.force_login(make_user(Role.ADMIN))
    page = client.get(reverse("study-report", args=[study.uid]))
    assert "1 of 1 vote were cast by programs" in page.content.decode().replace("\xa0", " ")
    assert json.loads(summary_json(diversity_report(study)))["simulated"] == 1
    rows = list(answer_rows(study, read_diversity(study)))
    assert answers_csv(rows).count(b",true,") == len(NAMES)
    for name in ("scores.csv", "answers.csv", "diversity.json"):
        address = reverse("study-diversity-file", args=[study.uid, name])
        assert client.get(address).status_code == 200


def test_a_study_that_grew_says_under_which_protocols_its_votes_were_given():
    study = open_study(prompts=1, overlap=1, min_votes=1)
    vote_all([member(study)], lambda _: CLEARLY)
    before = study.protocol_hash
    assert "grew" not in " ".join(methods(diversity_report(study)))
    draft = clone_study(study, owner=study.owner, name="more")
    old = draft.prompt_sets.get()
    rows = [PromptRow(p.key, p.text, p.group) for p in old.prompts.order_by("order")]
    draft.prompt_sets.set([store_prompts(old.name, [*rows, PromptRow("p1", "another")])])
    grow(study, draft, actor=None)
    for method in ARMS:
        for replica in (0, 1):
            make_picture(study, method, "p1", replica=replica)
    open_ready(study, now=NOW)
    vote_all([member(study)], lambda _: CLEARLY)
    found = diversity_report(study)
    assert found.protocols == ((before, 2), (study.protocol_hash, 2))
    said = f"2 votes under {before[:8]} and 2 votes under {study.protocol_hash[:8]}"
    assert said in " ".join(methods(found))
    rows = list(answer_rows(study, read_diversity(study)))
    assert {row.protocol_hash for row in rows} == {before, study.protocol_hash}
    # What is frozen says the same.
    again, frame = decode_diversity(encode_diversity(study, read_diversity(study)))
    assert diversity_report_on(again, frame).protocols == found.protocols
