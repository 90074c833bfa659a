"""Slots asked for only where votes differ: a third on demand, a fourth and fifth on a split.

A slot that exists and is not wanted is kept in reserve: it is `held`, so that no claim finds it.
Nothing is deleted. It must not decide a verdict.
"""

from collections.abc import Sequence

from django.db.models import Q, QuerySet

from annotate.analysis.verdict import Rule, wants_third
from annotate.analysis.votes import VoteRecord
from annotate.judging import hotpath_votes
from annotate.judging.models import Assignment, Comparison
from annotate.studies.protocol import Protocol

S = Assignment.State
# Two people see every pair; the third is asked where they differ.
FIRST = 2


def at_first(protocol: Protocol) -> int:
    """How many slots of a new pair are served at once."""
    return FIRST if protocol.on_demand else protocol.overlap


def votes_wanted(votes: Sequence[VoteRecord], protocol: Protocol) -> int:
    """How many votes a pair with these votes shall have; slots that an escalation adds come on top,

    until a vote stands in one of them.
    """
    if not protocol.on_demand:
        return protocol.overlap
    if len(votes) > protocol.overlap:
        # Escalated. A slot below that was voided meanwhile is wanted too, or one vote would lack.
        return protocol.escalate_to or protocol.overlap
    if len(votes) == FIRST:
        return FIRST + wants_third(votes, rule=Rule(protocol.rule))
    return max(FIRST, min(len(votes), protocol.overlap))


def reserve(comparison: int, protocol: Protocol, votes: Sequence[VoteRecord]) -> None:
    """Serve as many of the pair's unvoted slots as its votes leave wanted; keep the others back.

    A slot in somebody's hand counts as served before a free one. One that is no longer wanted,
    because a vote was taken back, stays in that hand and its vote is taken; given back or run out
    it is not served again. Call it under the comparison's row lock, after each change of a vote:
    of two votes at once the later sees both.
    """
    missing = votes_wanted(votes, protocol) - len(votes)
    on_hold = Comparison.objects.values_list("held", flat=True).get(pk=comparison)
    waiting = list(
        Assignment.objects.filter(comparison=comparison, state__in=[S.FREE, S.LEASED])
        .filter(slot__lte=protocol.overlap)
        .values_list("pk", "state", "slot", "held")
    )
    waiting.sort(key=lambda row: (row[1] != S.LEASED, row[2]))
    for place, (pk, _, _, held) in enumerate(waiting):
        wanted = on_hold or place >= missing
        if held != wanted:
            Assignment.objects.filter(pk=pk).update(held=wanted)


def escalate(comparison: int, protocol: Protocol) -> None:
    """Add the slots a split asks for, or serve those it had; they come before fresh ones.

    Call it under the comparison's row lock.
    """
    pair = Comparison.objects.get(pk=comparison)
    slots = {a.slot: a for a in pair.assignments.exclude(state=S.VOID)}
    if not pair.held:
        hotpath_votes.slots_above(comparison, protocol.overlap)
        open_ones = pair.assignments.filter(slot__gt=protocol.overlap, held=True)
        open_ones.filter(state__in=[S.FREE, S.LEASED]).update(held=False)
    last = slots[max(slots)]
    for slot in range(1, (protocol.escalate_to or 0) + 1):
        if slot in slots:
            continue
        # Sides go on alternating from the last slot.
        lead_left = last.lead_left != ((slot - last.slot) % 2 == 1)
        Assignment.objects.create(
            study_id=last.study_id,
            comparison=pair,
            slot=slot,
            order=last.order,
            returned=True,
            lead_left=lead_left,
            flipped=lead_left != pair.lead_first,
            held=pair.held,
        )


def withdraw(
    comparison: int, protocol: Protocol, *, keep: int | None = None, leases: bool = True
) -> None:
    """Keep the slots of an escalation back while the first votes split no more.

    Nothing is withdrawn once a vote stands in one of them. A lease in somebody's hand is given
    back: its vote would undo a verdict that nobody doubts any more. Their page says that the pair
    has passed on, as after a lease that ran out. Call it under the comparison's row lock.

    Args:
        keep: the slot whose vote was taken back just now; it stays in that hand.
        leases: whether leases are given back too; not where no vote has changed.
    """
    found = hotpath_votes.slots_above(comparison, protocol.overlap)
    if any(state == S.VOTED for _, state, _ in found):
        return
    leased = [pk for pk, state, _ in found if state == S.LEASED and pk != keep]
    if leases and leased:
        free(Assignment.objects.filter(pk__in=leased))
    if served := [pk for pk, _, held in found if not held]:
        Assignment.objects.filter(pk__in=served).update(held=True)


def withdrawn(protocol: Protocol) -> Q:
    """Slots of escalations that nobody is asked to fill any more."""
    return Q(
        slot__gt=protocol.overlap, state=S.FREE, held=True, comparison__held=False, order__gte=0
    )


def free(slots: QuerySet[Assignment]) -> int:
    """Give leased slots back; they are served before fresh ones.

    Controls and repeats are one person's: their slots become void and are handed to nobody.
    """
    empty = {"annotator": None, "token": None, "leased_at": None, "lease_until": None}
    empty |= {"lane": None, "turn": None}
    leased = slots.filter(state=S.LEASED)
    own = leased.filter(order__lt=0).update(state=S.VOID, **empty)
    return own + leased.filter(order__gte=0).update(state=S.FREE, returned=True, **empty)
