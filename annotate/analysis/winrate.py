"""Win rates with their intervals under the three conventions for ties, and the vote share.
Must not know methods, studies or pages: counts in, numbers that name themselves out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from annotate.analysis.columns import distinct_rows
from annotate.analysis.significance import check_counts, sign_test

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Method = Literal["wilson", "jeffreys", "clopper-pearson"]
_STATSMODELS_NAME = {"jeffreys": "jeffreys", "clopper-pearson": "beta"}


class TieConvention(StrEnum):
    """What a tie counts. The headline drops ties; the other two always stand beside it."""

    DROPPED = "dropped"
    HALF = "half"
    LOSSES = "losses"


@dataclass(frozen=True)
class WinRate:
    """The share of verdicts (one per prompt) that the challenger won, and what it rests on.

    `n` is the denominator under the convention. Where it is 0, estimate, bounds and p-value are
    None: not available. `method` names the interval that was computed. It speaks about these
    annotators and new prompts; for new annotators see `crossed_verdicts.crossed_win_rate`.
    """

    estimand: ClassVar[str] = "win rate (verdicts)"
    unit: ClassVar[str] = "prompt"

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
    unit: ClassVar[str] = "vote"

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

    @property
    def n(self) -> int:
        """The votes in the denominator under the convention."""
        tied = 0 if self.convention is TieConvention.DROPPED else self.ties
        return self.wins + tied + self.losses


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

    Verdicts are independent given who votes: the interval holds the win rate with *these*
    annotators in 95 of 100 studies. Of the rate with annotators drawn anew it may fall far short,
    the more so the fewer vote on many prompts: 88 of 100 with 40 annotators on 600 prompts
    (docs/results/coverage.md). `crossed_verdicts.crossed_win_rate` has the interval for that.

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
    prompts: Sequence[tuple[int, int, int]] | NDArray[np.int64],
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
        prompts: (votes for, ties, votes against the challenger) of each prompt, as rows or as an
            array (prompts, 3).
        convention: what a tied vote counts.
        confidence: of the interval, in (0, 1).

    Raises:
        ValueError: a count is negative, or the confidence lies outside (0, 1).
    """
    import numpy as np

    convention = TieConvention(convention)
    _check_interval(confidence=confidence, method="wilson")
    # Prompts with the same votes are one row with a number: a million votes have few such rows, and
    # sums of whole numbers know no order.
    rows, often = _tallies(prompts)
    tied_point = 0.5 if convention is TieConvention.HALF else 0.0
    tied_votes = 0 if convention is TieConvention.DROPPED else 1
    points = rows @ np.array([1.0, tied_point, 0.0])
    votes = rows @ np.array([1, tied_votes, 1])
    voted = int(often[votes > 0].sum())
    wins, ties, losses = (int(total) for total in often @ rows)
    estimate = low = high = None
    effective = 0.0
    if voted:
        total = int(often @ votes)
        estimate = float(often @ points) / total
        between = float(often @ (points - estimate * votes) ** 2)
        effective = _effective_votes(between, total, share=estimate, clusters=voted)
        low, high = _binomial_interval(
            estimate * effective, effective, confidence=confidence, method="wilson"
        )
    return VoteShare(
        wins=wins,
        ties=ties,
        losses=losses,
        convention=convention,
        estimate=estimate,
        low=low,
        high=high,
        confidence=confidence,
        prompts=voted,
        effective_n=effective,
    )


def _tallies(
    prompts: Sequence[tuple[int, int, int]] | NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The different rows (wins, ties, losses), and how many prompts have each."""
    import numpy as np

    table = np.asarray(prompts)
    if not table.size:
        return np.empty((0, 3), dtype=np.int64), np.empty(0, dtype=np.int64)
    if table.ndim != 2 or table.shape[1] != 3:
        raise ValueError(f"prompts have shape {table.shape}; give (wins, ties, losses) of each")
    unfit = (table < 0) | (table != np.floor(table)) | np.isinf(table)
    for wins, ties, losses in table[unfit.any(axis=1)].tolist():
        check_counts(wins=wins, ties=ties, losses=losses)
    return distinct_rows(table.astype(np.int64, copy=False))


def _effective_votes(between: float, total: int, *, share: float, clusters: int) -> float:
    if clusters < 2 or not between:
        # No spread to learn from: as if every prompt had been voted on once.
        return float(clusters)
    variance = clusters / (clusters - 1) * between / total**2
    return min(float(total), share * (1 - share) / variance)


def _binomial_interval(
    count: float, n: float, *, confidence: float, method: Method
) -> tuple[float, float]:
    if method == "wilson":
        return wilson(count / n, n, z=normal_quantile(confidence))
    # statsmodels loads pandas: seconds that a web process should not pay at start.
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(count, n, alpha=1 - confidence, method=_STATSMODELS_NAME[method])
    # Rounding errors reach 1e-17 below 0 and above 1.
    return max(0.0, float(low)), min(1.0, float(high))


def _score_interval(mean: float, ties: int, *, n: int, confidence: float) -> tuple[float, float]:
    """Wilson's interval for scores 1, 1/2, 0, of which `ties` are 1/2.

    mean +- z * sd / sqrt(n) would have no width at all at 20 wins of 20. The share of ties,
    ties / (n + z^2), is drawn towards 0 for the same reason: twenty ties do not prove that nobody
    ever wins.
    """
    z = normal_quantile(confidence)
    return wilson(mean, n, z=z, tied=ties / (n + z**2))


def wilson(share: float, n: float, *, z: float, tied: float = 0.0) -> tuple[float, float]:
    """All p with (share - p)^2 <= z^2 (p (1 - p) - tied / 4) / n; n need be no whole number.

    p (1 - p) - tied / 4 is the variance of scores 1, 1/2, 0 with mean p and a share `tied` of 1/2.

    Source: Wilson, JASA 22 (1927).
    """
    weight = z**2 / n
    centre = share + weight / 2
    root = math.sqrt(weight * (share * (1 - share) - tied / 4 + weight * (1 - tied) / 4))
    low, high = (centre - root) / (1 + weight), (centre + root) / (1 + weight)
    # Rounding errors must not push a bound past the share, or past 0 and 1.
    return max(0.0, min(low, share)), min(1.0, max(high, share))


def normal_quantile(confidence: float) -> float:
    """z with P(|Z| <= z) = confidence."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _p_value(wins: int, ties: int, losses: int, *, convention: TieConvention) -> float:
    if convention is TieConvention.DROPPED:
        return sign_test(wins, losses, ties=ties).p_value
    if convention is TieConvention.LOSSES:
        return sign_test(wins, losses + ties).p_value
    ahead, behind = max(wins, losses), min(wins, losses)
    return sign_test(ahead + ties // 2, behind + ties - ties // 2).p_value


def _check_interval(*, confidence: float, method: str) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence} lies outside (0, 1); use for example 0.95")
    if method not in get_args(Method):
        raise ValueError(f"method={method!r} is unknown; use one of {', '.join(get_args(Method))}")
