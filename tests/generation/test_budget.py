"""Budgets are exact, round up as the paper's tables do, and count forwards beside steps."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.budget import ceiling_steps, exact, forwards_per_step, planned, share_error
from generation.spec import Adaptive, Estimator, Student, Teacher, Weights

MODEL = Weights(path="sd15")

# (sigma, k, student steps, refinement steps, adaptive steps) of Tables 3, 4 and 5.
ROWS = [
    (0.4, 60, 5, 5, 8),
    (0.55, 60, 5, 10, 11),
    (0.7, 60, 5, 15, 14),
    (0.7, 60, 5, 25, 20),
    (0.7, 60, 5, 35, 26),
    (0.7, 60, 5, 45, 32),
    (0.5, 60, 5, 5, 8),
    (0.7, 60, 5, 10, 11),
    (0.75, 60, 5, 15, 14),
    (0.75, 60, 5, 25, 20),
    (0.75, 60, 5, 35, 26),
    (0.75, 60, 5, 45, 32),
    (0.75, 40, 3, 5, 5),
    (0.7, 70, 3, 15, 14),
    (0.7, 50, 5, 10, 10),
    (0.7, 50, 5, 20, 15),
    (0.7, 50, 5, 40, 25),
    (0.4, 50, 2, 4, 4),
    (0.85, 70, 4, 12, 13),
]


def arm(student=5, refinement=10, *, threshold=0.0, guidance=8.0, sampler="consistency", **more):
    return Adaptive(
        student=Student(model=MODEL, steps=student, guidance=guidance, sampler=sampler, **more),
        teacher=Teacher(model=MODEL, scheduler="unipc", steps=refinement),
        estimator=Estimator(path="ir"),
        threshold=threshold,
    )


@pytest.mark.parametrize(("sigma", "k", "student", "refinement", "printed"), ROWS)
def test_the_mean_budget_rounds_up_to_the_published_one(sigma, k, student, refinement, printed):
    assert ceiling_steps(student, refinement, percentile=k) == printed
    assert planned(arm(student, refinement), rejected=k / 100).ceiling == printed


def test_there_are_nineteen_published_rows():
    assert len(ROWS) == 19


def test_fifty_six_percent_of_twenty_five_is_fourteen_and_not_a_hair_more():
    assert 56 / 100 * 25 > 14
    assert ceiling_steps(5, 25, percentile=56) == 19
    assert planned(arm(5, 25), rejected=0.56).ceiling == 19
    assert exact(0.56) == Fraction(56, 100)


@given(st.integers(1, 50), st.integers(1, 100), st.integers(0, 100))
def test_both_ways_to_the_ceiling_agree(student, refinement, k):
    by_fraction = planned(arm(student, refinement), rejected=k / 100).ceiling
    assert by_fraction == ceiling_steps(student, refinement, percentile=k)


def test_guidance_doubles_the_forwards_and_embedded_guidance_does_not():
    assert planned(arm().student).forwards == 10
    assert planned(arm(guidance=1.0).student).forwards == 5
    for sampler in ("lcm", "add"):
        assert forwards_per_step(arm(sampler=sampler).student) == 1
    assert planned(arm(4, 12, sampler="lcm"), rejected=0.7).forwards == Fraction(208, 10)


def test_the_released_tail_is_one_more_step():
    assert planned(arm(legacy_tail=True).student).steps == 6


def test_infinite_thresholds_know_their_share():
    assert planned(arm(threshold=float("-inf"))).steps == 5
    assert planned(arm(threshold=float("inf"))).steps == 15


def test_a_finite_threshold_asks_for_the_share():
    with pytest.raises(ValueError, match="Give rejected"):
        planned(arm())
    with pytest.raises(ValueError, match="no share"):
        planned(arm(), rejected=60)


def test_a_threshold_tuned_on_few_samples_makes_the_share_less_certain():
    assert share_error(0.5, samples=600) == pytest.approx(0.0204, abs=1e-4)
    assert share_error(0.5, samples=600, tuned_on=300) == pytest.approx(0.0354, abs=1e-4)
    assert share_error(0.0, samples=10) == 0
    with pytest.raises(ValueError, match="at least 1"):
        share_error(0.5, samples=0)


def test_a_budget_prints_steps_and_forwards():
    text = str(planned(arm(5, 20), rejected=0.5))
    assert text == "15 steps, 30 UNet forwards on average"
