"""A study rehearsed: votes drawn from prompts and annotators who differ, majority, sign test.

Must not know studies; `power` says the same by formula, and each is the other's test.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from annotate.analysis.power import exact_power

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_NODES = 21
_STEPS = 30
_POOLS = 200


@dataclass(frozen=True)
class Crowd:
    """How votes come about: a tie with chance `tie`, else a with chance logistic(lean + u + v).

    u is the prompt's own, normal with `prompt_sd`, and v the annotator's, normal with
    `annotator_sd`; both in logits. Three different ones of `annotators` vote on each prompt.
    """

    lean: float
    tie: float
    prompt_sd: float
    annotator_sd: float
    annotators: int

    def __post_init__(self) -> None:
        if not 0 <= self.tie < 1 or min(self.prompt_sd, self.annotator_sd) < 0:
            raise ValueError(f"{self}: give a tie rate in [0, 1) and deviations of at least 0")
        if self.annotators < 3:
            raise ValueError(f"annotators={self.annotators}; three different ones judge a prompt")


@dataclass(frozen=True)
class Rehearsal:
    """What came of `studies` rehearsed studies, and what the formula says of the same crowd.

    `power` is the share that rejected 1/2 by the exact sign test, `error` its Monte Carlo standard
    error; `planned` averages `exact_power` over the annotators that a study may happen to get. At
    lean 0 both are the chance of a false alarm, which few annotators with opinions of their own
    raise above alpha.
    """

    estimand: ClassVar[str] = "chance that a study of such a crowd rejects 1/2"
    unit: ClassVar[str] = "rehearsed study"
    method: ClassVar[str] = "simulated votes, exact two-sided sign test"

    crowd: Crowd
    prompts: int
    studies: int
    alpha: float
    win_rate: float
    tie_rate: float
    power: float
    error: float
    planned: float

    @property
    def n(self) -> int:
        """The studies rehearsed."""
        return self.studies


def verdict_shares(crowd: Crowd, biases: Array) -> tuple[Array, Array]:
    """Shares of verdicts (win, loss) for pools of annotators, prompts integrated out.

    A prompt is won where at least two of its three votes are. Averaged over all triples of a pool
    that is 3 m2 - 2 m3, with the mean products of two and of three different annotators' chances.

    Args:
        biases: v of each annotator, (pools, annotators).
    """
    import numpy as np

    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    own = crowd.lean + crowd.prompt_sd * nodes[:, None, None] + biases
    toward = (1 - crowd.tie) / (1 + np.exp(-own))
    share = weights / weights.sum()

    def won(chance: Array) -> Array:
        n = chance.shape[-1]
        s1, s2, s3 = (np.asarray((chance**power).sum(axis=-1)) for power in (1, 2, 3))
        two = (s1**2 - s2) / (n * (n - 1))
        three = (s1**3 - 3 * s1 * s2 + 2 * s3) / (n * (n - 1) * (n - 2))
        return np.asarray(share @ (3 * two - 2 * three))

    return won(toward), won(1 - crowd.tie - toward)


def crowd_for(
    win_rate: float,
    *,
    tie_rate: float,
    prompt_sd: float,
    annotator_sd: float,
    annotators: int,
    rng: np.random.Generator,
) -> Crowd:
    """The crowd whose verdicts have this win rate (ties dropped) and tie rate on average.

    Raises:
        ValueError: a rate lies outside its range.
    """
    if not 0 < win_rate < 1 or not 0 <= tie_rate < 1:
        raise ValueError(f"win_rate={win_rate}, tie_rate={tie_rate}: give shares inside (0, 1)")
    biases = _pools(annotator_sd, annotators, pools=_POOLS, rng=rng)
    crowd = Crowd(0.0, 0.0, prompt_sd, annotator_sd, annotators)

    def at(tie: float) -> tuple[Crowd, float]:
        low, high = -20.0, 20.0
        for _ in range(_STEPS):
            found = replace(crowd, lean=(low + high) / 2, tie=tie)
            won, lost = (float(v.mean()) for v in verdict_shares(found, biases))
            if won / (won + lost) < win_rate:
                low = found.lean
            else:
                high = found.lean
        return found, 1 - won - lost

    low, high = 0.0, 1.0 - 1e-6
    for _ in range(_STEPS if tie_rate else 0):
        middle = (low + high) / 2
        if at(middle)[1] < tie_rate:
            low = middle
        else:
            high = middle
    return at((low + high) / 2 if tie_rate else 0.0)[0]


def rehearse(
    crowd: Crowd,
    prompts: int,
    *,
    studies: int,
    rng: np.random.Generator,
    alpha: float = 0.05,
    pools: int = _POOLS,
) -> Rehearsal:
    """Draw every vote of `studies` studies, decide, test; and the formula's power beside it.

    Raises:
        ValueError: `prompts` or `studies` is no positive count.
    """
    import numpy as np
    from scipy.stats import binom

    if prompts < 1 or studies < 1:
        raise ValueError(f"prompts={prompts}, studies={studies}; give at least one of each")
    rejected, wins, losses = 0, 0, 0
    for _ in range(studies):
        biases = _pools(crowd.annotator_sd, crowd.annotators, pools=1, rng=rng)[0]
        own = crowd.lean + crowd.prompt_sd * rng.standard_normal(prompts)
        # Three different annotators of each prompt: the first three of a random order.
        order = np.argsort(rng.random((prompts, crowd.annotators)), axis=1)[:, :3]
        chance = 1 / (1 + np.exp(-(own[:, None] + biases[order])))
        tied = rng.random((prompts, 3)) < crowd.tie
        toward = rng.random((prompts, 3)) < chance
        won = int(((toward & ~tied).sum(axis=1) >= 2).sum())
        lost = int(((~toward & ~tied).sum(axis=1) >= 2).sum())
        wins, losses = wins + won, losses + lost
        tail = 2 * binom.cdf(min(won, lost), won + lost, 0.5)
        rejected += bool(tail <= alpha)
    share = rejected / studies
    drawn = pools if crowd.annotator_sd else 1
    biases = _pools(crowd.annotator_sd, crowd.annotators, pools=drawn, rng=rng)
    planned = [
        exact_power(
            float(w / (w + loss)), prompts, alpha=alpha, tie_rate=max(0.0, 1 - float(w + loss))
        )
        for w, loss in zip(*verdict_shares(crowd, biases), strict=True)
    ]
    decided = wins + losses
    return Rehearsal(
        crowd=crowd,
        prompts=prompts,
        studies=studies,
        alpha=alpha,
        win_rate=wins / decided if decided else math.nan,
        tie_rate=1 - decided / (prompts * studies),
        power=share,
        error=math.sqrt(share * (1 - share) / studies),
        planned=float(np.mean(planned)),
    )


def _pools(sd: float, annotators: int, *, pools: int, rng: np.random.Generator) -> Array:
    return sd * rng.standard_normal((pools, annotators))
