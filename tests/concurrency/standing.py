"""How a study stands after a run, counted from its rows against what annotators were told.

It must not use the product's own queries: only the pure rule is shared.
"""

import uuid
from collections import Counter, defaultdict
from dataclasses import dataclass

from annotate.analysis.verdict import Rule, decide
from annotate.analysis.votes import Choice, Criterion, VoteRecord
from annotate.studies.protocol import Protocol
from tests.concurrency.annotators import Ledger
from tests.concurrency.site import Database


@dataclass(frozen=True)
class Standing:
    """Counts that must be zero, and those that say how much was tried."""

    votes: int
    acknowledged: int
    unacknowledged: int
    over: int
    under: int
    same_twice: int
    lost: int
    wrong_verdicts: int
    errors: int

    @property
    def is_right(self) -> bool:
        wrong = (self.over, self.under, self.same_twice, self.lost, self.wrong_verdicts)
        return not any(wrong) and not self.errors

    def __str__(self) -> str:
        return (
            f"{self.votes} votes, {self.acknowledged} acknowledged, "
            f"{self.unacknowledged} stored but never acknowledged; pairs over {self.over}, "
            f"under {self.under}, same annotator twice {self.same_twice}, acknowledged but lost "
            f"{self.lost}, verdicts unlike the rule {self.wrong_verdicts}, errors {self.errors}"
        )


def open_slots(database: Database) -> int:
    """Slots that still wait for their vote."""
    sql = "SELECT COUNT(*) FROM judging_assignment WHERE state IN ('free', 'leased')"
    return int(database.rows(sql)[0][0])


def standing(database: Database, ledger: Ledger, protocol: Protocol) -> Standing:
    """Count the rows of the database's only study."""
    pairs = [pk for (pk,) in database.rows("SELECT id FROM judging_comparison")]
    sql = "SELECT id, comparison_id, annotator_id, token, side FROM judging_vote"
    votes = database.rows(sql)
    answers: dict[int, dict[Criterion, Choice]] = defaultdict(dict)
    for vote, criterion, choice in database.rows(
        "SELECT vote_id, criterion, choice FROM judging_answer"
    ):
        answers[vote][Criterion(criterion)] = Choice(choice)
    records: dict[int, list[VoteRecord]] = {pk: [] for pk in pairs}
    people: dict[int, Counter[int]] = {pk: Counter() for pk in pairs}
    for pk, comparison, annotator, _, _ in votes:
        records[comparison].append(VoteRecord(answers[pk]))
        people[comparison][annotator] += 1
    stored = {uuid.UUID(str(token)): side for _, _, _, token, side in votes}
    told = set(ledger.acknowledged)
    sql = "SELECT comparison_id, outcome, reason, votes FROM judging_verdict"
    verdicts = {pk: (outcome, reason, n) for pk, outcome, reason, n in database.rows(sql)}
    return Standing(
        votes=len(votes),
        acknowledged=len({token for token, _ in told}),
        unacknowledged=len(stored.keys() - {token for token, _ in told}),
        over=sum(len(r) > protocol.overlap for r in records.values()),
        under=sum(len(r) < protocol.overlap for r in records.values()),
        same_twice=sum(n > 1 for who in people.values() for n in who.values()),
        lost=sum(stored.get(token) != side for token, side in told),
        wrong_verdicts=sum(verdicts.get(pk) != _by_rule(records[pk], protocol) for pk in pairs),
        errors=len(ledger.errors),
    )


def _by_rule(votes: list[VoteRecord], protocol: Protocol) -> tuple[str, str, int] | None:
    if not votes:
        return None
    found = decide(
        votes,
        rule=Rule(protocol.rule),
        min_votes=protocol.min_votes,
        split=protocol.split,
        overlap=protocol.overlap,
    )
    return found and (found.outcome.value, found.reason, len(votes))
