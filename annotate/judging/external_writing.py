"""Writes votes that were cast elsewhere as comparisons, slots, votes and verdicts.

It must not check them (`judging.external_import` does), nor know where they come from.
"""

import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.db import models

from annotate.analysis.votes import Choice, Criterion, VoteRecord
from annotate.judging.external_votes import ExternalVote
from annotate.judging.models import (
    Answer,
    Assignment,
    Comparison,
    ContrastItem,
    Outcome,
    Verdict,
    Vote,
)
from annotate.judging.verdicts import rule_on
from annotate.judging.writing import BATCH
from annotate.sampling.models import Image
from annotate.studies.models import Contrast, Prompt, Study
from annotate.studies.protocol import Protocol

SIDE_UNKNOWN = "side_unknown"
Row = TypeVar("Row", bound=models.Model)
# Prompt id, replica, and the two methods in alphabetical order.
Pair = tuple[str, int, str, str]


def store_all(model: type[Row], rows: Iterable[Row]) -> list[Row]:
    """Insert rows in batches; they come back with their keys."""
    return list(model._default_manager.bulk_create(rows, batch_size=BATCH))


def write_votes(
    study: Study, given: Mapping[Pair, list[ExternalVote]], people: dict[str, int], *, now: datetime
) -> None:
    """Everything of a study that has its methods, contrasts and prompts; pairs in this order."""
    protocol = study.read_protocol()
    prompts = {p.key: p for p in Prompt.objects.filter(prompt_set__studies=study)}
    contrasts = {
        tuple(sorted((c.a.name, c.b.name))): c
        for c in Contrast.objects.filter(study=study).select_related("a", "b")
    }
    images = _images(study, given)
    comparisons, items = [], []
    for order, pair in enumerate(given):
        key, replica, one, other = pair
        here, there = images[key, replica, one], images[key, replica, other]
        contrast = contrasts[one, other]
        first, second = sorted((here, there), key=lambda image: image.digest)
        row = Comparison(
            study=study,
            prompt=prompts[key],
            first=first,
            second=second,
            order=order,
            lead_first=first == images[key, replica, contrast.a.name],
        )
        comparisons.append(row)
        items.append((contrast, replica, row.lead_first))
    stored = store_all(Comparison, comparisons)
    store_all(
        ContrastItem,
        (
            ContrastItem(
                contrast=contrast,
                prompt=row.prompt,
                replica=replica,
                comparison=row,
                a_is_first=a_is_first,
            )
            for row, (contrast, replica, a_is_first) in zip(stored, items, strict=True)
        ),
    )
    on = list(zip(stored, given.values(), strict=True))
    # A study's worth of slots and votes at a time would double the memory of the file.
    for start in range(0, len(on), BATCH):
        _write_batch(study, on[start : start + BATCH], images, people, protocol=protocol, now=now)


def _images(
    study: Study, given: Mapping[Pair, list[ExternalVote]]
) -> dict[tuple[str, int, str], Image]:
    """Stands for pictures that are not here: no size, no bytes, a digest of the name alone."""
    places = dict.fromkeys(
        (key, replica, method) for key, replica, one, other in given for method in (one, other)
    )
    rows = [
        Image(
            digest=hashlib.sha256(f"{study.uid}|{place!r}".encode()).hexdigest(),
            width=0,
            height=0,
            bytes=0,
        )
        for place in places
    ]
    return dict(zip(places, store_all(Image, rows), strict=True))


def _write_batch(
    study: Study,
    on: Sequence[tuple[Comparison, list[ExternalVote]]],
    images: dict[tuple[str, int, str], Image],
    people: dict[str, int],
    *,
    protocol: Protocol,
    now: datetime,
) -> None:
    """Slots, votes, answers and verdicts of these comparisons."""
    slots, votes, verdicts = [], [], []
    for row, given in on:
        records = []
        for slot, told in enumerate(given, start=1):
            is_first = images[told.prompt_id, told.replica, told.first] == row.first
            choice = _choice(told, is_first=is_first)
            record = VoteRecord({Criterion.OVERALL: Choice(choice)})
            records.append(record)
            by, token = people[told.annotator], uuid.uuid4()
            slots.append(_slot(row, told, slot, is_first=is_first, by=by, token=token))
            votes.append(
                Vote(
                    assignment=slots[-1],
                    comparison=row,
                    study=study,
                    annotator_id=by,
                    token=token,
                    choice=choice,
                    deciding=record.deciding() or "",
                    side=_side_of(told, choice),
                    created_at=now,
                    **_as_told(told),
                )
            )
        if (decision := rule_on(records, protocol)) is not None:
            verdicts.append(
                Verdict(
                    comparison=row,
                    outcome=decision.outcome.value,
                    reason=decision.reason,
                    rule=decision.rule.value,
                    deciding=decision.deciding or "",
                    votes=len(given),
                    decided_at=now,
                )
            )
    store_all(Assignment, slots)
    stored = store_all(Vote, votes)
    store_all(
        Answer, (Answer(vote=v, criterion=Criterion.OVERALL, choice=v.choice) for v in stored)
    )
    store_all(Verdict, verdicts)


def _choice(vote: ExternalVote, *, is_first: bool) -> Outcome:
    """What it says of the comparison's pictures; `is_first`: its first method's is the first."""
    if vote.winner not in ("first", "second"):
        return Outcome.TIE
    return Outcome.FIRST if (vote.winner == "first") == is_first else Outcome.SECOND


def _slot(
    row: Comparison, vote: ExternalVote, slot: int, *, is_first: bool, by: int, token: uuid.UUID
) -> Assignment:
    # Where the side is unknown, the vote says so and the slot's side stands for nothing.
    flipped = bool(vote.side) and (vote.side == "left") != is_first
    return Assignment(
        study_id=row.study_id,
        comparison=row,
        slot=slot,
        state=Assignment.State.VOTED,
        annotator_id=by,
        token=token,
        order=row.order,
        flipped=flipped,
        lead_left=flipped != row.lead_first,
    )


def _side_of(vote: ExternalVote, choice: Outcome) -> str:
    """The side of the chosen picture; empty for a tie and where nobody knows."""
    if not vote.side or choice == Outcome.TIE:
        return ""
    other = "right" if vote.side == "left" else "left"
    return vote.side if vote.winner == "first" else other


def _as_told(vote: ExternalVote) -> dict[str, Any]:
    return {
        "both_bad": vote.winner == "both_bad",
        "simulated": vote.simulated,
        "active_ms": vote.milliseconds,
        "elapsed_ms": vote.milliseconds,
        "telemetry": {} if vote.side else {SIDE_UNKNOWN: True},
    }
