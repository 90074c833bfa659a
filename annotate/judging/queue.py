"""Who judges what next: leases on pre-made slots. Row locks on assignments: here and in `hotpath*`.

Any number of annotators and tabs may call everything here at once, on SQLite (IMMEDIATE) and on
PostgreSQL (READ COMMITTED). It must not know what a vote says.
"""

import random
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from annotate.judging import hotpath, hotpath_votes
from annotate.judging.admission import is_qualified
from annotate.judging.hotpath import Candidate, Lease
from annotate.judging.limits import room
from annotate.judging.mixing import Place, claim_extra, has_extras, pairs_left
from annotate.judging.models import Assignment, Comparison, PlannedItem, Skip
from annotate.judging.reserve import free, reserve, withdraw
from annotate.judging.verdicts import protocol_of, records, rule_on, splits
from annotate.people.models import User
from annotate.studies.clock import database_now
from annotate.studies.models import Membership, Study
from annotate.studies.turns import turn

TRIES = 8
# Up to this many free slots "what is left" is counted exactly; above, from the totals.
EXACT_BELOW = 5000
S = Assignment.State
Result = TypeVar("Result")


class Busy(RuntimeError):
    """Too many people wanted the same rows; nothing was changed. Try again in a second."""


class PassedOn(LookupError):
    """The lease is no longer this person's: it ran out and another annotator took the slot."""


def retrying(verb: Callable[[], Result]) -> Result:
    """Run a transaction again when a unique constraint or a lock decided against it.

    A losing IntegrityError is the schema doing its work: the next try sees the other's rows.
    """
    for attempt in range(TRIES):
        try:
            with turn(), transaction.atomic():
                return verb()
        except (IntegrityError, OperationalError) as error:
            if attempt == TRIES - 1:
                raise Busy(
                    _("gave up after %(tries)d tries (%(why)s); nothing was changed. Try again.")
                    % {"tries": attempt + 1, "why": type(error).__name__}
                ) from error
            # Doubling: a second and a half in all, about what "503, come again" would cost.
            time.sleep(random.uniform(0.002, 0.02) * 2**attempt)  # noqa: S311 (spreading out)
    raise AssertionError("unreachable")


def hand(membership: Membership, *, now: datetime | None = None) -> list[Lease]:
    """The annotator's open leases in display order, topped up to `prefetch` + 1.

    Empty when nothing is left for this person.

    The first is shown, the others are prefetched; all tabs of one person share them. No comparison
    gets more than `overlap` votes and nobody holds two leases of one lane.

    Raises:
        Busy: eight tries lost against other annotators.
    """

    def verb() -> list[Lease]:
        at = now or database_now()
        # Locked, so that a lease which ran out is either renewed here or passed on, never both.
        held = hotpath.leases(membership.study_id, membership.user_id)
        if held and membership.study.state == Study.State.OPEN:
            _renew([lease.pk for lease in held], membership.study, now=at)
        taken = [(lease.lane, lease.turn) for lease in held]
        return held + top_up(membership, taken=taken, now=at)

    return retrying(verb)


def _renew(held: list[int], study: Study, *, now: datetime) -> None:
    until = now + lease_time(study)
    Assignment.objects.filter(pk__in=held, state=S.LEASED).update(lease_until=until)


def lanes_of(study: Study) -> int:
    """How many pairs a person holds at once: the one shown and those fetched ahead."""
    return protocol_of(study).prefetch + 1


def lease_time(study: Study) -> timedelta:
    return timedelta(minutes=protocol_of(study).lease_minutes)


def _held_by(membership: Membership) -> QuerySet[Assignment]:
    return Assignment.objects.filter(
        study_id=membership.study_id, annotator_id=membership.user_id, state=S.LEASED
    )


def renew(membership: Membership, token: uuid.UUID, *, now: datetime | None = None) -> datetime:
    """Prolong one lease; the page calls this while the pair is on screen.

    Raises:
        PassedOn: another annotator holds the slot by now, or it was voted or freed.
    """
    until = (now or database_now()) + lease_time(membership.study)
    won = _held_by(membership).filter(token=token).update(lease_until=until)
    if not won:
        raise PassedOn(_("this pair has passed on to another annotator; fetch the next one"))
    return until


def top_up(membership: Membership, *, taken: list[tuple[int, int]], now: datetime) -> list[Lease]:
    """Fill the empty lanes; call inside a transaction, with (lane, turn) of the open leases."""
    if membership.study.state != Study.State.OPEN or not membership.active:
        return []
    if not is_qualified(membership):
        return []
    lanes = sorted(set(range(lanes_of(membership.study))) - {lane for lane, _ in taken})
    lanes = lanes[: room(membership, now=now).cut(len(lanes), held=len(taken))]
    turn = max((turn for _, turn in taken), default=0)
    fresh: list[int] = []
    left_lead = membership.left_lead
    for lane in lanes:
        turn += 1
        # Who has a pair to look at need not wait for one that others are claiming right now.
        empty = not taken and not fresh
        until = now + lease_time(membership.study)
        claimed = claim_extra(membership, Place(lane, turn, now, until)) or _claim(
            membership, lane=lane, turn=turn, now=now, wait=empty
        )
        if claimed is None:
            break
        fresh.append(claimed)
        membership.served += 1
    if fresh:
        leads = membership.left_lead - left_lead
        hotpath.walk_on(membership.pk, cursor=membership.cursor, leads=leads, served=len(fresh))
    return [hotpath.lease_by_id(pk) for pk in fresh]


