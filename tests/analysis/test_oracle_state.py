import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotate.analysis.contrast import Result
from annotate.analysis.oracle import curve
from annotate.analysis.oracle_models import ClassConditionalOracle, SymmetricOracle
from annotate.analysis.oracle_state import current_state, decisions
from annotate.analysis.oracle_table import Rule, tabulate
from tests.analysis.branches import COST, REFINED, STUDENT, random_branches

EVERY = list(Result)
prompts = st.lists(
    st.tuples(st.sampled_from(EVERY), st.sampled_from(EVERY), st.booleans()),
    min_size=1,
    max_size=30,
)


def state(student, refined, keep, **given):
    settings = {"rule": Rule.NOT_WORSE, "resamples": 200, "rng": np.random.default_rng(1)} | given
    return current_state(student, refined, keep, estimator="a score", cost=COST, **settings)


def test_an_equal_score_keeps():
    assert decisions([0.2, 0.5, 0.7], 0.5) == [False, True, True]


@pytest.mark.parametrize(
    ("scores", "threshold", "message"),
    [([0.1, float("nan")], 0.5, "score 2 of 2 is nan"), ([0.1], float("inf"), "threshold=inf")],
)
def test_a_score_that_is_no_number_decides_nothing(scores, threshold, message):
    with pytest.raises(ValueError, match=message):
        decisions(scores, threshold)


def test_the_point_of_ten_decisions_by_hand():
    # Ideal: keep the first five. The estimator keeps 1, 2, 3, 6 and 7.
    found = state(STUDENT, REFINED, [i in (0, 1, 2, 5, 6) for i in range(10)], threshold=0.5)
    assert (found.accuracy.value, found.kept.value, found.steps) == pytest.approx((0.6, 0.5, 10))
    # Kept W W W L L, refined W L (of 4, 5 W W), then T L W.
    assert (found.win.value, found.tie.value, found.lose.value) == pytest.approx((0.6, 0.1, 0.3))
    assert found.score.value == pytest.approx(0.65)
    assert (found.keep_good, found.keep_bad) == pytest.approx((0.6, 0.4))
    assert found.skill == pytest.approx((0.6 - 0.5) / (1 - 0.5))
    assert (found.estimator, found.threshold, found.rule) == ("a score", 0.5, "not_worse")
    assert found.on_line == pytest.approx(0.54 + 0.16 / 2)
    assert found.gap.value == pytest.approx(0.65 - 0.62)


@given(prompts, st.sampled_from(list(Rule)))
@settings(max_examples=60)
def test_the_line_and_the_independent_point_are_those_of_the_models(rows, rule):
    student, refined, keep = (list(column) for column in zip(*rows, strict=True))
    found = state(student, refined, keep, rule=rule, resamples=5)
    table = tabulate(student, refined, rule=rule)
    p, good, bad = found.accuracy.value, found.keep_good or 0.0, found.keep_bad or 0.0
    on_line = curve(table, SymmetricOracle((p,)), cost=COST).rates
    rates = (min(1.0, good),), (min(1.0, bad),)
    independent = curve(table, ClassConditionalOracle(*rates), cost=COST).rates
    assert found.on_line == pytest.approx(on_line.score[0])
    assert found.independent == pytest.approx(independent.score[0])
    assert found.kept.value == pytest.approx(independent.kept[0])
    assert p == pytest.approx(independent.accuracy[0])
    assert found.win.value + found.tie.value + found.lose.value == pytest.approx(1)


def test_perfect_decisions_lie_on_the_end_of_the_line():
    student, refined = random_branches(300)
    ideal = [Rule.NOT_WORSE.keeps(s, r) for s, r in zip(student, refined, strict=True)]
    found = state(student, refined, ideal)
    band = (found.accuracy.value, found.accuracy.low, found.accuracy.high)
    assert band == pytest.approx((1, 1, 1))
    assert found.gap.value == pytest.approx(0)
    assert found.independent_gap.value == pytest.approx(0)
    assert found.skill == pytest.approx(1)


def test_an_estimator_that_errs_where_it_costs_little_lies_above_the_line():
    student, refined = random_branches(2000)
    ideal = [Rule.NOT_WORSE.keeps(s, r) for s, r in zip(student, refined, strict=True)]
    # It is wrong exactly where both branches have the same result: no error costs anything.
    keep = [z != (s is r) for z, s, r in zip(ideal, student, refined, strict=True)]
    found = state(student, refined, keep)
    assert found.gap.low > 0
    assert found.independent_gap.low > 0


def test_decisions_at_random_lie_on_the_line_within_their_interval():
    student, refined = random_branches(1000)
    right = np.random.default_rng(12).random(1000) < 0.65
    ideal = [Rule.NOT_WORSE.keeps(s, r) for s, r in zip(student, refined, strict=True)]
    keep = [z == bool(ok) for z, ok in zip(ideal, right, strict=True)]
    found = state(student, refined, keep, resamples=1000)
    assert found.gap.low < 0 < found.gap.high
    assert found.accuracy.value == pytest.approx(right.mean())
    width = (found.accuracy.high - found.accuracy.low) / (2 * 1.959964)
    assert width == pytest.approx((0.65 * 0.35 / 1000) ** 0.5, rel=0.1)


def test_undecided_prompts_are_left_out_with_their_decisions():
    keep = [True] * 11
    found = state([None, *STUDENT], [REFINED[0], *REFINED], keep)
    assert (found.n, found.excluded, found.units) == (10, 1, 10)
    assert found.win.value == pytest.approx(0.4)
    assert found.skill is None


def test_prompts_of_one_photo_are_drawn_together():
    student, refined = random_branches(200)
    keep = [i % 3 == 0 for i in range(200)]
    single = state(student, refined, keep, resamples=2000)
    twice = state(student * 2, refined * 2, keep * 2, groups=[*range(200)] * 2, resamples=2000)
    assert (twice.n, twice.units) == (400, 200)
    width = [found.score.high - found.score.low for found in (single, twice)]
    assert width[1] == pytest.approx(width[0], rel=0.1)


def test_columns_of_different_length_are_refused():
    with pytest.raises(ValueError, match=r"the columns have \[9, 10\] rows"):
        state(STUDENT, REFINED, [True] * 9)
