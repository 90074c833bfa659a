"""How often the intervals of policies and of rankings hold what a very large study would find.
It must not know Django; exit status 1 when a share leaves the bounds the project has set itself.

    python -m benchmarks.coverage_curves [--studies 1000]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from annotate.analysis.contrast import Result
from annotate.analysis.oracle import Cost
from annotate.analysis.policy import POINTS, choose, evaluate
from annotate.analysis.ranking import Match, Model, rank

Array = NDArray[np.float64]
PROMPTS, LARGE, RESAMPLES = 600, 4_000_000, 1000
GRID = (0, 25, 50, 75, 100)
COST = Cost(student_steps=5, refine_steps=20)
RESULTS = (Result.WIN, Result.TIE, Result.LOSS)
# What four methods have over the baseline that all of them meet, in deviations of a prompt.
LEADS = (0.5, 0.2, 0.0, -0.4)
LOW, HIGH = 0.93, 0.97


class Branches(NamedTuple):
    """Of each prompt 0, 1, 2 for win, tie, loss of either branch, and the estimator's score."""

    student: NDArray[np.int64]
    refined: NDArray[np.int64]
    scores: Array


def draw(rng: np.random.Generator, prompts: int) -> Branches:
    """The refined sample is better on average, worse where the student was good; the score says
    something about the student's sample only."""
    quality = rng.normal(-0.3, 1.0, prompts)
    better = 0.4 * quality + rng.normal(0.25, 0.8, prompts)
    return Branches(
        verdict(quality + rng.normal(0, 0.5, prompts)),
        verdict(better + rng.normal(0, 0.5, prompts)),
        0.6 * quality + rng.normal(0, 0.8, prompts),
    )


def verdict(difference: Array) -> NDArray[np.int64]:
    """0, 1, 2 for win, tie, loss: what is closer than 0.3 is equal."""
    return np.where(np.abs(difference) < 0.3, 1, np.where(difference > 0, 0, 2))


def named(codes: NDArray[np.int64]) -> list[Result]:
    return [RESULTS[code] for code in codes.tolist()]


def large_curve(grid: Sequence[float]) -> tuple[Array, Array, Array]:
    """(tau of each percentile, score at it, score over refining all) of all prompts there are."""
    seen = draw(np.random.default_rng(1), LARGE)
    taus, points = np.percentile(seen.scores, grid), np.array(POINTS)
    student, refined = points[seen.student], points[seen.refined]
    order = np.argsort(seen.scores)
    lower = np.concatenate([[0.0], np.cumsum((refined - student)[order])]) / LARGE
    below = np.searchsorted(seen.scores[order], taus)
    score = student.mean() + lower[below]
    return taus, score, score - refined.mean()


def policies(studies: int) -> dict[str, list[float]]:
    """Shares of studies whose interval holds the truth at each percentile of GRID.

    Of the score with tau tuned on 600 other prompts and on the judged ones, and of the paired
    difference to refining all; the truth is that of the tau used, so that tuning costs nothing.
    """
    _, score, over = large_curve(GRID)
    fine = np.linspace(0, 100, 2001)
    fine_taus, fine_score, fine_over = large_curve(tuple(fine))
    held = np.zeros((3, len(GRID)))
    for seed in range(studies):
        rng = np.random.default_rng([20261123, seed])
        seen, tuning = draw(rng, PROMPTS), draw(rng, PROMPTS).scores
        known = (named(seen.student), named(seen.refined), seen.scores.tolist())
        ask = partial(evaluate, *known, estimator="e", cost=COST, rng=rng, resamples=RESAMPLES)
        apart = ask(percentiles=GRID, tuning_scores=tuning.tolist())
        same = ask(percentiles=GRID)
        at_tau = np.interp(apart.thresholds, fine_taus, fine_score)
        over_at_tau = np.interp(apart.thresholds, fine_taus, fine_over)
        held[0] += (apart.low <= at_tau) & (at_tau <= apart.high)
        held[1] += (same.low <= score) & (score <= same.high)
        held[2] += (apart.over_refined_low <= over_at_tau) & (
            over_at_tau <= apart.over_refined_high
        )
    # At k = 100 the policy refines all but a few: there is hardly a difference to speak of.
    assert abs(over[-1]) < 1e-3
    names = ("score, tau of other prompts", "score, tau of the same", "over refining all")
    return dict(zip(names, (held / studies).tolist(), strict=True))


