"""One more attempt at the exam for somebody who has used all of theirs, granted by a researcher.

It must not pass anybody, nor shorten the wait between attempts.
"""

import logging
from datetime import datetime

from django.db import transaction

from annotate.judging.exams import missing, usable
from annotate.judging.qualification import Stage, Standing, seen_items, standing
from annotate.judging.qualification_models import ExtraAttempt, Qualification, Sitting
from annotate.judging.verdicts import protocol_of
from annotate.people.models import User
from annotate.studies.clock import database_now
from annotate.studies.models import Event, Membership, Study

logger = logging.getLogger(__name__)
LONGEST = 500


class NoExtraAttempt(ValueError):
    """An extra attempt that cannot be granted; nothing was changed."""


@transaction.atomic
def grant_extra_attempt(
    membership: Membership, *, reason: str, actor: User, now: datetime | None = None
) -> Standing:
    """Let an annotator who failed their last attempt sit one more, on items they have not seen.

    It opens like any other: `exam_wait_hours` after the last one ended. Of two who grant it at
    once, the second is refused.

    Raises:
        NoExtraAttempt: no reason is given, attempts are left or one is running, they were granted
            one already under this version, or too few items are left that they have not seen.
    """
    here, reason = membership.pseudonym, reason.strip()
    if not reason or len(reason) > LONGEST:
        raise NoExtraAttempt(
            f"A reason of {len(reason)} characters; give 1 to {LONGEST}. It stands in the log."
        )
    at = now or database_now()
    there = standing(membership, now=at)
    if there.stage is not Stage.FAILED or there.qualification is None:
        raise NoExtraAttempt(
            f"{here} has not used all attempts: the next step is “{there.stage.value}”. An extra "
            "attempt is for who has none left."
        )
    # One at a time: the second must see the first one's row.
    mine = Qualification.objects.select_for_update().get(pk=there.qualification.pk)
    if ExtraAttempt.objects.filter(qualification=mine).exists():
        raise NoExtraAttempt(
            f"{here} was granted an extra attempt before, and a person gets one under a version. "
            "Raise the version of training and exam to start afresh, for everybody."
        )
    study, protocol = membership.study, protocol_of(membership.study)
    if study.state not in {Study.State.OPEN, Study.State.PAUSED}:
        raise NoExtraAttempt(
            f"The study is {study.get_state_display().lower()}: no exam is held in it. Reopen it "
            "first."
        )
    pool = usable(study, Sitting.Kind.EXAM, protocol)
    short = missing(pool, protocol, seen=seen_items(membership, Sitting.Kind.EXAM))
    if short:
        raise NoExtraAttempt(
            f"{short} exam item{'' if short == 1 else 's'} in which one picture is better "
            f"{'is' if short == 1 else 'are'} missing: an attempt has {protocol.exam_items} items, "
            f"and {here} must not see one twice. Add {short} under Items with For: Exam, then "
            "grant it."
        )
    ExtraAttempt.objects.create(qualification=mine, reason=reason, granted_by=actor, granted_at=at)
    Event.objects.create(
        study=study,
        actor=actor,
        kind="exam_extra_attempt",
        data={"member": here, "version": mine.version, "reason": reason},
        at=at,
    )
    logger.info("membership=%s extra exam attempt granted", membership.pk)
    return standing(membership, now=at)
