import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import chi2

from annotate.analysis.contrast import Result
from annotate.analysis.paired import cochran, stuart_maxwell
from annotate.analysis.significance import mcnemar
from tests.analysis.crowds import results, swapped

verdicts = st.sampled_from(list(Result))
pairs = st.lists(st.tuples(verdicts, verdicts), min_size=1, max_size=40)
tables = st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=30)


def arms(rows):
    return {f"arm {i}": list(column) for i, column in enumerate(zip(*rows, strict=True))}


def test_cochrans_q_is_the_textbook_formula():
    first = [1, 1, 0, 1, 0, 1, 1, 1, 0, 0, 1, 1]
    second = [1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 0, 1]
    third = [1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 0, 1]
    found = cochran(
        {
            name: [bool(x) for x in column]
            for name, column in (("a", first), ("b", second), ("c", third))
        }
    )
    k, totals = 3, np.array([sum(first), sum(second), sum(third)])
    rows = np.array([first, second, third]).sum(axis=0)
    by_hand = k * (k - 1) * ((totals - totals.mean()) ** 2).sum() / (rows * (k - rows)).sum()
    assert found.statistic == pytest.approx(by_hand)
    assert found.p_value == pytest.approx(chi2.sf(by_hand, 2))
    assert (found.arms, found.successes, found.df) == (("a", "b", "c"), tuple(totals), 2)


def test_for_two_arms_cochran_is_mcnemar_without_correction():
    both = [(True, True)] * 101 + [(True, False)] * 121 + [(False, True)] * 59
    found = cochran(arms([*both, *[(False, False)] * 33]))
    other = mcnemar([[101, 121], [59, 33]], exact=False, correction=False)
    assert (found.statistic, found.p_value) == pytest.approx((other.statistic, other.p_value))
    assert (found.n, found.differing) == (314, 180)


@given(tables, st.permutations(range(3)))
def test_cochran_does_not_see_the_order_of_arms_or_which_answer_is_a_success(rows, order):
    plain = cochran(arms(rows))
    for changed in ([[row[i] for i in order] for row in rows], [[not x for x in r] for r in rows]):
        again = cochran(arms(changed))
        assert again.p_value == pytest.approx(plain.p_value)
        assert again.statistic == pytest.approx(plain.statistic, abs=1e-9)


def test_prompts_that_tell_no_arms_apart_change_nothing():
    rows = [(True, False, False)] * 9 + [(True, True, False)] * 4 + [(False, False, True)] * 3
    same = [(True,) * 3] * 50 + [(False,) * 3] * 20
    plain, more = cochran(arms(rows)), cochran(arms(rows + same))
    assert more.p_value == pytest.approx(plain.p_value)
    assert (plain.differing, more.differing, more.n) == (16, 16, 86)


def test_a_prompt_without_every_answer_is_excluded_and_counted():
    found = cochran({"a": [True, None, False], "b": [False, True, False]})
    assert (found.n, found.excluded, found.successes) == (2, 1, (1, 0))
    assert "only 1 prompts" in found.warning
    assert cochran({"a": [None], "b": [True]}).successes == (0, 0)


def test_arms_that_never_differ_show_no_difference():
    found = cochran(arms([(True, True, True)] * 5))
    assert (found.statistic, found.p_value, found.df) == (0.0, 1.0, 2)


def test_cochran_needs_two_arms_of_one_length():
    with pytest.raises(ValueError, match="two or more"):
        cochran({"a": [True]})
    with pytest.raises(ValueError, match="one row per prompt"):
        cochran({"a": [True], "b": [True, False]})


def from_table(table):
    kinds = results("WTL")
    cells = [(kinds[i], kinds[j]) for i in range(3) for j in range(3) for _ in range(table[i][j])]
    return [one for one, _ in cells], [other for _, other in cells]


def test_stuart_maxwell_is_the_closed_form_for_three_classes():
    table = [[20, 10, 5], [3, 30, 15], [0, 5, 40]]
    first, second = from_table(table)
    found = stuart_maxwell(first, second)
    d = np.array(table).sum(axis=1) - np.array(table).sum(axis=0)
    m01, m02, m12 = (10 + 3) / 2, (5 + 0) / 2, (15 + 5) / 2
    by_hand = (m12 * d[0] ** 2 + m02 * d[1] ** 2 + m01 * d[2] ** 2) / (
        2 * (m01 * m02 + m01 * m12 + m02 * m12)
    )
    assert found.statistic == pytest.approx(by_hand, rel=1e-9)
    assert found.p_value == pytest.approx(chi2.sf(by_hand, 2), rel=1e-9)
    assert found.table == tuple(tuple(row) for row in table)
    assert found.differences == pytest.approx(tuple(d / 128))
    assert (found.n, found.differing, found.df, found.excluded) == (128, 38, 2, 0)


@given(pairs)
def test_swapping_the_arms_turns_the_differences_and_leaves_p(rows):
    first, second = zip(*rows, strict=True)
    plain, turned = stuart_maxwell(first, second), stuart_maxwell(second, first)
    assert [-x for x in turned.differences] == pytest.approx(list(plain.differences))
    assert turned.p_value == pytest.approx(plain.p_value)
    assert 0 <= plain.p_value <= 1


@given(pairs)
def test_reading_from_the_opponents_side_mirrors_the_differences_and_leaves_p(rows):
    first, second = zip(*rows, strict=True)
    plain = stuart_maxwell(first, second)
    other = stuart_maxwell(swapped(first), swapped(second))
    assert other.differences == pytest.approx(plain.differences[::-1])
    assert other.p_value == pytest.approx(plain.p_value)


@given(st.lists(st.tuples(*[st.sampled_from([Result.WIN, Result.LOSS])] * 2), max_size=30))
def test_without_ties_it_is_mcnemar(rows):
    assume(rows)
    first, second = zip(*rows, strict=True)
    found = stuart_maxwell(first, second)
    only_first = rows.count((Result.WIN, Result.LOSS))
    only_second = rows.count((Result.LOSS, Result.WIN))
    table = [[0, only_first], [only_second, 0]]
    plain = mcnemar(table, exact=False, correction=False)
    assert (found.statistic, found.p_value) == pytest.approx((plain.statistic, plain.p_value))
    assert found.df == (1 if only_first + only_second else 0)


def test_a_tiny_p_value_is_no_zero():
    found = stuart_maxwell(results("W" * 300), results("T" * 150 + "L" * 150))
    assert 0 < found.p_value < 1e-50


def test_a_prompt_without_both_verdicts_is_excluded_and_counted():
    found = stuart_maxwell(results("W-T"), results("WLL"))
    assert (found.n, found.excluded, found.differing) == (2, 1, 1)
    empty = stuart_maxwell(results("-"), results("W"))
    assert (empty.differences, empty.p_value, empty.excluded) == (None, 1.0, 1)


def test_equal_arms_are_told_apart_as_often_as_chance_allows():
    rng = np.random.default_rng(5)
    p = []
    for _ in range(300):
        kinds = rng.choice(list("WTL"), size=(2, 200), p=(0.43, 0.16, 0.41))
        p.append(stuart_maxwell(results(kinds[0]), results(kinds[1])).p_value)
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 300))