def chosen(studies: int) -> tuple[float, float, float]:
    """(share held by the cross-fitted choice, mean optimism claimed, mean optimism in truth)."""
    fine = tuple(range(101))
    _, score, _ = large_curve(fine)
    held, claimed, true = 0, 0.0, 0.0
    for seed in range(studies):
        rng = np.random.default_rng([7, seed])
        seen = draw(rng, PROMPTS)
        known = (named(seen.student), named(seen.refined), seen.scores.tolist())
        found = choose(*known, estimator="e", cost=COST, rng=rng, resamples=RESAMPLES)
        truth = float(np.mean(score[[int(k) for k in found.choices]]))
        held += found.low <= truth <= found.high
        claimed, true = claimed + found.optimism, true + found.in_sample - truth
    return held / studies, claimed / studies, true / studies


def matches(rng: np.random.Generator, prompts: int) -> list[Match]:
    """Four methods against one baseline on the same prompts: what a prompt favours, all share."""
    prompt = rng.normal(0, 0.7, prompts)
    found = []
    for number, lead in enumerate(LEADS):
        codes = verdict(lead + prompt + rng.normal(0, 1.0, prompts)).tolist()
        found += [
            Match(f"m{number}", "base", RESULTS[code], place) for place, code in enumerate(codes)
        ]
    return found


def large_strengths(model: Model) -> Array:
    """Log strengths of (base, m0, …) where every prompt there is was judged.

    Each method met the baseline alone, so that its strength has a closed form under Bradley-Terry;
    Newman's are fitted to a study of 400,000 prompts.
    """
    rng = np.random.default_rng(2)
    if model == "newman":
        found = rank(matches(rng, LARGE // 10), rng=rng, model=model, resamples=2)
        by_name = {one.method: one.log_strength for one in found.strengths}
        return np.array([by_name[name] for name in sorted(by_name)])
    logs = [0.0]
    for lead in LEADS:
        codes = verdict(lead + rng.normal(0, 0.7, LARGE) + rng.normal(0, 1.0, LARGE))
        share = float(np.array(POINTS)[codes].mean())
        logs.append(float(np.log(share / (1 - share))))
    return np.array(logs) - float(np.mean(logs))


def rankings(model: Model, studies: int) -> list[float]:
    """Shares of studies whose interval holds the strength of each method, the baseline first."""
    truth, held = large_strengths(model), np.zeros(1 + len(LEADS))
    for seed in range(studies):
        rng = np.random.default_rng([11, seed])
        found = rank(matches(rng, PROMPTS), rng=rng, model=model, resamples=RESAMPLES)
        ends = np.array([s[1:] for s in sorted((s.method, s.low, s.high) for s in found.strengths)])
        held += (ends[:, 0] <= truth) & (truth <= ends[:, 1])
    return [float(share) for share in held / studies]


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--studies", type=int, default=1000)
    studies = asked.parse_args().studies
    began, fine = time.perf_counter(), True

    def told(what: str, shares: Sequence[float]) -> None:
        nonlocal fine
        held = all(LOW <= share <= HIGH for share in shares)
        fine &= held
        words = ", ".join(f"{100 * share:.1f}" for share in shares)
        print(
            f"{what}: {words} % ({'held' if held else 'MISSED'}: {100 * LOW:g} to {100 * HIGH:g} %)"
        )

    print(f"{PROMPTS} prompts, {studies:,} studies, {RESAMPLES:,} resamples, nominal 95 %")
    for name, shares in policies(studies).items():
        if name == "over refining all":
            told(f"policy {name}, k = {', '.join(map(str, GRID[:-1]))}", shares[:-1])
        else:
            told(f"policy {name}, k = {', '.join(map(str, GRID))}", shares)
    share, claimed, true = chosen(studies)
    told("cross-fitted choice of k", [share])
    print(f"  optimism of choosing and trying on the same prompts: {100 * true:.2f} points in "
          f"truth, {100 * claimed:.2f} as reported")  # fmt: skip
    models: tuple[Model, ...] = ("bradley-terry", "newman")
    for model in models:
        names = ", ".join(f"{lead:+g}" for lead in LEADS)
        told(f"{model}, baseline and four methods ({names})", rankings(model, studies))
    print(f"{time.perf_counter() - began:.0f} s")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
