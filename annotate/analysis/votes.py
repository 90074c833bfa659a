"""What one annotator said about one comparison, and the answer that follows from it.
Must not know who asked, on which side an image was shown, or which method made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

Word = TypeVar("Word", bound=StrEnum)


class Choice(StrEnum):
    """The winner by image: `first` and `second` of the comparison, never left and right."""

    FIRST = "first"
    SECOND = "second"
    TIE = "tie"

    def mirrored(self) -> Choice:
        """The same judgement when the two images change places."""
        return _MIRROR[self]


_MIRROR = {
    Choice.FIRST: Choice.SECOND,
    Choice.SECOND: Choice.FIRST,
    Choice.TIE: Choice.TIE,
}


class Criterion(StrEnum):
    """What was asked. `overall` is one decision with the priority as its instruction."""

    ALIGNMENT = "alignment"
    QUALITY = "quality"
    AESTHETICS = "aesthetics"
    OVERALL = "overall"


PRIORITY: tuple[Criterion, ...] = (Criterion.ALIGNMENT, Criterion.QUALITY, Criterion.AESTHETICS)
"""The order of the paper (D.1): textual alignment > image quality > aesthetics."""


@dataclass(frozen=True)
class VoteRecord:
    """One annotator's answers to one comparison.

    A `cascade` vote stops at the first criterion that is not a tie, a `single` vote holds OVERALL
    only, a `full` vote holds all four; the derived answer of a `full` vote ignores its OVERALL.

    Raises:
        ValueError: there is no answer, or an answer or a criterion is unknown.
    """

    answers: Mapping[Criterion, Choice]

    def __post_init__(self) -> None:
        if not self.answers:
            raise ValueError(
                "a vote was given without answers; it needs at least one of "
                f"{', '.join(Criterion)}: leave unanswered comparisons out"
            )
        # An own copy: what the caller does to its dict later must not change a vote.
        own = {
            _known(Criterion, asked): _known(Choice, said) for asked, said in self.answers.items()
        }
        object.__setattr__(self, "answers", own)

    def derived(self) -> Choice:
        """The first answer in PRIORITY which is not a tie; OVERALL where nothing else was asked."""
        criterion = self.deciding()
        return Choice.TIE if criterion is None else self.answers[criterion]

    def deciding(self) -> Criterion | None:
        """The criterion that decided this vote; None where the vote is a tie."""
        ranked = [criterion for criterion in PRIORITY if criterion in self.answers]
        for criterion in ranked or [Criterion.OVERALL]:
            if self.answers[criterion] is not Choice.TIE:
                return criterion
        return None


def _known(kind: type[Word], given: str) -> Word:
    try:
        return kind(given)
    except ValueError:
        raise ValueError(
            f"{given!r} is no {kind.__name__.lower()}; use one of {', '.join(kind)}"
        ) from None
