"""What a calibration looks like: histogram with tau, the budget over k, how much tau would move.

Plain numbers for a page and a terminal. It must write nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from annotate.sampling.calibration import Tuning, score_rows
from annotate.sampling.costs import measured
from annotate.sampling.models import Threshold
from annotate.sampling.thresholds import distinct
from annotate.studies.models import Study
from generation.budget import planned
from generation.convergence import SIZES, Convergence, convergence
from generation.threshold import percentile_threshold

CURVE = tuple(range(0, 101, 10))


@dataclass(frozen=True)
class Bar:
    """Scores in [low, high); `below` of them are under tau and would be improved."""

    low: float
    high: float
    scores: int
    below: int


@dataclass(frozen=True)
class BudgetPoint:
    """What choosing this k would mean: tau, and an image's mean steps and forwards."""

    percentile: float
    tau: float
    steps: float
    forwards: float
    chosen: bool


@dataclass(frozen=True)
class CalibrationFigures:
    """Everything shown of one threshold."""

    method: str
    tau: float
    percentile: float
    samples: int
    histogram: tuple[Bar, ...]
    curve: tuple[BudgetPoint, ...]
    convergence: tuple[Convergence, ...]


def figures(
    study: Study,
    task: Tuning,
    threshold: Threshold,
    *,
    rng: np.random.Generator,
    bars: int = 20,
    sizes: Sequence[int] = SIZES,
    replicas: int = 1,
) -> CalibrationFigures:
    """The figures of a stored threshold, for the method it was tuned for.

    Args:
        rng: draws prompts for the convergence table.
        sizes: numbers of prompts in that table.
        replicas: how many noise seeds of each prompt have scores; one gives no spread over noise.
    """
    scores = np.asarray(threshold.calibration.scores, dtype=np.float64)
    arm = task.any_arm
    matrix = scores
    if replicas > 1 and threshold.calibration.prompt_set is not None:
        prompts = distinct(threshold.calibration.prompt_set)
        seed = study.read_protocol().seed
        matrix = np.array(score_rows(task, prompts, seed=seed, replicas=replicas))
    return CalibrationFigures(
        method=task.method,
        tau=threshold.tau,
        percentile=threshold.percentile,
        samples=scores.size,
        histogram=tuple(histogram(scores, threshold.tau, bars=bars)),
        curve=tuple(_curve(task, scores, threshold.percentile)),
        convergence=tuple(
            convergence(
                matrix,
                threshold.percentile,
                rng=rng,
                sizes=sizes,
                seconds_per_sample=measured().seconds(arm.student),
            )
        ),
    )


def histogram(scores: np.ndarray, tau: float, *, bars: int) -> list[Bar]:
    """Equal bars over the scores' range; a score that equals tau is kept."""
    counts, edges = np.histogram(scores, bins=bars)
    below, _ = np.histogram(scores[scores < tau], bins=edges)
    return [
        Bar(float(low), float(high), int(n), int(under))
        for low, high, n, under in zip(edges, edges[1:], counts, below, strict=False)
    ]


def _curve(task: Tuning, scores: np.ndarray, chosen: float) -> list[BudgetPoint]:
    points = []
    finite = task.any_arm.model_copy(update={"threshold": 0.0})
    for percentile in sorted({*map(float, CURVE), chosen}):
        budget = planned(finite, rejected=percentile / 100)
        points.append(
            BudgetPoint(
                percentile=percentile,
                tau=percentile_threshold(scores, percentile),
                steps=float(budget.steps),
                forwards=float(budget.forwards),
                chosen=percentile == chosen,
            )
        )
    return points
