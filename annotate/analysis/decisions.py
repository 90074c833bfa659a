"""How good an estimator decides without a reference: accuracy at a cut-off, AUC, reliability.
Must not know how it scores; agreement on pairs does not carry over to these (D.4)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from annotate.analysis.columns import finite, numbered, same_length
from annotate.analysis.oracle_budget import budget_range

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class DecisionAccuracy:
    """Keep-or-improve decisions of one cut-off against the ideal label, without a reference.

    `best` is the largest accuracy that the kept share allows, `skill` how much of the way from a
    random choice to it was gone (None where nothing can be gained). `true_keep` is P(keep | ideal
    keeps), `false_keep` P(keep | ideal improves); None where there is no such prompt.
    """

    estimand: ClassVar[str] = "accuracy of decisions without a reference"

    percentile: float
    threshold: float
    accuracy: float
    low: float
    high: float
    true_keep: float | None
    false_keep: float | None
    balanced: float | None
    kept: float
    best: float
    skill: float | None
    n: int


@dataclass(frozen=True)
class RankingQuality:
    """Area under the ROC curve of scores for the ideal label; .5 is chance, None needs both labels.

    `roc` are (false keep, true keep) points from the strictest cut-off to the loosest.
    """

    estimator: str
    auc: float | None
    low: float | None
    high: float | None
    confidence: float
    n: int
    roc: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class ReliabilityBin:
    """Samples of similar score: how many of them the ideal oracle keeps, with Wilson's interval."""

    lowest: float
    highest: float
    mean_score: float
    keep_rate: float
    low: float
    high: float
    n: int


def decision_accuracy(
    scores: Sequence[float],
    labels: Sequence[bool],
    *,
    percentile: float,
    tuning_scores: Sequence[float] | None = None,
    confidence: float = 0.95,
) -> DecisionAccuracy:
    """Accuracy of "keep what scores at least tau_k" against ideal labels, one per prompt.

    Args:
        scores: of the student samples.
        labels: True where the ideal oracle keeps.
        percentile: k; tau is that percentile of `tuning_scores` (other prompts), else of `scores`.

    Raises:
        ValueError: columns differ in length or are empty, a score is not finite, or k is outside
            [0, 100].
    """
    import numpy as np
    from statsmodels.stats.proportion import proportion_confint

    same_length(scores=scores, labels=labels)
    if not 0 <= percentile <= 100:
        raise ValueError(f"percentile={percentile} lies outside [0, 100]")
    values, ideal = finite(scores), np.array([bool(label) for label in labels])
    if not len(values):
        raise ValueError("no scores were given; decisions need at least one prompt")
    base = values if tuning_scores is None else finite(tuning_scores)
    threshold = float(np.percentile(base, percentile))
    keep = values >= threshold
    right, n = int((keep == ideal).sum()), len(values)
    low, high = proportion_confint(right, n, alpha=1 - confidence, method="wilson")
    true_keep = float(keep[ideal].mean()) if ideal.any() else None
    false_keep = float(keep[~ideal].mean()) if not ideal.all() else None
    kept, accuracy = float(keep.mean()), right / n
    reach = budget_range(float(ideal.mean()), 100 * (1 - kept))
    gain = reach.best - reach.random
    return DecisionAccuracy(
        percentile=percentile,
        threshold=threshold,
        accuracy=accuracy,
        low=float(low),
        high=float(high),
        true_keep=true_keep,
        false_keep=false_keep,
        balanced=(
            None if true_keep is None or false_keep is None else (true_keep + 1 - false_keep) / 2
        ),
        kept=kept,
        best=reach.best,
        skill=(accuracy - reach.random) / gain if gain > 1e-9 else None,
        n=n,
    )


def best_percentile(
    scores: Sequence[float],
    labels: Sequence[bool],
    *,
    percentiles: Sequence[float],
    rng: np.random.Generator,
    groups: Sequence[Hashable] | None = None,
    folds: int = 5,
) -> tuple[float, float]:
    """(cross-validated accuracy of choosing k, the k that all prompts together would choose).

    The accuracy is that of percentiles chosen on the other folds: choosing and trying on the same
    prompts would flatter it. Folds keep groups together.

    Raises:
        ValueError: as `decision_accuracy`; or fewer prompts or groups than folds.
    """
    import numpy as np

    same_length(scores=scores, labels=labels, groups=groups)
    values, ideal = finite(scores), np.array([bool(label) for label in labels])
    right, best = cross_validated_decisions(
        values, ideal, percentiles=percentiles, rng=rng, groups=groups, folds=folds
    )
    return int(right.sum()) / len(values), best


