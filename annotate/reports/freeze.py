"""Freezes a report: writes the rows it is made of as canonical JSON, and reads them back.

The same rows give the same bytes and the same hash. It must not compute a report's numbers.
"""

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.utils import timezone

from annotate.reports.branch_rows import ArmRow, BranchRow, EstimatorRow
from annotate.reports.frame_rows import PromptRow, ScoreRow
from annotate.reports.frames import (
    ContrastRow,
    ItemRow,
    SetAside,
    StudyFrame,
    VoteRow,
    fingerprint,
    read_frame,
    read_snapshot,
)
from annotate.reports.models import FrozenReport
from annotate.reports.recipes import TunedRow
from annotate.reports.report import Report, report_on
from annotate.reports.serving import ServedRow
from annotate.sampling.progress import ArmProgress
from annotate.studies.models import Study

FORMAT = 1
# Rows that are text at once.
_ROWS = 1000
_FROZEN = {Study.State.CLOSED, Study.State.ARCHIVED}


class ForeignSnapshotError(ValueError):
    """A snapshot's bytes do not have its hash, or a later version wrote them."""


def freeze_when_closed(*, study: Study, **_: Any) -> None:
    """On closing: keep the rows of the moment. Freezing equal rows twice keeps one snapshot."""
    if study.state == Study.State.CLOSED:
        freeze(study, now=timezone.now())


def freeze(study: Study, *, now: datetime) -> FrozenReport:
    """Keep what the study's report is made of now."""
    return freeze_rows(study, lambda: encode(study, read_frame(study)), now=now)


def freeze_rows(study: Study, encoded: Callable[[], bytes], *, now: datetime) -> FrozenReport:
    """Keep the rows that `encoded` reads within one snapshot; equal rows twice keep one."""
    with read_snapshot():
        content = encoded()
        mark = fingerprint(study)
    kept, _ = FrozenReport.objects.get_or_create(
        study=study,
        digest=hashlib.sha256(content).hexdigest(),
        defaults={"content": zlib.compress(content, 9), "mark": mark, "at": now},
    )
    return kept


def frozen_of(study: Study) -> FrozenReport | None:
    """The snapshot that a closed study's report is read from; None while it may still change."""
    if study.state not in _FROZEN:
        return None
    return FrozenReport.objects.filter(study=study).order_by("-at", "-pk").first()


def changed_since(frozen: FrozenReport, mark: str) -> bool:
    """Whether votes, verdicts or reports changed; the state is the first part of a mark."""
    return frozen.mark.partition("-")[2] != mark.partition("-")[2]


def thaw(frozen: FrozenReport) -> tuple[Study, StudyFrame]:
    """The study as it was and its rows.

    Raises:
        ForeignSnapshotError: the stored bytes were changed, or their format is unknown.
    """
    return decode(frozen_bytes(frozen))


def frozen_bytes(frozen: FrozenReport) -> bytes:
    """The rows as they were frozen, held to their hash.

    Raises:
        ForeignSnapshotError: the stored bytes were changed.
    """
    content = zlib.decompress(bytes(frozen.content))
    digest = hashlib.sha256(content).hexdigest()
    if digest != frozen.digest:
        raise ForeignSnapshotError(
            f"the snapshot has the hash {digest}, but was frozen as {frozen.digest}: its bytes "
            "were changed. Restore the database from a backup."
        )
    return content


def frozen_report(frozen: FrozenReport) -> Report:
    """The report of a snapshot; as of the moment it was frozen, whenever it is asked for."""
    study, frame = thaw(frozen)
    return report_on(study, frame, now=frozen.at)


def encode(study: Study, frame: StudyFrame) -> bytes:
    """Study and rows as one line of JSON."""
    return "".join(encoded(study, frame)).encode()


