"""What the oracle curve costs: 101 settings, 2,000 resamples of 10,000 prompts, beside bare NumPy.
It must not know Django; exit status 1 above one second, or where the peer's band is another one.

    python -m benchmarks.oracle_curve
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotate.analysis.contrast import Result
from annotate.analysis.oracle import Cost, OracleCurve, curve
from annotate.analysis.oracle_bands import Over, Redrawn, draw_crossed, draw_votes
from annotate.analysis.oracle_budget import ScoreOracle, SkilledBudgetOracle
from annotate.analysis.oracle_models import ClassConditionalOracle, Oracle, SymmetricOracle
from annotate.analysis.oracle_table import RESULTS, Rule, tabulate
from benchmarks import busy, seconds

PROMPTS, SETTINGS, RESAMPLES, REPEATS = 10_000, 101, 2000, 5
LIMIT = 1.0
COST = Cost(student_steps=5, refine_steps=10)
# Quantiles of 2,000 draws: two bands of the same prompts differ by their own noise, not by more.
NEAR = 0.004

Array = NDArray[np.float64]
Codes = NDArray[np.int64]


def branches() -> tuple[Codes, Codes]:
    """Verdicts 0 win, 1 tie, 2 loss of both branches of every prompt; they go together."""
    rng = np.random.default_rng(20261123)
    own = rng.normal(0, 1, PROMPTS)

    def verdicts(lean: float) -> Codes:
        seen = own + lean + rng.normal(0, 1, PROMPTS)
        return np.where(seen > 0.4, 0, np.where(seen < -0.4, 2, 1)).astype(np.int64)

    return verdicts(-0.1), verdicts(0.3)


def ours(
    student: list[Result],
    refined: list[Result],
    oracle: Oracle,
    groups: list[int] | None = None,
    redrawn: Redrawn | None = None,
) -> OracleCurve:
    """From one verdict per prompt and branch to the curve with its band."""
    table = tabulate(student, refined, rule=Rule.NOT_WORSE, groups=groups)
    return curve(
        table,
        oracle,
        cost=COST,
        rng=np.random.default_rng(1),
        resamples=RESAMPLES,
        redrawn=redrawn,
    )


def voted(verdicts: list[Result]) -> tuple[list[list[Result]], list[list[str]]]:
    """Three votes of which two are the verdict, the third at random, and who of 40 cast each."""
    rng = np.random.default_rng(20261123)
    third = rng.integers(3, size=len(verdicts))
    votes = [[v, v, RESULTS[code]] for v, code in zip(verdicts, third, strict=True)]
    return votes, [[f"a{p}" for p in rng.choice(40, 3, replace=False)] for _ in verdicts]


def over_votes(
    student: list[Result], refined: list[Result], oracle: Oracle, over: Over
) -> Callable[[], OracleCurve]:
    """The other two bands, from votes to the curve."""
    (s, s_by), (r, r_by) = voted(student), voted(refined)
    rule = Rule.NOT_WORSE

    def one() -> OracleCurve:
        drawn: Redrawn = draw_votes(s, r, rule=rule)
        if over is Over.CROSSED:
            names = range(len(s))
            drawn = draw_crossed(s, r, student_by=s_by, refined_by=r_by, units=names, rule=rule)
        return ours(student, refined, oracle, redrawn=drawn)

    return one


def loop(student: Codes, refined: Codes, accuracy: Array) -> tuple[Array, Array]:
    """The same of M1, as one writes it first: draw prompts, count again, 2,000 times.

    Returns:
        low and high end of the shares of wins, ties and losses: (settings, 3) each.
    """
    rng = np.random.default_rng(2)
    keep = student < 2
    right, wrong = np.where(keep, student, refined), np.where(keep, refined, student)
    drawn = np.empty((RESAMPLES, len(accuracy), 3))
    for place in range(RESAMPLES):
        rows = rng.integers(0, PROMPTS, PROMPTS)
        a = np.bincount(right[rows], minlength=3) / PROMPTS
        b = np.bincount(wrong[rows], minlength=3) / PROMPTS
        drawn[place] = accuracy[:, None] * a + (1 - accuracy[:, None]) * b
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    return low, high


def distance(found: OracleCurve, peer: tuple[Array, Array]) -> float:
    """The largest difference between the ends of two bands."""
    assert found.band is not None
    ends = (found.band.low, found.band.high)
    own: list[Any] = [np.column_stack([end.win, end.tie, end.lose]) for end in ends]
    return max(float(np.abs(a - b).max()) for a, b in zip(own, peer, strict=True))


def main() -> int:
    s, r = branches()
    student, refined = ([RESULTS[code] for code in column] for column in (s, r))
    grid = tuple(float(p) for p in np.linspace(0.5, 1, SETTINGS))
    skills = tuple(float(x) for x in np.linspace(0, 1, SETTINGS))
    pairs = [place // 2 for place in range(PROMPTS)]
    cases: list[tuple[str, Oracle, list[int] | None]] = [
        ("M1 symmetric", SymmetricOracle(grid), None),
        ("M1, prompts in groups of two", SymmetricOracle(grid), pairs),
        ("M2 class-conditional", ClassConditionalOracle(grid, skills), None),
        ("M3 fixed budget", SkilledBudgetOracle(50, skills), None),
        ("M4 score", ScoreOracle(50, grid), None),
        ("M4, prompts in groups of two", ScoreOracle(50, grid), pairs),
    ]
    print(
        f"{PROMPTS:,} prompts, {SETTINGS} settings, {RESAMPLES:,} resamples; median of {REPEATS}; "
        f"{busy()}"
    )
    ours(student, refined, cases[-1][1], pairs)  # loads scipy
    took = {}
    for name, oracle, groups in cases:

        def one(oracle: Oracle = oracle, groups: list[int] | None = groups) -> object:
            return ours(student, refined, oracle, groups)

        took[name] = seconds(one, repeats=REPEATS)
        print(f"  {name:<46} {1000 * took[name]:9.1f} ms")
    for name, over in (
        ("M1, band over prompts and votes", Over.VOTES),
        ("M1, band over prompts and 40 annotators", Over.CROSSED),
    ):
        again = seconds(over_votes(student, refined, cases[0][1], over), repeats=REPEATS)
        print(f"  {name:<46} {1000 * again:9.1f} ms")
    first = took["M1 symmetric"]
    cell = 3 * s + r
    peer = seconds(lambda: loop(s, r, np.array(grid)), repeats=1)
    limit = seconds(lambda: np.bincount(cell, minlength=9), repeats=101)
    print(f"  {'peer: NumPy in a loop over resamples, M1':<46} {1000 * peer:9.1f} ms, "
          f"{peer / first:.1f} times ours")  # fmt: skip
    print(f"  {'limit: np.bincount of the prompts, one':<46} {1000 * limit:9.3f} ms, "
          f"a resample of ours {first / limit / RESAMPLES:.1f} times that")  # fmt: skip
    apart = distance(ours(student, refined, *cases[0][1:]), loop(s, r, np.array(grid)))
    same = apart <= NEAR
    print(f"  bands of ours and of the peer differ by at most {apart:.4f} "
          f"({'held' if same else 'MISSED'}: {NEAR:g})")  # fmt: skip
    worst = max(took.values())
    held = worst <= LIMIT
    print(f"worst {worst:.3f} s, limit {LIMIT:g} s: {'held' if held else 'MISSED'}")
    return 0 if held and same else 1


if __name__ == "__main__":
    sys.exit(main())
