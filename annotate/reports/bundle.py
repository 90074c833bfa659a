"""Checks a bundle without a database: makes every number and file again and compares them.

It must not trust any number of the bundle but the votes, nor ask a server or a table.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from annotate.reports.bundle_files import UNREADABLE, NotABundleError, by, checked, compared
from annotate.reports.diversity_bundle import check_diversity, is_of_diversity
from annotate.reports.export import (
    FILES,
    MANIFEST,
    OF_REPORT,
    README,
    SNAPSHOT,
    Written,
    finish_folder,
    write_csv,
    write_jsonl,
    written_of,
)
from annotate.reports.frames import LIVE, StudyFrame
from annotate.reports.freeze import ForeignSnapshotError, decode
from annotate.reports.report import Report, report_on
from annotate.reports.rows import MARK_COLUMNS, VERDICT_COLUMNS, VOTE_COLUMNS, Row
from annotate.reports.verify import differences

__all__ = ["NotABundleError", "check_bundle"]

INSIDE = frozenset({*FILES, MANIFEST, README})
UNDECIDED = "undecided"
# What rows have in the snapshot and in the tables.
_OF_VOTE = ("choice", "deciding", "both_bad", "side", "simulated", "late", "too_fast", "active_ms")
_OF_VERDICT = ("a", "b", "comparison", "replica", "outcome", "reason", "deciding")
_ROWS = {"votes": VOTE_COLUMNS, "verdicts": VERDICT_COLUMNS, "marks": MARK_COLUMNS}


def check_bundle(path: Path) -> list[str]:
    """What differs between a bundle and what its own votes amount to; empty when nothing does.

    Recomputed are every verdict from its votes, every number of the report from the snapshot,
    every table and figure, and last the archive itself: one flipped bit anywhere is found.

    Raises:
        NotABundleError: it is no zip, or lacks the files to compute from.
    """
    if is_of_diversity(path):
        return check_diversity(path)
    return checked(path, INSIDE, _differing)


def _differing(given: Path, made: Path) -> Iterator[str]:
    """Both ways of looking: where one cannot be computed, the other still names what is wrong."""
    broken: Exception | None = None
    ways = (lambda: differences(given), lambda: _remade(given, made))
    for way in ways:
        try:
            yield from way()
        except UNREADABLE as error:
            broken = error
    if broken is not None:
        raise broken


def _remade(given: Path, folder: Path) -> Iterator[str]:
    study, frame = decode((given / SNAPSHOT).read_bytes())
    last = frame.last_change or study.launched_at
    if last is None:
        raise ForeignSnapshotError("the snapshot knows no time: nobody launched this study")
    report = report_on(study, frame, now=last)
    yield from _snapshot_votes(frame, given)
    written = _write_again(report, given, folder)
    finish_folder(folder, report, written)
    yield from compared(given, folder, INSIDE - {SNAPSHOT})
    if study.protocol_hash and report.protocol.digest() != study.protocol_hash:
        yield (
            f"protocol: its hash is {report.protocol.digest()}, {study.protocol_hash} was frozen"
            f"{by(given)}"
        )


def _write_again(report: Report, given: Path, folder: Path) -> dict[str, Written]:
    written = {}
    for name, write in OF_REPORT.items():
        with (folder / name).open("wb") as file:
            written[name] = write(report, file)
    for name, columns in _ROWS.items():
        for end in ("csv", "jsonl"):
            rows = _lines(given / f"{name}.jsonl")
            with (folder / f"{name}.{end}").open("wb") as file:
                made = write_csv(rows, columns, file) if end == "csv" else write_jsonl(rows, file)
            written[f"{name}.{end}"] = made
    with (folder / SNAPSHOT).open("wb") as file:
        # Already read and understood; its digest is one of the manifest's numbers.
        data = (given / SNAPSHOT).read_bytes()
        file.write(data)
    written[SNAPSHOT] = written_of(data)
    return {name: written[name] for name in FILES}


def _lines(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _snapshot_votes(frame: StudyFrame, given: Path) -> Iterator[str]:
    """The snapshot that the numbers come from holds the votes and verdicts of the tables."""
    votes = {(v.comparison, v.annotator): v for v in frame.votes}
    told = {
        (row["comparison"], row["annotator"]): row
        for row in _lines(given / "votes.jsonl")
        if row["kind"] == LIVE
    }
    for key in sorted(votes.keys() | told.keys()):
        where = f"comparison {key[0]}, {key[1]}"
        if key not in votes or key not in told:
            here = "the snapshot" if key in votes else "votes.jsonl"
            yield f"{where}: a vote is in {here} only"
            continue
        for name in _OF_VOTE:
            here, there = getattr(votes[key], name), told[key][name]
            if here != there:
                yield f"votes.jsonl: {where}: {name} is {there!r}, in the snapshot {here!r}"
    sides = {c.pk: (c.a, c.b) for c in frame.contrasts}
    verdicts = Counter(
        (
            *sides[i.contrast],
            i.comparison,
            i.replica,
            i.outcome or "undecided",
            i.reason,
            i.deciding,
        )
        for i in frame.items
    )
    verdicts.subtract(
        tuple(row[name] for name in _OF_VERDICT) for row in _lines(given / "verdicts.jsonl")
    )
    for (a, b, comparison, *said), n in sorted(verdicts.items()):
        if n:
            where = "the snapshot" if n > 0 else "verdicts.jsonl"
            words = ", ".join(str(word) for word in said[1:] if word)
            yield f"{a} against {b}, comparison {comparison}: {words} is in {where} only"
