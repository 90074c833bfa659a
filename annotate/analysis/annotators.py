"""What shows how one annotator works: sides, agreement with the others, speed, monotony.
Must not know who the annotator is; it judges nobody, it returns numbers with their uncertainty."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median
from typing import TypeVar

from annotate.analysis.votes import Choice
from annotate.analysis.winrate import win_rate

Annotator = TypeVar("Annotator", bound=Hashable)

# Fewer annotators than this are fixed effects: shown one by one and left out one by one.
FIXED_EFFECTS = 6
# Fewer than this carry no interval over annotators (science paper A).
CLUSTERS = 12


@dataclass(frozen=True)
class SideBalance:
    """The share of decided votes for the image shown on the left; .5 where nobody leans.

    Means something only where the sides were drawn at random and stored with each vote.
    """

    left: int
    right: int
    estimate: float | None
    low: float | None
    high: float | None
    p_value: float | None
    confidence: float


@dataclass(frozen=True)
class LeaveOneOut:
    """How often an annotator said what the OTHER annotators of the comparison said.

    `judged` are the votes compared: those where the others have one answer that is no tie.
    Left out and counted: `others_split` (no answer leads among the others), `others_tied` (most of
    them said tie) and `alone` (nobody else voted).
    """

    agreed: int
    judged: int
    others_split: int
    others_tied: int
    alone: int
    estimate: float | None
    low: float | None
    high: float | None
    confidence: float


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
    by_comparison: dict[Hashable, dict[Annotator, Choice]] = defaultdict(dict)
    for comparison, annotator, choice in votes:
        if annotator in by_comparison[comparison]:
            raise ValueError(
                f"annotator {annotator!r} has two votes on comparison {comparison!r}; "
                "give only the current vote of each annotator"
            )
        by_comparison[comparison][annotator] = choice

    found: dict[Annotator, Counter[str]] = {annotator: Counter() for annotator in annotators}
    for said in by_comparison.values():
        everybody = Counter(said.values())
        for annotator, choice in said.items():
            cases = found.setdefault(annotator, Counter())
            cases[_against(everybody - Counter([choice]), choice)] += 1
    return {
        annotator: _leave_one_out(cases, confidence=confidence)
        for annotator, cases in found.items()
    }


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


def _leave_one_out(cases: Counter[str], *, confidence: float) -> LeaveOneOut:
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
