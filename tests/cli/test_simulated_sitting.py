"""Simulated annotators sit training and exam over HTTP, and rate a study of diversity."""

import itertools
import threading

import httpx
import numpy as np
import pytest
from django.core.handlers.wsgi import WSGIHandler

from annotate.analysis.diversity import OVERALL
from annotate.cli.simulated_annotator import SimulatedAnnotator, Temper
from annotate.cli.simulated_rating import press_levels
from annotate.cli.simulation import enlist
from annotate.cli.visit import Visit
from annotate.cli.worth import diverse_truth, known_pairs, latent_truth
from annotate.judging.models import Sitting, Vote
from annotate.reports.diversity_report import diversity_report
from annotate.sampling.media import read_token
from annotate.studies.models import Membership, Study
from tests.judging.exam_items import add_items, make_examined
from tests.judging.test_diversity import open_study
from tests.judging.test_rated_items import examined

pytestmark = [pytest.mark.django_db, pytest.mark.whole]
NO_WAIT = {"exam_wait_hours": 0}
KEYS = ("angle_of_view", "background", "main_object", "style")
CONFIG = {
    "attributes": [{"key": key} for key in KEYS],
    "levels": [
        {"value": value, "digit": digit} for digit, value in enumerate(("cannot", "0", "1", "2"))
    ],
}


@pytest.fixture(autouse=True)
def pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows without files: what an address shows is what its token names."""
    monkeypatch.setattr(
        Visit, "picture", lambda _, address: read_token(address.removeprefix("/i/")).digest
    )


def crowd(study: Study, tempers: list[Temper], **options) -> list[SimulatedAnnotator]:
    diverse = study.read_protocol().asks_diversity
    truth_of = diverse_truth(study, seed=2) if diverse else latent_truth(2)
    return [
        SimulatedAnnotator(
            account,
            temper,
            url="http://testserver",
            study=str(study.uid),
            truth_of=truth_of,
            seed=2,
            known=known_pairs(study),
            transport=httpx.WSGITransport(app=WSGIHandler()),
            **options,
        )
        for account, temper in zip(enlist(study, len(tempers)), tempers, strict=True)
    ]


def test_good_annotators_pass_training_and_exam_and_judge_and_spammers_do_not():
    study = make_examined(pairs=2, overlap=2, min_votes=2, **NO_WAIT)
    add_items(study, training=0, exam=8, ties=0)
    people = crowd(
        study, [Temper(accuracy=1.0)] * 2 + [Temper(habit="random"), Temper(habit="left")]
    )
    votes = [one.judge_all(threading.Event()) for one in people]
    assert [one.qualified for one in people] == [True, True, False, False]
    assert votes == [2, 2, 0, 0]
    assert set(Vote.objects.values_list("simulated", flat=True)) == {True}
    assert Membership.objects.filter(study=study, qualified_version=1).count() == 2
    exams = Sitting.objects.filter(kind="exam", passed=True)
    assert {sitting.right for sitting in exams} == {6}


def test_who_has_to_wait_for_the_next_attempt_leaves():
    study = make_examined(pairs=1, training_pass=1, training_pairs=1)
    (one,) = crowd(study, [Temper(habit="left")])
    assert one.judge_all(threading.Event()) == 0
    assert one.qualified is False
    assert Sitting.objects.filter(kind="exam").count() <= 1


def test_a_study_without_an_exam_asks_nobody_for_one():
    study = open_study(prompts=1)
    (one,) = crowd(study, [Temper(accuracy=1.0)])
    assert one.judge_all(threading.Event()) == 2
    assert one.qualified is None


def test_honest_annotators_rate_diversity_with_controls_at_both_ends():
    study = open_study(prompts=12, control_rate=0.3)
    for one in crowd(study, [Temper(accuracy=0.9)] * 3):
        assert one.judge_all(threading.Event()) >= 24
    found = diversity_report(study)
    assert found.simulated == found.votes == 3 * 24
    same, high = found.anchors
    assert (same.mean, same.votes > 0) == (0, True)
    assert high.mean > 0.8
    overall = {s.method: s.estimate for s in found.scores if s.attribute == OVERALL}
    assert 0 < min(overall.values()) < max(overall.values()) < 0.8


@pytest.mark.parametrize("habit", ["random", "left", "copies", "fast"])
def test_a_spammers_levels_have_nothing_to_do_with_the_pictures(habit):
    rng = np.random.default_rng(1)
    before, said = None, []
    for _ in range(200):
        before = press_levels(habit, config=CONFIG, before=before, rng=rng)
        said.append(before)
    assert all(set(one) == set(KEYS) and set(one.values()) <= {"0", "1", "2"} for one in said)
    repeated = sum(one == other for one, other in itertools.pairwise(said))
    assert (repeated > 140) == (habit in {"left", "copies"})
    assert press_levels("honest", config=CONFIG, before=None, rng=rng) is None


def test_honest_annotators_pass_the_exam_of_a_diversity_study_and_spammers_do_not():
    study = examined()
    tempers = [Temper(accuracy=0.95)] * 2 + [Temper(habit="random"), Temper(habit="left")]
    people = crowd(study, tempers)
    votes = [one.judge_all(threading.Event()) for one in people]
    assert [one.qualified for one in people] == [True, True, False, False]
    assert votes == [8, 8, 0, 0]
    assert set(Vote.objects.values_list("simulated", flat=True)) == {True}
