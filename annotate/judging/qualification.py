"""The way to live work: consent, instructions, training, exam. Each step is one transaction.

Answers here are no votes and enter no number. It must not decide which items are drawn
(judging.exams), nor what live work needs (judging.admission).
"""

import logging
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import Sum
from django.utils.translation import gettext as _

from annotate.judging.admission import is_qualified
from annotate.judging.answers import Judgement, read_answers
from annotate.judging.controls import is_right
from annotate.judging.exams import Drawn, TooFewItems, draw_exam, draw_training, usable
from annotate.judging.qualification_models import (
    ExtraAttempt,
    Qualification,
    Sitting,
    SittingItem,
)
from annotate.judging.queue import PassedOn, retrying
from annotate.judging.verdicts import protocol_of
from annotate.judging.voting import Ballot, Conflict
from annotate.studies.clock import database_now
from annotate.studies.models import Event, Membership, Study

logger = logging.getLogger(__name__)


class Stage(StrEnum):
    """What comes next for an annotator."""

    CONSENT = "consent"
    INSTRUCTIONS = "instructions"
    TRAINING = "training"
    EXAM = "exam"
    WAIT = "wait"  # an attempt failed; the next opens at a known time
    FAILED = "failed"  # no attempt is left
    QUALIFIED = "qualified"


class NotNow(ValueError):
    """A step that is not the next one, or whose time has not come."""


@dataclass(frozen=True)
class Standing:
    """Where an annotator stands under the version their study asks for."""

    stage: Stage
    qualification: Qualification | None = None
    # The round or attempt in hand, else the last one of the stage's kind.
    sitting: Sitting | None = None
    opens_at: datetime | None = None

    @property
    def running(self) -> Sitting | None:
        """The round or attempt that has begun and not ended."""
        return self.sitting if self.sitting and self.sitting.ended_at is None else None


@dataclass(frozen=True)
class Marked:
    """What became of one answer: whether this call stored it, and what a training page may say."""

    created: bool
    item: SittingItem
    judgement: Judgement
    ended: bool


def standing(membership: Membership, *, now: datetime | None = None) -> Standing:
    """Where this annotator stands; reads only."""
    protocol = protocol_of(membership.study)
    if is_qualified(membership):
        return Standing(Stage.QUALIFIED)
    mine = Qualification.objects.filter(
        membership=membership, version=protocol.qualification_version
    ).first()
    if mine is None or mine.consented_at is None:
        return Standing(Stage.CONSENT, mine)
    if mine.instructed_at is None:
        return Standing(Stage.INSTRUCTIONS, mine)
    if mine.trained_at is None:
        return Standing(Stage.TRAINING, mine, _last(mine, Sitting.Kind.TRAINING))
    last = _last(mine, Sitting.Kind.EXAM)
    if last is None or last.ended_at is None:
        return Standing(Stage.EXAM, mine, last)
    if last.attempt >= protocol.exam_attempts + has_extra(mine):
        return Standing(Stage.FAILED, mine, last)
    opens_at = last.ended_at + timedelta(hours=protocol.exam_wait_hours)
    stage = Stage.EXAM if (now or database_now()) >= opens_at else Stage.WAIT
    return Standing(stage, mine, last, opens_at)


def has_extra(qualification: Qualification) -> bool:
    """Whether one more attempt was granted (judging.extra_attempts)."""
    return ExtraAttempt.objects.filter(qualification=qualification).exists()


def seen_items(membership: Membership, kind: str) -> set[int]:
    """The items (by id) that somebody was given in sittings of a kind, under whatever version."""
    earlier = SittingItem.objects.filter(
        sitting__qualification__membership=membership, sitting__kind=kind
    )
    return set(earlier.values_list("comparison", flat=True))


def _last(qualification: Qualification, kind: str) -> Sitting | None:
    return qualification.sittings.filter(kind=kind).order_by("-attempt").first()


