"""Mixes controls and mirrored repeats into an annotator's hand, where the draw puts them.

They look like any other pair, are never handed on, and enter no verdict: their places in the
serving order lie below zero. It must not choose live pairs (judging.queue does).
"""

import random
import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, Max, OuterRef, Q

from annotate.analysis.mixing import extra_at, in_all, next_extra
from annotate.judging.controls import REPEATS_BELOW, can_be_given
from annotate.judging.models import Assignment, Comparison, Skip, Vote
from annotate.judging.verdicts import protocol_of
from annotate.studies.models import Membership, Study
from annotate.studies.protocol import Protocol

Kind = Comparison.Kind
S = Assignment.State
# So many own live votes lie between a pair and its mirrored repeat.
REPEAT_AFTER = 40
# From among so many of the latest votes before those; older ones are not looked through.
REPEAT_AMONG = 400


@dataclass(frozen=True)
class Place:
    """An empty place in a hand."""

    lane: int
    turn: int
    now: datetime
    until: datetime


def rates_of(protocol: Protocol) -> dict[str, float]:
    """The shares that the protocol asks for, by kind."""
    return {Kind.CONTROL: protocol.control_rate, Kind.REPEAT: protocol.repeat_rate}


def has_extras(study: Study) -> bool:
    """Whether anything is mixed into live work."""
    return any(rates_of(protocol_of(study)).values())


def pairs_left(study: Study, *, live_done: int, live_left: int, done: int) -> int:
    """How many pairs are left for somebody, controls and repeats to come included.

    Done and left make the same sum before and after every vote, whatever its pair was: a sum that
    moved with the controls would tell them.
    """
    if not live_left:
        return 0
    rates = rates_of(protocol_of(study))
    return max(in_all(live_done + live_left, rates=rates) - done, live_left)


def claim_extra(membership: Membership, place: Place) -> int | None:
    """Lease what the draw puts next in this hand; None where that is a live pair.

    Call it inside a transaction. Without controls due it costs a comparison of two numbers.
    """
    protocol = protocol_of(membership.study)
    if membership.served < membership.next_extra or not has_extras(membership.study):
        return None
    rates, key = rates_of(protocol), f"{protocol.seed}|{membership.pk}"
    kind = extra_at(membership.next_extra, rates=rates, key=key)
    following = next_extra(max(membership.served, membership.next_extra), rates=rates, key=key)
    # Won, not assumed: two tabs asking at once get one extra.
    mine = Membership.objects.filter(pk=membership.pk, next_extra=membership.next_extra)
    if not mine.update(next_extra=following or 0):
        return None
    seed = f"{key}|{membership.next_extra}"
    membership.next_extra = following or 0
    rng = random.Random(seed)  # noqa: S311 (not a secret)
    if kind == Kind.CONTROL:
        return _control(membership, place, rng=rng)
    if kind == Kind.REPEAT:
        return _repeat(membership, place, rng=rng)
    return None


def _control(membership: Membership, place: Place, *, rng: random.Random) -> int | None:
    """One of the study's controls that this annotator has not had, the right side drawn."""
    mine = Assignment.objects.filter(comparison=OuterRef("pk"), annotator=membership.user_id)
    skipped = Skip.objects.filter(comparison=OuterRef("pk"), annotator=membership.user_id)
    pool = Comparison.objects.filter(
        ~Exists(mine), ~Exists(skipped), study=membership.study_id, kind=Kind.CONTROL, held=False
    ).order_by("order")
    protocol = protocol_of(membership.study)
    found = [
        row for row in pool if protocol.asks_diversity or can_be_given(row.expected or {}, protocol)
    ]
    if not found:
        return None
    return _lease(membership, rng.choice(found), place, flipped=rng.random() < 0.5)


def _repeat(membership: Membership, place: Place, *, rng: random.Random) -> int | None:
    """A pair this annotator judged long enough ago, with its sides swapped.

    Not one that they had again or skipped, nor one that is held, by itself or as a repeat.
    """
    me, repeat = membership.user_id, OuterRef("comparison")
    again = Assignment.objects.filter(comparison__mirrors=repeat, annotator=me)
    skipped = Skip.objects.filter(comparison__mirrors=repeat, annotator=me)
    held = Comparison.objects.filter(mirrors=repeat, held=True)
    out = Q(comparison__held=True) | Exists(again) | Exists(skipped) | Exists(held)
    earlier = Vote.objects.filter(
        study=membership.study_id,
        annotator=me,
        comparison__kind=Kind.LIVE,
        comparison__identical=False,
    )
    # Cut off before what is out is left out, or the wait would be counted without it.
    old = list(
        earlier.annotate(out=out)
        .order_by("-created_at", "-pk")
        .values_list("comparison", "assignment__flipped", "out")[
            REPEAT_AFTER : REPEAT_AFTER + REPEAT_AMONG
        ]
    )
    fresh = [(comparison, flipped) for comparison, flipped, is_out in old if not is_out]
    if not fresh:
        return None
    comparison, flipped = rng.choice(fresh)
    mirrored = Comparison.objects.get(pk=comparison)
    row, _ = Comparison.objects.get_or_create(
        study_id=membership.study_id,
        kind=Kind.REPEAT,
        mirrors=mirrored,
        defaults={
            "prompt_id": mirrored.prompt_id,
            "first_id": mirrored.first_id,
            "second_id": mirrored.second_id,
            "order": REPEATS_BELOW - mirrored.pk,
            "box_width": mirrored.box_width,
            "box_height": mirrored.box_height,
            "wire_bytes": mirrored.wire_bytes,
            "lead_first": mirrored.lead_first,
        },
    )
    return _lease(membership, row, place, flipped=not flipped)


def _lease(membership: Membership, comparison: Comparison, place: Place, *, flipped: bool) -> int:
    # Two people given one control at once draw one number; the constraint sends one round again.
    taken = comparison.assignments.exclude(state=S.VOID).aggregate(last=Max("slot"))["last"]
    slot = Assignment.objects.create(
        study_id=membership.study_id,
        comparison=comparison,
        slot=(taken or 0) + 1,
        state=S.LEASED,
        annotator_id=membership.user_id,
        token=uuid.uuid4(),
        leased_at=place.now,
        lease_until=place.until,
        lane=place.lane,
        turn=place.turn,
        flipped=flipped,
        order=comparison.order,
        lead_left=flipped != comparison.lead_first,
    )
    return slot.pk
