"""What would change if the deciding oracle were better: the paper's Figure 16 in closed form.
Must not know where verdicts come from; the definitions are ours, as the paper gives none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from annotate.analysis.oracle_bands import Over, Redrawn
from annotate.analysis.oracle_models import Oracle
from annotate.analysis.oracle_table import BranchTable, Rule

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

ESTIMAND = "share of prompts that the adaptive method wins, ties and loses against the teacher"


@dataclass(frozen=True)
class Cost:
    """Steps of the student, of a refinement, and of one look of the estimator in the same unit."""

    student_steps: int
    refine_steps: int
    estimator_steps: float = 0.0

    def __post_init__(self) -> None:
        if not min(self.student_steps, self.refine_steps, self.estimator_steps) >= 0:
            raise ValueError(f"{self} has a negative number of steps; give at least 0")

    def mean_steps(self, kept: Array) -> Array:
        """n_S + n_R (1 - kept share), and the estimator once per prompt."""
        return self.student_steps + self.estimator_steps + self.refine_steps * (1 - kept)

    def published_steps(self, percentile: int) -> int:
        """ceil(n_S + n_R k / 100) in integers, as the "Adaptive" column of Tables 3-5.

        Floats err: 56 % of 25 is 14.000000000000002.
        """
        if percentile != int(percentile) or not 0 <= percentile <= 100:
            raise ValueError(f"percentile={percentile} is no whole number in [0, 100]")
        return self.student_steps - (-int(percentile) * self.refine_steps // 100)


@dataclass(frozen=True, eq=False)
class Rates:
    """One number per setting of the grid; NaN where the setting is infeasible.

    `accuracy` is P(decision = ideal label), `score` is win + tie / 2, `kept` the share of student
    samples kept, `steps` the mean cost.
    """

    accuracy: Array
    win: Array
    tie: Array
    lose: Array
    score: Array
    kept: Array
    steps: Array


@dataclass(frozen=True, eq=False)
class Band:
    """Percentile intervals per setting from studies drawn again (not from draws of the oracle).

    `over` says what was drawn. Under `votes` and `crossed` the curve may lie at the band's edge:
    verdicts by drawn votes lean towards ties.
    """

    confidence: float
    resamples: int
    low: Rates
    high: Rates
    over: Over = Over.PROMPTS


@dataclass(frozen=True, eq=False)
class OracleCurve:
    """Win, tie and loss against the accuracy of the oracle, and what the curve rests on.

    `rates` are exact expectations given the verdicts. `feasible` marks the settings that the budget
    allows. At accuracy 1 the curve is an upper bound unless `cross_fitted`: the label then knows
    the noise of the very votes that make the results.
    """

    estimand: ClassVar[str] = ESTIMAND
    unit: ClassVar[str] = "prompt"
    method: ClassVar[str] = "closed form, bootstrap"

    oracle: Oracle
    model: str
    rule: Rule
    cross_fitted: bool
    n: int
    units: int
    excluded: int
    label_share: float
    cost: Cost
    feasible: NDArray[np.bool_]
    rates: Rates
    band: Band | None


def curve(
    table: BranchTable,
    oracle: Oracle,
    *,
    cost: Cost,
    rng: np.random.Generator | None = None,
    resamples: int = 2000,
    confidence: float = 0.95,
    redrawn: Redrawn | None = None,
) -> OracleCurve:
    """The expected results of an oracle at every setting of its grid.

        E[rate_o] = alpha S1_o + (1 - alpha) R1_o + beta S0_o + (1 - beta) R0_o

    with S1_o the share of prompts whose label is to keep and whose student result is o, and so on;
    alpha and beta are the model's chances of keeping. For M1 this is p A_o + (1 - p) B_o.

    Args:
        table: both branches of every prompt, see `tabulate` and `cross_fit`.
        oracle: the model with its grid.
        cost: steps of the two branches.
        rng: for the band; without it there is none.
        resamples: studies drawn for the band. Under M3 by accuracy the band is that of equal skill,
            as the same accuracy may be infeasible on other prompts.
        confidence: of the band, in (0, 1).
        redrawn: what the band draws, of the same prompts, see `draw_votes` and `draw_crossed`; by
            default the units of `table` with their verdicts. The rates are those of `table`.

    Raises:
        ValueError: the confidence or the number of resamples lies outside its range.
    """
    import numpy as np

    check_band(resamples=resamples, confidence=confidence)
    rates = _expected(table.shares[None], oracle, cost=cost)
    point = Rates(*(column[0] for column in _columns(rates)))
    band = None
    if rng is not None:
        shares = (redrawn or table).resampled(resamples, rng=rng)
        again = _expected(shares, oracle.elsewhere(table.label_share), cost=cost)
        tails = ((1 - confidence) / 2, (1 + confidence) / 2)
        ends = [np.quantile(column, tails, axis=0) for column in _columns(again)]
        band = Band(
            confidence=confidence,
            resamples=resamples,
            low=Rates(*(end[0] for end in ends)),
            high=Rates(*(end[1] for end in ends)),
            over=redrawn.over if redrawn else Over.PROMPTS,
        )
    return OracleCurve(
        oracle=oracle,
        model=oracle.name,
        rule=table.rule,
        cross_fitted=table.cross_fitted,
        n=table.n,
        units=table.units,
        excluded=table.excluded,
        label_share=table.label_share,
        cost=cost,
        feasible=~np.isnan(point.kept),
        rates=point,
        band=band,
    )


def check_band(*, resamples: int, confidence: float) -> None:
    """Refuse a bootstrap that cannot be drawn before anything is drawn."""
    if resamples < 1 or resamples != int(resamples):
        raise ValueError(f"resamples={resamples} is no count; use for example 2000")
    if not 0 < confidence < 1 or math.isnan(confidence):
        raise ValueError(f"confidence={confidence} lies outside (0, 1); use for example 0.95")


def _expected(shares: Array, oracle: Oracle, *, cost: Cost) -> Rates:
    """Shares (studies, 2, 3, 3) give columns (studies, settings)."""
    import numpy as np

    pi = shares[:, 1].sum(axis=(1, 2))[:, None]
    alpha, beta = oracle.keep(pi)
    student, refined = shares.sum(axis=3), shares.sum(axis=2)

    def rate(code: int) -> Array:
        s0, s1 = student[:, 0, code, None], student[:, 1, code, None]
        r0, r1 = refined[:, 0, code, None], refined[:, 1, code, None]
        return np.asarray(r1 + r0 + alpha * (s1 - r1) + beta * (s0 - r0))

    win, tie, lose = rate(0), rate(1), rate(2)
    kept = alpha * pi + beta * (1 - pi)
    return Rates(
        accuracy=alpha * pi + (1 - beta) * (1 - pi),
        win=win,
        tie=tie,
        lose=lose,
        score=win + tie / 2,
        kept=kept,
        steps=cost.mean_steps(kept),
    )


def _columns(rates: Rates) -> tuple[Array, ...]:
    return (
        rates.accuracy,
        rates.win,
        rates.tie,
        rates.lose,
        rates.score,
        rates.kept,
        rates.steps,
    )
