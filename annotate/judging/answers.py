"""What a page sends for one pair, read under the protocol. Pure: it must not touch the database."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from annotate.analysis.diversity import Attribute
from annotate.analysis.votes import PRIORITY, Choice, Criterion, VoteRecord
from annotate.studies.protocol import Protocol

SIDES = ("left", "right")
TIES = ("equal", "bad")
# The answer to an attribute of which neither picture tells.
CANNOT = "cannot"


class BadAnswer(ValueError):
    """Answers that the protocol does not ask for or allow."""


@dataclass(frozen=True)
class Judgement:
    """A vote's content in terms of the comparison's images, not of the sides of a screen."""

    answers: Mapping[Criterion, Choice] | Mapping[Attribute, str]
    choice: Choice
    deciding: str
    both_bad: bool
    side: str
    raw: Mapping[str, str] = field(default_factory=dict)


def expected_criteria(protocol: Protocol, given: Mapping[str, str]) -> tuple[Criterion, ...]:
    """The criteria that a complete answer has: in a cascade this depends on the ties above."""
    if protocol.judgement == "single":
        return (Criterion.OVERALL,)
    if protocol.judgement == "full":
        return (*PRIORITY, Criterion.OVERALL)
    asked: list[Criterion] = []
    for criterion in PRIORITY:
        asked.append(criterion)
        if given.get(criterion) not in TIES:
            break
    return tuple(asked)


def read_answers(
    protocol: Protocol, given: Mapping[str, str], *, flipped: bool, factor: str | None = None
) -> Judgement:
    """Turn `{"alignment": "left", ...}` into a Judgement.

    Args:
        given: criterion -> left, right, equal or bad, as answered on the screen.
        flipped: True when the comparison's second image was on the left.
        factor: the deciding criterion, for protocol single with deciding_factor.

    Raises:
        BadAnswer: a criterion is missing, not asked, or its answer is not allowed.
    """
    if protocol.asks_diversity:
        return _read_attributes(protocol, given)
    asked = expected_criteria(protocol, given)
    if set(given) != set(asked):
        raise _other_questions(given, [str(c) for c in asked])
    last = {PRIORITY[-1], Criterion.OVERALL}
    answers: dict[Criterion, Choice] = {}
    for criterion in asked:
        value = given[criterion]
        allowed = set(SIDES)
        if protocol.ties != "forbid" or criterion not in last:
            allowed.add("equal")
        if protocol.ties == "split" and criterion in last:
            allowed.add("bad")
        if value not in allowed:
            raise _no_such_answer(criterion, value, allowed)
        answers[criterion] = _choice(value, flipped=flipped)
    if factor is not None and (not protocol.deciding_factor or factor not in set(PRIORITY)):
        raise BadAnswer(
            _("factor=%(given)s; allowed here: %(allowed)s. Reload the page and answer again.")
            % {
                "given": repr(factor),
                "allowed": [str(c) for c in PRIORITY] if protocol.deciding_factor else [],
            }
        )
    record = VoteRecord(answers)
    choice = record.derived()
    deciding = factor or (record.deciding() or "")
    if protocol.judgement == "single" and factor is None:
        deciding = ""
    first_side = "right" if flipped else "left"
    second_side = "left" if flipped else "right"
    side = {Choice.FIRST: first_side, Choice.SECOND: second_side, Choice.TIE: ""}[choice]
    return Judgement(
        answers=answers,
        choice=choice,
        deciding=str(deciding),
        both_bad=choice is Choice.TIE and "bad" in given.values(),
        side=side,
        raw=dict(given),
    )


def _read_attributes(protocol: Protocol, given: Mapping[str, str]) -> Judgement:
    """`{"style": "2", "main_object": "cannot", …}`: levels count from 0, the side is no matter."""
    allowed = {*map(str, range(protocol.attribute_levels)), CANNOT}
    if set(given) != set(Attribute):
        raise _other_questions(given, [str(a) for a in Attribute])
    for attribute, value in given.items():
        if value not in allowed:
            raise _no_such_answer(attribute, value, allowed)
    answers = {attribute: given[attribute] for attribute in Attribute}
    # A vote has a choice in every study; where nobody wins it is the one that names no winner.
    return Judgement(answers, Choice.TIE, deciding="", both_bad=False, side="", raw=dict(given))


def _other_questions(given: Mapping[str, str], asked: list[str]) -> BadAnswer:
    return BadAnswer(
        _("answers for %(given)s; asked were %(asked)s. Reload the page and send exactly those.")
        % {"given": sorted(given), "asked": asked}
    )


def _no_such_answer(question: str, value: str, allowed: set[str]) -> BadAnswer:
    return BadAnswer(
        _(
            "%(question)s=%(given)s; allowed here: %(allowed)s. Reload the page and choose one of "
            "them."
        )
        % {"question": question, "given": repr(value), "allowed": sorted(allowed)}
    )


def _choice(value: str, *, flipped: bool) -> Choice:
    if value in TIES:
        return Choice.TIE
    return Choice.FIRST if (value == "left") != flipped else Choice.SECOND
