"""When an annotator's work in a study is over, and the code they take back to their platform.

It must not pay anybody, nor judge the work: a researcher does both.
"""

import logging
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from annotate.judging.admission import is_qualified
from annotate.judging.limits import room
from annotate.judging.models import Assignment, PlannedItem, SittingItem, Vote, VoteRevision
from annotate.judging.qualification import Stage, standing
from annotate.judging.queue import left_for
from annotate.people.models import User
from annotate.studies.clock import database_now
from annotate.studies.entry import OVER
from annotate.studies.entry_models import CompletionCode, Entry
from annotate.studies.models import Event, Membership, Study

logger = logging.getLogger(__name__)

# Without letters and digits that look alike; 32 ** 10 is out of reach of guessing.
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
LENGTH = 10
Why = CompletionCode.Reason
# Codes of an end before the work was done: a researcher may open the place again, or pairs come
# back.
EARLY = {Why.SCREENED, Why.ENDED, Why.TRAINED, Why.NO_WORK}


class End(StrEnum):
    """Why there is nothing more for somebody: for good, or (today) until tomorrow."""

    QUOTA = "quota"
    EMPTY = "empty"
    CLOSED = "closed"
    TODAY = "today"
    SCREENED = "screened"  # the last attempt at the exam failed
    ENDED = "ended"  # they left, or were paused


def end_of(membership: Membership, *, now: datetime | None = None) -> End | None:
    """Why this annotator gets no further pair; None while they have one or may get one.

    Somebody who comes to an empty pool is done as well, before any training. A pause is no end,
    and neither is a pool whose pictures are still being made.
    """
    study = membership.study
    if not membership.active:
        return End.ENDED
    if study.state in OVER:
        return End.CLOSED
    if has_failed(membership):
        return End.SCREENED
    if study.state != Study.State.OPEN:
        return None
    at = now or database_now()
    mine = Assignment.objects.filter(study_id=study.pk, annotator_id=membership.user_id)
    if mine.filter(state=Assignment.State.LEASED).exists():
        return None
    left = room(membership, now=at)
    if left.pairs == 0:
        return End.QUOTA
    if not left.today:
        return End.TODAY
    if left_for(membership, now=at) or _to_come(study):
        return None
    return End.EMPTY


def has_failed(membership: Membership) -> bool:
    """Whether no attempt at the study's exam is left; costs nothing for whoever has passed it."""
    return not is_qualified(membership) and standing(membership).stage is Stage.FAILED


def has_worked(membership: Membership) -> bool:
    """Whether somebody answered anything here: a pair, even one voided since, or a trial's item."""
    items = SittingItem.objects.filter(sitting__qualification__membership=membership)
    return _has_judged(membership) or items.exclude(answered_at=None).exists()


def _has_judged(membership: Membership) -> bool:
    user, study = membership.user_id, membership.study_id
    return (
        Vote.objects.filter(annotator=user, study=study).exists()
        or VoteRevision.objects.filter(annotator=user, assignment__study=study).exists()
    )


def says_the_end(membership: Membership) -> bool:
    """Whether a page of its own tells this annotator that work is over: where a limit ended it, or
    where a platform waits for a code. Others stay on their screen, where new pairs may appear."""
    end = end_of(membership)
    if end in {End.QUOTA, End.TODAY}:
        return True
    return end is not None and Entry.objects.filter(membership_id=membership.pk).exists()


def _to_come(study: Study) -> bool:
    return PlannedItem.objects.filter(study_id=study.pk, opened_at=None).exists()


def own_code(membership: Membership, end: End | None, *, now: datetime) -> CompletionCode | None:
    """The code somebody has, or gets at this end: none before it, nor for leaving at once."""
    if end in {None, End.TODAY} or (end is End.ENDED and not has_worked(membership)):
        return CompletionCode.objects.filter(membership=membership).first()
    assert end is not None
    return give_code(membership, end, now=now)


def give_code(membership: Membership, end: End, *, now: datetime) -> CompletionCode:
    """The annotator's code for this study: the same one however often they ask.

    Who finds the pool empty or the study closed without having judged a pair gets one that says
    so: a platform would take any other for work that is due its pay.

    Raises:
        ValueError: their work is not over.
    """
    if end is End.TODAY:
        raise ValueError("the work goes on tomorrow; a code is given when it is over.")
    drawn = "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
    why = _reason(membership, end)
    code, made = CompletionCode.objects.get_or_create(
        membership_id=membership.pk,
        defaults={"code": drawn, "reason": why, "given_at": now},
    )
    if made:
        logger.info("member=%s completion code given: %s", membership.pk, why)
    elif code.reason in EARLY and code.reason != why:
        # They were let back in and went on, with the code they had.
        CompletionCode.objects.filter(pk=code.pk, accepted_at=None).update(reason=why)
        code.refresh_from_db(fields=["reason"])
    return code


def _reason(membership: Membership, end: End) -> Why:
    if end in {End.EMPTY, End.CLOSED} and not _has_judged(membership):
        return Why.TRAINED if has_worked(membership) else Why.NO_WORK
    return Why(end.value)


class Found(StrEnum):
    """What a code turned out to be."""

    ACCEPTED = "accepted"
    REUSED = "reused"  # accepted before
    FOREIGN = "foreign"  # of another study
    UNKNOWN = "unknown"  # never given to anybody
    NO_WORK = "no_work"  # of somebody who has answered nothing: there is nothing to pay


@dataclass(frozen=True)
class CheckedCode:
    """One code as a researcher brought it, what it is, and whose."""

    given: str
    found: Found
    pseudonym: str = ""
    # Why it was given (CompletionCode.Reason), in words.
    reason: str = ""
    # Accepted earlier, at this time.
    before: datetime | None = None


def accept_codes(
    study: Study, given: Iterable[str], *, actor: User, now: datetime
) -> list[CheckedCode]:
    """Check codes against this study and take each good one for used.

    A code is accepted once: of two researchers who bring it at once, the other is told. One of
    somebody who has answered nothing is never accepted.
    """
    checked = [_accept(study, code, actor=actor, now=now) for code in given]
    accepted = [one.pseudonym for one in checked if one.found is Found.ACCEPTED]
    if accepted:
        Event.objects.create(
            study=study, actor=actor, kind="codes_accepted", data={"members": accepted}, at=now
        )
    return checked


def _accept(study: Study, given: str, *, actor: User, now: datetime) -> CheckedCode:
    codes = CompletionCode.objects.select_related("membership")
    row = codes.filter(code=given.strip().upper()).first()
    if row is None:
        return CheckedCode(given, Found.UNKNOWN)
    if row.membership.study_id != study.pk:
        # Not whose: that study may be another researcher's.
        return CheckedCode(given, Found.FOREIGN)
    who, why = row.membership.pseudonym, row.get_reason_display()
    # Asked now and not read off the code: they may have come back and worked since.
    if row.accepted_at is None and not has_worked(row.membership):
        return CheckedCode(given, Found.NO_WORK, who, why)
    won = CompletionCode.objects.filter(pk=row.pk, accepted_at=None).update(
        accepted_at=now, accepted_by=actor
    )
    if won:
        return CheckedCode(given, Found.ACCEPTED, who, why)
    row.refresh_from_db(fields=["accepted_at"])
    return CheckedCode(given, Found.REUSED, who, why, row.accepted_at)
