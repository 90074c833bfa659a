import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.analysis.columns import distinct_rows, repeated


@given(st.integers(0, 10**12), st.integers(0, 2**32 - 1), st.integers(0, 30))
def test_distinct_rows_are_those_of_numpy_however_large_the_counts(most, seed, rows):
    table = np.random.default_rng(seed).integers(0, most + 1, (rows, 3))
    expected = np.unique(table, axis=0, return_counts=True)
    for found, wanted in zip(distinct_rows(table), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("unit", "person", "row"),
    [([], [], None), ([0, 0, 1], [0, 1, 0], None), ([2, 0, 0, 2, 0], [1, 1, 0, 1, 0], 3)],
)
def test_the_first_vote_that_somebody_gave_twice_is_found(unit, person, row):
    assert repeated(np.array(unit, dtype=int), np.array(person, dtype=int)) == row