def encoded(study: Study, frame: StudyFrame) -> Iterator[str]:
    """The same line piece by piece, so that who writes it down never holds all rows as text."""
    data: dict[str, Any] = {
        "format": FORMAT,
        "study": {
            "uid": str(study.uid),
            "name": study.name,
            "state": study.state,
            "protocol_hash": study.protocol_hash,
            "launched_at": _stamp(study.launched_at),
            "spec": study.spec,
            # Only where it is so: the bytes of other snapshots stay what they were.
            **({"external": True} if study.external else {}),
        },
        "contrasts": frame.contrasts,
        "items": frame.items,
        "votes": frame.votes,
        "set_aside": asdict(frame.set_aside),
        "prompt_sets": frame.prompt_sets,
        "first_vote": _stamp(frame.first_vote),
        "last_change": _stamp(frame.last_change),
        "arms": [asdict(arm) for arm in frame.arms],
        "prompts": sorted([key, *row] for key, row in frame.prompts.items()),
        "scores": frame.scores,
        "protocols": frame.protocols,
    }
    # Only where there are any: snapshots of other studies keep their bytes and hashes.
    if frame.served:
        data["served"] = frame.served
    if frame.came:
        data["came"] = frame.came
    if frame.branches:
        data["branches"] = frame.branches
    if frame.tuned:
        data["tuned"] = frame.tuned
    if frame.unopened:
        data["unopened"] = frame.unopened
    for place, (key, value) in enumerate(sorted(data.items())):
        yield f'{"," if place else "{"}"{key}":'
        yield from _pieces(value)
    yield "}"


def _pieces(value: Any) -> Iterator[str]:
    """What `_line` gives, some rows of a table at a time."""
    if not isinstance(value, list | tuple) or len(value) <= _ROWS:
        yield _line(value)
        return
    for start in range(0, len(value), _ROWS):
        yield ("," if start else "[") + _line(value[start : start + _ROWS])[1:-1]
    yield "]"


def _line(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def decode(content: bytes) -> tuple[Study, StudyFrame]:
    """What `encode` wrote. The study is a row of no table: it cannot be saved by mistake."""
    data = json.loads(content)
    if data["format"] != FORMAT:
        raise ForeignSnapshotError(
            f"the snapshot has format {data['format']}, this version reads {FORMAT}: use the "
            "version of Triptych that wrote it"
        )
    told = data["study"] | {"launched_at": _moment(data["study"]["launched_at"])}
    frame = StudyFrame(
        contrasts=tuple(ContrastRow(*row) for row in data["contrasts"]),
        items=tuple(ItemRow(*row) for row in data["items"]),
        votes=tuple(VoteRow(*row) for row in data["votes"]),
        set_aside=SetAside(**data["set_aside"]),
        prompt_sets=tuple(data["prompt_sets"]),
        first_vote=_moment(data["first_vote"]),
        last_change=_moment(data["last_change"]),
        arms=tuple(ArmProgress(**arm) for arm in data["arms"]),
        prompts={key: PromptRow(*row) for key, *row in data["prompts"]},
        scores=tuple(ScoreRow(*row) for row in data["scores"]),
        # Reports frozen before studies could grow have none.
        protocols=tuple((digest, n) for digest, n in data.get("protocols", ())),
        served=tuple(ServedRow(*row) for row in data.get("served", ())),
        branches=_branches(data["branches"]) if "branches" in data else None,
        came=tuple((way, n) for way, n in data.get("came", ())),
        tuned=tuple(TunedRow(*row) for row in data.get("tuned", ())),
        unopened=data.get("unopened", 0),
    )
    return Study(**told), frame


def _branches(row: list[Any]) -> BranchRow:
    told = BranchRow(*row)
    estimators = tuple(
        EstimatorRow(
            name, None if tuning is None else tuple(tuning), tuple(ArmRow(*arm) for arm in arms)
        )
        for name, tuning, arms in told.estimators
    )
    return told._replace(estimators=estimators)


def _stamp(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(written: str | None) -> datetime | None:
    return None if written is None else datetime.fromisoformat(written)
