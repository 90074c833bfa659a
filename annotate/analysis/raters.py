"""What the levels of one annotator of a diversity study say of how they work.
Must not know who the annotator is, nor what is made of it: `watching` has the rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

# By attribute: 0 same ... 1 clearly different, None "cannot judge".
Scores = Sequence[float | None]

# Of three levels: one attribute clearly off, or two by one level. Answering at random passes it
# on about a fifth of all pairs, careful people with a slip now and then on nearly all.
NEAR = 0.25
# Two prompts may share a style or an angle: half of what can differ has to.
HIGH = 0.5


class Rated(NamedTuple):
    """A vote's levels beside those of others. None where a question does not apply to its pair."""

    levels: tuple[str, ...]
    # One level on every line; of a control or a picture beside itself it tells nothing.
    straight: bool | None = None
    # By attribute: the level that most others gave.
    agreed: tuple[bool | None, ...] = ()
    # Own score minus the mean of the others', over the attributes that both could judge.
    lean: float | None = None


def control_right(scores: Scores, *, identical: bool) -> bool:
    """Whether a vote on an anchor lies at the anchor's end of the scale.

        a picture beside itself: mean over the attributes <= .25, where 0 is the truth
        pictures of two prompts: mean over the attributes >= .5, where 1 is the usual truth

    "Cannot judge" counts as the wrong end: of these pairs one can tell, and whoever never answers
    must not pass. No one level for everything is right at both ends but the middle of an odd
    scale, and that only of two prompts.
    """
    wrong = 1.0 if identical else 0.0
    mean = fmean(wrong if score is None else score for score in scores)
    return mean <= NEAR if identical else mean >= HIGH


def distance(scores: Scores, others: Scores) -> float | None:
    """Mean absolute difference over the attributes that both could judge; None without any."""
    pairs = zip(scores, others, strict=True)
    both = [abs(a - b) for a, b in pairs if a is not None and b is not None]
    return fmean(both) if both else None


def mean_of(votes: Sequence[Scores]) -> tuple[float | None, ...]:
    """The mean of some votes by attribute, "cannot judge" left out."""
    columns = [[s for s in column if s is not None] for column in zip(*votes, strict=True)]
    return tuple(fmean(known) if known else None for known in columns)


def near_others(scores: Scores, others: Sequence[Scores]) -> bool | None:
    """Whether a vote is within a quarter of the scale of the others' mean, on average over the

    attributes; None where nobody else judged the pair. The vote is not among the others.
    """
    apart = distance(scores, mean_of(others)) if others else None
    return None if apart is None else apart <= NEAR


def said_again(first: Scores, second: Scores) -> bool:
    """Whether a mirrored repeat was answered as before: within a quarter of the scale on average.

    "Cannot judge" is like itself and as far from a level as can be.
    """
    apart = [
        (0.0 if a is b else 1.0) if a is None or b is None else abs(a - b)
        for a, b in zip(first, second, strict=True)
    ]
    return fmean(apart) <= NEAR


def as_most(level: str, others: Sequence[str]) -> bool | None:
    """Whether a level is the one that most others gave; None where no level leads among them."""
    ranked = Counter(others).most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return level == ranked[0][0]


def lean(scores: Scores, others: Sequence[Scores]) -> float | None:
    """Own score minus the others' mean, over the attributes that both could judge, in [-1, 1]."""
    if not others:
        return None
    pairs = zip(scores, mean_of(others), strict=True)
    known = [own - mean for own, mean in pairs if own is not None and mean is not None]
    return fmean(known) if known else None
