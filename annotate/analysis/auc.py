"""How well scores rank samples to keep above samples to improve: AUC, its differences, ROC points.
Must not know how anybody scores, nor any cut-off: those are `decisions`."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from annotate.analysis.columns import finite, same_length, units_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

BOOTSTRAP = "percentile bootstrap over prompts, those of one group together"


@dataclass(frozen=True)
class RankingQuality:
    """Area under the ROC curve of scores for the ideal label; .5 is chance, None needs both labels.

    `roc` are (false keep, true keep) points from the strictest cut-off to the loosest.
    """

    estimand: ClassVar[str] = "chance that a sample to keep outscores one to improve"
    unit: ClassVar[str] = "prompt"
    method: ClassVar[str] = BOOTSTRAP

    estimator: str
    auc: float | None
    low: float | None
    high: float | None
    confidence: float
    n: int
    roc: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class AucDifference:
    """AUC of the first estimator minus that of the second on the same `n` prompts."""

    estimand: ClassVar[str] = "difference of two estimators' AUC on the same prompts"
    unit: ClassVar[str] = "prompt"
    method: ClassVar[str] = f"paired {BOOTSTRAP}"

    estimate: float
    low: float
    high: float
    confidence: float
    n: int


def ranking_quality(
    scores: Sequence[float],
    labels: Sequence[bool],
    *,
    estimator: str,
    rng: np.random.Generator,
    groups: Sequence[Hashable] | None = None,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> RankingQuality:
    """AUC of the scores for the ideal label, with a bootstrap over prompts, and the ROC points.

    Args:
        groups: of each prompt; prompts of one group are drawn together, and one group alone leaves
            nothing to draw: no interval.
    """
    import numpy as np

    same_length(scores=scores, labels=labels, groups=groups)
    values, ideal = finite(scores), np.array([bool(label) for label in labels])
    point = auc(values, ideal)
    low = high = None
    unit, units = units_of(len(values), groups)
    if point is not None and units > 1:
        weights = _drawn_together(unit, units, resamples=resamples, rng=rng)
        again = weighted_aucs(values, ideal, weights)
        again = again[~np.isnan(again)]
        if len(again):  # of very few prompts every draw may have one kind of label alone
            low, high = (
                float(q) for q in np.quantile(again, ((1 - confidence) / 2, (1 + confidence) / 2))
            )
    return RankingQuality(
        estimator=estimator,
        auc=point,
        low=low,
        high=high,
        confidence=confidence,
        n=len(values),
        roc=_roc(values, ideal),
    )


def auc(scores: Array, labels: NDArray[np.bool_]) -> float | None:
    """P(a sample to keep outscores one to improve) + half of P(equal); None without both kinds."""
    from scipy.stats import rankdata

    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return None
    ranks = rankdata(scores)
    above = float(ranks[labels].sum()) - positives * (positives + 1) / 2
    return above / (positives * negatives)


def auc_difference(
    first: Sequence[float],
    second: Sequence[float],
    labels: Sequence[bool],
    *,
    rng: np.random.Generator,
    groups: Sequence[Hashable] | None = None,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> AucDifference:
    """AUC of the first estimator minus that of the second with a paired bootstrap interval.

    Args:
        groups: of each prompt; prompts of one group are drawn together.

    Raises:
        ValueError: columns differ in length, a score is not finite, or one label is missing.
    """
    import numpy as np

    same_length(first=first, second=second, labels=labels, groups=groups)
    a, b = finite(first), finite(second)
    ideal = np.array([bool(label) for label in labels])
    one, two = auc(a, ideal), auc(b, ideal)
    if one is None or two is None:
        raise ValueError("every label is the same; an AUC needs prompts of both kinds")
    weights = _drawn_together(*units_of(len(a), groups), resamples=resamples, rng=rng)
    differences = weighted_aucs(a, ideal, weights) - weighted_aucs(b, ideal, weights)
    low, high = np.nanquantile(differences, ((1 - confidence) / 2, (1 + confidence) / 2))
    return AucDifference(one - two, float(low), float(high), confidence, n=len(a))


def resampled_aucs(scores: Array, labels: NDArray[np.bool_], drawn: NDArray[np.int64]) -> Array:
    """`auc` of each resample at once; NaN where a label was not drawn.

    Args:
        scores: of the prompts, (prompts,).
        labels: True where the ideal oracle keeps, (prompts,).
        drawn: places of the prompts of each resample, (resamples, prompts).
    """
    return weighted_aucs(scores, labels, times_drawn(drawn))


def _drawn_together(
    unit: NDArray[np.int64], units: int, *, resamples: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """How often each prompt counts when whole groups are drawn, (resamples, prompts)."""
    return times_drawn(rng.integers(units, size=(resamples, units)))[:, unit]


def times_drawn(drawn: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each of n places was drawn, (resamples, n), from n draws of each resample."""
    import numpy as np

    resamples, n = drawn.shape
    places = (drawn + n * np.arange(resamples)[:, None]).ravel()
    return np.bincount(places, minlength=resamples * n).reshape(resamples, n)


def weighted_aucs(scores: Array, labels: NDArray[np.bool_], weights: NDArray[np.int64]) -> Array:
    """`auc` where each sample counts as often as its weight says; NaN where a label has none.

    With scores sorted, a sample to keep outscores the samples to improve below it and half of those
    that score the same.

    Args:
        scores: of the samples, (samples,).
        labels: True where the ideal oracle keeps, (samples,).
        weights: how often each counts, (resamples, samples).
    """
    import numpy as np

    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    sorted_weights, ideal = weights[:, order], labels[order]
    good = np.add.reduceat(sorted_weights * ideal, starts, axis=1)
    bad = np.add.reduceat(sorted_weights * ~ideal, starts, axis=1)
    below = np.cumsum(bad, axis=1) - bad
    pairs = good.sum(axis=1) * bad.sum(axis=1)
    above = (good * (below + bad / 2)).sum(axis=1)
    found: Array = np.full(len(weights), np.nan)
    np.divide(above, pairs, out=found, where=pairs > 0)
    return found


def _roc(scores: Array, labels: NDArray[np.bool_]) -> tuple[tuple[float, float], ...]:
    import numpy as np

    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return ()
    points = [(0.0, 0.0)]
    for cut in np.unique(scores)[::-1]:
        keep = scores >= cut
        points.append(
            (int((keep & ~labels).sum()) / negatives, int((keep & labels).sum()) / positives)
        )
    return tuple(points)
