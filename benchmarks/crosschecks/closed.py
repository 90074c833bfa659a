"""Closed forms beside another library, or their definition written out, on one random data set.

Each check yields what ours and the counterpart found. It must not decide how far apart they may be.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotate.analysis import agreement, significance
from annotate.analysis.auc import auc
from annotate.analysis.clustered import crossed_share_of_codes
from annotate.analysis.contrast import Result
from annotate.analysis.paired import cochran, stuart_maxwell
from annotate.analysis.sequential import log_e_values
from annotate.analysis.verdict import majority_array
from annotate.analysis.winrate import TieConvention, vote_share, win_rate

RESULTS = (Result.WIN, Result.TIE, Result.LOSS)

Array = NDArray[np.float64]
Pairs = Iterator[tuple[Any, Any]]
"""What ours and the counterpart found: numbers or arrays, None where there is none."""


def sign_tests(rng: np.random.Generator) -> Pairs:
    from scipy.stats import binomtest

    wins, losses = rng.integers(0, 400, 2)
    if wins + losses:
        yield significance.sign_test(wins, losses).p_value, binomtest(wins, wins + losses).pvalue


def intervals(rng: np.random.Generator) -> Pairs:
    from scipy.stats import beta
    from statsmodels.stats.proportion import proportion_confint

    n = int(rng.integers(2, 700))
    k = int(rng.integers(1, n))
    ours = {m: win_rate(k, 0, n - k, method=m) for m in ("wilson", "jeffreys", "clopper-pearson")}
    ends = {name: (rate.low, rate.high) for name, rate in ours.items()}
    yield ends["wilson"], proportion_confint(k, n, method="wilson")
    tails = np.array([0.025, 0.975])
    yield ends["jeffreys"], beta.ppf(tails, k + 0.5, n - k + 0.5)
    yield ends["clopper-pearson"], beta.ppf(tails, [k, k + 1], [n - k + 1, n - k])


def corrections(rng: np.random.Generator) -> Pairs:
    from statsmodels.stats.multitest import multipletests

    p = list(rng.random(int(rng.integers(1, 20))) ** 2)
    yield significance.holm(p), multipletests(p, method="holm")[1]
    yield significance.benjamini_hochberg(p), multipletests(p, method="fdr_bh")[1]


def paired_tests(rng: np.random.Generator) -> Pairs:
    from scipy.stats import binomtest, chi2

    first, second = rng.integers(0, 3, (2, int(rng.integers(20, 80))))
    cells = np.zeros((3, 3))
    np.add.at(cells, (first, second), 1)
    table = [[int(cells[0, 0]), int(cells[0, 1:].sum())], [int(cells[1:, 0].sum()), 1]]
    only, other = table[0][1], table[1][0]
    if only + other:
        yield significance.mcnemar(table).p_value, binomtest(only, only + other).pvalue
    # Stuart and Maxwell: d' V^-1 d of two of the three margins.
    d = (cells.sum(axis=1) - cells.sum(axis=0))[:2]
    v = -(cells + cells.T)[:2, :2]
    v[[0, 1], [0, 1]] = (cells.sum(axis=1) + cells.sum(axis=0) - 2 * np.diag(cells))[:2]
    ours = stuart_maxwell([RESULTS[i] for i in first], [RESULTS[i] for i in second])
    yield ours.p_value, chi2.sf(d @ np.linalg.solve(v, d), 2)
    won = rng.random((3, 40)) < 0.5
    column, row = won.sum(axis=1), won.sum(axis=0)
    q = 2 * (3 * (column**2).sum() - column.sum() ** 2) / (3 * row.sum() - (row**2).sum())
    found = cochran({str(i): line.tolist() for i, line in enumerate(won)})
    yield found.p_value, chi2.sf(q, 2)


def alphas(rng: np.random.Generator) -> Pairs:
    ratings = rng.integers(1, 5, (4, 25)).astype(np.float64)
    ratings[rng.random(ratings.shape) < 0.3] = np.nan
    values = np.arange(1.0, 5.0)
    counts = np.array([(ratings == value).sum(axis=0) for value in values]).T
    counts = counts[counts.sum(axis=1) >= 2]
    votes = counts.sum(axis=1)
    met = (counts / (votes - 1)[:, None]).T @ counts - np.diag(
        (counts / (votes - 1)[:, None]).sum(axis=0)
    )
    n = met.sum(axis=1)
    a, b = np.meshgrid(values, values, indexing="ij")
    between = np.array(
        [
            [n[min(i, j) : max(i, j) + 1].sum() - (n[i] + n[j]) / 2 for j in range(4)]
            for i in range(4)
        ]
    )
    distances = {
        "nominal": (a != b) * 1.0,
        "ordinal": between**2 * (a != b),
        "interval": (a - b) ** 2,
        "ratio": ((a - b) / (a + b)) ** 2,
    }
    for level, distance in distances.items():
        expected = (np.outer(n, n) * distance).sum() / (n.sum() - 1)
        yield (
            agreement.krippendorff_alpha(ratings, level=level).estimate,  # type: ignore[arg-type]
            1 - (met * distance).sum() / expected,
        )


def kappas(rng: np.random.Generator) -> Pairs:
    from statsmodels.stats.inter_rater import fleiss_kappa

    counts = rng.multinomial(4, rng.dirichlet(np.ones(3)), 30)
    if np.count_nonzero(counts.sum(axis=0)) < 2:
        return
    share = counts.sum(axis=0) / counts.sum()
    agree = float(((counts * (counts - 1)).sum(axis=1) / 12).mean())
    chance = float((share**2).sum())
    yield agreement.percent_agreement(counts).estimate, agree
    yield agreement.fleiss_kappa(counts).estimate, (agree - chance) / (1 - chance)
    yield agreement.free_marginal_kappa(counts, 3).estimate, fleiss_kappa(counts, method="randolph")
    even = float((share * (1 - share)).sum() / 2)
    yield agreement.gwet_ac1(counts, 3).estimate, (agree - even) / (1 - even)
    table = rng.integers(1, 20, (3, 3))
    by_chance = table.sum(axis=1) @ table.sum(axis=0) / table.sum() ** 2
    yield (
        agreement.cohen_kappa(table).estimate,
        (np.trace(table) / table.sum() - by_chance) / (1 - by_chance),
    )


def clusters(rng: np.random.Generator) -> Pairs:
    import statsmodels.api as sm

    prompt = np.repeat(np.arange(40), 3)
    person = np.argsort(rng.random((40, 15)), axis=1)[:, :3].ravel()
    lean = rng.normal(0, 1, 40)[prompt] + rng.normal(0, 1, 15)[person]
    kind = np.where(lean > 0.3, 0, np.where(lean < -0.3, 2, 1))
    half = TieConvention.HALF
    ours = crossed_share_of_codes(kind, prompt, person, names=range(15), convention=half)
    model = sm.OLS(1 - kind / 2, np.ones(120))
    errors = [
        float(
            np.sqrt(
                np.maximum(model.fit(cov_type="cluster", cov_kwds={"groups": by}).cov_params(), 0)[
                    0, 0
                ]
            )
        )
        for by in (np.column_stack([prompt, person]), prompt, person)
    ]
    yield ours.standard_error, max(errors)
    counts = np.bincount(3 * prompt + kind, minlength=120).reshape(-1, 3)
    share = vote_share(counts, convention=half)
    assert share.estimate is not None
    worth = share.estimate * (1 - share.estimate) / errors[1] ** 2
    # statsmodels also takes (n - 1) / (n - k), which is 1 with k = 1 parameter.
    yield share.effective_n, min(120.0, worth)


def aucs(rng: np.random.Generator) -> Pairs:
    from scipy.stats import mannwhitneyu

    labels, scores = rng.random(60) < 0.4, rng.integers(0, 20, 60).astype(np.float64)
    if 0 < labels.sum() < 60:
        u = mannwhitneyu(scores[labels], scores[~labels]).statistic
        yield auc(scores, labels), u / (labels.sum() * (~labels).sum())


def e_values(rng: np.random.Generator) -> Pairs:
    from scipy.stats import betabinom, binom

    n, a = int(rng.integers(1, 600)), float(rng.uniform(0.5, 20))
    k = int(rng.binomial(n, 0.55))
    ratio = betabinom.logpmf(k, n, a, a) - binom.logpmf(k, n, 0.5)
    yield float(log_e_values(k, n - k, a=a)), ratio


def majorities(rng: np.random.Generator) -> Pairs:
    import pandas as pd

    task, label = rng.integers(0, 30, 90), rng.integers(0, 3, 90)
    frame = pd.DataFrame({"task": task, "label": label})
    best = frame.groupby("task").label.agg(lambda said: said.mode().tolist())
    size = frame.groupby("task").size()
    wanted = np.array(
        [-2 if size.get(t, 0) < 3 else -1 if len(best[t]) > 1 else best[t][0] for t in range(30)]
    )
    yield majority_array(task, label, n_tasks=30), wanted
