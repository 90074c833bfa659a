"""Strengths of many resamples at once: what `ranking` needs a thousand times for its intervals.
Must not know methods' names or read matches; tables of wins and ties in, log strengths out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

TOLERANCE = 1e-9
LIMIT = 20_000


def solve_many(
    wins: Array, ties: Array, *, newman: bool, pseudo_wins: float
) -> tuple[Array, NDArray[np.bool_]]:
    """(log strengths with mean 0, whether pseudo wins were added) of each resample.

    One fixed-point iteration over all resamples; those that rest leave it. Without ties' own
    strength (nu = 0, a tie being half a win each way) the maximum is Bradley-Terry's.

    Args:
        wins: (resamples, methods, methods), row beats column.
        ties: (resamples, methods, methods), counted both ways.
        newman: estimate nu too; otherwise ties are half wins.
        pseudo_wins: added each way to every judged pair where no finite strength exists.

    Source: Newman, JMLR 24 (2023), equations 25 and 26.
    """
    import numpy as np

    joined = _strongly_joined(wins + ties > 0)
    met = wins + wins.transpose(0, 2, 1) + ties > 0
    wins = wins + np.where(joined[:, None, None], 0.0, pseudo_wins) * met
    # A resample in which some method was never drawn: a whisper keeps it on the scale.
    apart = ~_strongly_joined(wins + ties > 0)
    wins = wins + 1e-3 * apart[:, None, None] * ~np.eye(wins.shape[1], dtype=bool)
    logs = np.empty(wins.shape[:2])
    active = np.arange(len(wins))
    strengths, nu = np.ones(wins.shape[:2]), np.full(len(wins), 0.5 if newman else 0.0)
    own_wins, own_ties = wins, ties
    for _ in range(LIMIT):
        again, nu_again = _step(strengths, nu, own_wins, own_ties, newman=newman)
        moved = np.abs(np.log(again / strengths)).max(axis=1)
        moved = np.maximum(moved, np.abs(nu_again - nu) / np.maximum(1.0, nu))
        strengths, nu = again, nu_again
        rests = moved < TOLERANCE
        if rests.any():
            logs[active[rests]] = np.log(strengths[rests])
            going = ~rests
            active, strengths, nu = active[going], strengths[going], nu[going]
            own_wins, own_ties = own_wins[going], own_ties[going]
            if not len(active):
                break
    logs[active] = np.log(strengths)
    return logs - logs.mean(axis=1, keepdims=True), ~joined


def _step(
    strengths: Array, nu: Array, wins: Array, ties: Array, *, newman: bool
) -> tuple[Array, Array]:
    import numpy as np

    row, column = strengths[:, :, None], strengths[:, None, :]
    root, both, wide = np.sqrt(row * column), row + column, nu[:, None, None]
    share = both + 2 * wide * root
    won = wins + ties / 2
    gained = (won * (column + wide * root) / share).sum(axis=2)
    lost = (won.transpose(0, 2, 1) * (1 + wide * root / row) / share).sum(axis=2)
    again = gained / lost
    again /= np.exp(np.log(again).mean(axis=1, keepdims=True))
    if not newman:
        return again, nu
    tied = (ties * both / share).sum(axis=(1, 2)) / 4
    # 1e-300: without any win at all nu grows without bound; it stops at a number.
    return again, tied / np.maximum((wins * root / share).sum(axis=(1, 2)), 1e-300)


def _strongly_joined(beats: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether every method reaches every other one, resample by resample."""
    import numpy as np

    reach = (beats | np.eye(beats.shape[1], dtype=bool)).astype(np.float32)
    for _ in range(max(1, (beats.shape[1] - 1).bit_length())):
        reach = np.minimum(reach @ reach, 1.0)
    return np.asarray((reach > 0).all(axis=(1, 2)))
