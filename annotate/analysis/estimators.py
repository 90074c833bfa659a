"""How good an estimator is on pairs: agreement with annotators, and how far they agree themselves.
Must not know how it scores. Decisions without a reference are another question (`decisions`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from annotate.analysis.columns import finite, same_length
from annotate.analysis.contrast import Result

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class PairAgreement:
    """How often the higher score went to the sample that annotators preferred (the "65 %" kind).

    `n` are pairs with a winner; `human_ties` have none, `undecided` not even a verdict, and both
    are left out. A pair scored equally counts half (`score_ties`). `method` names the interval:
    Wilson where every pair has its own prompt, bootstrap over prompts where they share them.
    """

    estimand: ClassVar[str] = "agreement with decided majorities, pairs with a reference"
    unit: ClassVar[str] = "pair"

    estimator: str
    agreed: float
    n: int
    score_ties: int
    human_ties: int
    undecided: int
    estimate: float
    low: float
    high: float
    confidence: float
    method: str


@dataclass(frozen=True)
class HumanCeiling:
    """One annotator against the plurality of the other votes on the same pair.

    `n` votes are compared; `left_out` are ties and votes whose others have no single leader.
    """

    estimand: ClassVar[str] = "agreement of one annotator with the plurality of the others"
    unit: ClassVar[str] = "vote"
    method: ClassVar[str] = "wilson on the number of pairs"

    agreed: int
    n: int
    left_out: int
    estimate: float | None
    low: float | None
    high: float | None
    confidence: float


def pair_agreement(
    first: Sequence[float],
    second: Sequence[float],
    results: Sequence[Result | None],
    *,
    estimator: str,
    prompts: Sequence[Hashable] | None = None,
    rng: np.random.Generator | None = None,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> PairAgreement:
    """Compare score differences with majorities, pair by pair.

    Args:
        first: score of the challenger's sample of each pair.
        second: score of the other sample.
        results: the verdict, read from the challenger's side; None where undecided.
        estimator: its name, as reports print it.
        prompts: of each pair; where one occurs twice, `rng` draws prompts for the interval.
        rng: needed for that bootstrap only.

    Raises:
        ValueError: columns differ in length, a score is not finite, no pair has a winner, or
            prompts are shared and no rng was given.
    """
    from statsmodels.stats.proportion import proportion_confint

    same_length(first=first, second=second, results=results, prompts=prompts)
    decided, points = agreed_points(first, second, results)
    n, agreed = len(decided), float(points.sum())
    names = None if prompts is None else [prompts[i] for i in decided]
    if names is None or len(set(names)) == n:
        low, high = proportion_confint(agreed, n, alpha=1 - confidence, method="wilson")
        method = "wilson"
    else:
        if rng is None:
            raise ValueError("pairs share prompts; give an rng for the bootstrap over prompts")
        low, high = _bootstrap_mean(points, names, rng, resamples=resamples, confidence=confidence)
        method = "bootstrap over prompts"
    return PairAgreement(
        estimator=estimator,
        agreed=agreed,
        n=n,
        score_ties=int((points == 0.5).sum()),
        human_ties=sum(1 for r in results if r is not None) - n,
        undecided=sum(1 for r in results if r is None),
        estimate=agreed / n,
        low=float(low),
        high=float(high),
        confidence=confidence,
        method=method,
    )


def agreed_points(
    first: Sequence[float], second: Sequence[float], results: Sequence[Result | None]
) -> tuple[list[int], Array]:
    """Places of the pairs with a winner, and for each 1 where the higher score has it, 1/2 where
    scores are equal, else 0.

    Raises:
        ValueError: a score is not finite, or no pair has a winner.
    """
    import numpy as np

    a, b = finite(first), finite(second)
    decided = [i for i, r in enumerate(results) if r is not None and Result(r) is not Result.TIE]
    if not decided:
        raise ValueError("no pair has a winner; an agreement needs decided pairs")
    wants = np.array([1.0 if results[i] == Result.WIN else -1.0 for i in decided])
    difference = (a - b)[decided]
    return decided, np.where(difference == 0, 0.5, (np.sign(difference) == wants).astype(float))


def human_ceiling(ballots: Sequence[Sequence[Result]], *, confidence: float = 0.95) -> HumanCeiling:
    """How often one annotator agrees with the others: what no estimator can be asked to exceed.

    Each vote is set against the plurality of the other votes of its pair; it is left out and
    counted where the vote is a tie or the others have no single preferred method. The interval is
    Wilson's on the number of pairs, as the votes of one pair are not independent.
    """
    from statsmodels.stats.proportion import proportion_confint

    agreed = n = left_out = pairs = 0
    for votes in ballots:
        counted = 0
        for place, vote in enumerate(votes):
            others = Counter(votes[:place]) + Counter(votes[place + 1 :])
            wins, losses = others[Result.WIN], others[Result.LOSS]
            leader = Result.WIN if wins > losses else Result.LOSS
            leads = wins != losses and others[leader] > others[Result.TIE]
            if vote is Result.TIE or not leads:
                left_out += 1
                continue
            counted += 1
            agreed += vote is leader
        n += counted
        pairs += bool(counted)
    estimate = low = high = None
    if n:
        estimate = agreed / n
        bounds = proportion_confint(estimate * pairs, pairs, alpha=1 - confidence, method="wilson")
        low, high = float(bounds[0]), float(bounds[1])
    return HumanCeiling(agreed, n, left_out, estimate, low, high, confidence)


def _bootstrap_mean(
    points: Array,
    names: Sequence[Hashable],
    rng: np.random.Generator,
    *,
    resamples: int,
    confidence: float,
) -> tuple[float, float]:
    import numpy as np

    place = {name: row for row, name in enumerate(dict.fromkeys(names))}
    unit = np.array([place[name] for name in names])
    sums, sizes = np.bincount(unit, weights=points), np.bincount(unit)
    weights = rng.multinomial(len(place), np.full(len(place), 1 / len(place)), resamples)
    means = (weights @ sums) / (weights @ sizes)
    low, high = np.quantile(means, ((1 - confidence) / 2, (1 + confidence) / 2))
    return float(low), float(high)
