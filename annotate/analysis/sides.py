"""The side a sample stood on: what it adds to a vote, and the vote share with it taken out.
Must not know studies or pages. All of it is read from the challenger's side, vote by vote."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from annotate.analysis.annotators import CLUSTERS
from annotate.analysis.clustered import check_confidence
from annotate.analysis.columns import numbered
from annotate.analysis.contrast import Result
from annotate.analysis.winrate import TieConvention

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

FEW = (
    f"fewer than {CLUSTERS} annotators: the interval speaks of these annotators only, not of others"
)
ONE_SIDE = "the challenger stood on one side only: a side cannot be told from a method"


class SidedVote(NamedTuple):
    """One vote read from the challenger's side; `left`: the challenger stood on the left.

    Votes of one `group` (the prompt, or the prompts of one source) are not independent.
    """

    group: Hashable
    annotator: Hashable
    result: Result
    left: bool


@dataclass(frozen=True)
class SideBias:
    """What standing on the left adds to a sample's chance of being chosen; 0 where nobody leans.

        ((challenger's share on the left) - (its share on the right)) / 2

    .10 makes two equal methods .60 to .40. Unlike the share of left picks (`left_picks` to
    `right_picks`) it is right also where the better method stood on one side more often. None
    where it cannot be told; `warning` says why. `ties` have no side and are left out.
    """

    estimand: ClassVar[str] = "side bias (half the difference between left and right)"
    unit: ClassVar[str] = "vote"

    estimate: float | None
    low: float | None
    high: float | None
    p_value: float | None
    confidence: float
    left_picks: int
    right_picks: int
    n: int
    ties: int
    groups: int
    annotators: int
    method: str
    warning: str


@dataclass(frozen=True)
class AdjustedShare:
    """The challenger's share of votes, both sides weighing equally however often it stood there.

    The mean of `on_left` and `on_right`; `raw` is what was counted. `left_out` are tied votes
    where the convention drops them. A vote share, not a win rate of verdicts: annotators see a
    pair on sides of their own, so a verdict has no side. None where it cannot be told.
    """

    estimand: ClassVar[str] = "vote share (votes), orientation-adjusted"
    unit: ClassVar[str] = "vote"

    estimate: float | None
    low: float | None
    high: float | None
    raw: float | None
    on_left: float | None
    on_right: float | None
    confidence: float
    convention: TieConvention
    n: int
    left_out: int
    groups: int
    annotators: int
    method: str
    warning: str


@dataclass(frozen=True)
class _Sides:
    """Shares by side (None: never stood there) with clustered errors (None: too few)."""

    on_left: float | None
    on_right: float | None
    raw: float | None
    bias_error: float | None
    share_error: float | None
    clusters: int
    groups: int
    annotators: int
    method: str
    warning: str


def side_bias(votes: Sequence[SidedVote], *, confidence: float = 0.95) -> SideBias:
    """Whether annotators lean to one side, and how far.

    Means something only where sides were drawn at random and stored with each vote. Interval and
    test: least squares clustered by group and annotator, Student's t with the degrees of the fewer
    clusters; by group alone with fewer than CLUSTERS.

    Raises:
        ValueError: the confidence lies outside (0, 1).
    """
    check_confidence(confidence)
    decided = [vote for vote in votes if Result(vote.result) is not Result.TIE]
    won = [float(vote.result == Result.WIN) for vote in decided]
    sides = _by_side(decided, won)
    picks = Counter((vote.result == Result.WIN) == vote.left for vote in decided)
    estimate = low = high = p_value = None
    if sides.on_left is not None and sides.on_right is not None:
        estimate = (sides.on_left - sides.on_right) / 2
        if sides.bias_error is not None:
            from scipy.stats import t

            error = sides.bias_error or _as_if_clusters_voted(sides)
            reach = float(t.ppf((1 + confidence) / 2, sides.clusters - 1)) * error
            low, high = max(-0.5, estimate - reach), min(0.5, estimate + reach)
            p_value = float(2 * t.sf(abs(estimate) / error, sides.clusters - 1))
    return SideBias(
        estimate=estimate,
        low=low,
        high=high,
        p_value=p_value,
        confidence=confidence,
        left_picks=picks[True],
        right_picks=picks[False],
        n=len(decided),
        ties=len(votes) - len(decided),
        groups=sides.groups,
        annotators=sides.annotators,
        method=sides.method,
        warning=sides.warning,
    )


def adjusted_share(
    votes: Sequence[SidedVote],
    *,
    convention: TieConvention = TieConvention.DROPPED,
    confidence: float = 0.95,
) -> AdjustedShare:
    """The challenger's vote share with the effect of sides taken out.

    The interval is Wilson's on the effective number of votes (variance as in `side_bias`), its
    normal quantile replaced by Student's t.

    Raises:
        ValueError: the convention is unknown or the confidence lies outside (0, 1).
    """
    check_confidence(confidence)
    convention = TieConvention(convention)
    counted = [
        vote
        for vote in votes
        if convention is not TieConvention.DROPPED or Result(vote.result) is not Result.TIE
    ]
    points = {Result.WIN: 1.0, Result.TIE: 0.0, Result.LOSS: 0.0}
    if convention is TieConvention.HALF:
        points[Result.TIE] = 0.5
    sides = _by_side(counted, [points[Result(vote.result)] for vote in counted])
    estimate = low = high = None
    if sides.on_left is not None and sides.on_right is not None:
        estimate = (sides.on_left + sides.on_right) / 2
        if sides.share_error is not None:
            from scipy.stats import norm, t
            from statsmodels.stats.proportion import proportion_confint

            # Without any spread: as if every cluster had voted once.
            variance = sides.share_error**2
            votes_worth = estimate * (1 - estimate) / variance if variance else sides.clusters
            effective = min(float(len(counted)), votes_worth)
            quantile = t.ppf((1 + confidence) / 2, sides.clusters - 1)
            bounds = proportion_confint(
                estimate * effective, effective, alpha=2 * norm.sf(quantile), method="wilson"
            )
            low, high = max(0.0, float(bounds[0])), min(1.0, float(bounds[1]))
    return AdjustedShare(
        estimate=estimate,
        low=low,
        high=high,
        raw=sides.raw,
        on_left=sides.on_left,
        on_right=sides.on_right,
        confidence=confidence,
        convention=convention,
        n=len(counted),
        left_out=len(votes) - len(counted),
        groups=sides.groups,
        annotators=sides.annotators,
        method=sides.method,
        warning=sides.warning,
    )


def _by_side(votes: Sequence[SidedVote], points: Sequence[float]) -> _Sides:
    import numpy as np

    y = np.array(points, dtype=np.float64)
    left = np.array([vote.left for vote in votes], dtype=bool)
    group, annotator = numbered([v.group for v in votes]), numbered([v.annotator for v in votes])
    groups, annotators = len(np.unique(group)), len(np.unique(annotator))
    few = annotators < CLUSTERS
    clusters = groups if few else min(groups, annotators)
    both = bool(left.any() and not left.all())
    share_error = bias_error = None
    if both and clusters > 1 and len(y) > 2:
        error = _clustered_errors(y, left, [group] if few else [group, annotator])
        share_error, bias_error = (float(e) if e > 1e-12 else 0.0 for e in error)
    return _Sides(
        on_left=float(y[left].mean()) if left.any() else None,
        on_right=float(y[~left].mean()) if not left.all() else None,
        raw=float(y.mean()) if len(y) else None,
        bias_error=bias_error,
        share_error=share_error,
        clusters=clusters,
        groups=groups,
        annotators=annotators,
        method=f"least squares, clustered by group{'' if few else ' and annotator'}, t",
        warning=ONE_SIDE if len(y) and not both else FEW if few else "",
    )


def _clustered_errors(y: Array, left: NDArray[np.bool_], by: list[NDArray[np.int64]]) -> Array:
    """Standard errors of (mean of both sides' shares, half their difference)."""
    import numpy as np
    import statsmodels.api as sm

    model = sm.OLS(y, np.column_stack([np.ones(len(y)), np.where(left, 1.0, -1.0)]))

    def variances(*codes: NDArray[np.int64]) -> Array:
        groups = codes[0] if len(codes) == 1 else np.column_stack(codes)
        covariance = model.fit(cov_type="cluster", cov_kwds={"groups": groups}).cov_params()
        return np.asarray(np.diag(covariance), dtype=np.float64)

    found = variances(*by)
    if len(by) > 1 and (found <= 0).any():
        # Two ways less their overlap can fall below zero; one way never does.
        found = np.maximum(variances(by[0]), variances(by[1]))
    return np.sqrt(np.maximum(found, 0.0))


def _as_if_clusters_voted(sides: _Sides) -> float:
    """An error of the bias where votes show no spread: a vote of each cluster, half of it a side.

    One vote more each way (Agresti and Caffo 2000), as ten left picks do not prove "always".
    """
    n = sides.clusters / 2
    shares = [(n * (share or 0.0) + 1) / (n + 2) for share in (sides.on_left, sides.on_right)]
    return math.sqrt(sum(share * (1 - share) / (n + 2) for share in shares)) / 2
