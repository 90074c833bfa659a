"""How likely a study's test is to reject 1/2, for `power` to ask again and again.
Must not know studies: counts and rates in, chances out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class SignTestPower:
    """The exact two-sided sign test, its rejection regions worked out once.

    There is one for every number of decided verdicts, and ties make that number random.
    It rejects at most c or at least m - c wins of m, where c is the largest whole number with
    2 P(X <= c) <= alpha for X ~ Binomial(m, 1/2); c = -1 where there is none.
    """

    def __init__(self, prompts: int, *, alpha: float, tie_rate: float) -> None:
        import numpy as np
        from scipy.stats import binom

        if tie_rate:
            every = np.arange(prompts + 1)
            chance = binom.pmf(every, prompts, 1 - tie_rate)
            likely = chance > 1e-15
            self.decided: NDArray[np.int64] = every[likely]
            self.weight: NDArray[np.float64] = chance[likely] / chance[likely].sum()
        else:
            self.decided, self.weight = np.array([prompts]), np.array([1.0])
        reached = binom.ppf(alpha / 2, self.decided, 0.5)
        inside = binom.cdf(reached, self.decided, 0.5) <= alpha / 2
        self.critical: NDArray[np.float64] = np.where(inside, reached, reached - 1)

    def power(self, win_rate: float) -> float:
        return self.powers([win_rate])[0]

    def powers(self, win_rates: Sequence[float]) -> list[float]:
        import numpy as np
        from scipy.stats import binom

        rates = np.asarray(win_rates, dtype=np.float64)[:, None]
        low = binom.cdf(self.critical, self.decided, rates)
        high = binom.cdf(self.critical, self.decided, 1 - rates)
        found: list[float] = ((low + high) @ self.weight).tolist()
        return found


class ScoreTestPower:
    """The test of groups' wins less losses, by the normal; see `power.exact_power`."""

    def __init__(
        self,
        prompts: int,
        *,
        alpha: float,
        tie_rate: float,
        design_effect: float,
        group_size: float,
    ) -> None:
        self.prompts, self.decided = prompts, 1 - tie_rate
        self.effect, self.size = design_effect, group_size
        self.z = NormalDist().inv_cdf(1 - alpha / 2)

    def power(self, win_rate: float) -> float:
        lean = abs(self.decided * (2 * win_rate - 1))
        variance = (self.decided - lean**2) * self.effect
        if variance <= 0 or not self.prompts:
            return float(self.prompts / self.size > self.z**2)
        needs = self.z * math.sqrt(variance + self.size * lean**2)
        reach, scale = lean * math.sqrt(self.prompts), math.sqrt(variance)
        cdf = NormalDist().cdf
        return cdf((reach - needs) / scale) + cdf((-reach - needs) / scale)

    def powers(self, win_rates: Sequence[float]) -> list[float]:
        return [self.power(win_rate) for win_rate in win_rates]


def planned_test(
    prompts: int, alpha: float, tie_rate: float, design_effect: float, group_size: float
) -> SignTestPower | ScoreTestPower:
    """The test that a study of `prompts` prompts gets: exact, or of groups where it has any.

    Raises:
        ValueError: `prompts` is no count, or groups hold less than a prompt.
    """
    sure = effective(prompts, design_effect)
    if group_size == 1:
        return SignTestPower(sure, alpha=alpha, tie_rate=tie_rate)
    if not 1 < group_size < math.inf:
        raise ValueError(f"group_size={group_size}; give the prompts of a group, at least 1")
    return ScoreTestPower(
        prompts,
        alpha=alpha,
        tie_rate=tie_rate,
        design_effect=design_effect,
        group_size=group_size,
    )


def effective(prompts: int, design_effect: float) -> int:
    """The independent prompts that these are worth, rounded down.

    Raises:
        ValueError: `prompts` is no count.
    """
    if prompts < 0 or prompts != int(prompts):
        raise ValueError(f"prompts={prompts} is no count; give a whole number of at least 0")
    # 600 / 1.2 is 499.99999999999994 in some orders of arithmetic: the last digits are no prompt.
    return math.floor(prompts / design_effect + 1e-9)
