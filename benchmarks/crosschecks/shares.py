"""Joint bounds, crossed bootstrap, sides, slices and diversity beside independent counterparts.

Each check yields what ours and the counterpart found. It must not decide how far apart they may be.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from annotate.analysis.association import associate
from annotate.analysis.crossed import crossed_bootstrap
from annotate.analysis.diversity import (
    OVERALL,
    Attribute,
    DiversityVote,
    diversity_differences,
    diversity_scores,
)
from annotate.analysis.joint import Joint, JointShares, joint_shares
from annotate.analysis.sides import SidedVote, adjusted_share, side_bias
from annotate.analysis.slices import slice_table
from benchmarks.crosschecks.closed import RESULTS, Array, Pairs


def _bounds(seen: JointShares) -> list[tuple[float, float]]:
    return [(share.low, share.high) for share in (seen.win, seen.tie, seen.loss)]


def joint(rng: np.random.Generator) -> Pairs:
    """Goodman's as roots of his quadratic; Sison and Glaz's from moments of truncated counts."""
    from scipy.stats import chi2

    counts = rng.multinomial(int(rng.integers(20, 90)), rng.dirichlet(np.full(3, 3.0)))
    n, confidence = counts.sum(), float(rng.uniform(0.8, 0.99))

    def ours(method: Joint) -> JointShares:
        win, tie, loss = counts.tolist()
        return joint_shares(win, tie, loss, confidence=confidence, method=method)

    reach = chi2.ppf(1 - (1 - confidence) / 3, 1)
    roots = [np.sort(np.roots([n + reach, -2 * x - reach, x * x / n]).real) for x in counts]
    yield _bounds(ours("goodman")), np.clip(roots, 0, 1)
    # The last whole reach that does not hold all three often enough, and part of the next one.
    held = [_held(counts, 1)]
    while held[-1] < confidence:
        held.append(_held(counts, len(held) + 1))
    if len(held) > 1:
        whole = len(held) - 1
        part = (confidence - held[-2]) / (held[-1] - held[-2])
        ends = [(x / n - whole / n, x / n + (whole + 2 * part) / n) for x in counts]
        yield _bounds(ours("sison-glaz")), np.clip(ends, 0, 1)


def _held(counts: NDArray[np.int64], reach: int) -> float:
    """Sison and Glaz (1995), (1): the chance that no count is further off, moments by summing."""
    from scipy.stats import poisson

    n = counts.sum()
    inside, mean, second, third, fourth = 1.0, 0.0, 0.0, 0.0, 0.0
    for x in counts:
        values = np.arange(max(x - reach, 0), min(x + reach, n) + 1)
        weight = poisson.pmf(values, x)
        inside *= weight.sum()
        weight = weight / weight.sum()
        middle = weight @ values
        moments = [float(weight @ (values - middle) ** power) for power in (2, 3, 4)]
        mean += middle
        second += moments[0]
        third += moments[1]
        fourth += moments[2] - 3 * moments[0] ** 2
    z = (n - mean) / np.sqrt(second)
    skew, peak = third / second**1.5, fourth / second**2
    series = 1 + skew / 6 * (z**3 - 3 * z) + peak / 24 * (z**4 - 6 * z**2 + 3)
    series += skew**2 / 72 * (z**6 - 15 * z**4 + 45 * z**2 - 15)
    density = np.exp(-z * z / 2) / np.sqrt(2 * np.pi * second)
    return float(inside * series * density / poisson.pmf(n, n))


def crossed_draws(rng: np.random.Generator) -> Pairs:
    """The crossed bootstrap with every drawn vote written down as often as it was drawn."""
    import statsmodels.api as sm
    from scipy.stats import norm, t

    people, prompts, resamples = 13, 20, 25
    # Each annotator begins with a prompt of their own: an order that no vote can change.
    prompt = np.concatenate([[i, *rng.choice(np.arange(13, 20), 3, replace=False)]
                             for i in range(people)])  # fmt: skip
    person = np.repeat(np.arange(people), 4)
    won = rng.random(len(prompt)) < 0.6
    seed, order = int(rng.integers(2**31)), rng.permutation(len(prompt))
    names = [f"{i:02d}" for i in range(prompts)]
    ours = crossed_bootstrap(
        [RESULTS[0 if won[i] else 2] for i in order],
        [names[prompt[i]] for i in order],
        person[order].tolist(),
        rng=np.random.default_rng(seed),
        resamples=resamples,
    )
    seen, code = np.unique(prompt, return_inverse=True)
    again = np.random.default_rng(seed)
    drawn = [again.multinomial(n, np.full(n, 1 / n), resamples) for n in (len(seen), people)]
    often = drawn[0][:, code] * drawn[1][:, person]
    shares = np.array([np.repeat(won, times).mean() for times in often if times.any()])
    groups = {"groups": np.column_stack([code, person])}
    model = sm.OLS(won * 1.0, np.ones(len(won)))
    errors = [
        float(model.fit(cov_type="cluster", cov_kwds={"groups": by}).cov_params()[0, 0])
        for by in (groups["groups"], code, person)
    ]
    spread = np.sqrt(max(errors)) / shares.std()
    reach = spread * t.ppf(0.975, people - 1) / norm.ppf(0.975)
    ends = won.mean() + reach * (np.quantile(shares, [0.025, 0.975]) - won.mean())
    yield ours.spread, spread
    yield (ours.low, ours.high), np.clip(ends, 0, 1)


def _diversity_votes(rng: np.random.Generator) -> list[DiversityVote]:
    return [
        DiversityVote(
            method,
            prompt,
            attribute,
            None if vote and rng.random() < 0.15 else float(rng.choice([0.0, 0.5, 1.0])),
            f"photo {prompt // 2}" if prompt < 4 else "",
        )
        for method in ("ddim", "student", "teacher")
        for prompt in range(9)
        for attribute in Attribute
        for vote in range(int(rng.integers(1, 4)))
    ]


def diversity(rng: np.random.Generator) -> Pairs:
    """Means by pandas; paired differences tested by scipy over all signs, corrected by Holm."""
    import pandas as pd
    from scipy.stats import permutation_test
    from statsmodels.stats.multitest import multipletests

    votes = _diversity_votes(rng)
    frame = pd.DataFrame(votes, columns=["method", "prompt", "attribute", "score", "group"])
    frame["group"] = frame.group.where(frame.group != "", frame.prompt.astype(str))
    means = frame.groupby(["method", "attribute", "prompt"]).score.mean()
    by_attribute = means.groupby(level=[0, 1]).mean()
    overall = by_attribute.groupby(level=0).mean()
    found = diversity_scores(votes, rng=rng, resamples=2)
    yield (
        [score.estimate for score in found],
        [
            overall[s.method] if s.attribute == OVERALL else by_attribute[s.method, s.attribute]
            for s in found
        ],
    )
    group = frame.drop_duplicates("prompt").set_index("prompt").group
    paired = diversity_differences(votes, rng=rng, resamples=2)
    estimates, p_values = [], []
    for pair in paired:
        apart = means[pair.first, pair.attribute] - means[pair.second, pair.attribute]
        estimates.append(apart.mean())
        # In twelfths all are whole: scipy takes sums that differ by rounding for different ones.
        sums = np.rint(12 * apart.groupby(group).sum().to_numpy())
        tested = permutation_test(
            (sums,), np.sum, permutation_type="samples", n_resamples=2**9, vectorized=True
        )
        p_values.append(tested.pvalue)
    yield [pair.estimate for pair in paired], estimates
    yield [pair.p_value for pair in paired], p_values
    yield [pair.adjusted_p for pair in paired], multipletests(p_values, method="holm")[1]


def sides(rng: np.random.Generator) -> Pairs:
    """Side bias and the share with sides balanced: least squares' two-way errors by hand."""
    from scipy.stats import t

    prompt = np.repeat(np.arange(40), 3)
    # Of 15 people one may be asked nothing, and then is no cluster.
    _, person = np.unique(np.argsort(rng.random((40, 15)), axis=1)[:, :3], return_inverse=True)
    person = person.ravel()
    people = int(person.max()) + 1
    left = rng.random(120) < rng.uniform(0.3, 0.7)
    lean = (
        rng.normal(0, 1, 40)[prompt] + rng.normal(0, 0.6, people)[person] + np.where(left, 0.4, 0)
    )
    won = rng.random(120) < 1 / (1 + np.exp(-lean))
    votes = [
        SidedVote(int(p), int(a), RESULTS[0 if w else 2], bool(x))
        for p, a, w, x in zip(prompt, person, won, left, strict=True)
    ]
    shares = [won[left].mean(), won[~left].mean()]
    off = won - np.where(left, *shares)
    # What each vote adds to half the sum, and to half the difference, of the two sides' means.
    parts = np.stack([off * np.where(left, 1, sign) / np.where(left, left.sum(), (~left).sum())
                      for sign in (1, -1)]) / 2  # fmt: skip

    def squares(cluster: NDArray[np.int64]) -> Array:
        sums = np.stack([np.bincount(cluster, part) for part in parts])
        g = sums.shape[1]
        return np.asarray((sums**2).sum(axis=1) * g / (g - 1) * 119 / 118)

    one, two, both = squares(prompt), squares(person), squares(np.arange(120))
    variance = one + two - both
    if (variance <= 0).any():
        variance = np.maximum(one, two)
    share, bias = np.sqrt(variance)
    quantile = t.ppf(0.975, people - 1)
    found, middle = side_bias(votes), (shares[0] - shares[1]) / 2
    yield found.estimate, middle
    yield (found.low, found.high), np.clip([middle - quantile * bias, middle + quantile * bias],
                                           -0.5, 0.5)  # fmt: skip
    yield found.p_value, 2 * t.sf(abs(middle) / bias, people - 1)
    adjusted, centre = adjusted_share(votes), sum(shares) / 2
    n = min(120, centre * (1 - centre) / share**2)
    # Wilson's ends are where the score test's distance is the quantile.
    ends = np.sort(np.roots([n + quantile**2, -2 * n * centre - quantile**2, n * centre**2]).real)
    yield (adjusted.low, adjusted.high), ends


