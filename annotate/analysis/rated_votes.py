"""The votes of a diversity study as the watching rules take them, from everybody's rows at once.
Must not know studies or rows of a database; the rules themselves are in `watching`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Literal, NamedTuple

from annotate.analysis.raters import (
    Rated,
    Scores,
    as_most,
    control_right,
    lean,
    near_others,
    said_again,
)
from annotate.analysis.watching import Judged

# Of two pictures, a picture beside itself, pictures of two prompts, a pair that was judged before.
Sort = Literal["live", "same", "high", "repeat"]


class RatedVote(NamedTuple):
    """One vote: levels in the order of the screen. A repeat's `pair` is the one it mirrors."""

    annotator: Hashable
    pair: Hashable
    sort: Sort
    levels: tuple[str, ...]
    seconds: float
    # Of a live pair: both pictures are one.
    identical: bool = False


def rated_work(
    votes: Sequence[RatedVote], scale: Mapping[str, float]
) -> dict[Hashable, tuple[Judged, ...]]:
    """Everybody's work in the order of the votes, each live vote held against the others.

    Args:
        votes: in the order given; nobody has two live ones on a pair.
        scale: level -> score in [0, 1]; any other answer is "cannot judge".
    """
    scores = [tuple(scale.get(level) for level in vote.levels) for vote in votes]
    on: dict[Hashable, list[int]] = defaultdict(list)
    first: dict[tuple[Hashable, Hashable], int] = {}
    for place, vote in enumerate(votes):
        if vote.sort == "live":
            on[vote.pair].append(place)
            first[vote.annotator, vote.pair] = place
    work: dict[Hashable, list[Judged]] = defaultdict(list)
    for place, vote in enumerate(votes):
        own, said = scores[place], Rated(vote.levels)
        judged = Judged(pressed="/".join(vote.levels), seconds=vote.seconds, rated=said)
        if vote.sort == "live":
            others = [other for other in on[vote.pair] if other != place]
            judged = _beside(
                judged,
                own,
                levels=[votes[other].levels for other in others],
                scores=[scores[other] for other in others],
                identical=vote.identical,
            )
        elif vote.sort == "repeat":
            before = first.get((vote.annotator, vote.pair))
            again = None if before is None else said_again(scores[before], own)
            judged = judged._replace(repeat=again)
        else:
            judged = judged._replace(control=control_right(own, identical=vote.sort == "same"))
        work[vote.annotator].append(judged)
    return {who: tuple(rows) for who, rows in work.items()}


def _beside(
    judged: Judged,
    own: Scores,
    *,
    levels: Sequence[tuple[str, ...]],
    scores: Sequence[Scores],
    identical: bool,
) -> Judged:
    """A live vote with what the others' levels on its pair say of it."""
    given = judged.rated.levels if judged.rated else ()
    rated = Rated(
        levels=given,
        straight=None if identical else len(set(given)) == 1,
        agreed=tuple(
            as_most(level, [other[line] for other in levels]) for line, level in enumerate(given)
        ),
        lean=lean(own, scores),
    )
    return judged._replace(others=near_others(own, scores), rated=rated)