def cross_validated_decisions(
    scores: Array,
    labels: NDArray[np.bool_],
    *,
    percentiles: Sequence[float],
    rng: np.random.Generator,
    groups: Sequence[Hashable] | None = None,
    folds: int = 5,
) -> tuple[NDArray[np.bool_], float]:
    """Which prompts are decided right at the percentile that the other folds choose, and the
    percentile that all prompts together would choose.

    Raises:
        ValueError: fewer prompts, or groups of them, than folds.
    """
    import numpy as np

    unit, units = _units(len(scores), groups)
    if not 2 <= folds <= units:
        what = "prompts" if groups is None else "groups of prompts"
        raise ValueError(f"folds={folds} with {units} {what}; use 2 to the number of {what}")

    def accuracies(rows: NDArray[np.bool_]) -> tuple[Array, Array]:
        thresholds = np.percentile(scores[rows], percentiles)
        keep = scores[rows, None] >= thresholds
        return np.asarray((keep == labels[rows, None]).mean(axis=0)), thresholds

    fold = rng.permutation(np.arange(units) % folds)[unit]
    right = np.empty(len(scores), dtype=bool)
    for number in range(folds):
        found, thresholds = accuracies(fold != number)
        mine = fold == number
        right[mine] = (scores[mine] >= thresholds[int(np.argmax(found))]) == labels[mine]
    overall, _ = accuracies(np.ones(len(scores), dtype=bool))
    return right, float(percentiles[int(np.argmax(overall))])


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
    unit, units = _units(len(values), groups)
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
) -> tuple[float, float, float]:
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
    weights = _drawn_together(*_units(len(a), groups), resamples=resamples, rng=rng)
    differences = weighted_aucs(a, ideal, weights) - weighted_aucs(b, ideal, weights)
    low, high = np.nanquantile(differences, ((1 - confidence) / 2, (1 + confidence) / 2))
    return one - two, float(low), float(high)


def reliability(
    scores: Sequence[float], labels: Sequence[bool], *, bins: int = 10, confidence: float = 0.95
) -> tuple[ReliabilityBin, ...]:
    """The share that the ideal oracle keeps among samples of similar score, lowest scores first.

    Bins hold equally many samples, but equal scores stay together.

    Raises:
        ValueError: columns differ in length, a score is not finite, or bins is no positive count.
    """
    import numpy as np
    from statsmodels.stats.proportion import proportion_confint

    same_length(scores=scores, labels=labels)
    if bins < 1:
        raise ValueError(f"bins={bins}; use at least 1, for example 10")
    values, ideal = finite(scores), np.array([bool(label) for label in labels])
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)))
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, max(len(edges) - 2, 0))
    found = []
    for number in np.unique(place):
        rows = place == number
        kept, n = int(ideal[rows].sum()), int(rows.sum())
        low, high = proportion_confint(kept, n, alpha=1 - confidence, method="wilson")
        found.append(
            ReliabilityBin(
                lowest=float(values[rows].min()),
                highest=float(values[rows].max()),
                mean_score=float(values[rows].mean()),
                keep_rate=kept / n,
                low=float(low),
                high=float(high),
                n=n,
            )
        )
    return tuple(found)


def resampled_aucs(scores: Array, labels: NDArray[np.bool_], drawn: NDArray[np.int64]) -> Array:
    """`auc` of each resample at once; NaN where a label was not drawn.

    Args:
        scores: of the prompts, (prompts,).
        labels: True where the ideal oracle keeps, (prompts,).
        drawn: places of the prompts of each resample, (resamples, prompts).
    """
    return weighted_aucs(scores, labels, times_drawn(drawn))


def _units(n: int, groups: Sequence[Hashable] | None) -> tuple[NDArray[np.int64], int]:
    """Each prompt's group as 0, 1, ..., and how many there are; without groups, the prompts."""
    import numpy as np

    unit = np.arange(n) if groups is None else numbered(groups)
    return unit, int(unit.max(initial=-1)) + 1


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
