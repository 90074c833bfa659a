"""What shows how one annotator works: sides, agreement with the others, speed, monotony.
Must not know who the annotator is; it judges nobody, it returns numbers with their uncertainty."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING, ClassVar, TypeVar

from annotate.analysis.columns import numbered, repeated, same_length
from annotate.analysis.votes import Choice
from annotate.analysis.winrate import win_rate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Annotator = TypeVar("Annotator", bound=Hashable)

_CHOICES = tuple(Choice)
_CODES = {choice: code for code, choice in enumerate(_CHOICES)}
_OUTCOMES = ("agreed", "differed", "others_split", "others_tied", "alone")

# Fewer annotators than this are fixed effects: shown one by one and left out one by one.
FIXED_EFFECTS = 6
# Fewer than this carry no interval over annotators (science paper A).
CLUSTERS = 12


@dataclass(frozen=True)
class SideBalance:
    """The share of decided votes for the image shown on the left; .5 where nobody leans.

    Means something only where the sides were drawn at random and stored with each vote.
    """

    estimand: ClassVar[str] = "share of decided votes for the picture on the left"
    unit: ClassVar[str] = "vote"
    method: ClassVar[str] = "wilson; exact two-sided sign test"

    left: int
    right: int
    estimate: float | None
    low: float | None
    high: float | None
    p_value: float | None
    confidence: float

    @property
    def n(self) -> int:
        """Votes for one of the two sides; ties are none of them."""
        return self.left + self.right


@dataclass(frozen=True)
class LeaveOneOut:
    """How often an annotator said what the OTHER annotators of the comparison said.

    `judged` are the votes compared: those where the others have one answer that is no tie.
    Left out and counted: `others_split` (no answer leads among the others), `others_tied` (most of
    them said tie) and `alone` (nobody else voted).
    """

    estimand: ClassVar[str] = "agreement of an annotator with the others' answer"
    unit: ClassVar[str] = "vote"
    method: ClassVar[str] = "wilson"

    agreed: int
    judged: int
    others_split: int
    others_tied: int
    alone: int
    estimate: float | None
    low: float | None
    high: float | None
    confidence: float

    @property
    def n(self) -> int:
        """The votes compared."""
        return self.judged


def side_balance(left: int, right: int, *, confidence: float = 0.95) -> SideBalance:
    """The share of left among left and right picks: Wilson's interval and the exact sign test."""
    rate = win_rate(left, 0, right, confidence=confidence)
    return SideBalance(
        left=left,
        right=right,
        estimate=rate.estimate,
        low=rate.low,
        high=rate.high,
        p_value=rate.p_value,
        confidence=confidence,
    )


def leave_one_out_agreement(
    votes: Iterable[tuple[Hashable, Annotator, Choice]],
    *,
    annotators: Iterable[Annotator] = (),
    confidence: float = 0.95,
) -> dict[Annotator, LeaveOneOut]:
    """Each annotator against the other votes on the same comparisons.

    A vote is never compared with a majority that contains it: that would agree with itself.

    Args:
        votes: (comparison, annotator, choice), one row per vote, in any order.
        annotators: also these, who may have no vote among them.
        confidence: of Wilson's interval, in (0, 1).

    Raises:
        ValueError: an annotator voted twice on one comparison.
    """
    import numpy as np

    rows = list(votes)
    comparisons, people, said = zip(*rows, strict=True) if rows else ((), (), ())
    names = tuple(dict.fromkeys((*annotators, *people)))
    place = {name: code for code, name in enumerate(names)}
    unit, person = numbered(comparisons), np.array([place[name] for name in people], dtype=np.int64)
    if (again := repeated(unit, person)) is not None:
        raise ValueError(
            f"annotator {people[again]!r} has two votes on comparison {comparisons[again]!r}; "
            "give only the current vote of each annotator"
        )
    choice = np.array([_CODES[one] for one in said], dtype=np.int64)
    found = leave_one_out(unit, person, choice, n_annotators=len(names), confidence=confidence)
    return dict(zip(names, found, strict=True))


