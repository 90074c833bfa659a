"""What moves a vote beside the methods: the side a sample stood on, and who votes.
Must not know studies or pages. All of it is read from the challenger's side, vote by vote."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from annotate.analysis.contrast import Result
from annotate.analysis.winrate import TieConvention

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# With fewer no interval can speak of annotators in general (science paper A).
FEW_ANNOTATORS = 12
# An annotator with fewer decided votes gets no effect of their own.
OWN_EFFECT_VOTES = 20
# Log odds beyond any that votes can show: the fit has run away.
_RUNAWAY = 15.0
_FEW = (
    f"fewer than {FEW_ANNOTATORS} annotators: the interval speaks of these annotators only, "
    "not of others"
)
_POOLED = "pooled"
_ONE_SIDE = "the challenger stood on one side only: a side cannot be told from a method"


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
class Effect:
    """A term of the model in log odds, with its Wald interval and test against 0."""

    name: str
    estimate: float
    standard_error: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class VoteEffects:
    """Log odds of a decided vote for the challenger, by side and annotator.

    `challenger`: sides balanced, annotators weighing equally. `side`: left minus right.
    `annotators`: each less the mean of all; `annotators_p` tests that they do not differ. Those
    with too few votes, or all votes one way, share one effect (`pooled` of them, named so).
    `correlation` is that of votes within a group. Without a fit all is None: see `warning`.
    """

    estimand: ClassVar[str] = (
        "marginal log odds of a decided vote (not comparable with a mixed model's)"
    )
    unit: ClassVar[str] = "vote"
    method: ClassVar[str] = "GEE, binomial, exchangeable within groups, robust"

    challenger: Effect | None
    side: Effect | None
    annotators: tuple[Effect, ...]
    annotators_p: float | None
    correlation: float | None
    n: int
    ties: int
    groups: int
    pooled: int
    confidence: float
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
    clusters; by group alone with fewer than FEW_ANNOTATORS.

    Raises:
        ValueError: the confidence lies outside (0, 1).
    """
    _check(confidence)
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
    _check(confidence)
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


def vote_effects(votes: Sequence[SidedVote], *, confidence: float = 0.95) -> VoteEffects:
    """Side and annotators together: who leans to a method, once the sides are accounted for.

        logit P(vote for the challenger) = annotator + side * (+1/2 left, -1/2 right)

    Annotators are fixed effects: intervals cover other prompts, judged by these annotators.

    Raises:
        ValueError: the confidence lies outside (0, 1).

    Source: Liang and Zeger, Biometrika 73 (1986); statsmodels' GEE.
    """
    _check(confidence)
    decided = [vote for vote in votes if Result(vote.result) is not Result.TIE]
    levels, pooled = _levels(decided)
    found = _fit(decided, levels)
    effects: list[Effect] = []
    joint = correlation = None
    if isinstance(found, str):
        warning = found
    else:
        import numpy as np
        from scipy.stats import chi2

        names = list(dict.fromkeys(levels))
        cells, (beta, covariance, correlation) = len(names), found
        mean = np.append(np.full(cells, 1 / cells), 0.0)
        contrasts = np.eye(cells + 1) - np.append(mean[:-1], 0.0)
        contrasts[-1] = np.append(np.zeros(cells), 1.0)
        rows = np.vstack([mean, contrasts[-1:], contrasts[: cells if cells > 1 else 0]])
        value, spread = rows @ beta, rows @ covariance @ rows.T
        titles = ["challenger", "side", *(_POOLED if n is None else str(n) for n in names)]
        error = np.sqrt(np.diag(spread))
        effects = [_effect(titles[i], value[i], error[i], confidence) for i in range(len(rows))]
        if cells > 1:
            apart, within = value[2:-1], spread[2:-1, 2:-1]
            joint = float(chi2.sf(apart @ np.linalg.solve(within, apart), cells - 1))
        warning = _FEW if len({v.annotator for v in decided}) < FEW_ANNOTATORS else ""
    return VoteEffects(
        challenger=effects[0] if effects else None,
        side=effects[1] if effects else None,
        annotators=tuple(effects[2:]),
        annotators_p=joint,
        correlation=correlation,
        n=len(decided),
        ties=len(votes) - len(decided),
        groups=len({vote.group for vote in decided}),
        pooled=pooled,
        confidence=confidence,
        warning=warning,
    )


