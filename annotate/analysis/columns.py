"""What functions on columns do before they compute: check them, and number the names in them.
Must not know what the columns hold; errors say what was given and what to do."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def same_length(**columns: Sequence[object] | NDArray[np.float64] | None) -> None:
    """Raise ValueError unless all columns given have one row for each prompt."""
    lengths = {name: len(column) for name, column in columns.items() if column is not None}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"the columns have {lengths} rows; give one row per prompt in each")


def finite(scores: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """The scores as an array; ValueError for the first that is not a finite number.

    `nan < tau` is false and would silently keep a sample.
    """
    import numpy as np

    for place, score in enumerate(scores, start=1):
        if not math.isfinite(score):
            raise ValueError(f"score {place} of {len(scores)} is {score}; score the sample again")
    return np.asarray(scores, dtype=np.float64)


def numbered(names: Sequence[Hashable]) -> NDArray[np.int64]:
    """Each row's name as 0, 1, ... in order of first appearance."""
    import numpy as np

    place = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return np.array([place[name] for name in names], dtype=np.int64)
