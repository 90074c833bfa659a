"""Every method on 1,000 random data sets beside another library, or its definition written out.
It must not know Django; exit status 1 where closed forms differ by 1e-9 or iterative ones by 1e-6.

    python -m benchmarks.crosscheck             # with crowd-kit too where build/crowd-kit exists
    python -m benchmarks.crosscheck AUC Newman  # only rows whose names hold one of these words
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from annotate.analysis.aggregation import Answer
from annotate.analysis.annotator_models import dawid_skene, one_coin
from annotate.analysis.ranking import Match, Ranking, rank
from benchmarks.crosschecks import closed
from benchmarks.crosschecks.closed import RESULTS, Array, Pairs
from benchmarks.million_votes import PEER, ROOT

SETS = 1000
CLOSED, ITERATIVE = 1e-9, 1e-6
ROUNDS, KINDS = 8, 3


def _matches(rng: np.random.Generator) -> tuple[Array, Array, list[Match]]:
    """Wins and ties of four methods, every pair eight times or more, and the same one by one."""
    wins, ties, rows = np.zeros((4, 4)), np.zeros((4, 4)), list[Match]()
    strength = rng.normal(0, 0.7, 4)
    for i in range(4):
        for j in range(i + 1, 4):
            chance = 1 / (1 + np.exp(strength[j] - strength[i]))
            w, t, ell = rng.multinomial(
                rng.integers(8, 40), [0.7 * chance, 0.3, 0.7 * (1 - chance)]
            )
            wins[i, j], wins[j, i], ties[i, j] = w, ell, t
            for result, often in zip(RESULTS, (w, t, ell), strict=True):
                rows += [Match(str(i), str(j), result, f"{i} {j} {k}") for k in range(often)]
    return wins, ties, rows


def _logs(found: Ranking) -> Array:
    logs = {strength.method: strength.log_strength for strength in found.strengths}
    return np.array([logs[str(i)] for i in range(4)])


def bradley_terry(rng: np.random.Generator) -> Pairs:
    import statsmodels.api as sm

    wins, ties, rows = _matches(rng)
    ours = rank(rows, rng=rng, resamples=1)
    if ours.regularised:
        return
    i, j = np.triu_indices(4, 1)
    won = np.column_stack([wins[i, j] + ties[i, j] / 2, wins[j, i] + ties[i, j] / 2])
    design = (np.eye(4)[i] - np.eye(4)[j])[:, :3]
    fit = sm.GLM(won, design, family=sm.families.Binomial()).fit(tol=1e-14, maxiter=200)
    logs = np.append(fit.params, 0.0)
    yield _logs(ours), logs - logs.mean()


def newman(rng: np.random.Generator) -> Pairs:
    from scipy.optimize import minimize

    wins, ties, rows = _matches(rng)
    ours = rank(rows, rng=rng, resamples=1, model="newman")
    if ours.regularised or not ties.sum():
        return

    def cost(free: Array) -> float:
        log = np.append(free[:3], 0.0)
        tie = np.log(2) + free[3] + (log[:, None] + log[None, :]) / 2
        total = np.logaddexp(np.logaddexp(log[:, None], log[None, :]), tie)
        return float(-(wins * (log[:, None] - total)).sum() - (ties * (tie - total)).sum())

    best = minimize(cost, np.zeros(4), method="BFGS", jac="3-point", options={"gtol": 1e-9})
    logs = np.append(best.x[:3], 0.0)
    assert ours.tie_strength is not None
    yield _logs(ours), logs - logs.mean()
    yield np.log(ours.tie_strength), best.x[3]


def answers(seed: int, *, tasks: int = 30, people: int = 6) -> NDArray[np.int64]:
    """(votes, 3): task, annotator and label; three annotators of differing skill on each task."""
    rng = np.random.default_rng([20261123, seed])
    truth, skill = rng.integers(0, KINDS, tasks), rng.uniform(0.5, 0.95, people)
    task = np.repeat(np.arange(tasks), 3)
    person = np.argsort(rng.random((tasks, people)), axis=1)[:, :3].ravel()
    right = rng.random(len(task)) < skill[person]
    wrong = (truth[task] + rng.integers(1, KINDS, len(task))) % KINDS
    return np.column_stack([task, person, np.where(right, truth[task], wrong)])


def coins(rng: np.random.Generator) -> Pairs:
    """Modes of the accuracies beside a quasi-Newton method on the same posterior."""
    from scipy.optimize import minimize
    from scipy.special import expit, logsumexp

    rows = answers(int(rng.integers(2**31)))
    said = [Answer(*row) for row in rows.tolist()]
    found = one_coin(said, labels=range(KINDS), tolerance=0.0, max_iterations=20_000)
    ours = {skill.annotator: skill.accuracy for skill in found.annotators}
    task, person, label = rows.T
    votes = np.bincount(person, minlength=6)

    def cost(free: Array) -> tuple[float, Array]:
        skill = expit(free)
        hit, miss = np.log(skill)[person], np.log((1 - skill) / (KINDS - 1))[person]
        joint = np.zeros((30, KINDS))
        for code in range(KINDS):
            np.add.at(joint[:, code], task, np.where(label == code, hit, miss))
        evidence = logsumexp(joint, axis=1)
        right = np.exp(joint - evidence[:, None])[task, label]
        prior = 3 * np.log(skill) + np.log(1 - skill)
        slope = np.bincount(person, right, minlength=6) + 3 - skill * (votes + 4)
        return -float(evidence.sum() + prior.sum()), -slope

    near = np.array([ours[i] for i in range(6)])
    start = np.log(near / (1 - near)) + rng.normal(0, 0.05, 6)
    best = minimize(cost, start, method="BFGS", jac=True, options={"gtol": 1e-9})
    yield near, expit(best.x)


CHECKS: tuple[tuple[str, str, float, Callable[[np.random.Generator], Pairs]], ...] = (
    ("exact sign test", "scipy binomtest", CLOSED, closed.sign_tests),
    ("Wilson; Jeffreys; Clopper-Pearson", "statsmodels; scipy beta", CLOSED, closed.intervals),
    ("Holm, Benjamini-Hochberg", "statsmodels multipletests", CLOSED, closed.corrections),
    ("McNemar; Stuart-Maxwell, Cochran", "scipy binomtest; by hand", CLOSED, closed.paired_tests),
    ("Krippendorff's alpha, four levels", "coincidences by hand", CLOSED, closed.alphas),
    ("percent, Fleiss, Cohen, AC1; Randolph", "by hand; statsmodels", CLOSED, closed.kappas),
    ("two-way and one-way clusters", "statsmodels OLS", CLOSED, closed.clusters),
    ("AUC", "scipy mannwhitneyu", CLOSED, closed.aucs),
    ("e-process", "scipy betabinom / binom", CLOSED, closed.e_values),
    ("majority of arrays", "pandas mode", CLOSED, closed.majorities),
    ("Bradley-Terry, ties half", "statsmodels GLM", ITERATIVE, bradley_terry),
    ("Newman", "scipy BFGS", ITERATIVE, newman),
    ("one-coin, by EM", "scipy BFGS", ITERATIVE, coins),
)


def compared(check: Callable[[np.random.Generator], Pairs], seed: int) -> tuple[float, int]:
    """The largest difference over all data sets, and how many numbers were compared."""
    worst, numbers = 0.0, 0
    for place in range(SETS):
        for ours, other in check(np.random.default_rng([seed, place])):
            one, two = (np.asarray(x, dtype=np.float64).reshape(-1) for x in (ours, other))
            # Large numbers by their ratio, small ones by their difference.
            apart = np.abs(one - two) / np.maximum(1.0, np.abs(two))
            worst = max(worst, float(np.where(np.isnan(apart), np.inf, apart).max()))
            numbers += len(one)
    return worst, numbers


def by_crowd_kit() -> list[list[list[float]]]:
    """Posteriors of crowd-kit's Dawid-Skene after `ROUNDS` rounds, which takes no prior either."""
    import pandas as pd
    from crowdkit.aggregation import DawidSkene

    found = []
    for seed in range(SETS):
        frame = pd.DataFrame(answers(seed), columns=["task", "worker", "label"])
        model = DawidSkene(n_iter=ROUNDS, tol=-np.inf).fit(frame)
        found.append(model.probas_.loc[range(30), range(KINDS)].to_numpy().tolist())
    return found


