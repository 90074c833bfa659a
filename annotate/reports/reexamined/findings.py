"""What the re-examination found: preferences, budgets, oracles, diversity, each with intervals.

It must not read files, draw or judge what a number means for the paper: `claims` does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotate.analysis.association import Association, associate
from annotate.analysis.ceiling import Ceiling, ceiling, noise_for_agreement
from annotate.analysis.contrast import Result
from annotate.analysis.diversity import DiversityDifference, DiversityScore
from annotate.analysis.oracle import Cost
from annotate.analysis.oracle_state import Estimate
from annotate.analysis.oracle_table import Rule
from annotate.analysis.policy import POINTS
from annotate.analysis.significance import holm
from annotate.analysis.winrate import TieConvention, WinRate, win_rate
from annotate.reports.branches import Arm, Branches, Scores, Settings
from annotate.reports.laboratory import Laboratory, investigate
from annotate.reports.reexamined.evidence import Evidence, majorities
from annotate.reports.reexamined.names import label
from annotate.reports.reexamined.replicas import chance_levels, differences, scores
from generation.budget import planned
from generation.convergence import Convergence
from generation.reference.s1.arms import BASELINE, NULL

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

RESAMPLES = 2000
LOTS = 20
DEGRADED = 0.65
STRATEGIES = ("refine", "regenerate")
_BRANCH = {"refine": "refined", "regenerate": "regenerated"}


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
class Chosen:
    """What an estimator's choice is worth beside drawing lots for as many samples, and beside an
    oracle that is right on 75 % of prompts: scores (win + tie / 2) against the teacher.

    `lots` is the mean over seeds with the smallest and largest seed; the differences are paired by
    prompt, with bootstrap intervals.
    """

    budget: int
    strategy: str
    estimator: Estimate
    lots: Estimate
    over_lots: Estimate
    oracle_75: Estimate
    oracle_75_gain: Estimate
    oracle_1: Estimate
    accuracy: Estimate
    kept: float
    seeds: int


@dataclass(frozen=True, eq=False)
class Findings:
    """Every number of the report."""

    n: int
    tau: float
    arms: tuple[ArmFound, ...]
    against_teacher: tuple[Preference, ...]
    direct: tuple[Preference, ...]
    fewer_wins_than_null: Estimate
    convergence: tuple[Convergence, ...]
    score_deviation: float
    laboratory: Laboratory
    chosen: tuple[Chosen, ...]
    ceilings: tuple[Ceiling, ...]
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
        arms=tuple(_arm(evidence, name) for name in evidence.arms if not _is_branch(name)),
        against_teacher=preferences(evidence, [(name, BASELINE) for name in others]),
        direct=preferences(evidence, direct_pairs(evidence)),
        fewer_wins_than_null=_wins_beside_null(evidence, student),
        convergence=evidence.convergence,
        score_deviation=float(evidence.tuning_scores.std(ddof=1)),
        laboratory=investigate(
            branches(evidence, least, "refine", beside=True), Settings(seed=design.seed)
        ),
        chosen=tuple(
            _chosen(evidence, budget, strategy)
            for strategy in STRATEGIES
            for budget in design.budgets
        ),
        ceilings=ceilings(evidence, student),
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


def branches(evidence: Evidence, budget: int, strategy: str, *, beside: bool = False) -> Branches:
    """Both branches of a budget against the teacher; `beside` adds imagined estimators."""
    design = evidence.design
    student, refined = f"student-{design.student_steps}", f"{_BRANCH[strategy]}-{budget}"
    ours, teacher = evidence.arms[student], evidence.arms[BASELINE]
    arm = f"{strategy}-{budget}"
    real = Scores(
        "S1 estimator",
        _floats(ours.shelved.scores),
        _floats(teacher.shelved.scores),
        tuning=_floats(evidence.tuning_scores),
        arms=(
            Arm(
                label(arm), float(design.percentile), evidence.tau, evidence.against(arm, BASELINE)
            ),
        ),
    )
    extra = _imagined(evidence, student) if beside else ()
    return Branches(
        title=f"World S1, {label(arm)}",
        student_label=label(student),
        refined_label=label(refined),
        teacher_label=label(BASELINE),
        prompts=evidence.prompts,
        student=evidence.against(student, BASELINE),
        refined=evidence.against(refined, BASELINE),
        scores=(real, *extra),
        cost=Cost(design.student_steps, design.improvement_steps(budget)),
        # The exact judge votes once on each branch of each prompt.
        votes=2 * len(evidence.prompts),
        simulated=2 * len(evidence.prompts),
    )


def _imagined(evidence: Evidence, student: str) -> tuple[Scores, ...]:
    """Lots, the judge's own number, and that number with noise down to 65 % on pairs."""
    import numpy as np

    rng = np.random.default_rng([evidence.design.seed, 0x1A6])
    n, tuning = len(evidence.prompts), evidence.tuning_worth
    ours, theirs = evidence.arms[student].worth, evidence.arms[BASELINE].worth
    found = [
        Scores(
            "lots",
            _floats(rng.random(n)),
            _floats(rng.random(n)),
            tuning=_floats(rng.random(len(tuning))),
        ),
        Scores("judge's number", _floats(ours), _floats(theirs), tuning=_floats(tuning)),
    ]
    noise = _degrading(evidence, student)
    if noise is not None:

        def noisy(values: Array) -> tuple[float, ...]:
            return _floats(values + noise * rng.standard_normal(len(values)))

        name = f"degraded to {100 * DEGRADED:g} %"
        found.append(Scores(name, noisy(ours), noisy(theirs), tuning=noisy(tuning)))
    return tuple(found)