def consent(
    membership: Membership, *, device: Mapping[str, Any], now: datetime | None = None
) -> None:
    """Note that somebody agrees to take part, with what their screen was measured to be.

    Saying it again changes nothing.
    """

    def verb() -> None:
        mine, _made = Qualification.objects.get_or_create(
            membership=membership,
            version=protocol_of(membership.study).qualification_version,
        )
        same = Qualification.objects.filter(pk=mine.pk, consented_at=None)
        same.update(consented_at=now or database_now(), device=dict(device))

    retrying(verb)


def instructed(membership: Membership, *, now: datetime | None = None) -> None:
    """Note that the instructions were read; saying it again changes nothing.

    Raises:
        NotNow: consent comes first.
    """

    def verb() -> None:
        mine = _mine(membership)
        same = Qualification.objects.filter(pk=mine.pk, instructed_at=None)
        same.update(instructed_at=now or database_now())

    retrying(verb)


def begin(membership: Membership, *, now: datetime | None = None) -> Sitting:
    """The round or attempt in hand, else the next one with its items drawn.

    Two tabs pressing at once get one sitting: the constraint on attempts decides.

    Raises:
        NotNow: another step comes first, or the next attempt is not open yet.
    """

    def verb() -> Sitting:
        at = now or database_now()
        there = standing(membership, now=at)
        if running := there.running:
            return running
        if there.stage not in {Stage.TRAINING, Stage.EXAM} or there.qualification is None:
            raise NotNow(_why_not(there))
        kind = Sitting.Kind(there.stage.value)
        sitting = Sitting.objects.create(
            qualification=there.qualification,
            kind=kind,
            attempt=there.sitting.attempt + 1 if there.sitting else 1,
            begun_at=at,
        )
        SittingItem.objects.bulk_create(
            SittingItem(
                sitting=sitting,
                comparison=drawn.comparison,
                place=place,
                token=uuid.uuid4(),
                flipped=drawn.flipped,
            )
            for place, drawn in enumerate(_drawn(membership, sitting), start=1)
        )
        logger.info("membership=%s %s attempt=%d begun", membership.pk, kind, sitting.attempt)
        return sitting

    return retrying(verb)


def _drawn(membership: Membership, sitting: Sitting) -> list[Drawn]:
    protocol = protocol_of(membership.study)
    pool = usable(membership.study, sitting.kind, protocol)
    seen = seen_items(membership, sitting.kind)
    # Not a secret, but nobody's to guess either: it depends on who and which attempt.
    name = f"{protocol.seed}|{sitting.kind}|{membership.pk}|{sitting.attempt}"
    rng = random.Random(name)  # noqa: S311
    draw = draw_exam if sitting.kind == Sitting.Kind.EXAM else draw_training
    try:
        return draw(pool, protocol, seen=seen, rng=rng)
    except TooFewItems as error:
        raise NotNow(
            _(
                "This study has run out of exam items: %(left)d are left that you have not seen, "
                "and an attempt needs %(wanted)d. Write to the people who sent you here."
            )
            % {"left": error.left, "wanted": error.wanted}
        ) from error


def in_hand(sitting: Sitting) -> list[SittingItem]:
    """The items of a sitting that are not answered yet, in their order."""
    rows = sitting.items.filter(answered_at=None).order_by("place")
    return list(rows.select_related("sitting", "comparison__prompt", *_PICTURES))


_PICTURES = ("comparison__first", "comparison__second")


