"""How many prompts a study needs, and what a given number of them can resolve.
Must not know studies or prices: rates in, counts of prompts and chances out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import ClassVar, Literal, get_args

from annotate.analysis.planned_tests import effective, planned_test

Formula = Literal["normal", "arcsine"]


@dataclass(frozen=True)
class SampleSize:
    """The prompts that a two-sided sign test needs, and what the number rests on.

    `decided` are verdicts that are no tie, were they independent; `prompts` allows for ties and for
    groups of prompts that share a photo.
    """

    estimand: ClassVar[str] = "win rate (verdicts, ties dropped)"
    unit: ClassVar[str] = "prompt"

    win_rate: float
    power: float
    alpha: float
    tie_rate: float
    design_effect: float
    formula: Formula
    decided: int
    prompts: int

    @property
    def n(self) -> int:
        """The prompts needed."""
        return self.prompts

    @property
    def method(self) -> str:
        """The approximation behind the number."""
        return f"two-sided test of a share, {self.formula} approximation"


@dataclass(frozen=True)
class Resolution:
    """What a study of `prompts` prompts can tell from 1/2 with the exact two-sided sign test, or
    with the score test over groups where prompts come in groups of `group_size`.

    `win_rate` is the smallest one above 1/2 that is found with chance `power`, None where not even
    a challenger that always wins is; 1 - win_rate is the largest one below. `size` is the chance of
    a false alarm (at most alpha) and `half_width` that of a Wilson interval around 1/2.
    """

    estimand: ClassVar[str] = "win rate (verdicts, ties dropped)"
    unit: ClassVar[str] = "prompt"

    prompts: int
    power: float
    alpha: float
    tie_rate: float
    design_effect: float
    win_rate: float | None
    size: float
    half_width: float
    group_size: float = 1.0

    @property
    def method(self) -> str:
        """The test whose power it is."""
        return "exact two-sided sign test" if self.group_size == 1 else "score test over groups"

    @property
    def n(self) -> int:
        """The prompts of the study."""
        return self.prompts


def sample_size(
    win_rate: float,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    tie_rate: float = 0.0,
    design_effect: float = 1.0,
    formula: Formula = "normal",
) -> SampleSize:
    """The prompts that find `win_rate` with chance `power`; rounded up.

        normal:  n = ((z_{1 - alpha/2} / 2 + z_power sqrt(p (1 - p))) / (p - 1/2))^2
        arcsine: n = ((z_{1 - alpha/2} + z_power) / (2 asin sqrt(p) - 2 asin sqrt(1/2)))^2
        prompts = n * design_effect / (1 - tie_rate)

    Args:
        win_rate: the true win rate with ties dropped; the same number below 1/2 as above.
        power: the chance to find it.
        alpha: of the two-sided test.
        tie_rate: share of verdicts that are a tie.
        design_effect: see `design_effect`.
        formula: "normal", or "arcsine" (variance-stabilised, a little smaller).

    Raises:
        ValueError: a rate lies outside its range, or the win rate is 1/2.
    """
    _check(power=power, alpha=alpha, tie_rate=tie_rate, design_effect=design_effect)
    _check_win_rate(win_rate)
    if win_rate == 0.5:
        raise ValueError(
            "win_rate=0.5 needs infinitely many prompts; give the smallest difference that matters"
        )
    if formula not in get_args(Formula):
        raise ValueError(
            f"formula={formula!r} is unknown; use one of {', '.join(get_args(Formula))}"
        )
    z = NormalDist().inv_cdf
    z_alpha, z_power = z(1 - alpha / 2), z(power)
    if formula == "normal":
        spread = z_alpha / 2 + z_power * math.sqrt(win_rate * (1 - win_rate))
        n = (spread / (win_rate - 0.5)) ** 2
    else:
        effect = 2 * math.asin(math.sqrt(win_rate)) - math.pi / 2
        n = ((z_alpha + z_power) / effect) ** 2
    return SampleSize(
        win_rate=win_rate,
        power=power,
        alpha=alpha,
        tie_rate=tie_rate,
        design_effect=design_effect,
        formula=formula,
        decided=math.ceil(n),
        prompts=math.ceil(n * design_effect / (1 - tie_rate)),
    )


def exact_power(
    win_rate: float,
    prompts: int,
    *,
    alpha: float = 0.05,
    tie_rate: float = 0.0,
    design_effect: float = 1.0,
    group_size: float = 1.0,
) -> float:
    """The chance that the exact two-sided sign test of `prompts` verdicts rejects 1/2.

    With ties the number of decided verdicts is itself random: the power is averaged over it. A
    design effect divides the number of prompts, rounded down.

    Verdicts in groups of `group_size` are not independent, and no sign test of them is exact. They
    get the score test z = sum_g s_g / sqrt(sum_g s_g^2) of the groups' wins less losses s_g; its
    power is that of the normal. With n prompts, decided share A and d = 2 win_rate - 1:

        Phi((n A d - z_{1 - alpha/2} sqrt(V + n m A^2 d^2)) / sqrt(V)),
        V = n (A - A^2 d^2) design_effect,   m = group_size

    Raises:
        ValueError: a rate lies outside its range, or `prompts` is no count.
    """
    return exact_powers(
        [win_rate],
        prompts,
        alpha=alpha,
        tie_rate=tie_rate,
        design_effect=design_effect,
        group_size=group_size,
    )[0]


def exact_powers(
    win_rates: Sequence[float],
    prompts: int,
    *,
    alpha: float = 0.05,
    tie_rate: float = 0.0,
    design_effect: float = 1.0,
    group_size: float = 1.0,
) -> list[float]:
    """`exact_power` of many win rates, for which the test is worked out once."""
    _check(power=0.8, alpha=alpha, tie_rate=tie_rate, design_effect=design_effect)
    for win_rate in win_rates:
        _check_win_rate(win_rate)
    return planned_test(prompts, alpha, tie_rate, design_effect, group_size).powers(win_rates)


def resolution(
    prompts: int,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    tie_rate: float = 0.0,
    design_effect: float = 1.0,
    group_size: float = 1.0,
) -> Resolution:
    """What `prompts` prompts can and cannot resolve, by the test of `exact_power`.

    Raises:
        ValueError: a rate lies outside its range, or `prompts` is no count.
    """
    _check(power=power, alpha=alpha, tie_rate=tie_rate, design_effect=design_effect)
    decided = effective(prompts, design_effect) * (1 - tie_rate)
    test = planned_test(prompts, alpha, tie_rate, design_effect, group_size)
    found: float | None = None
    if test.power(1.0) >= power:
        below, found = 0.5, 1.0
        while found - below > 1e-6:
            middle = (below + found) / 2
            if test.power(middle) >= power:
                found = middle
            else:
                below = middle
    return Resolution(
        prompts=prompts,
        power=power,
        alpha=alpha,
        tie_rate=tie_rate,
        design_effect=design_effect,
        win_rate=found,
        size=test.power(0.5),
        half_width=half_width(decided, confidence=1 - alpha),
        group_size=group_size,
    )


def half_width(decided: float, *, confidence: float = 0.95) -> float:
    """Half the width of the Wilson interval around 1/2: z / (2 sqrt(n + z^2))."""
    if not (decided >= 0 and 0 < confidence < 1):
        raise ValueError(
            f"decided={decided} and confidence={confidence} give no interval; use a count of at "
            "least 0 and a confidence inside (0, 1)"
        )
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    return z / (2 * math.sqrt(decided + z**2))


def design_effect(cluster_size: float, icc: float) -> float:
    """1 + (m - 1) ICC: by how much clusters of m inflate the variance of a mean.

    For verdicts the clusters are groups of prompts (captions of one photo); for single votes they
    are prompts, and m is the overlap.
    """
    if not cluster_size >= 1 or not 0 <= icc <= 1:
        raise ValueError(
            f"cluster_size={cluster_size} with icc={icc} is no clustering; give a size of at least "
            "1 and an intraclass correlation in [0, 1]"
        )
    return 1 + (cluster_size - 1) * icc


def majority_of_three(win: float, tie: float, loss: float) -> tuple[float, float, float]:
    """Shares of verdicts (win, tie, loss) from the shares of single votes.

        W = w^2 (3 - 2 w),   L = l^2 (3 - 2 l),   T = 1 - W - L   (a 1-1-1 split is a tie)

    The three votes are drawn independently with the same chances on every prompt. Real prompts
    differ, which amplifies less: an upper bound on what the majority adds.
    """
    _check_shares(win, tie, loss)
    won, lost = win**2 * (3 - 2 * win), loss**2 * (3 - 2 * loss)
    return won, 1 - won - lost, lost


def on_demand_votes(win: float, tie: float, loss: float) -> float:
    """Votes per prompt when the third is asked only if the first two differ: 2 + P(they differ)."""
    _check_shares(win, tie, loss)
    return 3 - (win**2 + tie**2 + loss**2)


def _check(*, power: float, alpha: float, tie_rate: float, design_effect: float) -> None:
    for name, value in (("power", power), ("alpha", alpha)):
        if not 0 < value < 1:
            raise ValueError(f"{name}={value} lies outside (0, 1); use for example 0.8 and 0.05")
    if not 0 <= tie_rate < 1:
        raise ValueError(f"tie_rate={tie_rate} lies outside [0, 1); a study of ties only has no n")
    if not 1 <= design_effect < math.inf:
        raise ValueError(f"design_effect={design_effect} is below 1; see design_effect()")


def _check_win_rate(win_rate: float) -> None:
    if not 0 <= win_rate <= 1:
        raise ValueError(f"win_rate={win_rate} is no share; give a number in [0, 1]")


def _check_shares(win: float, tie: float, loss: float) -> None:
    if min(win, tie, loss) < 0 or not math.isclose(win + tie + loss, 1, abs_tol=1e-9):
        raise ValueError(
            f"win={win}, tie={tie}, loss={loss} are no shares; give three numbers that sum to 1"
        )
