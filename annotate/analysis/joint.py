"""Shares of wins, ties and losses with bounds that hold for all three at once.
Must not know methods or pages: counts in, numbers that name themselves out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from annotate.analysis.significance import check_counts

Joint = Literal["goodman", "sison-glaz"]


@dataclass(frozen=True)
class JointShare:
    """One of the three shares with bounds that hold for all three together."""

    count: int
    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class JointShares:
    """Wins, ties and losses as shares of all decided prompts, covered at once."""

    estimand: ClassVar[str] = "shares of wins, ties and losses, jointly"
    unit: ClassVar[str] = "prompt"

    win: JointShare
    tie: JointShare
    loss: JointShare
    n: int
    undecided: int
    confidence: float
    method: Joint
    warning: str


def joint_shares(
    wins: int,
    ties: int,
    losses: int,
    *,
    undecided: int = 0,
    confidence: float = 0.95,
    method: Joint = "goodman",
) -> JointShares:
    """Shares of wins, ties and losses with bounds that hold for all three at once.

    Args:
        wins: prompts won by the challenger; `ties` and `losses` likewise.
        undecided: prompts without a verdict: left out, and said.
        confidence: that all three bounds hold, in (0, 1).
        method: "goodman" (chi-squared; wants counts of 5 or more) or "sison-glaz" (narrower, made
            for seven or more classes; with three it may cover less than it says).

    Raises:
        ValueError: a count is negative, nothing is decided, or the method is unknown.

    Source: Goodman, Technometrics 7 (1965); Sison and Glaz, JASA 90 (1995).
    """
    check_counts(wins=wins, ties=ties, losses=losses, undecided=undecided)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence} lies outside (0, 1); use for example 0.95")
    if method not in get_args(Joint):
        raise ValueError(f"method={method!r} is unknown; use one of {', '.join(get_args(Joint))}")
    counts = [int(wins), int(ties), int(losses)]
    if not (n := sum(counts)):
        raise ValueError("no prompt is decided; joint shares need at least one verdict")
    # statsmodels loads pandas: seconds that a web process should not pay at start.
    from statsmodels.stats.proportion import multinomial_proportions_confint

    bounds = multinomial_proportions_confint(counts, alpha=1 - confidence, method=method)
    shares = [
        # Rounding errors must not push a bound past the share, or past 0 and 1.
        JointShare(
            count=count,
            estimate=count / n,
            low=max(0.0, min(float(low), count / n)),
            high=min(1.0, max(float(high), count / n)),
        )
        for count, (low, high) in zip(counts, bounds, strict=True)
    ]
    warnings = []
    if method == "sison-glaz":
        warnings.append("Sison and Glaz made their bounds for seven or more classes; here are 3")
    if min(counts) < 5:
        warnings.append(f"the smallest count is {min(counts)}; the bounds are rough below 5")
    win, tie, loss = shares
    return JointShares(
        win=win,
        tie=tie,
        loss=loss,
        n=n,
        undecided=int(undecided),
        confidence=confidence,
        method=method,
        warning="; ".join(warnings),
    )
