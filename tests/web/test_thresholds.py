"""The calibration page: starting, watching, what tau rests on, writing a rule; who may do so."""

import re
from typing import Any

import pytest
from django.urls import reverse

from annotate.judging.launch import launch
from annotate.people.models import Role
from annotate.sampling.models import Sample, Threshold
from annotate.studies.create import update_draft
from annotate.studies.models import Study
from annotate.studies.spec import parse_spec
from tests.factories import make_generated, make_user
from tests.web.arrange_sampling import arm_of, make_waiting, score_all
from tests.web.test_pictures import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.whole]
SCORES = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]


def address(study: Study) -> str:
    return reverse("study-thresholds", args=[study.uid])


def shown(study: Study) -> str:
    return " ".join(client_of(study.owner).get(address(study)).content.decode().split())


def post(study: Study, **data: Any) -> str:
    answer = client_of(study.owner).post(address(study), data, follow=True)
    return " ".join(answer.content.decode().split())


def started(**given: Any) -> Study:
    study = make_waiting(**given)
    post(study, replicas="1")
    return study


def method(study: Study) -> dict[str, Any]:
    study.refresh_from_db()
    settings: dict[str, Any] = study.spec["methods"][-1]["settings"]
    return settings


def test_before_the_start_the_page_says_what_would_happen() -> None:
    study = make_waiting()
    html = shown(study)
    assert "Make and score them" in html
    assert f"{study.prompt_sets.get(role='tune')}</option>" in html
    assert "not tuned" in html
    assert "stand here once the tuning samples are scored" in html


def test_starting_plans_one_student_sample_for_each_tuning_prompt() -> None:
    study = make_waiting()
    html = post(study, replicas="1")
    assert "8 tuning samples, 0 there already; 1 job to make the rest." in html
    student = arm_of(study).student.digest()
    assert Sample.objects.filter(method_digest=student).count() == 8
    assert '<progress value="0" max="8"' in html
    assert "8 of 8 tuning samples have no imagereward score" in html


def test_more_noise_seeds_are_more_samples_and_a_strange_number_is_one() -> None:
    study = make_waiting()
    assert "16 tuning samples" in post(study, replicas="2")
    assert "24 tuning samples, 0 there" in post(make_other(), replicas="99")
    for odd in ("many", "²", "9" * 5_000):
        assert "8 tuning samples" in post(make_other(), replicas=odd)


def make_other() -> Study:
    Sample.objects.all().delete()
    return make_waiting()


def test_scores_show_their_histogram_before_anything_is_written() -> None:
    study = started()
    score_all(study, SCORES)
    html = shown(study)
    assert "These scores give tau 0.35 at the 50th percentile" in html
    assert "50 % improved" in html
    assert "50 % kept" in html
    assert "k 50: 15 steps" in html
    assert html.count('class="plot plot-wide"') == 2
    assert "± other noise" in html
    assert "tuned" not in method(study)


def test_writing_a_rule_writes_the_tau_it_gives() -> None:
    study = started()
    score_all(study, SCORES)
    html = post(study, method="adaptive", way="percentile", value="50")
    assert "Written: tau 0.35." in html
    assert method(study)["tuned"]["tau"] == pytest.approx(0.35)
    assert "Read from the scores: tau 0.35" in html
    html = post(study, method="adaptive", way="budget", value="10")
    assert method(study)["threshold"] == {"budget": 10}
    # A quarter of the samples is improved: 5 + 20 / 4 steps.
    assert method(study)["tuned"]["percentile"] == 25
    assert "k 25: 10 steps" in html
    assert Threshold.objects.count() == 2


def test_tau_itself_needs_no_scores() -> None:
    study = make_waiting()
    html = post(study, method="adaptive", way="tau", value="0.2")
    assert "The cut-off is written." in html
    assert method(study)["threshold"] == {"tau": 0.2}
    assert "no scores stand behind it" in html


