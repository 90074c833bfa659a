"""Votes: submit, undo, invalidate. Each is one transaction; a token makes each idempotent.

It must not choose who judges what (judging.queue does).
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from annotate.judging import hotpath, hotpath_votes
from annotate.judging.admission import require_qualified
from annotate.judging.answers import Judgement, read_answers
from annotate.judging.hotpath import Lease
from annotate.judging.hotpath_votes import Slot
from annotate.judging.models import Assignment, Comparison, Vote, VoteRevision
from annotate.judging.queue import (
    PassedOn,
    lanes_of,
    lease_time,
    leased_slots,
    make_room,
    retrying,
    top_up,
    voted_slot,
)
from annotate.judging.verdicts import protocol_of, settle
from annotate.people.models import User
from annotate.studies.clock import database_now
from annotate.studies.models import Event, Membership, Study

S = Assignment.State


class Conflict(ValueError):
    """The pair already has another answer from this person; the first one stands."""


class Undone(LookupError):
    """The vote was taken back; the pair has a new token."""


class TooLate(ValueError):
    """A vote that can no longer be undone."""


@dataclass(frozen=True)
class Ballot:
    """What a page sends for one pair. Times in milliseconds, by the browser's own clock."""

    token: uuid.UUID
    answers: Mapping[str, str]
    factor: str | None = None
    active_ms: int = 0
    elapsed_ms: int = 0
    telemetry: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Receipt:
    """Whether this call stored the vote, and the leases that follow it."""

    created: bool
    fresh: list[Lease]


def submit(membership: Membership, ballot: Ballot, *, now: datetime | None = None) -> Receipt:
    """Store one vote and claim the next pair. A double submit changes nothing and says so.

    A late vote is accepted while nobody else has taken the slot. What may run beside it: anything.

    Raises:
        BadAnswer: the answers do not fit the protocol; the lease stands.
        PassedOn: the slot is another annotator's by now, was voided, or the study was closed.
        Conflict: this slot already has another answer.
        Undone: this vote was undone or invalidated since.
        Busy: eight tries lost against other transactions.
        Unqualified: the study's training and exam are not passed.
    """
    require_qualified(membership)

    def verb() -> Receipt:
        at = now or database_now()
        slot = _slot(membership, ballot.token)
        protocol = protocol_of(membership.study)
        if slot.state == S.LEASED and membership.study.state in _OVER:
            raise PassedOn(_("the study has been closed; this answer is not counted"))
        judgement = read_answers(
            protocol, ballot.answers, flipped=slot.flipped, factor=ballot.factor
        )
        if slot.state == S.VOTED:
            _check_same(slot, judgement)
            return Receipt(created=False, fresh=[])
        if not hotpath_votes.mark_voted(slot.pk, ballot.token):
            raise PassedOn(_("this pair has passed on to another annotator"))
        _insert(membership, slot, judgement, ballot, now=at)
        if slot.live:
            settle(slot.comparison_id, membership.study, now=at)
        taken = hotpath.lanes_and_turns(membership.study_id, membership.user_id)
        return Receipt(created=True, fresh=top_up(membership, taken=taken, now=at))

    return retrying(verb)


_OVER = {Study.State.CLOSED, Study.State.ARCHIVED}


def _slot(membership: Membership, token: uuid.UUID) -> Slot:
    """This person's slot by its token, locked together with its comparison."""
    slot = hotpath_votes.slot_by_token(membership.study_id, membership.user_id, token)
    if slot is not None:
        return slot
    if VoteRevision.objects.filter(token=token, annotator_id=membership.user_id).exists():
        raise Undone(_("this answer was taken back; the pair is open again under a new token"))
    raise PassedOn(_("this pair has passed on to another annotator"))


def _check_same(slot: Slot, judgement: Judgement) -> None:
    vote = Vote.objects.get(assignment_id=slot.pk)
    stored = dict(vote.answers.values_list("criterion", "choice"))
    given = {str(k): str(v) for k, v in judgement.answers.items()}
    if stored != given or vote.both_bad != judgement.both_bad:
        raise Conflict(_("this pair already has your other answer; the first one stands"))


def _insert(
    membership: Membership, slot: Slot, judgement: Judgement, ballot: Ballot, *, now: datetime
) -> None:
    active_ms, elapsed_ms = _times(membership, slot, ballot, now=now)
    values = {
        "assignment_id": slot.pk,
        "comparison_id": slot.comparison_id,
        "study_id": membership.study_id,
        "annotator_id": membership.user_id,
        "token": ballot.token,
        "choice": judgement.choice.value,
        "deciding": judgement.deciding,
        "both_bad": judgement.both_bad,
        "side": judgement.side,
        "simulated": membership.user.simulated,
        "late": slot.lease_until is not None and slot.lease_until < now,
        "too_fast": elapsed_ms < protocol_of(membership.study).min_view_ms,
        "active_ms": active_ms,
        "elapsed_ms": elapsed_ms,
        "telemetry": ballot.telemetry,
        # As it was frozen, as verdicts have it.
        "protocol_hash": membership.study.protocol_hash,
    }
    answers = [(str(k), str(v)) for k, v in judgement.answers.items()]
    hotpath_votes.insert_vote(values, answers, now=now)


