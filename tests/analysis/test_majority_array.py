from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.analysis.verdict import SPLIT, UNDECIDED, majority, majority_array
from annotate.analysis.votes import Choice
from tests.analysis.ballots import LETTERS, choices

LABELS = [Choice.FIRST, Choice.TIE, Choice.SECOND]


def counted(rows, *, n_tasks, **options):
    task = np.array([task for task, _ in rows], dtype=np.int64)
    label = np.array([label for _, label in rows], dtype=np.int64)
    return majority_array(task, label, n_tasks=n_tasks, **options).tolist()


def test_the_27_patterns_agree_with_the_rule_for_one_comparison():
    patterns = ["".join(letters) for letters in product("ABT", repeat=3)]
    rows = [
        (task, LABELS.index(LETTERS[letter]))
        for task, pattern in enumerate(patterns)
        for letter in pattern
    ]
    codes = counted(rows, n_tasks=27)
    assert [codes.count(code) for code in (0, 1, 2, SPLIT)] == [7, 7, 7, 6]
    for pattern, code in zip(patterns, codes, strict=True):
        outcome = Choice.TIE if code == SPLIT else LABELS[code]
        assert outcome is majority(choices(pattern))
        assert (code == SPLIT) == (len(set(pattern)) == 3)


def test_tasks_below_the_quorum_are_undecided_even_without_any_vote():
    rows = [(0, 2), (0, 2), (0, 2), (2, 1), (2, 1)]
    assert counted(rows, n_tasks=4) == [2, UNDECIDED, UNDECIDED, UNDECIDED]
    assert counted(rows, n_tasks=4, min_votes=2) == [2, UNDECIDED, 1, UNDECIDED]
    assert counted([], n_tasks=2) == [UNDECIDED, UNDECIDED]
    assert counted([], n_tasks=0) == []


def test_more_votes_than_one_block_are_counted_once_each():
    n_tasks = 70_000
    task = np.tile(np.arange(n_tasks), 3)
    label = np.repeat([0, 2, 2], n_tasks)
    codes = majority_array(task, label, n_tasks=n_tasks)
    assert codes.tolist() == [2] * n_tasks


rows_of_votes = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=40)


@given(rows_of_votes, st.integers(1, 5), st.sampled_from(["i1", "u1", "i4", "i8", "u8"]))
def test_it_agrees_with_counting_by_hand(rows, min_votes, dtype):
    task = np.array([task for task, _ in rows], dtype=dtype)
    label = np.array([label for _, label in rows], dtype=dtype)
    codes = majority_array(task, label, n_tasks=5, n_labels=4, min_votes=min_votes)
    for number in range(5):
        said = [label for task, label in rows if task == number]
        most = max((said.count(label) for label in range(4)), default=0)
        leaders = [label for label in range(4) if said.count(label) == most]
        expected = leaders[0] if len(leaders) == 1 else SPLIT
        assert codes[number] == (UNDECIDED if len(said) < min_votes else expected)


@given(rows_of_votes, st.randoms(use_true_random=False))
def test_row_order_is_of_no_account(rows, random):
    shuffled = random.sample(rows, k=len(rows))
    options = {"n_tasks": 5, "n_labels": 4}
    assert counted(rows, **options) == counted(shuffled, **options)


@given(rows_of_votes, st.permutations(range(4)))
def test_renaming_the_labels_renames_the_leaders(rows, names):
    plain = counted(rows, n_tasks=5, n_labels=4)
    renamed = counted([(task, names[label]) for task, label in rows], n_tasks=5, n_labels=4)
    assert renamed == [code if code < 0 else names[code] for code in plain]


@pytest.mark.parametrize(
    ("task", "label", "options", "message"),
    [
        ([0, 1], [0], {}, r"shape \(2,\) and label \(1,\)"),
        ([[0]], [[0]], {}, "two flat arrays"),
        ([0, 5], [0, 0], {}, r"task codes reach from 0 to 5; they must lie in \[0, 5\)"),
        ([0, -1], [0, 0], {}, "task codes reach from -1"),
        ([0, 1], [0, 3], {}, "label codes reach from 0 to 3"),
        ([0, 1], [0, -1], {}, "label codes reach from -1"),
        ([0.0], [0], {}, "task holds float64 values; give integer codes"),
        ([0], [True], {}, "label holds bool values"),
        ([0], [0], {"min_votes": 0}, "min_votes=0"),
        ([0], [0], {"n_labels": 128}, "n_labels=128"),
        ([0], [0], {"n_tasks": -1}, "n_tasks=-1"),
    ],
)
def test_unfit_arrays_are_refused_with_the_way_out(task, label, options, message):
    with pytest.raises(ValueError, match=message):
        majority_array(np.array(task), np.array(label), **{"n_tasks": 5, **options})
