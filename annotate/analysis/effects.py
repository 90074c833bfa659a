"""Who votes, beside the side a sample stood on: each annotator's leaning in one model of the votes.
Must not know studies or pages. All of it is read from the challenger's side, vote by vote."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from annotate.analysis.annotators import CLUSTERS
from annotate.analysis.clustered import check_confidence
from annotate.analysis.columns import numbered
from annotate.analysis.contrast import Result
from annotate.analysis.gee import Fit, binomial_gee
from annotate.analysis.sides import FEW, ONE_SIDE, SidedVote

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# An annotator with fewer decided votes gets no effect of their own.
OWN_EFFECT_VOTES = 20
_POOLED = "pooled"


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


def vote_effects(votes: Sequence[SidedVote], *, confidence: float = 0.95) -> VoteEffects:
    """Side and annotators together: who leans to a method, once the sides are accounted for.

        logit P(vote for the challenger) = annotator + side * (+1/2 left, -1/2 right)

    Annotators are fixed effects: intervals cover other prompts, judged by these annotators.

    Raises:
        ValueError: the confidence lies outside (0, 1).

    Source: Liang and Zeger, Biometrika 73 (1986).
    """
    check_confidence(confidence)
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
        warning = FEW if len({v.annotator for v in decided}) < CLUSTERS else ""
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


def _fit(votes: Sequence[SidedVote], levels: Sequence[Hashable]) -> Fit | str:
    """Coefficients of each level and of side, or why there is no fit."""
    import numpy as np

    y = np.array([vote.result == Result.WIN for vote in votes], dtype=np.float64)
    left = np.array([vote.left for vote in votes], dtype=bool)
    group = numbered([vote.group for vote in votes])
    level = numbered(levels)
    if left.all() or not left.any():
        return ONE_SIDE if len(y) else "no decided vote was given"
    for side in (left, ~left):
        if y[side].min() == y[side].max():
            return "with the challenger on one of the sides every vote went one way: no finite fit"
    design = np.column_stack([np.eye(level.max() + 1)[level], np.where(left, 0.5, -0.5)])
    if group.max() + 1 <= design.shape[1]:
        return f"{group.max() + 1} groups are too few for {design.shape[1]} effects"
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return "sides cannot be told from annotators: each saw the challenger on one side only"
    found = binomial_gee(y, design, group)
    if found is None:
        return "the fit did not settle: some annotator's votes follow the side without exception"
    return found


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
