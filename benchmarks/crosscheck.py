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
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from annotate.analysis.aggregation import Answer
from annotate.analysis.annotator_models import dawid_skene
from benchmarks.crosschecks import closed, iterative, laboratory, planning, shares
from benchmarks.crosschecks.closed import Pairs
from benchmarks.crosschecks.iterative import KINDS, answers
from benchmarks.million_votes import PEER, ROOT

SETS = 1000
CLOSED, ITERATIVE = 1e-9, 1e-6
# Of EM, and the tasks that Dawid and Skene's model is fitted to.
ROUNDS, TASKS = 8, 60


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
    ("Goodman; Sison-Glaz", "numpy roots; moments by hand", CLOSED, shares.joint),
    ("crossed bootstrap", "votes written out; statsmodels", CLOSED, shares.crossed_draws),
    ("side bias, sides balanced", "least squares by hand", CLOSED, shares.sides),
    ("Spearman; slices, homogeneity", "scipy", CLOSED, shares.associations),
    ("diversity: scores, differences, tests", "pandas; scipy, all signs", CLOSED, shares.diversity),
    ("exact power, size, design effect", "every outcome counted", CLOSED, planning.exact),
    ("sample sizes, half width", "statsmodels power", CLOSED, planning.sizes),
    ("majority of three, votes on demand", "27 ballots", CLOSED, planning.majorities_of_three),
    ("oracles M1, M2", "256 decisions counted", CLOSED, laboratory.independent),
    ("oracle M3, accuracy and skill", "256 decisions counted", CLOSED, laboratory.budgets),
    ("oracle M4", "scipy quad and brentq", CLOSED, laboratory.scores),
    ("oracle, cross-fitted", "choices of votes by hand", CLOSED, laboratory.cross_fitted),
    ("smallest win rate resolved", "scipy brentq", ITERATIVE, planning.resolved),
    ("GEE: annotators, side; alone", "statsmodels GEE, Logit", ITERATIVE, iterative.effects),
    ("Bradley-Terry, ties half", "statsmodels GLM", ITERATIVE, iterative.bradley_terry),
    ("Newman", "scipy BFGS", ITERATIVE, iterative.newman),
    ("one-coin, by EM", "scipy BFGS", ITERATIVE, iterative.coins),
)


def compared(check: Callable[[np.random.Generator], Pairs], seed: int) -> tuple[float, int]:
    """The largest difference over `SETS` data sets, and how many numbers were compared.

    A data set on which a method is not defined is no data set: another one is drawn.
    """
    worst, numbers, sets = 0.0, 0, 0
    for place in range(2 * SETS):
        before = numbers
        for ours, other in check(np.random.default_rng([seed, place])):
            one, two = (np.asarray(x, dtype=np.float64).reshape(-1) for x in (ours, other))
            # Large numbers by their ratio, small ones by their difference.
            apart = np.abs(one - two) / np.maximum(1.0, np.abs(two))
            worst = max(worst, float(np.where(np.isnan(apart), np.inf, apart).max()))
            numbers += len(one)
        sets += numbers > before
        if sets == SETS:
            return worst, numbers
    raise RuntimeError(f"{sets} of {2 * SETS} data sets could be compared; loosen what they skip")


def _errors_of_every_kind(seed: int) -> NDArray[np.int64]:
    """Answers in which every annotator errs in every way often enough.

    crowd-kit takes no expected count for less than 1e-10. EM drives the counts of errors that
    nobody may have made below that, and both then agree to some 1e-6 only.
    """
    return answers(seed, tasks=TASKS, people=4, skills=(0.4, 0.75))


def by_crowd_kit() -> list[list[list[float]]]:
    """Posteriors of crowd-kit's Dawid-Skene after `ROUNDS` rounds, which takes no prior either."""
    import pandas as pd
    from crowdkit.aggregation import DawidSkene

    found = []
    for seed in range(SETS):
        frame = pd.DataFrame(_errors_of_every_kind(seed), columns=["task", "worker", "label"])
        model = DawidSkene(n_iter=ROUNDS, tol=-np.inf).fit(frame)
        found.append(model.probas_.loc[range(TASKS), range(KINDS)].to_numpy().tolist())
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
        said = [Answer(*row) for row in _errors_of_every_kind(seed).tolist()]
        ours = dawid_skene(said, labels=range(KINDS), max_iterations=ROUNDS, tolerance=-1.0)
        order = [ours.tasks.index(task) for task in range(TASKS)]
        worst = max(worst, float(np.abs(ours.posterior[order] - np.array(peer)).max()))
    return worst


def main(arguments: list[str]) -> int:
    if arguments == ["crowd-kit"]:
        print(json.dumps(by_crowd_kit()))
        return 0
    fine = True

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
        told(skene, "crowd-kit", dawid_skene_apart(), ITERATIVE, TASKS * KINDS * SETS)
    else:
        print("  Dawid-Skene: `make parity-crowd-kit` first, for crowd-kit in build/")
    # With crowd-kit's own process.
    print(f"{sum(os.times()[:4]):.0f} s of the processor")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
