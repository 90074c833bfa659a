"""Reads what a diversity study's report and files are made of, and freezes it as canonical JSON.

Equal rows give equal bytes and one hash. It must not compute scores or write words.
"""

import json
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.utils import timezone

from annotate.analysis.diversity import Attribute
from annotate.judging import opening
from annotate.judging.models import Comparison, ContrastItem, Vote
from annotate.reports.frames import pseudonyms, read_snapshot
from annotate.reports.freeze import (
    ForeignSnapshotError,
    freeze_rows,
    freeze_when_closed,
    frozen_bytes,
    frozen_of,
)
from annotate.reports.models import FrozenReport
from annotate.reports.waiting import RUNNING
from annotate.studies.models import Prompt, Study

Kind = Comparison.Kind
# Only live ones reach a score.
_KINDS = (Kind.LIVE, Kind.CONTROL, Kind.REPEAT)
FORMAT, KIND = 1, "diversity"


class PromptOf(NamedTuple):
    """A prompt as people know it. Keys are unique within their set only."""

    prompt_set: str
    key: str
    text: str
    group: str


class ItemOf(NamedTuple):
    """A live pair and one method and prompt that it speaks for."""

    comparison: int
    method: str
    prompt: int


class VoteOf(NamedTuple):
    """One current vote on a live pair, control or repeat; levels in the order of `Attribute`."""

    comparison: int
    kind: str
    identical: bool
    prompt: int
    annotator: str
    levels: tuple[str, ...]
    simulated: bool
    created_at: str
    # Under which it was given, where that is not the study's present one.
    protocol_hash: str = ""


@dataclass(frozen=True)
class DiversityFrame:
    """A diversity study's rows as they stood at one moment, in orders of their own."""

    labels: tuple[tuple[str, str], ...]
    prompt_sets: tuple[str, ...]
    prompts: tuple[tuple[int, PromptOf], ...]
    items: tuple[ItemOf, ...]
    votes: tuple[VoteOf, ...]
    # Of a running study, the pairs that still wait for votes.
    waiting: int = 0


def read_diversity(study: Study) -> DiversityFrame:
    """The study's present rows, of one state of the database."""
    with read_snapshot():
        items = ContrastItem.objects.filter(
            contrast__study=study, comparison__kind=Kind.LIVE
        ).order_by("comparison__order", "contrast__order", "prompt__prompt_set", "prompt__order")
        found = tuple(
            ItemOf(*row) for row in items.values_list("comparison", "contrast__a__name", "prompt")
        )
        votes = tuple(_votes(study))
        used = {item.prompt for item in found} | {vote.prompt for vote in votes}
        rows = Prompt.objects.select_related("prompt_set").in_bulk(used)
        methods = study.methods.order_by("order", "pk")
        return DiversityFrame(
            labels=tuple((method.name, str(method)) for method in methods),
            prompt_sets=tuple(str(p) for p in study.prompt_sets.order_by("name", "version")),
            prompts=tuple(
                (pk, PromptOf(str(p.prompt_set), p.key, p.text, p.group))
                for pk, p in sorted(rows.items())
            ),
            items=found,
            votes=votes,
            waiting=_waiting(study, votes),
        )


def _waiting(study: Study, votes: Sequence[VoteOf]) -> int:
    """How many pairs lack votes or pictures, without those that a researcher holds back."""
    if study.state not in RUNNING:
        return 0
    cast = Counter(vote.comparison for vote in votes)
    served = Comparison.objects.filter(study=study, kind=Kind.LIVE, held=False)
    overlap = study.read_protocol().overlap
    lacking = sum(cast[pk] < overlap for pk in served.values_list("pk", flat=True))
    return lacking + opening.waiting(study)


