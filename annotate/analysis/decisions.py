"""How good an estimator decides without a reference: accuracy at a cut-off, reliability.
Must not know how it scores; agreement on pairs does not carry over to these (D.4)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from annotate.analysis.columns import finite, same_length, units_of
from annotate.analysis.contrast import Result
from annotate.analysis.grouped import grouped_rate
from annotate.analysis.oracle_budget import budget_range
from annotate.analysis.winrate import normal_quantile, wilson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class DecisionAccuracy:
    """Keep-or-improve decisions of one cut-off against the ideal label, without a reference.

    `best` is the largest accuracy that the kept share allows, `skill` how much of the way from a
    random choice to it was gone (None where nothing can be gained). `true_keep` is P(keep | ideal
    keeps), `false_keep` P(keep | ideal improves); None where there is no such prompt. `method`
    names the interval: Wilson's where each of the `n` prompts is a unit of its own, a bootstrap
    over the `units` groups where prompts share them.
    """

    estimand: ClassVar[str] = "accuracy of decisions without a reference"
    unit: ClassVar[str] = "prompt"

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
    units: int
    confidence: float
    method: str


@dataclass(frozen=True)
class BestPercentile:
    """The percentile that all prompts together choose, and how good such a choice is.

    `accuracy` is that of percentiles chosen on the other folds: choosing and trying on the same
    prompts would flatter it.
    """

    estimand: ClassVar[str] = "accuracy of decisions at a percentile chosen on other prompts"
    unit: ClassVar[str] = "prompt"
    method: ClassVar[str] = "cross-validation, prompts of one group in one fold"

    percentile: float
    accuracy: float
    folds: int
    n: int


@dataclass(frozen=True)
class ReliabilityBin:
    """Samples of similar score: how many of them the ideal oracle keeps.

    `method` names the interval, as that of `DecisionAccuracy` does.
    """

    estimand: ClassVar[str] = "share that the ideal oracle keeps among samples of similar score"
    unit: ClassVar[str] = "prompt"

    lowest: float
    highest: float
    mean_score: float
    keep_rate: float
    low: float
    high: float
    n: int
    units: int
    confidence: float
    method: str


def decision_accuracy(
    scores: Sequence[float],
    labels: Sequence[bool],
    *,
    percentile: float,
    tuning_scores: Sequence[float] | None = None,
    groups: Sequence[Hashable] | None = None,
    rng: np.random.Generator | None = None,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> DecisionAccuracy:
    """Accuracy of "keep what scores at least tau_k" against ideal labels, one per prompt.

    Args:
        scores: of the student samples.
        labels: True where the ideal oracle keeps.
        percentile: k; tau is that percentile of `tuning_scores` (other prompts), else of `scores`.
        groups: of each prompt; where prompts share one, `rng` draws groups for the interval.
        rng: needed for that bootstrap only.
        resamples: of the groups.
        confidence: of the interval, in (0, 1).

    Raises:
        ValueError: columns differ in length or are empty, a score is not finite, k is outside
            [0, 100], or prompts share groups and no rng was given.
    """
    import numpy as np

    same_length(scores=scores, labels=labels, groups=groups)
    if not 0 <= percentile <= 100:
        raise ValueError(f"percentile={percentile} lies outside [0, 100]")
    values, ideal = finite(scores), np.array([bool(label) for label in labels])
    if not len(values):
        raise ValueError("no scores were given; decisions need at least one prompt")
    base = values if tuning_scores is None else finite(tuning_scores)
    threshold = float(np.percentile(base, percentile))
    keep = values >= threshold
    n = len(values)
    unit, units = units_of(n, groups)
    low, high, method = _interval(
        keep == ideal, unit, units, rng=rng, resamples=resamples, confidence=confidence
    )
    true_keep = float(keep[ideal].mean()) if ideal.any() else None
    false_keep = float(keep[~ideal].mean()) if not ideal.all() else None
    kept, accuracy = float(keep.mean()), int((keep == ideal).sum()) / n
    reach = budget_range(float(ideal.mean()), 100 * (1 - kept))
    gain = reach.best - reach.random
    return DecisionAccuracy(
        percentile=percentile,
        threshold=threshold,
        accuracy=accuracy,
        low=low,
        high=high,
        true_keep=true_keep,
        false_keep=false_keep,
        balanced=(
            None if true_keep is None or false_keep is None else (true_keep + 1 - false_keep) / 2
        ),
        kept=kept,
        best=reach.best,
        skill=(accuracy - reach.random) / gain if gain > 1e-9 else None,
        n=n,
        units=units,
        confidence=confidence,
        method=method,
    )


def best_percentile(
    scores: Sequence[float],
    labels: Sequence[bool],
    *,
    percentiles: Sequence[float],
    rng: np.random.Generator,
    groups: Sequence[Hashable] | None = None,
    folds: int = 5,
) -> BestPercentile:
    """The best percentile k, and the cross-validated accuracy of choosing it; folds keep groups.

    Raises:
        ValueError: as `decision_accuracy`; or fewer prompts or groups than folds.
    """
    import numpy as np

    same_length(scores=scores, labels=labels, groups=groups)
    values, ideal = finite(scores), np.array([bool(label) for label in labels])
    right, best = cross_validated_decisions(
        values, ideal, percentiles=percentiles, rng=rng, groups=groups, folds=folds
    )
    return BestPercentile(best, int(right.sum()) / len(values), folds, n=len(values))


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

    unit, units = units_of(len(scores), groups)
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


def reliability(
    scores: Sequence[float],
    labels: Sequence[bool],
    *,
    bins: int = 10,
    groups: Sequence[Hashable] | None = None,
    rng: np.random.Generator | None = None,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> tuple[ReliabilityBin, ...]:
    """The share that the ideal oracle keeps among samples of similar score, lowest scores first.

    Bins hold equally many samples, but equal scores stay together.

    Args:
        groups: of each prompt; in a bin where prompts share one, `rng` draws groups.
        rng: needed for that bootstrap only.

    Raises:
        ValueError: columns differ in length, a score is not finite, bins is no positive count, or
            prompts share groups and no rng was given.
    """
    import numpy as np

    same_length(scores=scores, labels=labels, groups=groups)
    if bins < 1:
        raise ValueError(f"bins={bins}; use at least 1, for example 10")
    values, ideal = finite(scores), np.array([bool(label) for label in labels])
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)))
    unit, _ = units_of(len(values), groups)
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, max(len(edges) - 2, 0))
    found = []
    for number in np.unique(place):
        rows = place == number
        n, units = int(rows.sum()), len(np.unique(unit[rows]))
        low, high, method = _interval(
            ideal[rows], unit[rows], units, rng=rng, resamples=resamples, confidence=confidence
        )
        found.append(
            ReliabilityBin(
                lowest=float(values[rows].min()),
                highest=float(values[rows].max()),
                mean_score=float(values[rows].mean()),
                keep_rate=int(ideal[rows].sum()) / n,
                low=low,
                high=high,
                n=n,
                units=units,
                confidence=confidence,
                method=method,
            )
        )
    return tuple(found)


def _interval(
    yes: NDArray[np.bool_],
    unit: NDArray[np.int64],
    units: int,
    *,
    rng: np.random.Generator | None,
    resamples: int,
    confidence: float,
) -> tuple[float, float, str]:
    """Of the share of yes, with its method: prompts of one group are drawn together."""
    if units == len(yes):
        low, high = wilson(int(yes.sum()) / units, units, z=normal_quantile(confidence))
        return low, high, "wilson"
    if rng is None:
        raise ValueError("prompts share groups; give an rng for the bootstrap over groups")
    rate = grouped_rate(
        [Result.WIN if one else Result.LOSS for one in yes.tolist()],
        unit.tolist(),
        rng=rng,
        resamples=resamples,
        confidence=confidence,
    )
    # Wins and losses only, and at least one of them: there is an interval.
    assert rate.low is not None
    assert rate.high is not None
    return rate.low, rate.high, rate.method