def _degrading(evidence: Evidence, student: str) -> float | None:
    """Noise on the judge's number that leaves 65 % agreement; None where none does."""
    results = evidence.against(student, BASELINE)
    if all(result is Result.TIE for result in results):
        return None
    ours, theirs = (_floats(evidence.arms[name].worth) for name in (student, BASELINE))
    return noise_for_agreement(ours, theirs, results, agreement=DEGRADED)


def ceilings(evidence: Evidence, student: str) -> tuple[Ceiling, ...]:
    """D.4's question for the judge's number, that number moved and degraded, and the estimator."""
    noise = _degrading(evidence, student)
    if noise is None:
        return ()
    results = evidence.against(student, BASELINE)
    labels = [result is not Result.LOSS for result in results]
    ours, theirs = evidence.arms[student], evidence.arms[BASELINE]
    judge = _floats(ours.worth), _floats(theirs.worth)
    real = _floats(ours.shelved.scores), _floats(theirs.shelved.scores)
    spread = float(evidence.arms[student].worth.std())
    k, seed = float(evidence.design.percentile), evidence.design.seed
    asked = (
        ("Perfect on pairs: the judge's own number", judge, 0.0, 0.0),
        ("The same, each prompt's level moved by its spread", judge, 0.0, spread),
        (f"Degraded to {100 * DEGRADED:g} % on pairs", judge, noise, 0.0),
        ("S1 estimator", real, 0.0, 0.0),
    )
    return tuple(
        ceiling(
            first,
            second,
            results,
            labels,
            name=name,
            seed=seed,
            noise=sd,
            offset=offset,
            percentile=k,
        )
        for name, (first, second), sd, offset in asked
    )


def _chosen(evidence: Evidence, budget: int, strategy: str) -> Chosen:
    """The estimator's choice at one budget, paired by prompt with lots and with better oracles."""
    import numpy as np

    design = evidence.design
    both = branches(evidence, budget, strategy)
    student, refined = (_points(column) for column in (both.student, both.refined))
    keep = np.array(both.scores[0].student, dtype=float) >= evidence.tau
    ideal = np.array([Rule.NOT_WORSE.keeps(s, r) for s, r in _decided(both)])
    n, kept = len(keep), int(keep.sum())
    lots = np.zeros((LOTS, n), dtype=bool)
    for seed in range(LOTS):
        rng = np.random.default_rng([design.seed, 0x107, budget, seed])
        lots[seed, rng.permutation(n)[:kept]] = True
    own = np.where(keep, student, refined)
    by_lot = np.where(lots, student, refined)
    right, wrong = np.where(ideal, student, refined), np.where(ideal, refined, student)
    at_75 = 0.75 * right + 0.25 * wrong
    rng = np.random.default_rng([design.seed, 0xC405, budget])
    rows = rng.integers(n, size=(RESAMPLES, n))

    def estimate(values: Array) -> Estimate:
        low, high = np.quantile(values[rows].mean(axis=1), (0.025, 0.975))
        return Estimate(float(values.mean()), float(low), float(high))

    seeds = by_lot.mean(axis=1)
    return Chosen(
        budget=budget,
        strategy=strategy,
        estimator=estimate(own),
        lots=Estimate(float(seeds.mean()), float(seeds.min()), float(seeds.max())),
        over_lots=estimate(own - by_lot.mean(axis=0)),
        oracle_75=estimate(at_75),
        oracle_75_gain=estimate(at_75 - own),
        oracle_1=estimate(right),
        accuracy=estimate((keep == ideal).astype(float)),
        kept=kept / n,
        seeds=LOTS,
    )


def _wins_beside_null(evidence: Evidence, student: str) -> Estimate:
    """The student's share of wins minus that of the teacher's own second sample."""
    import numpy as np

    ours, null = (
        np.array([result is Result.WIN for result in evidence.against(name, BASELINE)])
        for name in (student, NULL)
    )
    gap = ours.astype(float) - null
    rng = np.random.default_rng([evidence.design.seed, 0x0411])
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
        _floats(far),
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
    return name.split("-")[0] in _BRANCH.values()


def _counts(results: Sequence[Result]) -> tuple[int, int, int]:
    found = Counter(results)
    return found[Result.WIN], found[Result.TIE], found[Result.LOSS]


def _points(results: Sequence[Result | None]) -> Array:
    import numpy as np

    value = dict(zip((Result.WIN, Result.TIE, Result.LOSS), POINTS, strict=True))
    return np.array([value[result] for result in results if result is not None])


def _decided(both: Branches) -> list[tuple[Result, Result]]:
    pairs = zip(both.student, both.refined, strict=True)
    return [(s, r) for s, r in pairs if s is not None and r is not None]


def _floats(values: Array) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