def _by_side(votes: Sequence[SidedVote], points: Sequence[float]) -> _Sides:
    import numpy as np

    y = np.array(points, dtype=np.float64)
    left = np.array([vote.left for vote in votes], dtype=bool)
    group, annotator = _codes([v.group for v in votes]), _codes([v.annotator for v in votes])
    groups, annotators = len(np.unique(group)), len(np.unique(annotator))
    few = annotators < FEW_ANNOTATORS
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
        warning=_ONE_SIDE if len(y) and not both else _FEW if few else "",
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


def _levels(votes: Sequence[SidedVote]) -> tuple[list[Hashable], int]:
    """The annotator of each vote (None: pooled), and how many annotators are pooled.

    An annotator whose votes all went one way would have an infinite effect; so would such a pool,
    which takes in the next smallest annotators until it has both.
    """
    wins: Counter[Hashable] = Counter()
    losses: Counter[Hashable] = Counter()
    for vote in votes:
        (wins if vote.result == Result.WIN else losses)[vote.annotator] += 1
    by_size = sorted(wins | losses, key=lambda a: (wins[a] + losses[a], str(a)))
    pool = [
        a for a in by_size if wins[a] + losses[a] < OWN_EFFECT_VOTES or not wins[a] or not losses[a]
    ]
    rest = [a for a in by_size if a not in pool]
    while pool and rest and not (any(wins[a] for a in pool) and any(losses[a] for a in pool)):
        pool.append(rest.pop(0))
    pooled = set(pool)
    return [None if v.annotator in pooled else v.annotator for v in votes], len(pool)


def _fit(
    votes: Sequence[SidedVote], levels: Sequence[Hashable]
) -> tuple[Array, Array, float] | str:
    """(coefficients of each level and of side, their covariance, correlation), or why not."""
    import numpy as np

    y = np.array([vote.result == Result.WIN for vote in votes], dtype=np.float64)
    left = np.array([vote.left for vote in votes], dtype=bool)
    group = _codes([vote.group for vote in votes])
    level = _codes(levels)
    if left.all() or not left.any():
        return _ONE_SIDE if len(y) else "no decided vote was given"
    for side in (left, ~left):
        if y[side].min() == y[side].max():
            return "with the challenger on one of the sides every vote went one way: no finite fit"
    design = np.column_stack([np.eye(level.max() + 1)[level], np.where(left, 0.5, -0.5)])
    if group.max() + 1 <= design.shape[1]:
        return f"{group.max() + 1} groups are too few for {design.shape[1]} effects"
    import statsmodels.api as sm

    alone = np.bincount(group).max() == 1
    within = sm.cov_struct.Independence() if alone else sm.cov_struct.Exchangeable()
    model = sm.GEE(y, design, groups=group, family=sm.families.Binomial(), cov_struct=within)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they would say is looked at below
        found = model.fit()
    beta, covariance = np.asarray(found.params), np.asarray(found.cov_params())
    if not (found.converged and np.isfinite(covariance).all() and abs(beta).max() < _RUNAWAY):
        return "the fit did not settle: some annotator's votes follow the side without exception"
    return beta, covariance, 0.0 if alone else float(within.dep_params)


def _effect(name: str, estimate: float, error: float, confidence: float) -> Effect:
    from scipy.stats import norm

    reach = float(norm.ppf((1 + confidence) / 2)) * error
    return Effect(
        name=name,
        estimate=float(estimate),
        standard_error=float(error),
        low=float(estimate - reach),
        high=float(estimate + reach),
        p_value=float(2 * norm.sf(abs(estimate) / error)),
    )


def _codes(names: Sequence[Hashable]) -> NDArray[np.int64]:
    import numpy as np

    place = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return np.array([place[name] for name in names], dtype=np.int64)


def _check(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence} lies outside (0, 1); use for example 0.95")
