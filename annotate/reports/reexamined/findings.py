"""What the re-examination found: preferences, budgets, oracles, diversity, each with intervals.

It must not read files, draw or judge what a number means for the paper: `claims` does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotate.analysis.association import Association, associate
from annotate.analysis.ceiling import Ceiling
from annotate.analysis.contrast import Result
from annotate.analysis.diversity import DiversityDifference, DiversityScore
from annotate.analysis.oracle_state import Estimate
from annotate.analysis.significance import holm
from annotate.analysis.winrate import TieConvention, WinRate, win_rate
from annotate.reports.branches import Settings
from annotate.reports.laboratory import Laboratory, investigate
from annotate.reports.reexamined.choices import (
    BRANCH,
    RESAMPLES,
    STRATEGIES,
    Chosen,
    branches,
    ceilings,
    chosen,
    degradation,
    floats,
)
from annotate.reports.reexamined.evidence import Evidence, majorities
from annotate.reports.reexamined.names import label
from annotate.reports.reexamined.replicas import chance_levels, differences, scores
from generation.budget import planned
from generation.convergence import Convergence
from generation.reference.s1.arms import BASELINE, NULL

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class ArmFound:
    """One arm by itself: how often it is fully right, and what a picture took, as executed."""

    name: str
    label: str
    right: float
    low: float
    high: float
    steps: float
    forwards: float
    planned_steps: float
    planned_forwards: float
    kept: float | None


@dataclass(frozen=True)
class Preference:
    """One arm against another: the exact judge, and a majority of three simulated annotators.

    `adjusted_p` is Holm's over the family that the preference belongs to.
    """

    arm: str
    opponent: str
    rate: WinRate
    half: WinRate
    adjusted_p: float
    annotators: WinRate


@dataclass(frozen=True)
class Gap:
    """How much more often one arm is fully right than another, paired by prompt."""

    arm: str
    opponent: str
    gap: Estimate


@dataclass(frozen=True, eq=False)
class Findings:
    """Every number of the report."""

    n: int
    tau: float
    budgets: tuple[int, ...]
    chosen_student: str
    arms: tuple[ArmFound, ...]
    against_teacher: tuple[Preference, ...]
    direct: tuple[Preference, ...]
    fewer_wins_than_null: Estimate
    fully_right: tuple[Gap, ...]
    convergence: tuple[Convergence, ...]
    score_deviation: float
    laboratory: Laboratory
    chosen: tuple[Chosen, ...]
    ceilings: tuple[Ceiling, ...]
    degradation: tuple[Ceiling, ...]
    distances: tuple[Association, ...]
    diversity: tuple[DiversityScore, ...]
    diversity_differences: tuple[DiversityDifference, ...]
    diversity_chance: dict[str, float]
    codes: int


def find(evidence: Evidence) -> Findings:
    """Compute everything; equal evidence gives equal findings."""
    design = evidence.design
    others = [name for name in evidence.arms if name != BASELINE and not _is_branch(name)]
    student, least = f"student-{design.student_steps}", min(design.budgets)
    return Findings(
        n=len(evidence.prompts),
        tau=evidence.tau,
        budgets=design.budgets,
        chosen_student=student,
        arms=tuple(_arm(evidence, name) for name in evidence.arms if not _is_branch(name)),
        against_teacher=preferences(evidence, [(name, BASELINE) for name in others]),
        direct=preferences(evidence, direct_pairs(evidence)),
        fewer_wins_than_null=_wins_beside_null(evidence, student),
        fully_right=tuple(
            _gap(evidence, f"refine-{budget}", opponent)
            for budget in design.budgets
            for opponent in (f"random-{budget}", f"refine-all-{budget}")
        ),
        convergence=evidence.convergence,
        score_deviation=float(evidence.tuning_scores.std(ddof=1)),
        laboratory=investigate(
            branches(evidence, least, "refine", beside=True), Settings(seed=design.seed)
        ),
        chosen=tuple(
            chosen(evidence, budget, strategy)
            for strategy in STRATEGIES
            for budget in design.budgets
        ),
        ceilings=ceilings(evidence, student),
        degradation=degradation(evidence, student),
        distances=tuple(_distance(evidence, f"student-{steps}") for steps in design.shown_steps),
        diversity=scores(evidence),
        diversity_differences=differences(evidence),
        diversity_chance=chance_levels(),
        codes=len(evidence.codes),
    )


def direct_pairs(evidence: Evidence) -> list[tuple[str, str]]:
    """Arms that the paper sets against each other without the teacher, or that a claim needs."""
    design = evidence.design
    pairs = [(f"student-{steps}", f"control-{steps}") for steps in design.shown_steps]
    student = f"student-{design.student_steps}"
    for budget in design.budgets:
        for strategy in STRATEGIES:
            arm = f"{strategy}-{budget}"
            pairs += [(arm, f"unipc-{budget}"), (arm, f"refine-all-{budget}")]
        pairs += [(f"refine-{budget}", f"random-{budget}"), (f"refine-{budget}", student)]
    return pairs


def preferences(evidence: Evidence, pairs: Sequence[tuple[str, str]]) -> tuple[Preference, ...]:
    """One Holm family of preferences."""
    found = []
    for arm, opponent in pairs:
        exact = _counts(evidence.against(arm, opponent))
        people = _counts(majorities(evidence.by_annotators(arm, opponent)))
        half = win_rate(*exact, convention=TieConvention.HALF)
        found.append((arm, opponent, win_rate(*exact), half, win_rate(*people)))
    # Without a decided verdict there is nothing that speaks for a difference.
    adjusted = holm([1.0 if rate.p_value is None else rate.p_value for *_, rate, _, _ in found])
    return tuple(
        Preference(arm, opponent, rate, half, p, people)
        for (arm, opponent, rate, half, people), p in zip(found, adjusted, strict=True)
    )


def _wins_beside_null(evidence: Evidence, student: str) -> Estimate:
    """The student's share of wins minus that of the teacher's own second sample."""
    import numpy as np

    ours, null = (
        np.array([result is Result.WIN for result in evidence.against(name, BASELINE)])
        for name in (student, NULL)
    )
    return _paired(ours, null, seed=evidence.design.seed)


def _gap(evidence: Evidence, arm: str, opponent: str) -> Gap:
    ours, theirs = (evidence.arms[name].verdict.fully for name in (arm, opponent))
    return Gap(arm, opponent, _paired(ours, theirs, seed=evidence.design.seed))


def _paired(ours: NDArray[np.bool_], theirs: NDArray[np.bool_], *, seed: int) -> Estimate:
    """Mean difference of two yes-or-no columns of the same prompts, bootstrapped by prompt."""
    import numpy as np

    gap = ours.astype(float) - theirs
    rng = np.random.default_rng([seed, 0x0411])
    again = gap[rng.integers(len(gap), size=(RESAMPLES, len(gap)))].mean(axis=1)
    low, high = np.quantile(again, (0.025, 0.975))
    return Estimate(float(gap.mean()), float(low), float(high))


def _distance(evidence: Evidence, student: str) -> Association:
    """Root mean square between student's and teacher's pixels, in [0, 1], from the same noise."""
    import numpy as np

    ours, theirs = (
        evidence.arms[name].shelved.pictures.astype(np.float64) / 255
        for name in (student, BASELINE)
    )
    far = np.sqrt(((ours - theirs) ** 2).mean(axis=(1, 2, 3)))
    return associate(
        floats(far),
        evidence.against(student, BASELINE),
        name=label(student),
        seed=evidence.design.seed,
    )


def _arm(evidence: Evidence, name: str) -> ArmFound:
    from statsmodels.stats.proportion import proportion_confint

    examined, arm = evidence.arms[name], evidence.recipes[name]
    right = examined.verdict.fully
    low, high = proportion_confint(int(right.sum()), len(right), method="wilson")
    adaptive = arm.kind == "adaptive"
    cost = planned(arm, rejected=evidence.design.percentile / 100 if adaptive else None)
    return ArmFound(
        name=name,
        label=label(name),
        right=float(right.mean()),
        low=float(low),
        high=float(high),
        steps=float(examined.shelved.steps.mean()),
        forwards=float(examined.shelved.forwards.mean()),
        planned_steps=float(cost.steps),
        planned_forwards=float(cost.forwards),
        kept=examined.kept,
    )


def _is_branch(name: str) -> bool:
    return name.split("-")[0] in BRANCH.values()


def _counts(results: Sequence[Result]) -> tuple[int, int, int]:
    found = Counter(results)
    return found[Result.WIN], found[Result.TIE], found[Result.LOSS]
