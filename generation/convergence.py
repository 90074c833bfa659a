"""How many prompts a threshold needs: the table of supplement Table 2, with both of its spreads.

Must not know torch, models or where scores are stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from generation.threshold import checked_percentile, finite_scores

SIZES = (150, 250, 500, 5000, 25_000)


@dataclass(frozen=True)
class Convergence:
    """One column of the table: tau tuned on `prompts` prompts."""

    prompts: int
    threshold: float
    # Standard deviation of tau when other prompts had been taken (their noise with them).
    spread_prompts: float
    # Standard deviation of tau on the same prompts from other noise; None without replicas.
    spread_noise: float | None
    # Seconds of the student's network for that many samples; None when nobody measured.
    seconds: float | None

    def __str__(self) -> str:
        noise = "-" if self.spread_noise is None else f"{self.spread_noise:.3f}"
        took = "-" if self.seconds is None else f"{self.seconds:.1f} s"
        return (
            f"{self.prompts:>7} prompts  tau {self.threshold:.3f}  "
            f"prompts ±{self.spread_prompts:.3f}  noise ±{noise}  {took}"
        )


def convergence(
    scores: ArrayLike,
    percentile: float,
    *,
    rng: np.random.Generator,
    sizes: Sequence[int] = SIZES,
    draws: int = 200,
    seconds_per_sample: float | None = None,
) -> list[Convergence]:
    """tau and its two spreads for every number of prompts.

    Prompts are drawn with replacement, so that a size may pass the number of prompts there are
    (a bootstrap: it says what that many prompts *like these* would give).

    Args:
        scores: (prompts,), or (replicas, prompts) from as many noise seeds per prompt.
        percentile: k.
        rng: draws the prompts.
        sizes: numbers of prompts, in steps of the table.
        draws: sets of prompts per size.
        seconds_per_sample: measured network time of one sample; decoding and scoring not counted.

    Raises:
        ValueError: scores as in `percentile_threshold`, or a size or number of draws below 2.
    """
    checked_percentile(percentile)
    matrix = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    finite_scores(matrix)
    if draws < 2 or min(sizes, default=0) < 2:
        raise ValueError(f"sizes={list(sizes)}, draws={draws}. Give numbers of at least 2.")
    replicas, prompts = matrix.shape
    table = []
    for size in sizes:
        taus = np.empty((draws, replicas))
        for draw in range(draws):
            chosen = matrix[:, rng.integers(prompts, size=size)]
            taus[draw] = np.percentile(chosen, percentile, axis=1)
        noise = None
        if replicas > 1:
            noise = float(np.sqrt(taus.var(axis=1, ddof=1).mean()))
        table.append(
            Convergence(
                prompts=size,
                threshold=float(taus.mean()),
                spread_prompts=float(np.sqrt(taus.var(axis=0, ddof=1).mean())),
                spread_noise=noise,
                seconds=None if seconds_per_sample is None else size * seconds_per_sample,
            )
        )
    return table
