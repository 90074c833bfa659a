import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.analysis.annotators import (
    leave_one_out,
    leave_one_out_agreement,
    longest_run,
    median_seconds,
    side_balance,
)
from annotate.analysis.votes import Choice
from tests.analysis.ballots import LETTERS, any_choice


def rows(*comparisons):
    """Votes as rows; the annotators of each comparison are x, y, z in the order of its letters."""
    return [
        (number, annotator, LETTERS[letter])
        for number, letters in enumerate(comparisons)
        for annotator, letter in zip("xyz", letters, strict=False)
    ]


def test_side_balance_has_wilsons_interval_and_the_exact_p():
    balance = side_balance(330, 270)
    assert balance.estimate == 0.55
    assert (balance.low, balance.high) == pytest.approx((0.510000, 0.589363), abs=6e-6)
    assert balance.p_value == pytest.approx(0.01594044, abs=1e-7)


def test_side_balance_without_decided_votes_is_not_available():
    balance = side_balance(0, 0)
    assert (balance.estimate, balance.low, balance.high, balance.p_value) == (None,) * 4


def test_a_vote_is_compared_with_the_others_and_never_with_itself():
    # x stands alone against two: a majority with x in it would still not agree, but for y and z
    # one of the two others is x, so nobody leads among them and the vote is left out.
    found = leave_one_out_agreement(rows("ABB"))
    assert (found["x"].agreed, found["x"].judged) == (0, 1)
    for annotator in "yz":
        assert (found[annotator].judged, found[annotator].others_split) == (0, 1)
        assert found[annotator].estimate is None


def test_ties_of_the_others_are_left_out_and_counted():
    found = leave_one_out_agreement(rows("ATT", "AAA", "TAA", "A", "AAT"))
    x = found["x"]
    assert (x.agreed, x.judged) == (1, 2)
    assert (x.others_tied, x.others_split, x.alone) == (1, 1, 1)
    assert (x.low, x.high) == pytest.approx((0.094531, 0.905469), abs=1e-6)


def test_four_votes_compare_each_with_the_majority_of_three():
    votes = [(1, name, LETTERS[letter]) for name, letter in zip("wxyz", "AAAB", strict=True)]
    found = leave_one_out_agreement(votes)
    assert {name: (case.agreed, case.judged) for name, case in found.items()} == {
        "w": (1, 1),
        "x": (1, 1),
        "y": (1, 1),
        "z": (0, 1),
    }


def test_two_votes_of_one_annotator_on_one_comparison_are_refused():
    votes = [*rows("AB"), (0, "x", LETTERS["A"])]
    with pytest.raises(ValueError, match="'x' has two votes on comparison 0"):
        leave_one_out_agreement(votes)


def test_columns_of_codes_give_the_agreement_of_rows_of_names():
    unit = np.array([3, 0, 0, 3, 0, 3, 1])
    person = np.array([1, 0, 1, 0, 3, 3, 3])
    choice = np.array([0, 0, 1, 0, 1, 1, 2])
    found = leave_one_out(unit, person, choice, n_annotators=5)
    assert [(one.agreed, one.judged) for one in found] == [(0, 1), (0, 0), (0, 0), (0, 1), (0, 0)]
    assert [one.others_split for one in found] == [1, 2, 0, 1, 0]
    assert [one.alone for one in found] == [0, 0, 0, 1, 0]
    rows = zip(unit, person, choice, strict=True)
    named = [(f"pair {u}", f"A-{p}", list(Choice)[c]) for u, p, c in rows]
    expected = leave_one_out_agreement(named, annotators=[f"A-{p}" for p in range(5)])
    assert expected == {f"A-{p}": one for p, one in enumerate(found)}
    with pytest.raises(ValueError, match="annotator 1 has two votes on comparison 3"):
        leave_one_out(np.array([3, 3]), np.array([1, 1]), np.array([0, 1]), n_annotators=2)


vote_tables = st.lists(st.lists(any_choice, min_size=1, max_size=4), max_size=12)


@given(vote_tables, st.randoms(use_true_random=False))
def test_agreement_with_the_others_knows_neither_order_nor_sides_nor_names(table, random):
    votes = [(n, name, said) for n, row in enumerate(table) for name, said in enumerate(row)]
    mirrored = [(n, name, said.mirrored()) for n, name, said in votes]
    expected = leave_one_out_agreement(votes)
    assert leave_one_out_agreement(random.sample(votes, k=len(votes))) == expected
    assert leave_one_out_agreement(mirrored) == expected
    renamed = leave_one_out_agreement([(n, f"annotator {name}", said) for n, name, said in votes])
    assert renamed == {f"annotator {name}": case for name, case in expected.items()}
    for name, case in expected.items():
        cast = sum(1 for _, annotator, _ in votes if annotator == name)
        assert case.judged + case.others_split + case.others_tied + case.alone == cast


def test_the_median_leaves_unknown_times_out():
    assert median_seconds([3.0, None, 1.0, 10.0, 2.0]) == 2.5
    assert median_seconds([None]) is None
    assert median_seconds([]) is None


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_what_is_no_time_is_refused(seconds):
    with pytest.raises(ValueError, match="is no time"):
        median_seconds([1.0, seconds])


@pytest.mark.parametrize(
    ("answers", "length"), [("", 0), ("A", 1), ("ABAB", 1), ("ABBBA", 3), ("TTAAAA", 4)]
)
def test_the_longest_run_counts_equal_answers_in_a_row(answers, length):
    assert longest_run(answers) == length