def leave_one_out(
    unit: NDArray[np.int64],
    annotator: NDArray[np.int64],
    choice: NDArray[np.int64],
    *,
    n_annotators: int,
    confidence: float = 0.95,
) -> tuple[LeaveOneOut, ...]:
    """`leave_one_out_agreement` of a million votes: columns of codes in, one row per annotator out.

    Votes with the same votes beside them are one case; the rule is asked once for each.

    Args:
        unit: (votes,) the comparison, whole numbers from 0.
        annotator: (votes,) whole numbers in [0, n_annotators); nobody twice on a comparison.
        choice: (votes,) the place of each in `tuple(Choice)`.

    Raises:
        ValueError: the columns differ in length, or an annotator voted twice on one comparison.
    """
    import numpy as np

    same_length(unit=unit, annotator=annotator, choice=choice)
    if (again := repeated(unit, annotator)) is not None:
        raise ValueError(
            f"annotator {annotator[again]} has two votes on comparison {unit[again]}; "
            "give only the current vote of each annotator"
        )
    kinds = len(_CHOICES)
    units = int(unit.max()) + 1 if len(unit) else 0
    counts = np.bincount(kinds * unit + choice, minlength=kinds * units).reshape(units, kinds)
    # One number for the votes on a unit and the own one among them, so that equal cases meet.
    base = int(counts.max(initial=0)) + 1
    votes_on_unit = counts @ base ** np.arange(kinds)
    cases, case = np.unique(kinds * votes_on_unit[unit] + choice, return_inverse=True)
    meaning = np.array([_OUTCOMES.index(_case(int(code), base)) for code in cases], dtype=np.int64)
    size = n_annotators * len(_OUTCOMES)
    table = np.bincount(len(_OUTCOMES) * annotator + meaning[case], minlength=size)
    return tuple(
        _leave_one_out(dict(zip(_OUTCOMES, row, strict=True)), confidence=confidence)
        for row in table.reshape(n_annotators, len(_OUTCOMES)).tolist()
    )


def _case(code: int, base: int) -> str:
    rest, own = divmod(code, len(_CHOICES))
    everybody: Counter[Choice] = Counter()
    for choice in _CHOICES:
        rest, everybody[choice] = divmod(rest, base)
    return _against(everybody - Counter([_CHOICES[own]]), _CHOICES[own])


def median_seconds(seconds: Iterable[float | None]) -> float | None:
    """The median of the times that were measured; None where none was.

    Raises:
        ValueError: a time is negative or not finite.
    """
    known = [value for value in seconds if value is not None]
    wrong = [value for value in known if not math.isfinite(value) or value < 0]
    if wrong:
        raise ValueError(f"{wrong[0]} s is no time; give seconds of at least 0, None if unknown")
    return float(median(known)) if known else None


def longest_run(answers: Sequence[Hashable]) -> int:
    """The length of the longest row of equal answers, in the order they were given."""
    return max((len(list(run)) for _, run in groupby(answers)), default=0)


def against(everybody: Iterable[Choice], choice: Choice) -> str:
    """A choice, one of `everybody`'s, held against the others': agreed, differed, others_split,

    others_tied or alone. Only the first two say anything of the annotator.
    """
    return _against(Counter(everybody) - Counter([choice]), choice)


def _against(others: Counter[Choice], choice: Choice) -> str:
    if not others:
        return "alone"
    (leader, most), *rest = others.most_common(2)
    if rest and rest[0][1] == most:
        return "others_split"
    if leader is Choice.TIE:
        return "others_tied"
    return "agreed" if leader is choice else "differed"


def _leave_one_out(cases: Mapping[str, int], *, confidence: float) -> LeaveOneOut:
    rate = win_rate(cases["agreed"], 0, cases["differed"], confidence=confidence)
    return LeaveOneOut(
        agreed=cases["agreed"],
        judged=rate.n,
        others_split=cases["others_split"],
        others_tied=cases["others_tied"],
        alone=cases["alone"],
        estimate=rate.estimate,
        low=rate.low,
        high=rate.high,
        confidence=confidence,
    )
