"""When an annotator's work in a study is over, and the code they take back to their platform.

It must not pay anybody, nor judge the work: a researcher does both.
"""

import logging
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from annotate.judging.limits import room
from annotate.judging.models import Assignment, PlannedItem
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


class End(StrEnum):
    """Why there is nothing more for somebody: for good, or (today) until tomorrow."""

    QUOTA = "quota"
    EMPTY = "empty"
    CLOSED = "closed"
    TODAY = "today"


def end_of(membership: Membership, *, now: datetime | None = None) -> End | None:
    """Why this annotator gets no further pair; None while they have one or may get one.

    Somebody who comes to an empty pool is done as well, before any training. A pause is no end,
    and neither is a pool whose pictures are still being made.
    """
    study = membership.study
    if study.state in OVER:
        return End.CLOSED
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


def says_the_end(membership: Membership) -> bool:
    """Whether a page of its own tells this annotator that work is over: where a limit ended it, or
    where a platform waits for a code. Others stay on their screen, where new pairs may appear."""
    end = end_of(membership)
    if end in {End.QUOTA, End.TODAY}:
        return True
    return end is not None and Entry.objects.filter(membership_id=membership.pk).exists()


def _to_come(study: Study) -> bool:
    return PlannedItem.objects.filter(study_id=study.pk, opened_at=None).exists()


def give_code(membership: Membership, end: End, *, now: datetime) -> CompletionCode:
    """The annotator's code for this study: the same one however often they ask.

    Raises:
        ValueError: their work is not over.
    """
    if end is End.TODAY:
        raise ValueError("the work goes on tomorrow; a code is given when it is over.")
    drawn = "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
    code, made = CompletionCode.objects.get_or_create(
        membership_id=membership.pk,
        defaults={"code": drawn, "reason": end.value, "given_at": now},
    )
    if made:
        logger.info("member=%s completion code given: %s", membership.pk, end)
    return code


class Found(StrEnum):
    """What a code turned out to be."""

    ACCEPTED = "accepted"
    REUSED = "reused"  # accepted before
    FOREIGN = "foreign"  # of another study
    UNKNOWN = "unknown"  # never given to anybody


@dataclass(frozen=True)
class CheckedCode:
    """One code as a researcher brought it, what it is, and whose."""

    given: str
    found: Found
    pseudonym: str = ""
    # Accepted earlier, at this time.
    before: datetime | None = None


def accept_codes(
    study: Study, given: Iterable[str], *, actor: User, now: datetime
) -> list[CheckedCode]:
    """Check codes against this study and take each good one for used.

    A code is accepted once: of two researchers who bring it at once, the other is told.
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
    who = row.membership.pseudonym
    won = CompletionCode.objects.filter(pk=row.pk, accepted_at=None).update(
        accepted_at=now, accepted_by=actor
    )
    if won:
        return CheckedCode(given, Found.ACCEPTED, who)
    row.refresh_from_db(fields=["accepted_at"])
    return CheckedCode(given, Found.REUSED, who, row.accepted_at)
