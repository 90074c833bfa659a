"""What is chosen and what could be: real and imagined estimators, lots, oracles, D.4's question.

It must not draw or judge what a number means for the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotate.analysis.ceiling import Ceiling, ceiling, noise_for_agreement
from annotate.analysis.contrast import Result
from annotate.analysis.oracle import Cost
from annotate.analysis.oracle_state import Estimate
from annotate.analysis.oracle_table import Rule
from annotate.analysis.policy import POINTS
from annotate.reports.branches import Arm, Branches, Scores
from annotate.reports.reexamined.evidence import Evidence
from annotate.reports.reexamined.names import label
from generation.reference.s1.arms import BASELINE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

RESAMPLES = 2000
LOTS = 20
DEGRADED = 0.65
# Agreements on pairs from near chance to perfect, for the curve of D.4's question.
AGREEMENTS = (0.55, 0.65, 0.75, 0.85, 0.95)
STRATEGIES = ("refine", "regenerate")
BRANCH = {"refine": "refined", "regenerate": "regenerated"}


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


def branches(evidence: Evidence, budget: int, strategy: str, *, beside: bool = False) -> Branches:
    """Both branches of a budget against the teacher; `beside` adds imagined estimators."""
    design = evidence.design
    student, refined = f"student-{design.student_steps}", f"{BRANCH[strategy]}-{budget}"
    ours, teacher = evidence.arms[student], evidence.arms[BASELINE]
    arm = f"{strategy}-{budget}"
    real = Scores(
        "S1 estimator",
        floats(ours.shelved.scores),
        floats(teacher.shelved.scores),
        tuning=floats(evidence.tuning_scores),
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
    ours, theirs = _perfect(evidence, student)
    found = [
        Scores(
            "lots",
            floats(rng.random(n)),
            floats(rng.random(n)),
            tuning=floats(rng.random(len(tuning))),
        ),
        Scores("judge's number", floats(ours), floats(theirs), tuning=floats(tuning)),
    ]
    noise = _degrading(evidence, student)
    if noise is not None:

        def noisy(values: Array) -> tuple[float, ...]:
            return floats(values + noise * rng.standard_normal(len(values)))

        name = f"degraded to {100 * DEGRADED:g} %"
        found.append(Scores(name, noisy(ours), noisy(theirs), tuning=noisy(tuning)))
    return tuple(found)


def _perfect(evidence: Evidence, student: str) -> tuple[Array, Array]:
    """The judge's number of both pictures, such that it sides with every decided verdict.

    No number orders all pictures as a judge does who calls small differences of quality equal. On
    the few pairs where it errs for that reason the teacher's number changes sides; the student's,
    which a cut reads, stays.
    """
    import numpy as np

    ours, theirs = evidence.arms[student].worth, evidence.arms[BASELINE].worth
    sign = 2 * _points(evidence.against(student, BASELINE)) - 1
    margin = np.where(sign == 0, ours - theirs, sign * np.abs(ours - theirs))
    return ours, ours - margin


def _degrading(evidence: Evidence, student: str) -> float | None:
    """Noise on the judge's number that leaves 65 % agreement; None where none does."""
    results = evidence.against(student, BASELINE)
    if all(result is Result.TIE for result in results):
        return None
    ours, theirs = (floats(each) for each in _perfect(evidence, student))
    return noise_for_agreement(ours, theirs, results, agreement=DEGRADED)


def ceilings(evidence: Evidence, student: str) -> tuple[Ceiling, ...]:
    """D.4's question for the judge's number, that number moved and degraded, and the estimator."""
    noise = _degrading(evidence, student)
    if noise is None:
        return ()
    results = evidence.against(student, BASELINE)
    labels = [result is not Result.LOSS for result in results]
    ours, theirs = evidence.arms[student], evidence.arms[BASELINE]
    perfect = _perfect(evidence, student)
    judge = floats(perfect[0]), floats(perfect[1])
    real = floats(ours.shelved.scores), floats(theirs.shelved.scores)
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


def degradation(evidence: Evidence, student: str) -> tuple[Ceiling, ...]:
    """The judge's number with more and more noise, down to near chance on pairs."""
    results = evidence.against(student, BASELINE)
    if all(result is Result.TIE for result in results):
        return ()
    labels = [result is not Result.LOSS for result in results]
    ours, theirs = (floats(each) for each in _perfect(evidence, student))
    noises = [noise_for_agreement(ours, theirs, results, agreement=a) for a in AGREEMENTS]
    return tuple(
        ceiling(
            ours,
            theirs,
            results,
            labels,
            name=f"{100 * agreement:g} % on pairs",
            seed=evidence.design.seed,
            noise=noise,
            percentile=float(evidence.design.percentile),
        )
        for agreement, noise in zip((*AGREEMENTS, 1.0), (*noises, 0.0), strict=True)
    )


def chosen(evidence: Evidence, budget: int, strategy: str) -> Chosen:
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


def _points(results: Sequence[Result | None]) -> Array:
    import numpy as np

    value = dict(zip((Result.WIN, Result.TIE, Result.LOSS), POINTS, strict=True))
    return np.array([value[result] for result in results if result is not None])


def _decided(both: Branches) -> list[tuple[Result, Result]]:
    pairs = zip(both.student, both.refined, strict=True)
    return [(s, r) for s, r in pairs if s is not None and r is not None]


def floats(values: Array) -> tuple[float, ...]:
    """An array as plain numbers, which the statistics take."""
    return tuple(float(value) for value in values)
