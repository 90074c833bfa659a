"""The arithmetic of the gates."""

import numpy as np
import pytest

from generation.reference.s1 import report

pytestmark = pytest.mark.torch


def flags(right: int, of: int) -> np.ndarray:
    return np.arange(of) < right


def test_a_share_comes_with_wilsons_interval():
    figure = report.share("teacher", flags(60, 100))
    assert figure.value == 0.6
    # Wilson 1927 for 60 of 100 at 95 %.
    assert (figure.low, figure.high) == pytest.approx((0.5020, 0.6906), abs=1e-4)


def test_a_paired_difference_covers_itself_and_changes_its_sign_with_the_sides():
    rng = np.random.default_rng(0)
    a, b = rng.random(400) < 0.6, rng.random(400) < 0.4
    there, back = (report.difference("gap", *sides, seed=1) for sides in ((a, b), (b, a)))
    assert there.low < there.value < there.high
    assert there.value == pytest.approx(-back.value)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=0.01)


def test_a_paired_interval_has_the_width_of_the_normal_one():
    rng = np.random.default_rng(2)
    a, b = rng.random(400) < 0.6, rng.random(400) < 0.5
    figure = report.difference("gap", a, b, seed=1)
    normal = 1.96 * np.std(a.astype(float) - b) / np.sqrt(400)
    assert (figure.high - figure.low) / 2 == pytest.approx(normal, rel=0.1)


def test_equal_answers_differ_by_nothing():
    right = flags(30, 50)
    figure = report.difference("gap", right, right, seed=0)
    assert (figure.value, figure.low, figure.high) == (0, 0, 0)


def test_the_judges_gate_holds():
    figures = report.judge_figures(seed=0, n=500)
    assert [figure.holds for figure in figures] == [True, None, None, True]


def test_a_missed_gate_is_said_aloud():
    figure = report.share("teacher", flags(1, 2), gate="at least 0.6", holds=False)
    assert "MISSED: at least 0.6" in str(figure)
