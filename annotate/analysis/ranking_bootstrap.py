"""Strengths of many resamples at once: what `ranking` needs a thousand times for its intervals.
Must not know methods' names or read matches; tables of wins and ties in, log strengths out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

TOLERANCE = 1e-9
LIMIT = 200
# A step of Newton's is never longer (in log strength): far from the top it would overshoot.
STRIDE = 2.0
# Log of nu where a resample has no tie, or nothing but ties.
EDGE = 30.0


class Solved(NamedTuple):
    """Log strengths with mean 0 (resamples, methods), nu and whether pseudo wins were added.

    nu is 0 without Newman's model and where a resample has no tie.
    """

    logs: Array
    nu: Array
    pseudo: NDArray[np.bool_]


def solve_many(wins: Array, ties: Array, *, newman: bool, pseudo_wins: float) -> Solved:
    """Strengths of every resample.

    Newton's method on the concave log-likelihood in log strengths (and log nu), all resamples in
    step. The usual fixed-point iterations swing for ever where all methods met one opponent only.

    Args:
        wins: (resamples, methods, methods), row beats column.
        ties: (resamples, methods, methods), counted both ways.
        newman: estimate nu too; otherwise ties are half wins.
        pseudo_wins: added each way to every judged pair where no finite strength exists.
    """
    import numpy as np

    joined = _strongly_joined(wins + ties > 0)
    met = wins + wins.transpose(0, 2, 1) + ties > 0
    wins = wins + np.where(joined[:, None, None], 0.0, pseudo_wins) * met
    # A resample in which some method was never drawn: a whisper keeps it on the scale.
    apart = ~_strongly_joined(wins + ties > 0)
    wins = wins + 1e-3 * apart[:, None, None] * ~np.eye(wins.shape[1], dtype=bool)
    one, two = np.triu_indices(wins.shape[1], k=1)
    won, lost, tied = wins[:, one, two], wins[:, two, one], ties[:, one, two]
    if not newman:
        won, lost, tied = won + tied / 2, lost + tied / 2, np.zeros_like(tied)
    methods = wins.shape[1]
    design = np.eye(methods)[one] - np.eye(methods)[two]
    logs, edge = _newton(won, lost, tied, design, newman=newman)
    nu = np.where(edge <= -EDGE, 0.0, np.exp(edge) / 2)
    return Solved(logs - logs.mean(axis=1, keepdims=True), nu, ~joined)


def _newton(
    won: Array, lost: Array, tied: Array, design: Array, *, newman: bool
) -> tuple[Array, Array]:
    """Log strengths and log 2 nu from each pair's wins, losses and ties, (resamples, pairs).

    With d = difference of log strengths and e = log 2 nu, the three outcomes of a pair have weights
    exp(d / 2), exp(-d / 2) and exp(e): a multinomial logit.
    """
    import numpy as np

    resamples, methods = len(won), design.shape[1]
    n, total = won + lost + tied, tied.sum(axis=1)
    logs = np.zeros((resamples, methods))
    free = newman & (total > 0) & (total < n.sum(axis=1))
    edge = np.where(free, 0.0, np.where(total > 0, EDGE, -EDGE))
    # The mean is free, and so is everything where all verdicts tie: neither may be singular.
    level = np.ones((methods, methods)) / methods + 1e-9 * np.eye(methods)
    for _ in range(LIMIT):
        half = logs @ design.T / 2
        weights = np.exp(np.stack([half, -half, np.broadcast_to(edge[:, None], half.shape)]))
        first, second, tie = weights / weights.sum(axis=0)
        lean = first - second
        slope = ((won - lost) - n * lean) / 2
        bend = n * ((first + second) - lean**2) / 4
        gradient = slope @ design
        hessian = np.einsum("pi,bp,pj->bij", design, bend, design, optimize=True) + level
        if newman:
            # The tie's row and column; a fixed nu stands still.
            cross = np.where(free[:, None], (-n * lean * tie / 2) @ design, 0.0)
            corner = np.where(free, (n * tie * (1 - tie)).sum(axis=1) + 1e-9, 1.0)
            last = np.where(free, total - (n * tie).sum(axis=1), 0.0)
            side = np.concatenate([cross, corner[:, None]], axis=1)
            hessian = np.concatenate([hessian, cross[:, :, None]], axis=2)
            hessian = np.concatenate([hessian, side[:, None, :]], axis=1)
            gradient = np.concatenate([gradient, last[:, None]], axis=1)
        step = np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        longest = np.abs(step).max(axis=1, keepdims=True)
        step *= np.minimum(1.0, STRIDE / np.maximum(longest, 1e-300))
        logs += step[:, :methods]
        if newman:
            edge += step[:, methods]
        if float(longest.max()) < TOLERANCE:
            break
    return logs, edge


def _strongly_joined(beats: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether every method reaches every other one, resample by resample."""
    import numpy as np

    reach = (beats | np.eye(beats.shape[1], dtype=bool)).astype(np.float32)
    for _ in range(max(1, (beats.shape[1] - 1).bit_length())):
        reach = np.minimum(reach @ reach, 1.0)
    return np.asarray((reach > 0).all(axis=(1, 2)))