def answer(membership: Membership, ballot: Ballot, *, now: datetime | None = None) -> Marked:
    """Store one answer; the last one of a sitting ends it and says whether it is passed.

    A double submit changes nothing and says so.

    Raises:
        BadAnswer: the answers do not fit the protocol; the item stays open.
        PassedOn: the item is none of this person's, or its sitting is of another version.
        Conflict: the item already has another answer.
    """

    def verb() -> Marked:
        at = now or database_now()
        protocol = protocol_of(membership.study)
        # One answer of a person at a time: the last two would each miss the other's.
        item = (
            SittingItem.objects.select_for_update(of=("self", "sitting"))
            .select_related("sitting__qualification", "comparison")
            .filter(
                token=ballot.token,
                sitting__qualification__membership=membership,
                sitting__qualification__version=protocol.qualification_version,
            )
            .first()
        )
        if item is None:
            raise PassedOn(_("this pair is not part of your training or exam; reload the page"))
        if membership.study.state not in {Study.State.OPEN, Study.State.PAUSED}:
            raise PassedOn(_("the study has been closed; this answer is not counted"))
        judgement = read_answers(
            protocol, ballot.answers, flipped=item.flipped, factor=ballot.factor
        )
        if item.answers is not None:
            if item.answers != dict(ballot.answers):
                raise Conflict(_("this pair already has your other answer; the first one stands"))
            return Marked(False, item, judgement, ended=item.sitting.ended_at is not None)
        item.answers, item.answered_at = dict(ballot.answers), at
        item.right = is_right(item.comparison.expected or {}, judgement)
        item.active_ms, item.elapsed_ms = _times(membership, item, ballot, now=at)
        item.save()
        ended = not item.sitting.items.filter(answered_at=None).exists()
        if ended:
            _end(membership, item.sitting, now=at)
        return Marked(True, item, judgement, ended=ended)

    return retrying(verb)


def _times(
    membership: Membership, item: SittingItem, ballot: Ballot, *, now: datetime
) -> tuple[int, int]:
    """(active, elapsed) milliseconds as the page measured them: active ones may be paid, so that
    those of a sitting are together no more than it lasted. Of programs as they say."""
    if membership.user.simulated:
        return ballot.active_ms, ballot.elapsed_ms
    lasted = (now - item.sitting.begun_at) // timedelta(milliseconds=1)
    spent = item.sitting.items.aggregate(ms=Sum("active_ms"))["ms"] or 0
    return min(ballot.active_ms, max(0, lasted - spent)), min(ballot.elapsed_ms, max(0, lasted))


def _end(membership: Membership, sitting: Sitting, *, now: datetime) -> None:
    """Count, decide, and open the next step; call it once, under the sitting's lock."""
    protocol = protocol_of(membership.study)
    exam = sitting.kind == Sitting.Kind.EXAM
    sitting.right = sitting.items.filter(right=True).count()
    sitting.passed = sitting.right >= (protocol.exam_pass if exam else protocol.training_pass)
    sitting.ended_at = now
    sitting.save()
    if sitting.passed:
        step = "passed_at" if exam else "trained_at"
        Qualification.objects.filter(pk=sitting.qualification_id).update(**{step: now})
    if sitting.passed and exam:
        version = sitting.qualification.version
        Membership.objects.filter(pk=membership.pk).update(qualified_version=version)
        membership.qualified_version = version
    Event.objects.create(
        study_id=membership.study_id,
        actor_id=membership.user_id,
        kind=f"{sitting.kind}_{'passed' if sitting.passed else 'failed'}",
        data={
            "member": membership.pseudonym,
            "version": sitting.qualification.version,
            "attempt": sitting.attempt,
            "right": sitting.right,
        },
        at=now,
    )


def _mine(membership: Membership) -> Qualification:
    version = protocol_of(membership.study).qualification_version
    mine = Qualification.objects.filter(membership=membership, version=version).first()
    if mine is None or mine.consented_at is None:
        raise NotNow(_("consent comes first. Open the study from your own page."))
    return mine


def _why_not(there: Standing) -> str:
    if there.stage is Stage.WAIT and there.opens_at is not None:
        return _("the next attempt opens at %(at)s UTC. Come back then.") % {
            "at": f"{there.opens_at:%Y-%m-%d %H:%M}"
        }
    if there.stage is Stage.FAILED:
        return _("all attempts at the exam are used. Thank you for trying.")
    if there.stage is Stage.QUALIFIED:
        return _("training and exam are passed, or not asked for. Open the study to judge.")
    return _("another step comes first. Open the study from your own page.")
