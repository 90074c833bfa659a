import numpy as np
import pytest

from annotate.analysis.crossed_verdicts import crossed_win_rate
from annotate.analysis.winrate import TieConvention, win_rate
from tests.analysis.crowds import results, swapped, verdicts


def by_hand(points, groups, asked):
    """The variance from its definition, pair by pair."""
    e, n = points - points.mean(), len(points)
    near = np.array(
        [
            [groups[i] == groups[j] or bool(set(asked[i]) & set(asked[j])) for j in range(n)]
            for i in range(n)
        ]
    )
    return max(e @ near @ e / (1 - near.mean()), e @ e) / n**2


@pytest.mark.parametrize("size", [1, 3])
def test_the_variance_counts_each_pair_of_verdicts_that_shares_anything_once(size):
    given, groups, asked = verdicts(2, prompts=90, annotators=60, tie=0.0, size=size)
    seen = crossed_win_rate(given, groups, asked)
    points = np.array([one.value == "win" for one in given], dtype=float)
    assert seen.standard_error**2 == pytest.approx(by_hand(points, groups, asked), rel=1e-9)


@pytest.mark.parametrize("convention", [TieConvention.DROPPED, TieConvention.HALF])
def test_swapping_the_methods_mirrors_it_and_neither_rows_nor_names_move_it(convention):
    columns = verdicts(1, prompts=120, annotators=50)
    given, groups, asked = columns
    one = crossed_win_rate(given, groups, asked, convention=convention)
    other = crossed_win_rate(swapped(given), groups, asked, convention=convention)
    mirrored = (1 - other.estimate, 1 - other.high, 1 - other.low)
    assert (one.estimate, one.low, one.high) == pytest.approx(mirrored, abs=1e-12)
    order = np.random.default_rng(0).permutation(len(given))
    named = [[f"A-{(7 * who) % 53}" for who in voters] for voters in asked]
    moved = crossed_win_rate(
        *([column[i] for i in order] for column in (given, groups, named)), convention=convention
    )
    assert (moved.low, moved.high) == pytest.approx((one.low, one.high), abs=1e-12)


def test_annotators_who_voted_once_each_leave_wilsons_interval_with_students_t():
    given = results("WWL" * 40)
    alone = crossed_win_rate(given, list(range(120)), [[i] for i in range(120)])
    known = win_rate(80, 0, 40)
    assert (alone.low, alone.high) == pytest.approx((known.low, known.high), abs=0.003)


def test_few_annotators_or_verdicts_that_nearly_all_share_one_have_no_interval():
    few = crossed_win_rate(results("WL" * 30), list(range(60)), [[i % 11] for i in range(60)])
    assert few.low is None
    assert "fewer than 12" in few.warning
    everybody = crossed_win_rate(results("WL" * 30), list(range(60)), [range(16)] * 60)
    assert (everybody.low, everybody.sharing) == (None, 1.0)
    assert "100 % of pairs" in everybody.warning


def test_undecided_verdicts_and_ties_leave_the_rate_and_nothing_at_all_is_none():
    given, groups, asked = verdicts(3, prompts=80, annotators=50, tie=0.0)
    one = crossed_win_rate(given, groups, asked)
    more = crossed_win_rate([*given, None, *results("T")], [*groups, 1, 2], [*asked, [0], []])
    assert (more.low, more.high, more.n) == (one.low, one.high, one.n)
    nothing = crossed_win_rate(results("T"), [0], [[0, 1, 2]])
    assert (nothing.estimate, nothing.low, nothing.warning) == (None, None, "")


def test_an_unfit_column_is_refused():
    with pytest.raises(ValueError, match="one row"):
        crossed_win_rate(results("WW"), [0], [[0], [1]])