def _claim(
    membership: Membership, *, lane: int, turn: int, now: datetime, wait: bool
) -> int | None:
    """Lease one slot by compare-and-set; its id, or None when nothing is left."""
    for _try in range(TRIES):
        slot = _candidate(membership, now=now, wait=wait)
        if slot is None:
            return None
        if hotpath.take(
            slot,
            annotator=membership.user_id,
            token=uuid.uuid4(),
            now=now,
            until=now + lease_time(membership.study),
            lane=lane,
            turn=turn,
        ):
            if slot.token is None and not slot.returned:
                membership.cursor = max(membership.cursor, slot.order)
            membership.left_lead += 1 if slot.lead_left else -1
            return slot.pk
    raise OperationalError("every candidate was taken by others")  # retrying() starts over


def _candidate(membership: Membership, *, now: datetime, wait: bool) -> Candidate | None:
    """The slot to serve next: one that came back, one whose lease ran out, else the next fresh one.

    Fresh slots are walked in serving order from the annotator's cursor, so that finding one costs
    the same with 200 pairs and with 200,000; slots of one comparison lie side by side, so pairs
    that are begun are finished first. On PostgreSQL rows of other claims are stepped over.
    """
    study, me, cursor = membership.study_id, membership.user_id, membership.cursor
    side = _side_first(membership)
    came_back, ran_out = hotpath.leftovers(study, now=now)
    found = (
        (hotpath.returned_slot(study, me) if came_back else None)
        or (hotpath.expired_slot(study, me, now=now) if ran_out else None)
        or hotpath.fresh_slot(study, me, after=cursor, up_to=None, left_first=side)
    )
    if found is None and cursor >= 0:
        found = hotpath.fresh_slot(study, me, after=None, up_to=cursor, left_first=side)
    if found is None and wait and connection.vendor == "postgresql":
        if not _any_open(membership, now=now):
            return None
        # All that is left was locked by claims in flight: wait instead of saying "none".
        raise OperationalError("all remaining slots are being claimed")
    return found


def _any_open(membership: Membership, *, now: datetime) -> bool:
    return _open_slots(membership, now=now).exists()


def _unseen(membership: Membership) -> QuerySet[Assignment]:
    """Slots of comparisons this annotator has neither had nor skipped."""
    mine = Assignment.objects.filter(
        comparison=OuterRef("comparison"), annotator=membership.user_id
    )
    skipped = Skip.objects.filter(comparison=OuterRef("comparison"), annotator=membership.user_id)
    return Assignment.objects.filter(
        ~Exists(mine), ~Exists(skipped), study_id=membership.study_id, held=False, order__gte=0
    )


def _open_slots(membership: Membership, *, now: datetime) -> QuerySet[Assignment]:
    return _unseen(membership).filter(Q(state=S.FREE) | Q(state=S.LEASED, lease_until__lt=now))


def _side_first(membership: Membership) -> bool | None:
    """Among the slots of one comparison: is a left or a right lead wanted, or either (None)?"""
    if protocol_of(membership.study).side_balance == "random" or abs(membership.left_lead) < 2:
        return None
    return membership.left_lead < 0


def left_for(membership: Membership, *, now: datetime | None = None) -> int:
    """How many comparisons this annotator could still judge, open leases included.

    Exact up to `EXACT_BELOW` open slots; above that all live comparisons not yet seen, which
    others may still finish first. Controls and repeats are among them as they will be mixed in.
    Never more than the protocol's limits leave this person.
    """
    if membership.study.state != Study.State.OPEN:
        return 0
    at = now or database_now()
    limit = room(membership, now=at)
    if not limit.today:
        return _held_by(membership).count()
    return limit.cut(_left_in_pool(membership, now=at))


def _left_in_pool(membership: Membership, *, now: datetime) -> int:
    live_left = _live_left(membership, now=now)
    if not has_extras(membership.study):
        return live_left
    mine = Assignment.objects.filter(study_id=membership.study_id, annotator_id=membership.user_id)
    if not live_left:
        return mine.filter(state=S.LEASED).count()
    voted = mine.filter(state=S.VOTED)
    return pairs_left(
        membership.study,
        live_done=voted.filter(order__gte=0).count(),
        live_left=live_left,
        done=voted.count(),
    )