def test_a_rule_without_its_samples_is_written_and_says_what_is_missing() -> None:
    study = started()
    score_all(study, SCORES)
    html = post(study, method="adaptive", way="target", value="0.6")
    assert "The rule is written and has no tau yet" in html
    assert method(study)["threshold"] == {"target": 0.6}
    assert "tuned" not in method(study)
    assert "16 tuning samples, 8 there already" in post(study, replicas="1")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"way": "percentile", "value": "101"}, "101 was given"),
        ({"way": "percentile", "value": "half"}, "&#x27;half&#x27; was given"),
        ({"way": "percentile", "value": ""}, "without a number"),
        ({"way": "tau", "value": "nan"}, "NaN"),
        ({"method": "nobody", "way": "tau", "value": "1"}, "no adaptive method is named"),
        ({"method": "teacher", "way": "tau", "value": "1"}, "no adaptive method is named"),
    ],
)
def test_a_rule_that_is_none_changes_nothing(data: dict[str, str], said: str) -> None:
    study = make_waiting()
    before = study.spec
    answer = client_of(study.owner).post(address(study), {"method": "adaptive"} | data)
    study.refresh_from_db()
    assert answer.status_code == 422
    assert study.spec == before
    assert re.search(rf"Nothing was changed.*{re.escape(said)}", answer.content.decode(), re.I)


def test_tuning_on_a_prompt_that_is_shown_is_refused() -> None:
    study = make_waiting()
    written = study.read_spec().model_dump(mode="json")
    written["prompt_sets"][1]["prompts"][0]["text"] = "show 0"
    update_draft(study, parse_spec(written), actor=study.owner)
    answer = client_of(study.owner).post(address(study), {"replicas": "1"})
    assert answer.status_code == 422
    assert "show 0" in answer.content.decode()
    assert not study.jobs.exists()


def test_a_study_without_tuning_prompts_is_told_to_add_some() -> None:
    study = make_generated()
    html = shown(study)
    assert "no scores stand behind it" in html
    assert "Make and score them" not in html


def test_a_study_without_adaptive_methods_says_so_and_shows_no_tab() -> None:
    study = make_generated(contrasts=(("student", "teacher"),))
    assert "This study has no adaptive method." in shown(study)
    page = client_of(study.owner).get(reverse("study", args=[study.uid])).content.decode()
    assert address(study) not in page


def test_after_the_launch_the_figures_stay_and_nothing_can_be_written() -> None:
    study = started()
    score_all(study, SCORES)
    post(study, method="adaptive", way="percentile", value="50")
    study.refresh_from_db()
    launch(study, actor=study.owner)
    html = shown(study)
    assert "Read from the scores: tau 0.35" in html
    assert "Write it into the study" not in html
    before = method(study)
    assert "frozen" in post(study, method="adaptive", way="tau", value="1")
    assert method(study) == before


def test_a_tau_of_another_student_shows_no_scores_and_says_so() -> None:
    study = started()
    score_all(study, SCORES)
    post(study, method="adaptive", way="percentile", value="50")
    study.refresh_from_db()
    written = study.read_spec().model_dump(mode="json")
    written["methods"][-1]["settings"]["arm"]["student"]["steps"] = 3
    update_draft(study, parse_spec(written), actor=study.owner)
    html = shown(study)
    assert "Its tau was tuned for another student" in html
    assert "plot-wide" not in html


def test_a_second_noise_seed_fills_its_column() -> None:
    study = make_waiting()
    post(study, replicas="2")
    score_all(study, SCORES)
    score_all(study, SCORES[::-1], replica=1)
    html = shown(study)
    first = re.search(r'<th scope="row" class="r">150</th>(.*?)</tr>', html)
    assert first is not None
    cells = re.findall(r"<td[^>]*>(.*?)</td>", first[1])
    assert float(cells[2]) > 0
    assert cells[3] == "–"


def test_the_page_is_for_those_who_manage_the_study() -> None:
    study = make_waiting()
    stranger = client_of(make_user(Role.RESEARCHER))
    assert stranger.get(address(study)).status_code == 404
    assert stranger.post(address(study), {"replicas": "1"}).status_code == 404
    assert not study.jobs.exists()
