import itertools

import numpy as np
import pytest

from annotate.analysis.power import majority_of_three
from annotate.analysis.rehearsal import Crowd, crowd_for, rehearse, verdict_shares

pytestmark = pytest.mark.whole


def test_without_differences_the_verdicts_are_those_of_the_majority_of_three():
    crowd = Crowd(lean=np.log(0.55 / 0.45), tie=0.2, prompt_sd=0, annotator_sd=0, annotators=5)
    won, lost = verdict_shares(crowd, np.zeros((1, 5)))
    win, _, loss = majority_of_three(0.8 * 0.55, 0.2, 0.8 * 0.45)
    assert (won[0], lost[0]) == pytest.approx((win, loss))


def test_the_average_over_triples_is_the_one_of_all_triples():
    biases = np.array([[-1.0, 0.2, 0.7, 2.0, 0.0]])
    crowd = Crowd(lean=0.3, tie=0.1, prompt_sd=0, annotator_sd=1, annotators=5)
    chances = 0.9 / (1 + np.exp(-(0.3 + biases[0])))
    by_hand = [
        a * b * c + a * b * (1 - c) + a * (1 - b) * c + (1 - a) * b * c
        for a, b, c in itertools.combinations(chances, 3)
    ]
    assert verdict_shares(crowd, biases)[0][0] == pytest.approx(np.mean(by_hand))


@pytest.mark.parametrize(
    ("win_rate", "tie_rate"),
    [(0.55, 0.0), pytest.param(0.55, 0.16, marks=pytest.mark.slow), (0.62, 0.3)],
)
def test_a_crowd_is_found_for_the_verdicts_that_are_asked_for(win_rate, tie_rate):
    crowd = crowd_for(
        win_rate,
        tie_rate=tie_rate,
        prompt_sd=1,
        annotator_sd=0.3,
        annotators=12,
        rng=np.random.default_rng(1),
    )
    seen = rehearse(crowd, 600, studies=40, rng=np.random.default_rng(2))
    assert seen.win_rate == pytest.approx(win_rate, abs=0.02)
    assert seen.tie_rate == pytest.approx(tie_rate, abs=0.02)


def test_mirrored_crowds_have_mirrored_verdicts():
    crowd = Crowd(lean=0.4, tie=0.2, prompt_sd=1, annotator_sd=0.5, annotators=6)
    other = Crowd(lean=-0.4, tie=0.2, prompt_sd=1, annotator_sd=0.5, annotators=6)
    biases = np.random.default_rng(4).normal(size=(8, 6))
    won, lost = verdict_shares(crowd, biases)
    again_lost, again_won = verdict_shares(other, -biases)
    assert won == pytest.approx(again_won)
    assert lost == pytest.approx(again_lost)


@pytest.mark.parametrize(
    "wrong", [{"tie": 1.0}, {"annotators": 2}, {"prompt_sd": -1.0}, {"annotator_sd": -0.1}]
)
def test_an_impossible_crowd_is_refused(wrong):
    with pytest.raises(ValueError, match=r"give|three"):
        Crowd(**{"lean": 0, "tie": 0, "prompt_sd": 0, "annotator_sd": 0, "annotators": 9} | wrong)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("win_rate", "tie_rate", "prompt_sd", "annotator_sd", "annotators"),
    [
        (0.55, 0.0, 0.0, 0.0, 12),
        (0.56, 0.16, 1.0, 0.0, 12),
        (0.56, 0.16, 1.0, 0.4, 12),
        (0.57, 0.3, 1.5, 0.3, 40),
        (0.5, 0.16, 1.0, 0.4, 6),
    ],
)
def test_the_planned_power_is_within_two_points_of_the_simulated(
    win_rate, tie_rate, prompt_sd, annotator_sd, annotators
):
    rng = np.random.default_rng(11)
    crowd = crowd_for(
        win_rate,
        tie_rate=tie_rate,
        prompt_sd=prompt_sd,
        annotator_sd=annotator_sd,
        annotators=annotators,
        rng=rng,
    )
    seen = rehearse(crowd, 600, studies=10_000, rng=rng, pools=2_000)
    assert seen.planned == pytest.approx(seen.power, abs=0.02)


@pytest.mark.slow
def test_few_annotators_with_opinions_raise_false_alarms():
    rng = np.random.default_rng(12)
    own = Crowd(lean=0, tie=0.16, prompt_sd=1, annotator_sd=0.4, annotators=6)
    none = Crowd(lean=0, tie=0.16, prompt_sd=1, annotator_sd=0, annotators=6)
    assert rehearse(none, 600, studies=4_000, rng=rng).power < 0.055
    assert rehearse(own, 600, studies=4_000, rng=rng).power > 0.15
