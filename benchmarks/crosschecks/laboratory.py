"""The oracle laboratory's closed forms beside every decision that an oracle can take, counted up.

Each check yields what ours and the counterpart found. It must not decide how far apart they may be.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np
from numpy.typing import NDArray

from annotate.analysis.contrast import Result
from annotate.analysis.oracle import Cost, OracleCurve, curve
from annotate.analysis.oracle_budget import FixedBudgetOracle, ScoreOracle, SkilledBudgetOracle
from annotate.analysis.oracle_models import ClassConditionalOracle, SymmetricOracle
from annotate.analysis.oracle_table import Rule, cross_fit, tabulate
from benchmarks.crosschecks.closed import RESULTS, Array, Pairs

PROMPTS = 8
COST = Cost(student_steps=5, refine_steps=11, estimator_steps=0.3)
# What an ideal oracle keeps, by the results of student and refined (0 win, 1 tie, 2 loss).
KEPT = {
    Rule.NOT_WORSE: np.array([[1, 1, 1], [1, 1, 1], [0, 0, 0]], dtype=bool),
    Rule.WIN_ONLY: np.array([[1, 1, 1], [0, 0, 0], [0, 0, 0]], dtype=bool),
    Rule.BEST_BRANCH: np.array([[1, 1, 1], [0, 1, 1], [0, 0, 1]], dtype=bool),
}
DECISIONS = np.array(list(product((False, True), repeat=PROMPTS)))


def _results(codes: NDArray[np.int64]) -> list[Result]:
    return [RESULTS[code] for code in codes.tolist()]


def _found(seen: OracleCurve) -> Array:
    """(settings, 7): accuracy, win, tie, lose, score, kept, steps."""
    r = seen.rates
    return np.stack([r.accuracy, r.win, r.tie, r.lose, r.score, r.kept, r.steps], axis=1)


class _Study:
    """A few prompts at random, and what comes of each of the decisions on all of them."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rule = list(Rule)[int(rng.integers(3))]
        self.s, self.r = rng.integers(0, 3, (2, PROMPTS))
        self.z = KEPT[self.rule][self.s, self.r]
        self.table = tabulate(_results(self.s), _results(self.r), rule=self.rule)
        came = np.where(DECISIONS, self.s, self.r)
        win, tie, lose = ((came == code).mean(axis=1) for code in range(3))
        kept = DECISIONS.mean(axis=1)
        steps = 5.3 + 11 * (1 - kept)
        right = (self.z == DECISIONS).mean(axis=1)
        self.each = np.stack([right, win, tie, lose, win + tie / 2, kept, steps], axis=1)

    def one_by_one(self, good: float, bad: float) -> Array:
        """Each prompt decided alone: kept with chance `good` where it should be, else `bad`."""
        chance = np.where(self.z, good, bad)
        weight = np.where(DECISIONS, chance, 1 - chance).prod(axis=1)
        return np.asarray(weight @ self.each)

    def at_once(self, kept: int, joint: float) -> Array:
        """`kept` prompts, `joint` of them rightly so: all such choices are equally likely."""
        rightly = (DECISIONS & self.z).sum(axis=1)
        whole = math.floor(joint + 1e-9)
        told = np.zeros(7)
        for count, weight in ((whole, 1 - (joint - whole)), (whole + 1, joint - whole)):
            if weight > 1e-9:
                these = (DECISIONS.sum(axis=1) == kept) & (rightly == count)
                told += weight * self.each[these].mean(axis=0)
        return told


def independent(rng: np.random.Generator) -> Pairs:
    """M1 and M2, whose errors are free."""
    study = _Study(rng)
    grid = tuple(rng.random(3).tolist())
    ours = curve(study.table, SymmetricOracle(grid), cost=COST)
    yield _found(ours), np.stack([study.one_by_one(p, 1 - p) for p in grid])
    other = tuple(rng.random(3).tolist())
    ours = curve(study.table, ClassConditionalOracle(grid, other), cost=COST)
    pairs = zip(grid, other, strict=True)
    yield _found(ours), np.stack([study.one_by_one(good, bad) for good, bad in pairs])


def budgets(rng: np.random.Generator) -> Pairs:
    """M3: a fixed number of prompts is kept, by accuracy and by skill."""
    study = _Study(rng)
    ideal, kept = int(study.z.sum()), int(rng.integers(0, PROMPTS + 1))
    percentile = 100 * (1 - kept / PROMPTS)
    least, most = max(0, kept + ideal - PROMPTS), min(kept, ideal)
    joint = int(rng.integers(least, most + 1))
    accuracy = (PROMPTS - kept - ideal + 2 * joint) / PROMPTS
    ours = curve(study.table, FixedBudgetOracle(percentile, (accuracy,)), cost=COST)
    yield _found(ours)[0], study.at_once(kept, joint)
    skill = float(rng.uniform(-1, 1))
    by_chance = kept * ideal / PROMPTS
    target = by_chance + skill * (most - by_chance if skill > 0 else by_chance - least)
    ours = curve(study.table, SkilledBudgetOracle(percentile, (skill,)), cost=COST)
    yield _found(ours)[0], study.at_once(kept, target)


def scores(rng: np.random.Generator) -> Pairs:
    """M4: the cut by a root finder, the area by quadrature, of very many such prompts."""
    from scipy.integrate import quad
    from scipy.optimize import brentq
    from scipy.stats import norm

    study = _Study(rng)
    share, area = float(study.z.mean()), float(rng.uniform(0.5, 0.99))
    percentile = float(rng.uniform(5, 95))
    apart = brentq(
        lambda mu: quad(lambda x: norm._pdf(x) * norm._sf(x - mu), -9, 9 + mu)[0] - area,
        -0.1,
        4,
        xtol=1e-13,
    )

    def over(cut: float) -> float:
        return share * norm.sf(cut - apart) + (1 - share) * norm.sf(cut) - (1 - percentile / 100)

    cut = brentq(over, -9, 13, xtol=1e-13)
    ours = curve(study.table, ScoreOracle(percentile, (area,)), cost=COST)
    yield _found(ours)[0], study.one_by_one(norm.sf(cut - apart), norm.sf(cut))


def cross_fitted(rng: np.random.Generator) -> Pairs:
    """One vote of each branch labels, the other two decide; all choices of them by hand."""
    rule = list(Rule)[int(rng.integers(3))]
    s, r = rng.integers(0, 3, (2, PROMPTS, 3))
    p = float(rng.random())
    rates = np.zeros(3)
    for prompt, i, j in product(range(PROMPTS), range(3), range(3)):
        keeps = KEPT[rule][s[prompt, i], r[prompt, j]]
        # Two votes decide if they are equal; else nobody leads: a tie.
        came = [
            int(rest[0]) if rest[0] == rest[1] else 1
            for rest in (np.delete(s[prompt], i), np.delete(r[prompt], j))
        ]
        rates[came[0 if keeps else 1]] += p / (9 * PROMPTS)
        rates[came[1 if keeps else 0]] += (1 - p) / (9 * PROMPTS)
    ballots = [[_results(votes) for votes in branch] for branch in (s, r)]
    ours = curve(cross_fit(*ballots, rule=rule), SymmetricOracle((p,)), cost=COST).rates
    yield (ours.win[0], ours.tie[0], ours.lose[0]), rates
