"""A study rehearsed: votes drawn from prompts and annotators who differ, majority, sign test.

Must not know studies; `power` says the same by formula, and each is the other's test.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from annotate.analysis.crowd import Crowd, check_on_demand, verdict_icc, verdict_shares
from annotate.analysis.power import design_effect, exact_powers
from annotate.analysis.significance import sign_test

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Codes = NDArray[np.int64]

# Pools of annotators that the formula averages over. Larger pools differ less among each other.
_POOLS = (500, 5_000)
_PEOPLE = 100_000
_GRID = 250


@dataclass(frozen=True)
class Expected:
    """The formula's power for a crowd, averaged over the annotators that a study may get.

    `error` is the standard error of that average over `pools` drawn; 0 where annotators are alike.
    """

    estimand: ClassVar[str] = "chance that a study of such a crowd rejects 1/2"
    unit: ClassVar[str] = "pool of annotators"
    method: ClassVar[str] = "power of the study's test, averaged over pools of annotators"

    power: float
    error: float
    pools: int

    @property
    def n(self) -> int:
        """The pools averaged over."""
        return self.pools


@dataclass(frozen=True)
class Rehearsal:
    """What came of `studies` rehearsed studies, and what the formula says of the same crowd.

    `power` is the share that rejected 1/2, `error` its Monte Carlo standard error; `expected`
    averages `exact_power` over the annotators that a study may happen to get. At lean 0 both are
    the chance of a false alarm, which few annotators with opinions of their own raise above alpha.

    `win_rate` and `tie_rate` are those of all verdicts, `spread` is the standard deviation of the
    win rate from study to study. `votes` are the votes on a prompt. `right` is the share of decided
    verdicts that say what most people would of that prompt; NaN where people at large are even.
    """

    estimand: ClassVar[str] = "chance that a study of such a crowd rejects 1/2"
    unit: ClassVar[str] = "rehearsed study"

    crowd: Crowd
    prompts: int
    on_demand: bool
    group_size: float
    studies: int
    alpha: float
    win_rate: float
    tie_rate: float
    spread: float
    votes: float
    right: float
    power: float
    error: float
    expected: Expected

    @property
    def n(self) -> int:
        """The studies rehearsed."""
        return self.studies

    @property
    def gap(self) -> float:
        """The simulated power less the formula's."""
        return self.power - self.expected.power

    @property
    def gap_error(self) -> float:
        """The standard error of `gap`."""
        return math.hypot(self.error, self.expected.error)

    @property
    def method(self) -> str:
        """The test that each study got."""
        groups = "score test over groups of prompts"
        return f"simulated votes, {'exact two-sided sign test' if self.group_size == 1 else groups}"


def rehearse(
    crowd: Crowd,
    prompts: int,
    *,
    studies: int,
    rng: np.random.Generator,
    alpha: float = 0.05,
    on_demand: bool = False,
    group_size: float = 1.0,
) -> Rehearsal:
    """Draw every vote of `studies` studies, decide, test; and the formula's power beside it.

    Prompts without groups get the exact sign test. Where they share photos the sums of groups,
    wins less losses, are tested, as the verdicts of a group are not independent:

        z = sum_g s_g / sqrt(sum_g s_g^2),   two-sided against the normal

    Args:
        on_demand: the third of three is asked only where the first two differ.
        group_size: prompts of one photo; a fraction mixes the two whole sizes around it.

    Raises:
        ValueError: `prompts` or `studies` is no positive count, groups are below 1, or on demand
            with an overlap other than 3.
    """
    import numpy as np

    if prompts < 1 or studies < 1 or not 1 <= group_size < math.inf:
        raise ValueError(
            f"prompts={prompts}, studies={studies}, group_size={group_size}; give at least one of "
            "each"
        )
    if on_demand:
        check_on_demand(crowd.overlap)
    group = (np.arange(prompts) / group_size).astype(np.int64)
    rejected = cast = agreed = 0
    totals = np.zeros((studies, 2), dtype=np.int64)
    for study in range(studies):
        own, first, second, votes = _drawn(crowd, group, on_demand=on_demand, rng=rng)
        won, lost = int(first.sum()), int(second.sum())
        totals[study] = won, lost
        cast += votes
        agreed += int((first & (own > 0)).sum() + (second & (own < 0)).sum())
        if group_size == 1:
            p = sign_test(won, lost).p_value
        else:
            sums = np.bincount(group, weights=first.astype(np.float64) - second)
            p = _grouped_p(np.asarray(sums, dtype=np.float64))
        rejected += p <= alpha
    share = rejected / studies
    # None or all of the studies leave some doubt too: as if there had been one more of each.
    near = (rejected + 1) / (studies + 2)
    decided = int(totals.sum())
    rates = totals[totals.sum(axis=1) > 0]
    rates = rates[:, 0] / rates.sum(axis=1)
    return Rehearsal(
        crowd=crowd,
        prompts=prompts,
        on_demand=on_demand,
        group_size=group_size,
        studies=studies,
        alpha=alpha,
        win_rate=int(totals[:, 0].sum()) / decided if decided else math.nan,
        tie_rate=1 - decided / (prompts * studies),
        spread=float(rates.std()) if len(rates) else math.nan,
        votes=cast / (prompts * studies),
        right=agreed / decided if decided and (crowd.lean or crowd.prompt_sd) else math.nan,
        power=share,
        error=math.sqrt(near * (1 - near) / studies),
        expected=expected_power(crowd, prompts, rng=rng, alpha=alpha, group_size=group_size),
    )


