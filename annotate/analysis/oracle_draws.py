"""The oracle laboratory by Monte Carlo: draws decisions prompt by prompt and counts the results.
Must not share a formula with the closed form in `oracle.py`: each is the other's test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from annotate.analysis.contrast import Result
from annotate.analysis.oracle import ESTIMAND, Cost, Rates
from annotate.analysis.oracle_models import Oracle
from annotate.analysis.oracle_table import RESULTS, Rule, codes, decided

if TYPE_CHECKING:
    import numpy as np

_BLOCK = 2_000_000


@dataclass(frozen=True, eq=False)
class Simulation:
    """The same numbers by drawing decisions: means over `draws` and their Monte Carlo errors.

    Under M3 the kept share is that of whole prompts, so it may lie half a prompt beside 1 - k/100.
    """

    estimand: ClassVar[str] = ESTIMAND
    unit: ClassVar[str] = "prompt"
    method: ClassVar[str] = "Monte Carlo"

    oracle: Oracle
    model: str
    rule: Rule
    n: int
    excluded: int
    cost: Cost
    draws: int
    mean: Rates
    deviation: Rates
    """Standard deviation of one draw; divided by the root of `draws` it is the error of `mean`."""


def simulate(
    student: Sequence[Result | None],
    refined: Sequence[Result | None],
    oracle: Oracle,
    *,
    rule: Rule,
    cost: Cost,
    draws: int,
    rng: np.random.Generator,
) -> Simulation:
    """Draw decisions for every prompt and count what comes out; shares no formula with `curve`.

    Raises:
        ValueError: a setting is infeasible, `draws` is below 2, or no prompt has both verdicts.
    """
    import numpy as np

    if draws < 2:
        raise ValueError(f"draws={draws} have no spread; draw at least 2, better 2000")
    rule = Rule(rule)
    places = decided(student, refined)
    s, r = (codes(column[place] for place in places) for column in (student, refined))
    labels = np.array([rule.keeps(RESULTS[a], RESULTS[b]) for a, b in zip(s, r, strict=True)])
    block = max(1, _BLOCK // len(places))
    means, deviations = [], []
    for setting in range(len(oracle)):
        rows = []
        for start in range(0, draws, block):
            keep = oracle.decide(labels, setting, draws=min(block, draws - start), rng=rng)
            result = np.where(keep, s, r)
            win, tie, lose = ((result == code).mean(axis=1) for code in range(3))
            kept = keep.mean(axis=1)
            right = (keep == labels).mean(axis=1)
            rows.append(
                np.stack([right, win, tie, lose, win + tie / 2, kept, cost.mean_steps(kept)])
            )
        sampled = np.concatenate(rows, axis=1)
        means.append(sampled.mean(axis=1))
        deviations.append(sampled.std(axis=1, ddof=1))
    return Simulation(
        oracle=oracle,
        model=oracle.name,
        rule=rule,
        n=len(places),
        excluded=len(student) - len(places),
        cost=cost,
        draws=draws,
        mean=Rates(*np.stack(means, axis=1)),
        deviation=Rates(*np.stack(deviations, axis=1)),
    )