def dawid_skene_apart() -> float:
    """The largest difference from crowd-kit's posteriors, in its own environment."""
    ran = subprocess.run(
        [str(PEER / "bin" / "python"), "-m", "benchmarks.crosscheck", "crowd-kit"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    worst = 0.0
    for seed, peer in enumerate(json.loads(ran.stdout)):
        said = [Answer(*row) for row in answers(seed).tolist()]
        ours = dawid_skene(said, labels=range(KINDS), max_iterations=ROUNDS, tolerance=-1.0)
        order = [ours.tasks.index(task) for task in range(30)]
        worst = max(worst, float(np.abs(ours.posterior[order] - np.array(peer)).max()))
    return worst


def main(arguments: list[str]) -> int:
    if arguments == ["crowd-kit"]:
        print(json.dumps(by_crowd_kit()))
        return 0
    fine, began = True, time.process_time()

    def wanted(name: str) -> bool:
        return not arguments or any(word in name for word in arguments)

    print(f"{SETS:,} random data sets for each method; largest difference, and its bound")

    def told(name: str, other: str, worst: float, bound: float, numbers: int) -> None:
        nonlocal fine
        fine &= worst <= bound
        verdict = "held" if worst <= bound else "MISSED"
        row = f"  {name:<40} {other:<28} {worst:8.1e}  {bound:g} {verdict}  {numbers:,} numbers"
        print(row, flush=True)

    # Some of statsmodels' functions collect garbage on each call: what is loaded is none.
    gc.freeze()
    skene = f"Dawid-Skene, {ROUNDS} rounds of EM"
    for seed, (name, other, bound, check) in enumerate(CHECKS):
        if wanted(name):
            worst, numbers = compared(check, seed)
            told(name, other, worst, bound, numbers)
    if not wanted(skene):
        pass
    elif (PEER / "bin" / "python").exists():
        told(skene, "crowd-kit", dawid_skene_apart(), ITERATIVE, 90 * SETS)
    else:
        print("  Dawid-Skene: `make parity-crowd-kit` first, for crowd-kit in build/")
    print(f"{time.process_time() - began:.0f} s of the processor")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
