"""Looking at a running study as often as one likes: e-process, anytime p, confidence sequence.
Must not know how prompts are served; it is given their verdicts in the order drawn beforehand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from annotate.analysis.contrast import Result

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

_BISECTIONS = 60


class Look(NamedTuple):
    """What stood after one decided prompt that was no tie.

    `prompt` is its place in the serving order (from 1), `n` the wins and losses up to it. `p_value`
    is the anytime p: the smallest 1 / E of all looks so far.
    """

    prompt: int
    wins: int
    n: int
    log_e_value: float
    p_value: float
    low: float
    high: float


@dataclass(frozen=True)
class Monitoring:
    """A study watched along its serving order, and everything that the watching rests on.

    `prefix` prompts stand before the first one that is still open; only they count. `beyond` more
    are decided behind it and are left out on purpose: prompts that are decided early are easy ones.
    `stopped_after` is the place of the prompt at which "either is as likely" was rejected for
    ever; None where it was not. `low` and `high` bound the win rate at every look at once with the
    stated confidence; before the first win or loss they are 0 and 1.
    """

    estimand: ClassVar[str] = "win rate (verdicts, ties dropped), valid at every look"
    unit: ClassVar[str] = "prompt"
    method: ClassVar[str] = "beta-binomial mixture e-process, symmetric around 1/2"

    a: float
    confidence: float
    wins: int
    ties: int
    losses: int
    prefix: int
    beyond: int
    planned: int
    estimate: float | None
    log_e_value: float
    p_value: float
    low: float
    high: float
    stopped_after: int | None
    looks: tuple[Look, ...]

    @property
    def n(self) -> int:
        """The wins and losses that counted."""
        return self.wins + self.losses

    @property
    def e_value(self) -> float:
        """The evidence against "either is as likely" now; infinite where no float can hold it."""
        return math.exp(self.log_e_value) if self.log_e_value < 709 else math.inf


def monitor(results: Sequence[Result | None], *, a: float, confidence: float = 0.95) -> Monitoring:
    """The state of a study after its decided prefix.

        E_n = 2^n B(a + k, a + n - k) / B(a, a),   k wins among n wins and losses

    "Either is as likely" is rejected for ever once E_n >= 1 / (1 - confidence) (Ville): under it
    that happens in at most 1 - confidence of all studies, however often one looks. The guarantee
    is over prompts that are exchangeable in a serving order drawn before the first vote.

    Args:
        results: the verdict of every planned prompt in serving order, None while it is open.
            Prompts that the protocol excludes for good are left out, else they block for ever.
        a: weight of the Beta(a, a) mixture, fixed before the study: 0.5 for large effects, 20
            where a win rate near 1/2 is expected.
        confidence: of the confidence sequence, in (0, 1).

    Raises:
        ValueError: a is not positive, confidence lies outside (0, 1), or a result is unknown.
    """
    import numpy as np

    _check(a=a, confidence=confidence)
    known = [None if result is None else Result(result) for result in results]
    prefix = list(takewhile(lambda result: result is not None, known))
    places = [place for place, result in enumerate(prefix, 1) if result is not Result.TIE]
    won = np.array([prefix[place - 1] is Result.WIN for place in places], dtype=np.int64)
    wins, n = np.cumsum(won), np.arange(1, len(places) + 1)
    log_e = log_e_values(wins, n - wins, a=a)
    lows, highs = confidence_sequence(wins, n - wins, a=a, confidence=confidence)
    smallest = np.exp(-np.maximum.accumulate(np.maximum(log_e, 0.0)))
    crossed = np.flatnonzero(log_e >= -math.log1p(-confidence))
    looks = tuple(
        Look(*look)
        for look in zip(
            places,
            *(column.tolist() for column in (wins, n, log_e, smallest, lows, highs)),
            strict=True,
        )
    )
    last = looks[-1] if looks else Look(0, 0, 0, 0.0, 1.0, 0.0, 1.0)
    return Monitoring(
        a=a,
        confidence=confidence,
        wins=last.wins,
        ties=len(prefix) - last.n,
        losses=last.n - last.wins,
        prefix=len(prefix),
        beyond=sum(result is not None for result in known[len(prefix) :]),
        planned=len(known),
        estimate=last.wins / last.n if last.n else None,
        log_e_value=last.log_e_value,
        p_value=last.p_value,
        low=last.low,
        high=last.high,
        stopped_after=places[crossed[0]] if crossed.size else None,
        looks=looks,
    )


def log_e_values(
    wins: ArrayLike, losses: ArrayLike, *, a: float, win_rate: float = 0.5
) -> NDArray[np.float64]:
    """ln E against the hypothesis that the challenger wins with chance `win_rate`, per element.

        log B(a + k, a + n - k) - log B(a, a) - k log p - (n - k) log(1 - p)

    Raises:
        ValueError: a is not positive, a count is negative, or win_rate lies outside (0, 1).
    """
    import numpy as np

    _check(a=a)
    if not 0 < win_rate < 1:
        raise ValueError(f"win_rate={win_rate} cannot be tested; give a chance inside (0, 1)")
    won, lost = _counts(wins, losses)
    mixture = _log_mixture(won, lost, a=a)
    return np.asarray(mixture - won * math.log(win_rate) - lost * math.log1p(-win_rate))


def confidence_sequence(
    wins: ArrayLike, losses: ArrayLike, *, a: float, confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """All win rates p whose e-value stays below 1 / (1 - confidence), per element: (low, high).

    As a sequence along the serving order the intervals cover the true win rate all at once.
    `log_e_values` is convex in p with its minimum at k / n, so each end is found by bisection
    between k / n and 0 or 1.

    Raises:
        ValueError: a is not positive, a count is negative, or confidence lies outside (0, 1).
    """
    import numpy as np
    from scipy.special import xlog1py, xlogy

    _check(a=a, confidence=confidence)
    won, lost = _counts(wins, losses)
    room = _log_mixture(won, lost, a=a) + math.log1p(-confidence)
    centre = (won + 0.0) / np.maximum(won + lost, 1)
    ends = []
    for edge in (0.0, 1.0):
        inside, outside = centre.copy(), np.full_like(centre, edge)
        for _ in range(_BISECTIONS):
            middle = (inside + outside) / 2
            keeps = room < xlogy(won, middle) + xlog1py(lost, -middle)
            inside = np.where(keeps, middle, inside)
            outside = np.where(keeps, outside, middle)
        ends.append(inside)
    # Without a win (a loss) nothing ever excludes 0 (1): the bisection only comes close to it.
    return np.where(won == 0, 0.0, ends[0]), np.where(lost == 0, 1.0, ends[1])


def _log_mixture(
    wins: NDArray[np.float64], losses: NDArray[np.float64], *, a: float
) -> NDArray[np.float64]:
    # scipy takes a fifth of a second to import: only processes that monitor should pay.
    import numpy as np
    from scipy.special import betaln

    return np.asarray(betaln(a + wins, a + losses) - betaln(a, a))


def _counts(wins: ArrayLike, losses: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    import numpy as np

    won, lost = np.asarray(wins, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    for name, counts in (("wins", won), ("losses", lost)):
        if not np.all(counts >= 0):
            raise ValueError(f"{name}={counts.min()} is no count; give numbers of at least 0")
    return won, lost


def _check(*, a: float, confidence: float = 0.95) -> None:
    if not (a > 0 and math.isfinite(a)):
        raise ValueError(
            f"a={a} is no weight of a Beta(a, a) mixture; use 0.5, or 20 for small effects"
        )
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence} lies outside (0, 1); use for example 0.95")
