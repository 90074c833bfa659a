"""Oracles that keep exactly the budget: M3 by accuracy or by skill, M4 by a noisy score.
Must not know results or costs: shares of ideal labels in, chances of keeping out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotate.analysis.oracle_models import Keep, check_grid

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from annotate.analysis.oracle_models import Array

_CLOSE = 1e-9
_BISECTIONS = 50


@dataclass(frozen=True)
class BudgetRange:
    """The accuracies that are possible when exactly 1 - k/100 of the samples are kept.

    `random` is that of a selection without skill; `best` is 1 only where pi = 1 - k/100.
    """

    worst: float
    random: float
    best: float


def budget_range(label_share: float, percentile: float) -> BudgetRange:
    """|1 - c - pi|, c pi + (1 - c)(1 - pi) and 1 - |c - pi|, with c = 1 - k/100.

    Raises:
        ValueError: the share lies outside [0, 1] or the percentile outside [0, 100].
    """
    check_grid(label_share=(label_share,))
    c = _kept(percentile)
    return BudgetRange(
        worst=abs(1 - c - label_share),
        random=c * label_share + (1 - c) * (1 - label_share),
        best=1 - abs(c - label_share),
    )


@dataclass(frozen=True)
class SkilledBudgetOracle:
    """M3 by skill: keeps c = 1 - k/100 of the samples; 0 selects at random, 1 as well as can be.

        t = P(kept and z = 1) = c pi + rho (min(c, pi) - c pi)

    Negative skill goes the other way, to -1 at the smallest possible t, max(0, c + pi - 1).
    """

    percentile: float
    skill: tuple[float, ...]

    def __post_init__(self) -> None:
        _kept(self.percentile)
        check_grid(-1.0, skill=[rho for rho in self.skill if not math.isnan(rho)])

    @property
    def name(self) -> str:
        return f"M3 fixed budget, k = {self.percentile:g}, by skill"

    def __len__(self) -> int:
        return len(self.skill)

    def keep(self, label_share: Array) -> Keep:
        import numpy as np

        c, rho = _kept(self.percentile), np.array(self.skill)
        by_chance = c * label_share
        best, worst = np.minimum(c, label_share), np.maximum(0.0, c + label_share - 1)
        reach = np.where(rho >= 0, best - by_chance, by_chance - worst)
        return _from_joint(by_chance + rho * reach, label_share, c)

    def elsewhere(self, _: float, /) -> SkilledBudgetOracle:
        return self

    def decide(
        self, labels: NDArray[np.bool_], setting: int, *, draws: int, rng: np.random.Generator
    ) -> NDArray[np.bool_]:
        kept, positives = whole_budget(len(labels), self.percentile), int(labels.sum())
        by_chance = kept * positives / len(labels)
        best, worst = min(kept, positives), max(0, kept + positives - len(labels))
        rho = self.skill[setting]
        reach = best - by_chance if rho >= 0 else by_chance - worst
        return _draw_budget(labels, by_chance + rho * reach, kept, draws=draws, rng=rng)


@dataclass(frozen=True)
class FixedBudgetOracle:
    """M3 by raw accuracy: t = (p + c + pi - 1) / 2, infeasible outside of `budget_range`."""

    percentile: float
    accuracy: tuple[float, ...]

    def __post_init__(self) -> None:
        _kept(self.percentile)
        check_grid(accuracy=self.accuracy)

    @property
    def name(self) -> str:
        return f"M3 fixed budget, k = {self.percentile:g}"

    def __len__(self) -> int:
        return len(self.accuracy)

    def keep(self, label_share: Array) -> Keep:
        import numpy as np

        c, p = _kept(self.percentile), np.array(self.accuracy)
        t = (p + c + label_share - 1) / 2
        worst, best = np.maximum(0.0, c + label_share - 1), np.minimum(c, label_share)
        feasible = (t >= worst - _CLOSE) & (t <= best + _CLOSE)
        return _from_joint(np.where(feasible, np.clip(t, worst, best), np.nan), label_share, c)

    def elsewhere(self, label_share: float, /) -> SkilledBudgetOracle:
        """By skill: other prompts have another pi, and the same p may be infeasible there."""
        allowed = budget_range(label_share, self.percentile)
        skill = []
        for p in self.accuracy:
            gain = p - allowed.random
            reach = allowed.best - allowed.random if gain > 0 else allowed.random - allowed.worst
            rho = gain / reach if reach > _CLOSE else (0.0 if abs(gain) <= _CLOSE else math.inf)
            feasible = abs(rho) <= 1 + _CLOSE
            skill.append(max(-1.0, min(1.0, rho)) if feasible else math.nan)
        return SkilledBudgetOracle(self.percentile, tuple(skill))

    def decide(
        self, labels: NDArray[np.bool_], setting: int, *, draws: int, rng: np.random.Generator
    ) -> NDArray[np.bool_]:
        n, positives = len(labels), int(labels.sum())
        kept = whole_budget(n, self.percentile)
        joint = (self.accuracy[setting] * n + kept + positives - n) / 2
        best, worst = min(kept, positives), max(0, kept + positives - n)
        if not worst - _CLOSE * n <= joint <= best + _CLOSE * n:
            raise ValueError(
                f"accuracy={self.accuracy[setting]} is infeasible when {kept} of {n} samples are "
                f"kept of which {positives} should be; see budget_range()"
            )
        return _draw_budget(labels, joint, kept, draws=draws, rng=rng)


@dataclass(frozen=True)
class ScoreOracle:
    """M4: scores mu z + eps, eps standard normal; the top 1 - k/100 are kept. AUC = Phi(mu/sqrt 2).

    The closed form is that of many prompts: with few, the cut itself is random.
    """

    percentile: float
    auc: tuple[float, ...]

    def __post_init__(self) -> None:
        _kept(self.percentile)
        check_grid(0.5, auc=self.auc)

    @property
    def name(self) -> str:
        return f"M4 score, k = {self.percentile:g}"

    def __len__(self) -> int:
        return len(self.auc)

    def keep(self, label_share: Array) -> Keep:
        import numpy as np
        from scipy.special import ndtr

        c, mu = _kept(self.percentile), self._distances()
        shape = np.broadcast_shapes(np.shape(label_share), mu.shape)
        # Kept share falls as the cut rises; the cut lies between the tails of both normals.
        low, high = np.full(shape, -9.0), np.broadcast_to(mu + 9.0, shape)
        for _ in range(_BISECTIONS):
            cut = (low + high) / 2
            kept = label_share * ndtr(mu - cut) + (1 - label_share) * ndtr(-cut)
            low, high = np.where(kept > c, cut, low), np.where(kept > c, high, cut)
        return _from_joint(label_share * ndtr(mu - (low + high) / 2), label_share, c)

    def elsewhere(self, _: float, /) -> ScoreOracle:
        return self

    def decide(
        self, labels: NDArray[np.bool_], setting: int, *, draws: int, rng: np.random.Generator
    ) -> NDArray[np.bool_]:
        import numpy as np

        scores = self._distances()[setting] * labels + rng.standard_normal((draws, len(labels)))
        ranks = np.argsort(np.argsort(-scores, axis=1), axis=1)
        return ranks < whole_budget(len(labels), self.percentile)

    def _distances(self) -> Array:
        import numpy as np
        from scipy.special import ndtri

        # AUC 1 is mu = infinity; at 20 standard deviations no float can tell the difference.
        return np.minimum(math.sqrt(2) * ndtri(np.array(self.auc)), 20.0)


def whole_budget(prompts: int, percentile: float) -> int:
    """The number of samples kept of `prompts`: (1 - k/100) of them, a half rounded up."""
    return math.floor(prompts * _kept(percentile) + 0.5 + _CLOSE)


def _draw_budget(
    labels: NDArray[np.bool_], joint: float, kept: int, *, draws: int, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Keep `joint` positives (rounded at random to a whole number of that mean), else negatives."""
    import numpy as np

    whole = math.floor(joint + _CLOSE)
    up = rng.random(draws) < joint - whole
    good = whole + (up if joint - whole > _CLOSE else np.zeros(draws, dtype=bool))
    keep = np.zeros((draws, len(labels)), dtype=bool)
    for wanted, places in ((good, labels), (kept - good, ~labels)):
        order = np.argsort(rng.random((draws, int(places.sum()))), axis=1)
        keep[:, places] = order < np.asarray(wanted)[:, None]
    return keep


def _from_joint(joint: Array, label_share: Array, kept: float) -> Keep:
    """(t / pi, (c - t) / (1 - pi)); a class without prompts adds nothing, whatever its chance."""
    import numpy as np

    share = np.broadcast_to(label_share, joint.shape)
    good = np.divide(joint, share, out=0 * joint, where=share > 0)
    bad = np.divide(kept - joint, 1 - share, out=0 * joint, where=share < 1)
    # Rounding errors only: the joint share lies inside its bounds.
    return Keep(np.clip(good, 0.0, 1.0), np.clip(bad, 0.0, 1.0))


def _kept(percentile: float) -> float:
    if not 0 <= percentile <= 100:
        raise ValueError(f"percentile={percentile} lies outside [0, 100]; k = 50 refines half")
    return (100 - percentile) / 100
