"""Voted studies for report tests: launched and settled by the product's own verbs."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from annotate.analysis.verdict import Rule
from annotate.analysis.verdict import decide as decision_on
from annotate.analysis.votes import Choice, Criterion, VoteRecord
from annotate.judging.launch import launch
from annotate.judging.models import Answer, Assignment, Comparison, Outcome, Verdict, Vote
from annotate.people.models import User
from annotate.studies.models import Study
from annotate.studies.protocol import Protocol
from tests.factories import NOW, join, make_study

CRITERIA = ("alignment", "quality", "aesthetics")


def launched(*, annotators: int = 3, **arrangement: Any) -> tuple[Study, list[User]]:
    study = make_study(**arrangement)
    people = [join(study) for _ in range(annotators)]
    return launch(study, actor=study.owner, now=NOW), people


def cast(
    comparison: Comparison,
    annotator: User,
    choice: str,
    *,
    criterion: str = "alignment",
    simulated: bool = False,
    seconds: float = 4.0,
    minute: int = 0,
) -> Vote:
    """One vote in a free slot, answered as a cascade that ends at `criterion`."""
    slot = comparison.assignments.filter(state=Assignment.State.FREE).order_by("slot").first()
    assert slot is not None
    slot.state, slot.annotator, slot.token = Assignment.State.VOTED, annotator, uuid.uuid4()
    slot.save()
    left = Outcome.SECOND if slot.flipped else Outcome.FIRST
    tie = choice == Outcome.TIE
    vote = Vote.objects.create(
        assignment=slot,
        comparison=comparison,
        study_id=comparison.study_id,
        annotator=annotator,
        token=slot.token,
        choice=choice,
        deciding="" if tie else criterion,
        side="" if tie else ("left" if choice == left else "right"),
        simulated=simulated,
        active_ms=int(seconds * 1000),
        elapsed_ms=int(seconds * 1200),
        telemetry={"width": 1280},
        created_at=NOW + timedelta(minutes=minute),
    )
    asked = CRITERIA if tie else CRITERIA[: CRITERIA.index(criterion) + 1]
    Answer.objects.bulk_create(
        Answer(vote=vote, criterion=c, choice=Outcome.TIE if c != asked[-1] else choice)
        for c in asked
    )
    return vote


def voted(
    patterns: Sequence[str], *, simulated: bool = False, **arrangement: Any
) -> tuple[Study, list[User]]:
    """A one-contrast study whose pair i got the votes patterns[i], for example "aat" or "ab".

    a and b are the contrast's methods, t a tie; fewer letters than three leave a pair undecided.
    """
    annotators = arrangement.pop("annotators", max([3, *map(len, patterns)]))
    study, people = launched(pairs=len(patterns), annotators=annotators, **arrangement)
    protocol = study.read_protocol()
    contrast = study.contrasts.get()
    items = contrast.items.select_related("comparison", "prompt").order_by("prompt__order")
    rng = random.Random(7)
    for i, (item, pattern) in enumerate(zip(items, patterns, strict=True)):
        for annotator, letter in zip(people, pattern, strict=False):
            first = "a" if item.a_is_first else "b"
            choice = {"t": Outcome.TIE, first: Outcome.FIRST}.get(letter, Outcome.SECOND)
            cast(
                item.comparison,
                annotator,
                choice,
                criterion=rng.choice(CRITERIA),
                simulated=simulated,
                seconds=rng.uniform(2, 9),
                minute=i,
            )
        decide(item.comparison, protocol, minute=i)
    return study, people


def decide(comparison: Comparison, protocol: Protocol, *, minute: int = 0) -> None:
    """Store what the present votes decide, if they do."""
    votes = [
        VoteRecord({Criterion(a.criterion): Choice(a.choice) for a in vote.answers.all()})
        for vote in comparison.votes.prefetch_related("answers")
    ]
    decision = votes and decision_on(
        votes,
        rule=Rule(protocol.rule),
        min_votes=protocol.min_votes,
        split=protocol.split,
        escalate_to=protocol.escalate_to,
        overlap=protocol.overlap,
    )
    if decision:
        Verdict.objects.create(
            comparison=comparison,
            outcome=decision.outcome.value,
            reason=decision.reason,
            rule=decision.rule.value,
            deciding=decision.deciding or "",
            votes=len(votes),
            decided_at=NOW + timedelta(minutes=minute),
        )