def _votes(study: Study) -> Iterator[VoteOf]:
    names = pseudonyms(study)
    votes = (
        Vote.objects.filter(study=study, comparison__kind__in=_KINDS)
        .filter(answers__criterion=Attribute.STYLE)
        .select_related("comparison")
        .prefetch_related("answers")
        .order_by("comparison__order", "annotator_id")
    )
    for vote in votes:
        said = {answer.criterion: answer.choice for answer in vote.answers.all()}
        yield VoteOf(
            comparison=vote.comparison_id,
            kind=vote.comparison.kind,
            identical=vote.comparison.identical,
            prompt=vote.comparison.prompt_id,
            annotator=names[vote.annotator_id],
            levels=tuple(said[attribute] for attribute in Attribute),
            simulated=vote.simulated,
            created_at=vote.created_at.isoformat(),
            protocol_hash="" if vote.protocol_hash == study.protocol_hash else vote.protocol_hash,
        )


def encode_diversity(study: Study, frame: DiversityFrame) -> bytes:
    """Study and rows as one line of JSON."""
    data: dict[str, Any] = {
        "format": FORMAT,
        "kind": KIND,
        "study": {
            "uid": str(study.uid),
            "name": study.name,
            "state": study.state,
            "protocol_hash": study.protocol_hash,
            "launched_at": study.launched_at.isoformat() if study.launched_at else None,
            "spec": study.spec,
        },
        "labels": frame.labels,
        "prompt_sets": frame.prompt_sets,
        "prompts": [[pk, *row] for pk, row in frame.prompts],
        "items": frame.items,
        # As ever where a study has not grown: equal rows have equal bytes in every version.
        "votes": [vote if vote.protocol_hash else vote[:-1] for vote in frame.votes],
    }
    # Only where there are any: snapshots of other studies keep their bytes and hashes.
    if frame.waiting:
        data["waiting"] = frame.waiting
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def is_diversity(content: bytes) -> bool:
    """Whether a snapshot's bytes are of a diversity study."""
    data = json.loads(content)
    return isinstance(data, dict) and data.get("kind") == KIND


def decode_diversity(content: bytes) -> tuple[Study, DiversityFrame]:
    """What `encode_diversity` wrote. The study is a row of no table.

    Raises:
        ForeignSnapshotError: it has another format.
    """
    data: dict[str, Any] = json.loads(content)
    if data["format"] != FORMAT:
        raise ForeignSnapshotError(
            f"the snapshot has format {data['format']}, this version reads {FORMAT}: use the "
            "version of Triptych that wrote it"
        )
    launched = data["study"]["launched_at"]
    told = data["study"] | {"launched_at": datetime.fromisoformat(launched) if launched else None}
    frame = DiversityFrame(
        labels=tuple((name, label) for name, label in data["labels"]),
        prompt_sets=tuple(data["prompt_sets"]),
        prompts=tuple((pk, PromptOf(*row)) for pk, *row in data["prompts"]),
        items=tuple(ItemOf(*row) for row in data["items"]),
        votes=tuple(VoteOf(*row)._replace(levels=tuple(row[5])) for row in data["votes"]),
        waiting=data.get("waiting", 0),
    )
    return Study(**told), frame


def freeze_closed(*, study: Study, **more: Any) -> None:
    """On closing: keep the rows of the moment, whatever kind the study is of."""
    if not study.read_protocol().asks_diversity:
        freeze_when_closed(study=study, **more)
    elif study.state == Study.State.CLOSED:
        freeze_diversity(study, now=timezone.now())


def freeze_diversity(study: Study, *, now: datetime) -> FrozenReport:
    """Keep what the report is made of now; equal rows twice keep one snapshot."""
    return freeze_rows(study, lambda: encode_diversity(study, read_diversity(study)), now=now)


def frozen_diversity(study: Study) -> FrozenReport | None:
    """The snapshot that a closed study is read from; None where there is none of this kind.

    Studies that were closed before diversity was frozen have one without answers.
    """
    kept = frozen_of(study)
    return kept if kept is not None and is_diversity(zlib.decompress(bytes(kept.content))) else None


def thaw_diversity(frozen: FrozenReport) -> tuple[Study, DiversityFrame]:
    """The study as it was and its rows.

    Raises:
        ForeignSnapshotError: the stored bytes were changed, or their format is unknown.
    """
    return decode_diversity(frozen_bytes(frozen))
