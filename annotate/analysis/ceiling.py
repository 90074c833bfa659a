"""D.4's open question: what a no-reference cut can reach when the estimator is right on pairs.
Must not know how scores came about: two scores for each prompt in, accuracies of cuts out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from annotate.analysis.auc import auc, resampled_aucs
from annotate.analysis.columns import finite, same_length
from annotate.analysis.contrast import Result
from annotate.analysis.decisions import cross_validated_decisions
from annotate.analysis.oracle import check_band
from annotate.analysis.oracle_budget import budget_range
from annotate.analysis.oracle_state import Estimate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# Twenty seeds of five folds each choose among these: what differs by less is noise here.
_FIFTHS = tuple(range(0, 101, 5))


@dataclass(frozen=True)
class Ceiling:
    """What a score that agrees so often on pairs reaches by itself at a cut.

    `agreement` is on pairs, with the reference; `at_k` the share of right keep-or-improve decisions
    at the k-th percentile, `best` the same at the percentile chosen on other folds, both without
    the reference. `reach` is the most that any decisions of k % refined can reach, `usual` what
    answering the commoner label always would. `best_k` is the
    percentile that all prompts together would choose, averaged over seeds. Intervals are over
    noise seeds and prompts together.
    """

    estimand: ClassVar[str] = "accuracy of decisions without a reference"
    unit: ClassVar[str] = "prompt"
    method: ClassVar[str] = "bootstrap over prompts and noise seeds"

    name: str
    noise: float
    offset: float
    agreement: Estimate
    percentile: float
    at_k: Estimate
    best: Estimate
    best_k: float
    auc: Estimate | None
    reach: float
    usual: float
    seeds: int
    n: int


def expected_agreement(
    first: Sequence[float], second: Sequence[float], results: Sequence[Result], *, noise: float
) -> float:
    """Agreement on decided pairs when normal noise of that deviation is added to every score.

        mean over pairs of Phi(s (a - b) / (sqrt(2) noise)),  s = +1 where the first won, else -1

    Without noise equal scores count half.

    Raises:
        ValueError: columns differ in length, no pair has a winner, or the noise is negative.
    """
    import numpy as np
    from scipy.special import ndtr

    same_length(first=first, second=second, results=results)
    if not noise >= 0 or math.isinf(noise):
        raise ValueError(f"noise={noise} is no standard deviation; give 0 or more")
    margins = _margins(first, second, results)
    if noise == 0:
        return float((np.sign(margins) + 1).mean() / 2)
    return float(ndtr(margins / (math.sqrt(2) * noise)).mean())


def noise_for_agreement(
    first: Sequence[float],
    second: Sequence[float],
    results: Sequence[Result],
    *,
    agreement: float,
) -> float:
    """The deviation of normal noise on every score that leaves this expected agreement on pairs.

    Args:
        first, second: scores of the two pictures of each prompt.
        results: who won, read from the first.
        agreement: wanted, above 1/2 and at most what the scores have without noise.

    Raises:
        ValueError: the agreement cannot be reached by adding noise, or as `expected_agreement`.
    """

    def reached(noise: float) -> float:
        return expected_agreement(first, second, results, noise=noise)

    clean = reached(0.0)
    if not 0.5 < agreement <= clean:
        raise ValueError(
            f"agreement={agreement:g}; noise takes these scores from {clean:.3f} towards .5, so "
            "give a number in between"
        )
    low, high = 0.0, max(1e-9, float(abs(_margins(first, second, results)).max()))
    while reached(high) > agreement:
        low, high = high, 2 * high
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if reached(middle) > agreement else (low, middle)
    return (low + high) / 2


def ceiling(
    first: Sequence[float],
    second: Sequence[float],
    results: Sequence[Result],
    labels: Sequence[bool],
    *,
    name: str,
    seed: int,
    noise: float = 0.0,
    offset: float = 0.0,
    percentile: float = 50.0,
    percentiles: Sequence[float] = _FIFTHS,
    seeds: int = 20,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> Ceiling:
    """Cut the first pictures' scores at a percentile and hold the decisions to ideal labels.

    `offset` moves both scores of a prompt together: agreement on pairs does not notice, a cut
    across prompts does. Thresholds are percentiles of the scores that are cut.

    Args:
        first: scores of the pictures that are kept or not, e.g. the student's.
        second: scores of the reference's pictures of the same prompts.
        results: who won, read from the first.
        labels: True where the ideal decision keeps.
        name: of the estimator, as reports print it.
        seed: of noise, folds and resamples.
        noise: deviation of normal noise on every score (`noise_for_agreement`).
        offset: deviation of a normal shift common to both scores of a prompt.
        percentile: k of `at_k`.
        percentiles: among which the best is chosen.
        seeds: of noise; one is enough where there is neither noise nor offset.

    Raises:
        ValueError: columns differ in length, a score is not finite, no pair has a winner, or fewer
            than 5 prompts.
    """
    import numpy as np

    check_band(resamples=resamples, confidence=confidence)
    same_length(first=first, second=second, results=results, labels=labels)
    a, b, ideal = finite(first), finite(second), np.array([bool(label) for label in labels])
    if seeds < 1 or not min(noise, offset) >= 0:
        raise ValueError(f"seeds={seeds}, noise={noise}, offset={offset}; give 1 or more, and >= 0")
    runs = seeds if noise or offset else 1
    n, agreed, best_k = len(a), [], []
    cut, chosen, seen = np.empty((runs, n)), np.empty((runs, n)), np.empty((runs, n))
    for run in range(runs):
        rng = np.random.default_rng([seed, run])
        shift = offset * rng.standard_normal(n)
        own = a + shift + noise * rng.standard_normal(n)
        other = b + shift + noise * rng.standard_normal(n)
        agreed.append((np.sign(_margins(own.tolist(), other.tolist(), results)) + 1) / 2)
        cut[run] = (own >= np.percentile(own, percentile)) == ideal
        chosen[run], best = cross_validated_decisions(own, ideal, percentiles=percentiles, rng=rng)
        best_k.append(best)
        seen[run] = own
    draw = np.random.default_rng([seed, 0xD4])
    tails = ((1 - confidence) / 2, (1 + confidence) / 2)

    def estimate(points: Array) -> Estimate:
        units = points.shape[1]
        which = draw.integers(runs, size=(resamples, 1))
        again = points[which, draw.integers(units, size=(resamples, units))].mean(axis=1)
        low, high = np.quantile(again, tails)
        return Estimate(float(points.mean()), float(low), float(high))

    def area() -> Estimate | None:
        areas = [value for own in seen if (value := auc(own, ideal)) is not None]
        if not areas:
            return None
        which, rows = draw.integers(runs, size=resamples), draw.integers(n, size=(resamples, n))
        again = [resampled_aucs(seen[run], ideal, rows[which == run]) for run in range(runs)]
        # A resample of one label alone has no area.
        low, high = np.nanquantile(np.concatenate(again), tails)
        return Estimate(float(np.mean(areas)), float(low), float(high))

    return Ceiling(
        name=name,
        noise=noise,
        offset=offset,
        agreement=estimate(np.array(agreed)),
        percentile=percentile,
        at_k=estimate(cut),
        best=estimate(chosen),
        best_k=float(np.mean(best_k)),
        auc=area(),
        reach=budget_range(float(ideal.mean()), percentile).best,
        usual=float(max(ideal.mean(), 1 - ideal.mean())),
        seeds=runs,
        n=n,
    )


def _margins(first: Sequence[float], second: Sequence[float], results: Sequence[Result]) -> Array:
    """Score differences of decided pairs, above 0 where the score sides with the winner."""
    import numpy as np

    a, b = finite(first), finite(second)
    decided = [i for i, result in enumerate(results) if Result(result) is not Result.TIE]
    if not decided:
        raise ValueError("no pair has a winner; an agreement needs decided pairs")
    signs = np.array([1.0 if results[i] is Result.WIN else -1.0 for i in decided])
    return np.asarray(signs * (a - b)[decided])
