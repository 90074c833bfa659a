"""How votes come about where prompts and annotators differ, and the verdicts they add up to.

Must not draw studies (`rehearsal` does) or know them: expectations in closed form, by quadrature.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_NODES = 21
_STEPS = 40


@dataclass(frozen=True)
class Crowd:
    """How votes come about: a tie with chance `tie`, else a with chance logistic(lean + u + v).

    u is the prompt's own, normal with `prompt_sd`, and v the annotator's, normal with
    `annotator_sd`; both in logits. `photo` is the share of the variance of u that prompts of one
    group (captions of one photo) have in common. `overlap` different ones of `annotators` vote on
    each prompt; the answer with most votes is its verdict, and without a single one it is a tie.
    """

    lean: float
    tie: float
    prompt_sd: float
    annotator_sd: float
    annotators: int
    overlap: int = 3
    photo: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.tie < 1 or not 0 <= min(self.prompt_sd, self.annotator_sd) < math.inf:
            raise ValueError(f"{self}: give a tie rate in [0, 1) and deviations of at least 0")
        if not 0 <= self.photo <= 1:
            raise ValueError(f"photo={self.photo}: give a share of variance in [0, 1]")
        if not 1 <= self.overlap <= self.annotators:
            raise ValueError(
                f"annotators={self.annotators}, overlap={self.overlap}: different ones judge a "
                "prompt; give an overlap of at least 1, and no fewer annotators"
            )


def verdict_shares(crowd: Crowd, biases: Array) -> tuple[Array, Array]:
    """Shares of verdicts (win, loss) for pools of annotators, prompts integrated out.

    Averaged over all choices of `overlap` annotators of a pool. For three that is 3 m2 - 2 m3, with
    the mean products of two and of three different annotators' chances.

    Args:
        biases: v of each annotator, (pools, annotators).
    """
    import numpy as np

    nodes, weights = _normal()
    toward = _logistic(crowd.lean + crowd.prompt_sd * nodes[:, None, None] + biases)
    won, lost = (
        _leads(_different_products(chance, crowd.overlap), tie=crowd.tie, overlap=crowd.overlap)
        for chance in (toward, 1 - toward)
    )
    return np.asarray(weights @ won), np.asarray(weights @ lost)


def expected_shares(crowd: Crowd) -> tuple[float, float]:
    """Shares of verdicts (win, loss), averaged over prompts and over the annotators drawn."""
    nodes, weights = _normal()
    won, lost = _decided(crowd, _toward(crowd, crowd.prompt_sd * nodes))
    return float(weights @ won), float(weights @ lost)


def expected_votes(crowd: Crowd, *, on_demand: bool = False) -> float:
    """Votes on a prompt: the overlap; on demand 2 + P(the first two differ), prompts differing.

    Raises:
        ValueError: on demand with an overlap other than 3.
    """
    if not on_demand:
        return float(crowd.overlap)
    check_on_demand(crowd.overlap)
    nodes, weights = _normal()
    toward = _toward(crowd, crowd.prompt_sd * nodes)
    agree = float(weights @ (toward**2 + (1 - toward) ** 2))
    return 3 - crowd.tie**2 - (1 - crowd.tie) ** 2 * agree


def verdict_icc(crowd: Crowd) -> float:
    """The correlation of two prompts' verdicts (win 1, tie 0, loss -1) within a group.

    It is the one that makes the variance of wins less losses 1 + (m - 1) ICC times as large in
    groups of m: `power.design_effect`.
    """
    import numpy as np

    nodes, weights = _normal()
    common, own = math.sqrt(crowd.photo), math.sqrt(1 - crowd.photo)
    u = crowd.prompt_sd * (common * nodes[:, None] + own * nodes[None, :])
    won, lost = _decided(crowd, _toward(crowd, u))
    lean = (won - lost) @ weights
    mean = float(weights @ lean)
    variance = float(weights @ ((won + lost) @ weights)) - mean**2
    covariance = float(weights @ np.square(lean)) - mean**2
    # Rounding leaves -1e-17 where groups have nothing in common.
    return max(0.0, covariance / variance) if variance > 0 else 0.0


def crowd_for(
    win_rate: float,
    *,
    tie_rate: float,
    prompt_sd: float,
    annotator_sd: float,
    annotators: int,
    overlap: int = 3,
    icc: float = 0.0,
) -> Crowd:
    """The crowd whose verdicts have this win rate (ties dropped) and tie rate on average.

    Args:
        win_rate: of verdicts, ties dropped, inside (0, 1).
        tie_rate: of verdicts, splits among them, in [0, 1).
        icc: of verdicts within a group of prompts, see `verdict_icc`.

    Raises:
        ValueError: a rate lies outside its range, or such votes cannot give it: with an even
            overlap splits alone may be more ties, and prompts that hardly differ cannot be much
            alike.
    """
    if not 0 < win_rate < 1 or not 0 <= tie_rate < 1:
        raise ValueError(f"win_rate={win_rate}, tie_rate={tie_rate}: give shares inside (0, 1)")
    crowd = Crowd(0.0, 0.0, prompt_sd, annotator_sd, annotators, overlap)
    found, ties = _leaning(crowd, win_rate)
    if ties > tie_rate + 1e-6:
        raise ValueError(
            f"tie_rate={tie_rate:g}: with an overlap of {overlap} votes that split make "
            f"{100 * ties:.0f} % of verdicts ties even if nobody answers so; give at least "
            f"{math.ceil(100 * ties) / 100:g}, or an odd overlap"
        )
    if tie_rate:
        low, high = 0.0, 1.0 - 1e-6
        for _ in range(_STEPS):
            middle = (low + high) / 2
            if _leaning(replace(crowd, tie=middle), win_rate)[1] < tie_rate:
                low = middle
            else:
                high = middle
        found, _ = _leaning(replace(crowd, tie=(low + high) / 2), win_rate)
    return _alike(found, icc)


def check_on_demand(overlap: int) -> None:
    """Raise ValueError unless a third vote is one that can be spared."""
    if overlap != 3:
        raise ValueError(f"overlap={overlap}; a third vote on demand needs an overlap of 3")


def _leaning(crowd: Crowd, win_rate: float) -> tuple[Crowd, float]:
    """The crowd with the lean that gives the win rate, and the share of ties it then has."""
    low, high = -20.0, 20.0
    for _ in range(_STEPS):
        crowd = replace(crowd, lean=(low + high) / 2)
        won, lost = expected_shares(crowd)
        if won < win_rate * (won + lost):
            low = crowd.lean
        else:
            high = crowd.lean
    return crowd, 1 - won - lost


def _alike(crowd: Crowd, icc: float) -> Crowd:
    """The crowd with prompts of a group so much alike."""
    if not icc:
        return crowd
    most = verdict_icc(replace(crowd, photo=1.0))
    if not 0 < icc <= most:
        raise ValueError(
            f"icc={icc:g}: prompts that differ by {crowd.prompt_sd:g} logits give verdicts that "
            f"correlate by {math.floor(1000 * most) / 1000:g} at most, when all of a group are "
            "alike; give a smaller correlation, or a larger deviation of prompts"
        )
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if verdict_icc(replace(crowd, photo=middle)) < icc:
            low = middle
        else:
            high = middle
    return replace(crowd, photo=(low + high) / 2)


def _toward(crowd: Crowd, u: Array) -> Array:
    """The chance that a vote which is no tie is for a, annotators integrated out; shape of `u`."""
    import numpy as np

    nodes, weights = _normal()
    return np.asarray(_logistic(crowd.lean + u[..., None] + crowd.annotator_sd * nodes) @ weights)


def _decided(crowd: Crowd, toward: Array) -> tuple[Array, Array]:
    """Shares of verdicts (win, loss) where votes are drawn independently, in the shape given."""
    powers = range(crowd.overlap + 1)
    won, lost = (
        _leads([chance**r for r in powers], tie=crowd.tie, overlap=crowd.overlap)
        for chance in (toward, 1 - toward)
    )
    return won, lost


def _leads(products: Sequence[Array], *, tie: float, overlap: int) -> Array:
    """The chance that one answer leads both others, from its mean products.

    Args:
        products: of 0, 1, ..., `overlap` different annotators' chances to choose it over the
            other, given that none of them says it is a tie.
    """
    import numpy as np

    pairs = zip(_weights(tie, overlap), products, strict=True)
    return np.asarray(sum(weight * product for weight, product in pairs))


# A calibration asks each tie rate twice, for wins and for losses.
@lru_cache(maxsize=64)
def _weights(tie: float, overlap: int) -> tuple[float, ...]:
    """What each mean product counts: the multinomial of (won, tied, lost) with lost = 1 - won."""
    found = [0.0] * (overlap + 1)
    for won in range(1, overlap + 1):
        for tied in range(min(won, overlap - won + 1)):
            lost = overlap - won - tied
            if lost >= won:
                continue
            ways = math.comb(overlap, tied) * math.comb(overlap - tied, lost)
            share = ways * tie**tied * (1 - tie) ** (won + lost)
            for more in range(lost + 1):
                found[won + more] += (-1) ** more * math.comb(lost, more) * share
    return tuple(found)


def _different_products(chance: Array, most: int) -> list[Array]:
    """Mean products of 0 to `most` different ones along the last axis, by Newton's identities."""
    import numpy as np

    n = chance.shape[-1]
    sums = [np.asarray((chance**r).sum(axis=-1)) for r in range(1, most + 1)]
    symmetric = [np.ones(chance.shape[:-1])]
    for k in range(1, most + 1):
        terms = ((-1) ** i * symmetric[k - 1 - i] * sums[i] for i in range(k))
        symmetric.append(np.asarray(sum(terms)) / k)
    return [value / math.comb(n, r) for r, value in enumerate(symmetric)]


@cache
def _normal() -> tuple[Array, Array]:
    """Nodes and weights of a standard normal, by Gauss and Hermite."""
    import numpy as np

    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    return nodes, weights / weights.sum()


def _logistic(logit: NDArray[Any]) -> Array:
    import numpy as np

    # tanh neither overflows nor warns, however far a logit is.
    return np.asarray(0.5 + 0.5 * np.tanh(logit / 2))
