"""Sample sizes and power beside statsmodels, and beside every outcome of a small study counted up.

Each check yields what ours and the counterpart found. It must not decide how far apart they may be.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from itertools import product

import numpy as np

from annotate.analysis import power
from benchmarks.crosschecks.closed import Array, Pairs


def _every_study(prompts: int, *, alpha: float, tie_rate: float) -> Callable[[float], float]:
    """The chance of a win rate to be told from 1/2: all (wins, ties, losses) tested one by one."""
    from scipy.special import gammaln, xlogy
    from scipy.stats import binom

    table = np.indices((prompts + 1, prompts + 1))
    wins, losses = table.reshape(2, -1)
    there = wins + losses <= prompts
    wins, losses = wins[there], losses[there]
    ties = prompts - wins - losses
    ways = gammaln(prompts + 1) - sum(gammaln(count + 1) for count in (wins, ties, losses))
    tail = np.asarray(binom.cdf(np.minimum(wins, losses), wins + losses, 0.5))
    rejected = np.flatnonzero(2 * tail <= alpha)

    def found(win_rate: float) -> float:
        decided = 1 - tie_rate
        chances = (decided * win_rate, tie_rate, decided * (1 - win_rate))
        log = ways + sum(xlogy(n, p) for n, p in zip((wins, ties, losses), chances, strict=True))
        return float(np.exp(np.asarray(log)[rejected]).sum())

    return found


def exact(rng: np.random.Generator) -> Pairs:
    prompts, members = (int(rng.integers(*ends)) for ends in ((10, 60), (1, 5)))
    icc, alpha = float(rng.uniform(0, 0.5)), float(rng.uniform(0.01, 0.2))
    tie_rate = float(rng.choice([0.0, rng.uniform(0, 0.6)]))
    shared = np.full((members, members), icc) + (1 - icc) * np.eye(members)
    inflated = power.design_effect(members, icc=icc)
    yield inflated, shared.sum() / members
    settings = {"alpha": alpha, "tie_rate": tie_rate}
    study = _every_study(math.floor(prompts / inflated), **settings)
    win_rate = float(rng.uniform(0.5, 1))
    ours = power.exact_power(win_rate, prompts, design_effect=inflated, **settings)
    yield ours, study(win_rate)
    yield power.resolution(prompts, design_effect=inflated, **settings).size, study(0.5)


def resolved(rng: np.random.Generator) -> Pairs:
    """The smallest win rate that is found; 0 stands for none."""
    from scipy.optimize import brentq

    prompts, wanted = int(rng.integers(10, 60)), float(rng.uniform(0.5, 0.95))
    tie_rate, alpha = float(rng.uniform(0, 0.5)), float(rng.uniform(0.01, 0.2))
    study = _every_study(prompts, alpha=alpha, tie_rate=tie_rate)
    ours = power.resolution(prompts, power=wanted, alpha=alpha, tie_rate=tie_rate).win_rate
    there = study(1.0) >= wanted
    other = brentq(lambda rate: study(rate) - wanted, 0.5, 1.0, xtol=1e-12) if there else 0.0
    yield ours or 0.0, other


def sizes(rng: np.random.Generator) -> Pairs:
    from statsmodels.stats.power import NormalIndPower, normal_sample_size_one_tail
    from statsmodels.stats.proportion import proportion_confint, proportion_effectsize

    rate, wanted = float(rng.uniform(0.52, 0.9)), float(rng.uniform(0.6, 0.95))
    alpha, tie_rate = float(rng.uniform(0.01, 0.1)), float(rng.uniform(0, 0.5))
    inflated = float(rng.uniform(1, 2))
    settings = {"power": wanted, "alpha": alpha, "tie_rate": tie_rate, "design_effect": inflated}
    spread = math.sqrt(rate * (1 - rate))
    normal = normal_sample_size_one_tail(
        rate - 0.5, wanted, alpha / 2, std_null=0.5, std_alternative=spread
    )
    arcsine = NormalIndPower(ddof=0).solve_power(
        effect_size=proportion_effectsize(rate, 0.5),
        alpha=alpha / 2,
        power=wanted,
        ratio=0,
        alternative="larger",
    )
    for formula, n in (("normal", float(normal)), ("arcsine", float(arcsine))):
        ours = power.sample_size(rate, formula=formula, **settings)  # type: ignore[arg-type]
        all_of_them = n / (1 - tie_rate) * inflated
        yield (ours.decided, ours.prompts), (math.ceil(n), math.ceil(all_of_them))
    n = int(rng.integers(2, 1000))
    yield power.half_width(n), proportion_confint(n / 2, n, method="wilson")[1] - 0.5


def majorities_of_three(rng: np.random.Generator) -> Pairs:
    shares = rng.dirichlet(np.ones(3))
    verdicts: Array = np.zeros(3)
    votes = 0.0
    for three in product(range(3), repeat=3):
        chance = float(np.prod(shares[list(three)]))
        ((leader, most),) = Counter(three).most_common(1)
        verdicts[leader if most > 1 else 1] += chance
        votes += chance * (2 if three[0] == three[1] else 3)
    yield power.majority_of_three(*shares), verdicts
    yield power.on_demand_votes(*shares), votes