def _times(membership: Membership, slot: Slot, ballot: Ballot, *, now: datetime) -> tuple[int, int]:
    """(active, elapsed) milliseconds as the page measured them, no longer than the pair was in hand
    by the database's clock: they are paid, and tell who answers too fast. Programs that do not wait
    say what people would have taken."""
    if membership.user.simulated or slot.leased_at is None:
        return ballot.active_ms, ballot.elapsed_ms
    most = max(0, (now - slot.leased_at) // timedelta(milliseconds=1))
    return min(ballot.active_ms, most), min(ballot.elapsed_ms, most)


def undo(
    membership: Membership, token: uuid.UUID, *, now: datetime | None = None
) -> tuple[Lease, list[uuid.UUID]]:
    """Take the annotator's last vote back: the pair is theirs again, first in hand, new token.

    Returns the reopened lease and the tokens of prefetched pairs that had to make room for it.

    Raises:
        TooLate: it is not the last vote any more, older than `undo_seconds`, or unknown.
        Unqualified: the study's training and exam are not passed.
    """
    require_qualified(membership)

    def verb() -> tuple[Lease, list[uuid.UUID]]:
        at = now or database_now()
        study = membership.study
        protocol = protocol_of(study)
        slot = voted_slot(membership, token)
        if slot is None:
            raise TooLate(_("there is no such answer of yours to take back"))
        mine = study.votes.filter(annotator_id=membership.user_id)
        last = mine.order_by("-created_at", "-pk").first()
        if last is None or last.assignment_id != slot.pk:
            raise TooLate(_("only the last answer can be taken back; a later one is already in"))
        if at > last.created_at + timedelta(seconds=protocol.undo_seconds):
            raise TooLate(
                _("an answer can be taken back for %(n)d seconds") % {"n": protocol.undo_seconds}
            )
        if study.state not in {Study.State.OPEN, Study.State.PAUSED}:
            raise TooLate(_("the study has been closed; its answers stand"))
        held = leased_slots(membership)
        dropped = make_room(study, held)
        kept = [a for a in held if a.token not in dropped]
        _retract(last, VoteRevision.Reason.UNDONE, actor=membership.user, now=at)
        slot.state, slot.token = S.LEASED, uuid.uuid4()
        slot.leased_at, slot.lease_until = at, at + lease_time(study)
        slot.lane = min(set(range(lanes_of(study))) - {a.lane for a in kept})
        slot.turn = min((a.turn or 0 for a in kept), default=1) - 1
        slot.save()
        if slot.order >= 0:
            settle(slot.comparison_id, study, now=at, reopened=slot.pk)
        return hotpath.lease_by_id(slot.pk), dropped

    return retrying(verb)


def _retract(vote: Vote, reason: str, *, actor: User | None, now: datetime) -> None:
    """Keep what the vote said as a revision, then remove it."""
    VoteRevision.objects.create(
        assignment_id=vote.assignment_id,
        comparison_id=vote.comparison_id,
        annotator_id=vote.annotator_id,
        token=vote.token,
        reason=reason,
        actor=actor,
        snapshot={
            "choice": vote.choice,
            "deciding": vote.deciding,
            "both_bad": vote.both_bad,
            "side": vote.side,
            "answers": {a.criterion: a.choice for a in vote.answers.all()},
            "active_ms": vote.active_ms,
            "elapsed_ms": vote.elapsed_ms,
            "simulated": vote.simulated,
            "late": vote.late,
            "created_at": vote.created_at.isoformat(),
        },
        at=now,
    )
    vote.delete()


def invalidate(vote: Vote, *, actor: User | None, now: datetime | None = None) -> Assignment | None:
    """Void one vote's slot, open a new one under its number, and settle the pair again.

    The voided slot stays, so the same annotator is never asked about the pair again. A control or
    repeat was this annotator's alone: its slot is not opened again (None).
    """

    def verb() -> Assignment | None:
        at = now or database_now()
        comparison = Comparison.objects.select_for_update().get(pk=vote.comparison_id)
        slot = Assignment.objects.get(pk=vote.assignment_id)
        current = Vote.objects.filter(pk=vote.pk).first()
        if current is None or slot.state != S.VOTED:
            raise Undone(_("this vote was undone or invalidated already"))
        _retract(current, VoteRevision.Reason.INVALIDATED, actor=actor, now=at)
        Assignment.objects.filter(pk=slot.pk).update(state=S.VOID)
        if slot.order < 0:
            return None
        refill = Assignment.objects.create(
            study_id=slot.study_id,
            comparison=comparison,
            slot=slot.slot,
            order=slot.order,
            flipped=slot.flipped,
            lead_left=slot.lead_left,
            returned=True,
            held=comparison.held,
        )
        settle(comparison.pk, comparison.study, now=at)
        return refill

    return retrying(verb)


def invalidate_all(study: Study, user: User, *, actor: User | None) -> int:
    """Invalidate every vote of one annotator in a study and refill the slots; how many votes.

    What may run beside it: anything. A vote that is taken back or voided meanwhile is passed over.
    """
    voided = 0
    for vote in list(study.votes.filter(annotator=user)):
        try:
            invalidate(vote, actor=actor)
        except Undone:
            continue
        voided += 1
    Event.objects.create(
        study=study,
        actor=actor,
        kind="votes_invalidated",
        data={"annotator": user.pk, "votes": voided},
    )
    return voided