def _live_left(membership: Membership, *, now: datetime) -> int:
    mine = Assignment.objects.filter(
        study_id=membership.study_id, annotator_id=membership.user_id, order__gte=0
    )
    leased = mine.filter(state=S.LEASED).count()
    few = Assignment.objects.filter(study_id=membership.study_id, held=False, state=S.FREE)
    if len(few.values_list("pk", flat=True)[:EXACT_BELOW]) < EXACT_BELOW:
        slots = _open_slots(membership, now=now)
        return leased + slots.values("comparison").distinct().count()
    live = Comparison.objects.filter(
        study_id=membership.study_id, kind=Comparison.Kind.LIVE, identical=False, held=False
    )
    skipped = Skip.objects.filter(
        comparison__study_id=membership.study_id,
        comparison__kind=Comparison.Kind.LIVE,
        annotator_id=membership.user_id,
    )
    return live.count() - mine.exclude(state=S.LEASED).count() - skipped.count()


def is_complete(study: Study) -> bool:
    """Whether every slot that may be served has its vote, and no pair is still to come."""
    waiting = Assignment.objects.filter(
        study=study, state__in=[S.FREE, S.LEASED], held=False, order__gte=0
    )
    to_come = PlannedItem.objects.filter(study=study, opened_at=None)
    return not waiting.exists() and not to_come.exists()


def done_by(membership: Membership) -> int:
    """How many current votes this annotator has in the study."""
    return membership.study.votes.filter(annotator_id=membership.user_id).count()


def skip(membership: Membership, token: uuid.UUID, *, now: datetime | None = None) -> Assignment:
    """Give one lease back and never see its comparison again.

    Raises:
        PassedOn: the lease is no longer this person's.
    """

    def verb() -> Assignment:
        mine = _held_by(membership).filter(token=token)
        slot = mine.select_related("comparison").first()
        if slot is None or not free(mine):
            raise PassedOn(_("this pair has passed on to another annotator; fetch the next one"))
        Skip.objects.get_or_create(
            comparison_id=slot.comparison_id,
            annotator_id=membership.user_id,
            defaults={"at": now or database_now()},
        )
        return slot

    return retrying(verb)


def release(study: Study, user: User) -> int:
    """Give all leases of a person in a study back at once (they left or were deactivated)."""
    return _free_many(Assignment.objects.filter(study=study, annotator=user))


def release_all(user: User) -> int:
    """Give all leases of a person back at once, in every study."""
    return _free_many(Assignment.objects.filter(annotator=user))


def release_study(study: Study) -> int:
    """Give all leases of a study back (it was closed)."""
    return _free_many(Assignment.objects.filter(study=study))


@transaction.atomic
def _free_many(slots: QuerySet[Assignment]) -> int:
    _lock(slots.filter(state=S.LEASED))
    return free(slots)


def _lock(slots: QuerySet[Assignment]) -> None:
    # An UPDATE locks rows as it meets them: two of many rows could each wait for the other.
    if connection.features.has_select_for_update:
        list(slots.order_by("pk").select_for_update().values_list("pk", flat=True))


def voted_slot(membership: Membership, token: uuid.UUID) -> Assignment | None:
    """A slot this person has voted in, locked together with its comparison, as a vote locks it."""
    return (
        Assignment.objects.select_for_update(of=("self", "comparison"))
        .select_related("comparison")
        .filter(
            token=token,
            annotator_id=membership.user_id,
            study_id=membership.study_id,
            state=S.VOTED,
        )
        .first()
    )


def leased_slots(membership: Membership) -> list[Assignment]:
    """This person's leases in display order, locked: none that ran out is passed on meanwhile."""
    leased = _held_by(membership).select_for_update().order_by("pk")
    return sorted(leased, key=lambda slot: slot.turn or 0)


def make_room(study: Study, held: list[Assignment]) -> list[uuid.UUID]:
    """Free the lane of the pair furthest from being shown, for one that comes back by undo."""
    if len(held) < lanes_of(study):
        return []
    last = held[-1]
    token = last.token
    free(Assignment.objects.filter(pk=last.pk))
    return [token] if token else []


def hold(comparison: Comparison, *, held: bool) -> None:
    """Stop or resume serving a comparison; votes and open leases stay as they are.

    Voted slots are marked too: a vote taken back opens its slot again.
    """

    def verb() -> None:
        Comparison.objects.filter(pk=comparison.pk).update(held=held)
        _lock(comparison.assignments.all())
        comparison.assignments.update(held=held)
        protocol = protocol_of(comparison.study)
        escalates = protocol.split == "escalate" and not protocol.asks_diversity
        if held or not (protocol.on_demand or escalates):
            return
        # Served again, but for what is kept in reserve.
        votes = records(hotpath_votes.answers_on(comparison.pk))
        if protocol.on_demand:
            reserve(comparison.pk, protocol, votes)
        decision = rule_on(votes, protocol) if votes else None
        if escalates and not splits(votes, decision, protocol):
            withdraw(comparison.pk, protocol, leases=False)

    retrying(verb)
