"""Settling a comparison: its votes under the protocol's rule become one stored verdict.

It must not know who may vote; the rules themselves are in `analysis.verdict`.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from annotate.analysis.verdict import Decision, Rule, decide
from annotate.analysis.votes import Choice, Criterion, VoteRecord
from annotate.judging import hotpath_votes
from annotate.judging.models import Verdict
from annotate.judging.reserve import escalate, reserve, withdraw
from annotate.studies.models import Study
from annotate.studies.protocol import Protocol

# Launched protocols cannot change, so each process parses one once.
_launched: dict[str, Protocol] = {}


def protocol_of(study: Study) -> Protocol:
    """The study's protocol; from memory once it is frozen under its hash."""
    if not study.protocol_hash:
        return study.read_protocol()
    if study.protocol_hash not in _launched:
        if "spec" in study.get_deferred_fields():
            # Read with its hash: the study may have grown since this row's hash was read.
            study = Study.objects.only("protocol_hash", "spec").get(pk=study.pk)
        _launched[study.protocol_hash] = study.read_protocol()
    return _launched[study.protocol_hash]


def records(answers: Iterable[tuple[int, str, str, bool]]) -> list[VoteRecord]:
    """The votes that a comparison's answers belong to."""
    by_vote: dict[int, dict[Criterion, Choice]] = {}
    for vote, criterion, choice, _ in answers:
        by_vote.setdefault(vote, {})[Criterion(criterion)] = Choice(choice)
    return [VoteRecord(answers) for answers in by_vote.values()]


def rule_on(votes: Iterable[VoteRecord], protocol: Protocol) -> Decision | None:
    """The decision these votes amount to under the protocol, or None while undecided."""
    return decide(
        list(votes),
        rule=Rule(protocol.rule),
        min_votes=protocol.min_votes,
        split=protocol.split,
        escalate_to=protocol.escalate_to,
        overlap=protocol.overlap,
        on_demand=protocol.on_demand,
    )


def splits(votes: Sequence[VoteRecord], decision: Decision | None, protocol: Protocol) -> bool:
    """Whether these votes ask for an escalation: all are in, and nothing is decided."""
    return decision is None and len(votes) >= protocol.overlap


def settle(
    comparison: int, study: Study, *, now: datetime, reopened: int | None = None
) -> Decision | None:
    """Store what the present votes decide, or remove a verdict that no longer stands.

    Call it inside the transaction that changed a vote and holds the comparison's row lock: two
    last votes at once would otherwise each miss the other. `reopened` is the slot of a vote that
    was taken back: it stays in its annotator's hand.
    """
    protocol = protocol_of(study)
    if protocol.asks_diversity:
        return None  # attributes are scores: nobody wins, and no verdict is made of them
    answers = hotpath_votes.answers_on(comparison)
    votes = records(answers)
    decision = rule_on(votes, protocol) if votes else None
    if protocol.on_demand:
        reserve(comparison, protocol, votes)
    if protocol.split == "escalate":
        if splits(votes, decision, protocol):
            escalate(comparison, protocol)
        else:
            withdraw(comparison, protocol, keep=reopened)
    if decision is None:
        if not answers or any(has_verdict for *_, has_verdict in answers):
            Verdict.objects.filter(comparison_id=comparison).delete()
        return None
    values = {
        "outcome": decision.outcome.value,
        "reason": decision.reason,
        "rule": decision.rule.value,
        # As it was frozen: a later version may know more fields, and hash them too.
        "protocol_hash": study.protocol_hash,
        "deciding": decision.deciding.value if decision.deciding else "",
        "votes": len(votes),
    }
    hotpath_votes.store_verdict(comparison, values, now=now)
    return decision