def associations(rng: np.random.Generator) -> Pairs:
    """Rank correlations, and homogeneity of slices with both of its corrections."""
    from scipy.stats import chi2_contingency, spearmanr
    from statsmodels.stats.multitest import multipletests

    n = 90
    code, value = rng.integers(0, 3, n), rng.integers(0, 30, n).astype(np.float64)
    results = [RESULTS[i] for i in code]
    seen = associate(value.tolist(), results, name="length", seed=1, resamples=1)
    yield seen.rho, spearmanr(value, 1 - code / 2).statistic
    yield seen.decided, spearmanr(value[code != 1], 1 - code[code != 1] / 2).statistic
    axes = {name: rng.integers(0, 3, n) for name in ("source", "photo")}
    words = {name: [f"kind {i}" for i in column] for name, column in axes.items()}
    found = slice_table(results, words, minimum=1)
    tested = [
        chi2_contingency([[((column == i) & (code == k)).sum() for k in (0, 2)] for i in range(3)],
                         correction=False)
        for column in axes.values()
    ]  # fmt: skip
    yield [axis.statistic for axis in found.axes], [test.statistic for test in tested]
    p_values = [test.pvalue for test in tested]
    yield [axis.p_value for axis in found.axes], p_values
    adjusted = multipletests(p_values, method="fdr_bh")[1]
    yield [axis.adjusted_p for axis in found.axes], adjusted
