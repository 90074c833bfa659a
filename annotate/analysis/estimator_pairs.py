"""Which of two estimators agrees more with annotators, asked of the same pairs.
Must not know how they score. Decisions without a reference are another question (`decisions`)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from annotate.analysis.columns import numbered, same_length
from annotate.analysis.contrast import Result
from annotate.analysis.estimators import agreed_points
from annotate.analysis.significance import holm

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

Sides = tuple[Sequence[float], Sequence[float]]


@dataclass(frozen=True)
class AgreementDifference:
    """Agreement of the first estimator less that of the second, in [-1, 1], on the same pairs.

    `n` are pairs with a winner, in `units` prompts; `human_ties` and `undecided` are left out. A
    pair scored equally is half an agreement. `only_first` and `only_second` count the prompts in
    which just one of them, or one of them more often, agreed: where every prompt has one pair and
    no score is tied, McNemar's two cells, and `p_value` is that of McNemar's exact test. Otherwise
    it is that of its extension to unequal gains, which flips the signs of whole prompts.
    `adjusted` is Holm's p over the pairs of estimators that were taken as `differences_together`,
    until then None.
    """

    estimand: ClassVar[str] = "difference in agreement with decided majorities, on the same pairs"
    unit: ClassVar[str] = "prompt"

    first: str
    second: str
    estimate: float
    low: float | None
    high: float | None
    confidence: float
    n: int
    units: int
    human_ties: int
    undecided: int
    only_first: int
    only_second: int
    p_value: float
    adjusted: float | None = None

    @property
    def method(self) -> str:
        """Which test, and which interval."""
        alone = "exact McNemar test" if self.units == self.n else "exact sign-flip test of prompts"
        return f"{alone}; paired bootstrap over prompts"


def agreement_difference(
    first: Sides,
    second: Sides,
    results: Sequence[Result | None],
    *,
    estimators: tuple[str, str],
    rng: np.random.Generator,
    prompts: Sequence[Hashable] | None = None,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> AgreementDifference:
    """Compare two estimators' agreement with majorities on pairs that both scored.

    A prompt with several pairs is flipped as a whole by the test and drawn as a whole by the
    bootstrap: its pairs share pictures.

    Args:
        first: the first estimator's scores, of the challengers' samples and of the others'.
        second: the same of the second estimator.
        results: the verdicts, read from the challenger's side; None where undecided.
        estimators: their names, as reports print them.
        prompts: of each pair; without them every pair has its own.

    Raises:
        ValueError: columns differ in length, a score is not finite, or no pair has a winner.
    """
    import numpy as np

    same_length(
        first=first[0],
        first_other=first[1],
        second=second[0],
        second_other=second[1],
        results=results,
        prompts=prompts,
    )
    decided, one = agreed_points(*first, results)
    _, two = agreed_points(*second, results)
    n = len(decided)
    unit = np.arange(n) if prompts is None else numbered([prompts[i] for i in decided])
    # Halves are exact in binary, so that sums of equal agreement are equal.
    gains = np.bincount(unit, weights=one - two).astype(np.float64)
    sizes = np.bincount(unit)
    units = len(sizes)
    ahead, behind = int((gains > 0).sum()), int((gains < 0).sum())
    low = high = None
    if units > 1:
        drawn = rng.multinomial(units, np.full(units, 1 / units), resamples)
        again = (drawn @ gains) / (drawn @ sizes)
        ends = np.quantile(again, ((1 - confidence) / 2, (1 + confidence) / 2))
        low, high = float(ends[0]), float(ends[1])
    return AgreementDifference(
        first=estimators[0],
        second=estimators[1],
        estimate=float(gains.sum()) / n,
        low=low,
        high=high,
        confidence=confidence,
        n=n,
        units=units,
        human_ties=sum(1 for r in results if r is not None) - n,
        undecided=sum(1 for r in results if r is None),
        only_first=ahead,
        only_second=behind,
        p_value=sign_flip_p(gains),
    )


def sign_flip_p(gains: Sequence[float] | Array) -> float:
    """Two-sided p of "either is as likely to gain": the share of all sign flips of the gains whose
    sum is at least as far from 0 as theirs, counted exactly.

    Where all gains but zeros are equally large it is the exact sign test, hence McNemar's.

    Args:
        gains: multiples of 1/2, one for each independent unit.

    Source: Fisher, The Design of Experiments (1935), section 21.
    """
    import numpy as np
    from scipy.stats import binom

    halves = np.rint(2 * np.asarray(gains, dtype=np.float64)).astype(np.int64)
    sizes, counts = np.unique(np.abs(halves[halves != 0]), return_counts=True)
    chances = np.ones(1)
    for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        # Sums of `count` flips of one size: -count to count in steps of two sizes.
        own = np.zeros(2 * size * count + 1)
        own[:: 2 * size] = binom.pmf(np.arange(count + 1), count, 0.5)
        chances = np.convolve(chances, own)
    middle = len(chances) // 2
    far = abs(int(halves.sum()))
    away = np.abs(np.arange(len(chances)) - middle)
    return min(1.0, float(chances[away >= far].sum()))


def differences_together(
    found: Sequence[AgreementDifference],
) -> tuple[AgreementDifference, ...]:
    """The same with Holm's p-values over all of them."""
    adjusted = holm([difference.p_value for difference in found])
    return tuple(replace(d, adjusted=p) for d, p in zip(found, adjusted, strict=True))
