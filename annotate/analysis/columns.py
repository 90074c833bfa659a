"""What functions on columns do before they compute: check them, and number the names in them.
Must not know what the columns hold; errors say what was given and what to do."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def same_length(**columns: Sequence[object] | NDArray[Any] | None) -> None:
    """Raise ValueError unless all columns given have one row for each prompt."""
    lengths = {name: len(column) for name, column in columns.items() if column is not None}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"the columns have {lengths} rows; give one row per prompt in each")


def finite(scores: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """The scores as an array; ValueError for the first that is not a finite number.

    `nan < tau` is false and would silently keep a sample.
    """
    import numpy as np

    values = np.asarray(scores, dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        first = int(wrong[0])
        raise ValueError(
            f"score {first + 1} of {len(values)} is {scores[first]}; score the sample again"
        )
    return values


def numbered(names: Sequence[Hashable]) -> NDArray[np.int64]:
    """Each row's name as 0, 1, ... in order of first appearance."""
    import numpy as np

    place: dict[Hashable, int] = {}
    known = place.setdefault
    return np.fromiter((known(name, len(place)) for name in names), np.int64, len(names))


def numbered_by_name(names: Iterable[Hashable]) -> dict[Hashable, int]:
    """The different names as 0, 1, ... in their own order, whatever the order of the rows."""
    return {name: place for place, name in enumerate(sorted(set(names), key=repr))}


def units_of(n: int, groups: Sequence[Hashable] | None) -> tuple[NDArray[np.int64], int]:
    """Each prompt's group as 0, 1, ..., and how many there are; without groups, the prompts."""
    import numpy as np

    unit = np.arange(n) if groups is None else numbered(groups)
    return unit, int(unit.max(initial=-1)) + 1


def without_gaps(code: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The codes as 0, 1, ... in their order, and which of them there are."""
    import numpy as np

    seen = np.bincount(code) > 0
    return (np.cumsum(seen) - 1)[code], np.flatnonzero(seen)


def repeated(unit: NDArray[np.integer[Any]], person: NDArray[np.integer[Any]]) -> int | None:
    """The row of the first vote that its person had given on its unit before; None without one."""
    import numpy as np

    if not len(unit):
        return None
    pair = unit.astype(np.int64) * (int(person.max()) + 1) + person
    # Sorting alone is several times faster than what also finds the rows, which is rarely needed.
    inorder = np.sort(pair)
    if not (inorder[1:] == inorder[:-1]).any():
        return None
    _, first = np.unique(pair, return_index=True)
    return int(np.setdiff1d(np.arange(len(pair)), first).min())


def distinct_rows(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The different rows of a table of counts in ascending order, and how often each stands there.

    As `np.unique(axis=0)`, but without sorting rows byte by byte: a row is one number if it fits.

    Args:
        counts: (rows, columns) whole numbers of at least 0.
    """
    import numpy as np

    base, columns = int(counts.max(initial=0)) + 1, counts.shape[1]
    if base**columns >= 2**62:
        rows, often = np.unique(counts, axis=0, return_counts=True)
        return rows, often.astype(np.int64)
    digits = base ** np.arange(columns - 1, -1, -1)
    keys, often = np.unique(counts @ digits, return_counts=True)
    return keys[:, None] // digits % base, often.astype(np.int64)