def expected_power(
    crowd: Crowd,
    prompts: int,
    *,
    rng: np.random.Generator,
    alpha: float = 0.05,
    group_size: float = 1.0,
) -> Expected:
    """The formula's power at the win rate of each of many pools of annotators, averaged.

    Every pool comes with its mirror image, opposite opinions, which takes most of the noise out.
    """
    import numpy as np

    few, many = _POOLS
    pairs = max(few, min(many, _PEOPLE // crowd.annotators)) // 2 if crowd.annotator_sd else 1
    biases = crowd.annotator_sd * rng.standard_normal((pairs, crowd.annotators))
    won, lost = verdict_shares(crowd, np.concatenate([biases, -biases]))
    rates = won / (won + lost)
    # The power is smooth: between this many rates it may be read off a line.
    grid = np.linspace(rates.min(), rates.max(), min(_GRID, len(rates)))
    powers = exact_powers(
        grid.tolist(),
        prompts,
        alpha=alpha,
        # From pool to pool ties differ by less than the number of decided ones does by chance.
        tie_rate=max(0.0, 1 - float((won + lost).mean())),
        design_effect=design_effect(group_size, verdict_icc(crowd) if group_size > 1 else 0.0),
        group_size=group_size,
    )
    both = np.interp(rates, grid, powers).reshape(2, pairs).mean(axis=0)
    error = float(both.std(ddof=1)) / math.sqrt(pairs) if pairs > 1 else 0.0
    return Expected(power=float(both.mean()), error=error, pools=2 * pairs)


def _drawn(
    crowd: Crowd, group: Codes, *, on_demand: bool, rng: np.random.Generator
) -> tuple[Array, NDArray[np.bool_], NDArray[np.bool_], int]:
    """One study: what each prompt is worth in logits, those won, those lost, and the votes cast."""
    import numpy as np

    n, k = len(group), crowd.overlap
    biases = crowd.annotator_sd * rng.standard_normal(crowd.annotators)
    own = rng.standard_normal(n)
    if crowd.photo:
        common = rng.standard_normal(int(group[-1]) + 1)[group]
        own = math.sqrt(crowd.photo) * common + math.sqrt(1 - crowd.photo) * own
    own = crowd.lean + crowd.prompt_sd * own
    who = _different(n, k, crowd.annotators, rng=rng)
    chance = 0.5 + 0.5 * np.tanh((own[:, None] + biases[who]) / 2)
    luck = rng.random((n, k))
    tied = luck < crowd.tie
    toward = ~tied & (luck < crowd.tie + (1 - crowd.tie) * chance)
    asked = np.ones((n, k), dtype=np.bool_)
    if on_demand:
        asked[:, 2] = (tied[:, 0] != tied[:, 1]) | (toward[:, 0] != toward[:, 1])
    ties = (tied & asked).sum(axis=1)
    wins = (toward & asked).sum(axis=1)
    cast = asked.sum(axis=1)
    losses = cast - ties - wins
    first = wins > np.maximum(ties, losses)
    second = losses > np.maximum(ties, wins)
    return own, first, second, int(cast.sum())


def _different(prompts: int, each: int, annotators: int, *, rng: np.random.Generator) -> Codes:
    """`each` different annotators for each prompt, in the order in which they are asked."""
    import numpy as np

    chosen = np.empty((prompts, each), dtype=np.int64)
    for place in range(each):
        # One of those that are left, counted past those that are not.
        one = rng.integers(annotators - place, size=prompts)
        for taken in np.sort(chosen[:, :place], axis=1).T:
            one += one >= taken
        chosen[:, place] = one
    return chosen


def _grouped_p(sums: Array) -> float:
    scale = float(sums @ sums)
    return math.erfc(abs(float(sums.sum())) / math.sqrt(2 * scale)) if scale else 1.0
