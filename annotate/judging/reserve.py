"""The third slot of a pair where it is asked for on demand: kept in reserve until two votes differ.

All slots exist from the start, as the schema wants; a slot in reserve is `held`, so that no claim
finds it. It must not decide a verdict, nor void a lease in somebody's hand.
"""

from collections.abc import Sequence

from annotate.analysis.verdict import Rule, wants_third
from annotate.analysis.votes import VoteRecord
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
