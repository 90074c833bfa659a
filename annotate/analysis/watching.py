"""Rules on how an annotator works, from their votes in the order given, and one score over all.
Must not know who the annotator is, nor what is done about it: it returns reasons with numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median
from typing import ClassVar, NamedTuple, TypeVar

from annotate.analysis.annotators import longest_run, median_seconds, side_balance
from annotate.analysis.raters import Rated

Name = TypeVar("Name", bound=Hashable)

# Rolling rules look at so many of the latest controls, or votes.
WINDOW = 20
# From so many on a share below its limit is enough; fewer must be too few even for chance.
ENOUGH = 10
CHANCE = 0.05
# One false alarm in a thousand annotators looked at once, from enough votes to mean something.
ONE_IN_THOUSAND = 0.001
SIDED = 30
# All signals together: rarer than this among annotators who work like the others.
TOGETHER = 1e-4
# Speeds are compared as logarithms; people who work alike differ by about a third.
LEAST_SPREAD = 0.3


class Judged(NamedTuple):
    """One vote as its annotator gave it. None where a question does not apply to its pair."""

    pressed: str  # left, right or equal; in a study of diversity the levels, as one word
    seconds: float
    control: bool | None = None  # the known answer was given
    repeat: bool | None = None  # the same picture was chosen as the first time
    others: bool | None = None  # the answer of most others on the pair was given
    rated: Rated | None = None  # in a study of diversity, which has levels and no sides


@dataclass(frozen=True)
class Limits:
    """Below (or, for the run, from) which a rule speaks; 0 switches a rule off."""

    accuracy: float = 0.7
    seconds: float = 1.5
    run: int = 15
    consistency: float = 0.6


@dataclass(frozen=True)
class Flag:
    """A rule that speaks, with what it saw."""

    rule: str
    reason: str


@dataclass(frozen=True)
class Suspicion:
    """How unlike the pool somebody works: per signal the chance of as much or more by accident.

    `p_value` joins the signals by Fisher's method; it orders people, and is small for one strong
    signal as for several weak ones. `score` is its negative decimal logarithm. `n` are the votes it
    is made of.
    """

    estimand: ClassVar[str] = "chance that somebody of the pool works so unlike it"
    unit: ClassVar[str] = "vote"
    method: ClassVar[str] = "binomial, normal and sign tests against the pool, joined by Fisher"

    signals: Mapping[str, float]
    p_value: float
    n: int

    @property
    def score(self) -> float:
        return -math.log10(max(self.p_value, 1e-300))


def rule_flags(votes: Sequence[Judged], limits: Limits) -> tuple[Flag, ...]:
    """What the rules say of one annotator, by their votes from the first to the last."""
    found = [
        _too_few(
            "controls",
            [v.control for v in votes if v.control is not None][-WINDOW:],
            limits.accuracy,
            "of the last {n} controls answered rightly",
        ),
        _too_few(
            "consistency",
            [v.repeat for v in votes if v.repeat is not None],
            limits.consistency,
            "of {n} repeated pairs answered as before",
        ),
        _speed([v.seconds for v in votes[-WINDOW:]], limits.seconds),
        _side(votes),
        _run(votes, limits.run),
        _copying([v.pressed for v in votes]),
    ]
    return tuple(flag for flag in found if flag)


def _too_few(rule: str, right: Sequence[bool], limit: float, words: str) -> Flag | None:
    if not right or limit <= 0:
        return None
    n, k = len(right), sum(right)
    if not ((n >= ENOUGH and k / n < limit) or _at_most(k, n, limit) < CHANCE):
        return None
    return Flag(rule, f"{k} {words.format(n=n)}; the limit is {100 * limit:.0f} %")


def _speed(seconds: Sequence[float], limit: float) -> Flag | None:
    middle = median_seconds(seconds)
    if len(seconds) < WINDOW or middle is None or middle >= limit:
        return None
    return Flag(
        "speed", f"median of the last {WINDOW} votes {middle:.1f} s; the limit is {limit:g} s"
    )


def _side(votes: Sequence[Judged]) -> Flag | None:
    left, right = (sum(v.pressed == side for v in votes) for side in ("left", "right"))
    p = side_balance(left, right).p_value
    if left + right < SIDED or p is None or p >= ONE_IN_THOUSAND:
        return None
    return Flag("side", f"{left} of {left + right} choices are the left picture (p = {p:.1g})")


def _run(votes: Sequence[Judged], limit: int) -> Flag | None:
    if any(v.rated for v in votes):
        return _straight(votes, limit)
    longest = longest_run([v.pressed for v in votes])
    if limit <= 0 or longest < limit:
        return None
    return Flag("run", f"{longest} equal answers in a row; the limit is {limit}")


def _straight(votes: Sequence[Judged], limit: int) -> Flag | None:
    """The same levels again and again, or one level for all attributes of each pair.

    Pairs of a method that varies little are all alike, and honest people say so. Only those on
    which the others, or a known answer, say otherwise are counted: one row, without the rest.
    """
    odd = [v for v in votes if v.others is False or v.control is False]
    equal = longest_run([v.pressed for v in odd])
    flat = _longest([bool(v.rated and len(set(v.rated.levels)) == 1) for v in odd])
    if limit <= 0 or max(equal, flat) < limit:
        return None
    what = "the same levels" if equal >= flat else "one level on every line"
    return Flag(
        "run",
        f"{what} {max(equal, flat)} times in a row on pairs that others or the known answer judge "
        f"otherwise; the limit is {limit}",
    )


def _longest(said: Sequence[bool]) -> int:
    return max((len(list(run)) for yes, run in groupby(said) if yes), default=0)


def _copying(pressed: Sequence[str]) -> Flag | None:
    p = copying_p(pressed)
    if len(pressed) <= SIDED or p >= ONE_IN_THOUSAND:
        return None
    same = sum(a == b for a, b in pairwise(pressed))
    return Flag(
        "copies", f"{same} of {len(pressed) - 1} answers equal the one before (p = {p:.1g})"
    )


def copying_p(pressed: Sequence[str]) -> float:
    """The chance of so many answers equal to the one before, were the same answers shuffled.

    Always the same answer is no sign of copying here: shuffled, it is as equal.
    """
    n = len(pressed) - 1
    if n < 1:
        return 1.0
    same = sum(a == b for a, b in pairwise(pressed))
    counts = Counter(pressed).values()
    by_chance = sum(c * (c - 1) for c in counts) / (len(pressed) * n)
    return _at_least(same, n, by_chance)


def suspicions(pool: Mapping[Name, Sequence[Judged]]) -> dict[Name, Suspicion]:
    """Everybody against the pool: controls, agreement, consistency, speed, sides, copying.

    What is usual is the median over the pool, which a minority of careless people does not move.
    """
    from scipy.stats import chi2, norm

    people = {name: _Tally.of(votes) for name, votes in pool.items() if votes}
    usual = {
        key: _usual([t.shares[key] for t in people.values()])
        for key in ("controls", "others", "consistency")
    }
    speeds = [t.log_seconds for t in people.values()]
    middle = median(speeds) if speeds else 0.0
    spread = max(1.4826 * median([abs(s - middle) for s in speeds] or [0.0]), LEAST_SPREAD)
    # A study of diversity has no sides: a signal that always says nothing would hide the others.
    sided = any(v.rated is None for votes in pool.values() for v in votes)
    found = {}
    for name, tally in people.items():
        signals = {key: _at_most(k, n, usual[key]) for key, (k, n) in tally.shares.items() if n}
        signals["speed"] = float(norm.cdf((tally.log_seconds - middle) / spread))
        if sided:
            signals["side"] = tally.side_p
        signals["copies"] = tally.copying_p
        logs = -2 * sum(math.log(max(p, 1e-300)) for p in signals.values())
        p = float(chi2.sf(logs, 2 * len(signals)))
        found[name] = Suspicion(signals, p, n=len(pool[name]))
    return found


@dataclass(frozen=True)
class _Tally:
    """One annotator's votes as the signals need them."""

    shares: Mapping[str, tuple[int, int]]  # yes, asked
    log_seconds: float
    side_p: float
    copying_p: float

    @classmethod
    def of(cls, votes: Sequence[Judged]) -> _Tally:
        asked = {
            "controls": [v.control for v in votes if v.control is not None],
            "others": [v.others for v in votes if v.others is not None],
            "consistency": [v.repeat for v in votes if v.repeat is not None],
        }
        left, right = (sum(v.pressed == side for v in votes) for side in ("left", "right"))
        p = side_balance(left, right).p_value
        return cls(
            shares={key: (sum(said), len(said)) for key, said in asked.items()},
            log_seconds=math.log(max(median_seconds(v.seconds for v in votes) or 0.0, 0.05)),
            side_p=1.0 if p is None else p,
            copying_p=copying_p([v.pressed for v in votes]),
        )


def _usual(shares: Sequence[tuple[int, int]]) -> float:
    """The pool's median share; never certain, so that one mistake is not impossible."""
    known = [k / n for k, n in shares if n]
    return min(max(median(known), 0.5), 0.95) if known else 0.5


def _at_most(k: int, n: int, p: float) -> float:
    from scipy.stats import binom

    return float(binom.cdf(k, n, p))


def _at_least(k: int, n: int, p: float) -> float:
    from scipy.stats import binom

    return float(binom.sf(k - 1, n, p))
