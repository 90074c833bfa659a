"""The oracle laboratory: both branches of every prompt in, curves and estimators' numbers out.

It must not know Django, files or pages: `laboratory_study` and `laboratory_csv` read, others show.
"""

from __future__ import annotations

from dataclasses import dataclass

from annotate.analysis.estimators import HumanCeiling, human_ceiling
from annotate.analysis.oracle import OracleCurve, curve
from annotate.analysis.oracle_budget import (
    BudgetRange,
    FixedBudgetOracle,
    ScoreOracle,
    SkilledBudgetOracle,
    budget_range,
)
from annotate.analysis.oracle_models import ClassConditionalOracle, Oracle, SymmetricOracle
from annotate.analysis.oracle_table import cross_fit, tabulate
from annotate.reports.branches import SHARE_REFINED, Branches, Settings
from annotate.reports.estimator_report import (
    EstimatorComparison,
    EstimatorReport,
    compare_estimators,
    report_estimator,
    scored,
)
from annotate.reports.laboratory_bands import annotators_of, redrawn


@dataclass(frozen=True)
class Laboratory:
    """The whole answer to one question. `fair` is the curve with label and result cross-fitted,
    without a band; `annotators` is None where votes do not name them."""

    branches: Branches
    settings: Settings
    x: tuple[float, ...]
    curve: OracleCurve
    fair: OracleCurve | None
    budget: BudgetRange
    estimators: tuple[EstimatorReport, ...]
    comparisons: tuple[EstimatorComparison, ...]
    ceiling: HumanCeiling | None
    annotators: int | None = None

    @property
    def cost_known(self) -> bool:
        return self.branches.cost is not None


def investigate(branches: Branches, settings: Settings) -> Laboratory:
    """Compute everything that a page, a table or a file shows of these branches.

    Raises:
        ValueError: no prompt has both verdicts, a score is not finite, or the votes do not allow
            the band that is asked for.
    """
    table = tabulate(branches.student, branches.refined, rule=settings.rule, groups=branches.groups)
    oracle, x = _oracle(table.label_share, settings)
    estimators = tuple(
        report_estimator(branches, scores, settings, stream=place)
        for place, scores in enumerate(branches.scores)
        if scored(branches, scores)
    )
    return Laboratory(
        branches=branches,
        settings=settings,
        x=x,
        curve=curve(
            table,
            oracle,
            cost=branches.cost or SHARE_REFINED,
            rng=settings.rng(0),
            resamples=settings.resamples,
            confidence=settings.confidence,
            redrawn=redrawn(branches, settings),
        ),
        fair=_fair(branches, settings, x),
        budget=budget_range(table.label_share, settings.percentile),
        estimators=estimators,
        comparisons=compare_estimators(branches, settings),
        ceiling=human_ceiling((*branches.student_votes, *branches.refined_votes))
        if branches.student_votes and branches.refined_votes
        else None,
        annotators=annotators_of(branches),
    )


def _oracle(label_share: float, settings: Settings) -> tuple[Oracle, tuple[float, ...]]:
    """The model on a fine grid, and where its settings stand on the figure's axis."""
    k, halves = settings.percentile, tuple(i / 100 for i in range(50, 101))
    if settings.model == "M1":
        return SymmetricOracle(halves), halves
    if settings.model == "M2":
        # From keeping 1 - k/100 of both kinds at random to no error in either.
        c, way = 1 - k / 100, [i / 50 for i in range(51)]
        good, bad = tuple(c + t * (1 - c) for t in way), tuple(c - t * c for t in way)
        pi = label_share
        x = tuple(a * pi + (1 - b) * (1 - pi) for a, b in zip(good, bad, strict=True))
        return ClassConditionalOracle(good, bad), x
    if settings.model == "M3-skill":
        skill = tuple(i / 50 for i in range(51))
        return SkilledBudgetOracle(k, skill), skill
    if settings.model == "M4":
        return ScoreOracle(k, halves), halves
    reach = budget_range(label_share, k)
    start = min(0.5, int(reach.random * 20) / 20)
    grid = {i / 100 for i in range(round(100 * start), 101)}
    ends = {p for p in (reach.worst, reach.random, reach.best) if p >= start}
    accuracy = tuple(sorted(grid | ends))
    return FixedBudgetOracle(k, accuracy), accuracy


def _fair(branches: Branches, settings: Settings, x: tuple[float, ...]) -> OracleCurve | None:
    """The curve whose label comes from other votes than its result; None without enough votes.

    Of M3 and M2 the same settings may lie elsewhere on the axis, as one vote labels other prompts:
    only the models whose axis does not depend on them are drawn beside each other.
    """
    student, refined = branches.student_votes, branches.refined_votes
    if settings.model in ("M2", "M3") or student is None or refined is None:
        return None
    both = zip(student, refined, strict=True)
    if not any(len(s) >= 2 and len(r) >= 2 for s, r in both):
        return None
    table = cross_fit(student, refined, rule=settings.rule, groups=branches.groups)
    oracle, again = _oracle(table.label_share, settings)
    assert again == x
    return curve(table, oracle, cost=branches.cost or SHARE_REFINED)
