"""Which pairs still wait for votes, and whether tests are therefore withheld.

It must not compute statistics or words; the words are `peeking`'s.
"""

from collections import Counter
from collections.abc import Mapping

from annotate.reports.frames import ItemRow, StudyFrame
from annotate.studies.models import Study
from annotate.studies.protocol import Protocol

RUNNING = frozenset({Study.State.OPEN, Study.State.PAUSED})
"""Votes may still come in."""


def missing_votes(frame: StudyFrame, protocol: Protocol) -> set[int]:
    """The comparisons that have no verdict and may still get one."""
    cast = Counter(vote.comparison for vote in frame.votes)
    return {item.comparison for item in frame.items if _waits(item, cast, protocol)}


def open_pairs(frame: StudyFrame, missing: set[int]) -> int:
    """How many of them there are without those that a researcher holds back; with those whose
    pictures are still to be made."""
    return max(0, len(missing) - frame.set_aside.held) + frame.unopened


def withholds_tests(state: str, *, waiting: int) -> bool:
    """No p-value is shown: nobody looks at a running study just once, and before its planned end no
    test allows that but the e-process of the primary comparison, where one was declared."""
    return state in RUNNING and waiting > 0


def _waits(item: ItemRow, cast: Mapping[int, int], protocol: Protocol) -> bool:
    """Undecided, and not for good: a dropped split has all its votes and no verdict."""
    whole = cast.get(item.comparison, 0) >= protocol.overlap
    return item.outcome is None and not (protocol.split == "drop" and whole)
