"""Win rates with their intervals under the three conventions for ties, and the vote share.
Must not know methods, studies or pages: counts in, numbers that name themselves out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist
from typing import ClassVar, Literal, get_args

from annotate.analysis.significance import check_counts, sign_test

Method = Literal["wilson", "jeffreys", "clopper-pearson"]
_STATSMODELS_NAME = {"wilson": "wilson", "jeffreys": "jeffreys", "clopper-pearson": "beta"}


class TieConvention(StrEnum):
    """What a tie counts. The headline drops ties; the other two always stand beside it."""

    DROPPED = "dropped"
    HALF = "half"
    LOSSES = "losses"


@dataclass(frozen=True)
class WinRate:
    """The share of verdicts (one per prompt) that the challenger won, and what it rests on.

    `n` is the denominator under the convention. Where it is 0, estimate, bounds and p-value are
    None: not available. `method` names the interval that was computed.
    """

    estimand: ClassVar[str] = "win rate (verdicts)"

    wins: int
    ties: int
    losses: int
    convention: TieConvention
    estimate: float | None
    low: float | None
    high: float | None
    confidence: float
    p_value: float | None
    n: int
    method: str


@dataclass(frozen=True)
class VoteShare:
    """The share of single votes for the challenger: another estimand than the win rate.

    A majority of three amplifies a vote share of .55 to a win rate of .575: never compare the two.
    """

    estimand: ClassVar[str] = "vote share (votes, clustered by prompt)"

    wins: int
    ties: int
    losses: int
    convention: TieConvention
    estimate: float | None
    low: float | None
    high: float | None
    confidence: float
    prompts: int
    effective_n: float
    method: str = "wilson on the effective number of votes"


def win_rate(
    wins: int,
    ties: int,
    losses: int,
    *,
    convention: TieConvention = TieConvention.DROPPED,
    confidence: float = 0.95,
    method: Method = "wilson",
) -> WinRate:
    """The win rate of the challenger with its interval and an exact sign test.

        dropped: wins / (wins + losses)      half: (wins + ties / 2) / n      losses: wins / n

    The p-value is two-sided against 1/2, of the same counts as the estimate. Under `half` each side
    gets half of the ties and the side behind gets the odd one, which can only raise p; that p is
    conservative anyway, as the binomial overstates the variance of ties.

    Args:
        wins: verdicts for the challenger.
        ties: verdicts that are a tie.
        losses: verdicts against the challenger.
        convention: what a tie counts.
        confidence: of the interval, in (0, 1).
        method: binomial interval for `dropped` and `losses`. Under `half` the scores are no
            binomial: only "wilson" is taken, and it stands for its extension to 1, 1/2, 0
            ("score", see `_score_interval`).

    Raises:
        ValueError: a count is negative, or confidence, convention or method is unknown.
    """
    check_counts(wins=wins, ties=ties, losses=losses)
    convention = TieConvention(convention)
    _check_interval(confidence=confidence, method=method)
    half = convention is TieConvention.HALF
    if half and method != "wilson":
        raise ValueError(
            f"method={method!r} is an interval for yes and no; scores with half points take "
            "'wilson' (its extension to three values): use it, or another convention"
        )
    n = wins + losses if convention is TieConvention.DROPPED else wins + ties + losses
    estimate = low = high = p_value = None
    if n:
        estimate = (wins + ties / 2) / n if half else wins / n
        if half:
            low, high = _score_interval(estimate, ties, n=n, confidence=confidence)
        else:
            low, high = _binomial_interval(wins, n, confidence=confidence, method=method)
        p_value = _p_value(wins, ties, losses, convention=convention)
    return WinRate(
        wins=wins,
        ties=ties,
        losses=losses,
        convention=convention,
        estimate=estimate,
        low=low,
        high=high,
        confidence=confidence,
        p_value=p_value,
        n=n,
        method="score" if half else method,
    )


def three_conventions(
    wins: int, ties: int, losses: int, *, confidence: float = 0.95
) -> tuple[WinRate, WinRate, WinRate]:
    """The three rows of every report: ties dropped (the headline), half, and as losses."""
    dropped, half, as_losses = (
        win_rate(wins, ties, losses, convention=convention, confidence=confidence)
        for convention in (TieConvention.DROPPED, TieConvention.HALF, TieConvention.LOSSES)
    )
    return dropped, half, as_losses


def vote_share(
    prompts: Sequence[tuple[int, int, int]],
    *,
    convention: TieConvention = TieConvention.DROPPED,
    confidence: float = 0.95,
) -> VoteShare:
    """The share of votes for the challenger; the votes on one prompt are not independent.

    Each prompt is a cluster. The ratio estimator's variance between prompts turns the number of
    votes into an effective number, on which Wilson's interval stands; votes that agree within
    prompts count less, and votes never count more than once. Annotators are taken as independent:
    with few of them the interval is too short.

    Args:
        prompts: (votes for, ties, votes against the challenger) of each prompt.
        convention: what a tied vote counts.
        confidence: of the interval, in (0, 1).

    Raises:
        ValueError: a count is negative, or the confidence lies outside (0, 1).
    """
    convention = TieConvention(convention)
    _check_interval(confidence=confidence, method="wilson")
    for wins, ties, losses in prompts:
        check_counts(wins=wins, ties=ties, losses=losses)
    tied_point = 0.5 if convention is TieConvention.HALF else 0.0
    tied_votes = 0 if convention is TieConvention.DROPPED else 1
    points = [wins + tied_point * ties for wins, ties, _ in prompts]
    votes = [wins + tied_votes * ties + losses for wins, ties, losses in prompts]
    voted = sum(1 for count in votes if count)
    estimate = low = high = None
    effective = 0.0
    if voted:
        estimate = sum(points) / sum(votes)
        effective = _effective_votes(points, votes, share=estimate, clusters=voted)
        low, high = _binomial_interval(
            estimate * effective, effective, confidence=confidence, method="wilson"
        )
    return VoteShare(
        wins=sum(wins for wins, _, _ in prompts),
        ties=sum(ties for _, ties, _ in prompts),
        losses=sum(losses for _, _, losses in prompts),
        convention=convention,
        estimate=estimate,
        low=low,
        high=high,
        confidence=confidence,
        prompts=voted,
        effective_n=effective,
    )


def _effective_votes(
    points: Sequence[float], votes: Sequence[int], *, share: float, clusters: int
) -> float:
    total = sum(votes)
    between = sum((got - share * count) ** 2 for got, count in zip(points, votes, strict=True))
    if clusters < 2 or not between:
        # No spread to learn from: as if every prompt had been voted on once.
        return float(clusters)
    variance = clusters / (clusters - 1) * between / total**2
    return min(float(total), share * (1 - share) / variance)


def _binomial_interval(
    count: float, n: float, *, confidence: float, method: Method
) -> tuple[float, float]:
    # statsmodels loads pandas: seconds that a web process should not pay at start.
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(count, n, alpha=1 - confidence, method=_STATSMODELS_NAME[method])
    # Rounding errors reach 1e-17 below 0 and above 1.
    return max(0.0, float(low)), min(1.0, float(high))


def _score_interval(mean: float, ties: int, *, n: int, confidence: float) -> tuple[float, float]:
    """All p with (mean - p)^2 <= z^2 (p (1 - p) - t / 4) / n.

    p (1 - p) - t / 4 is the variance of scores 1, 1/2, 0 with mean p and tie share t. Without ties
    this is Wilson's interval; mean +- z * sd / sqrt(n) would have no width at all at 20 wins of 20.
    t = ties / (n + z^2) is drawn towards 0 for the same reason: twenty ties do not prove that
    nobody ever wins.
    """
    z_squared = NormalDist().inv_cdf((1 + confidence) / 2) ** 2
    weight = z_squared / n
    tied = ties / (n + z_squared)
    centre = mean + weight / 2
    root = math.sqrt(weight * (mean * (1 - mean) - tied / 4 + weight * (1 - tied) / 4))
    low, high = (centre - root) / (1 + weight), (centre + root) / (1 + weight)
    return max(0.0, low), min(1.0, high)


def _p_value(wins: int, ties: int, losses: int, *, convention: TieConvention) -> float:
    if convention is TieConvention.DROPPED:
        return sign_test(wins, losses)
    if convention is TieConvention.LOSSES:
        return sign_test(wins, losses + ties)
    ahead, behind = max(wins, losses), min(wins, losses)
    return sign_test(ahead + ties // 2, behind + ties - ties // 2)


def _check_interval(*, confidence: float, method: str) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence} lies outside (0, 1); use for example 0.95")
    if method not in get_args(Method):
        raise ValueError(f"method={method!r} is unknown; use one of {', '.join(get_args(Method))}")
