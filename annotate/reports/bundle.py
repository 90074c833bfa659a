"""Checks a bundle without a database: makes every number and file again and compares them.

It must not trust any number of the bundle but the votes, nor ask a server or a table.
"""

import io
import json
import math
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from annotate.reports.analyses import VERSION
from annotate.reports.export import (
    FILES,
    MANIFEST,
    OF_REPORT,
    README,
    SNAPSHOT,
    Written,
    finish_folder,
    pack,
    write_csv,
    write_jsonl,
    written_of,
)
from annotate.reports.frames import LIVE, StudyFrame
from annotate.reports.freeze import ForeignSnapshotError, decode
from annotate.reports.report import Report, report_on
from annotate.reports.rows import VERDICT_COLUMNS, VOTE_COLUMNS, Row
from annotate.reports.verify import differences

INSIDE = frozenset({*FILES, MANIFEST, README})
_ROWS = {"votes": VOTE_COLUMNS, "verdicts": VERDICT_COLUMNS}
# Sums in another order, as another build of numpy adds them, differ in the last digits.
_RELATIVE = 1e-9
_CONTAINED = 4 << 30


class NotABundleError(ValueError):
    """The file cannot be read as a bundle at all."""


def check_bundle(path: Path) -> list[str]:
    """What differs between a bundle and what its own votes amount to; empty when nothing does.

    Recomputed are every verdict from its votes, every number of the report from the snapshot,
    every table and figure, and last the archive itself: one flipped bit anywhere is found.

    Raises:
        NotABundleError: it is no zip, or lacks the files to compute from.
    """
    with tempfile.TemporaryDirectory(prefix="triptych-bundle-") as name:
        given, remade = Path(name, "given"), Path(name, "remade")
        given.mkdir()
        remade.mkdir()
        if broken := _unpack(path, given):
            return broken
        try:
            found = [*differences(given), *_remade(given, remade)]
        except (ValueError, KeyError, TypeError, LookupError) as error:
            # Any shape at all may stand in a file that somebody changed.
            raise NotABundleError(
                f"its files cannot be computed from: {error!r}. Ask for the bundle again."
            ) from error
        return found or _archive(path, given)


def _unpack(path: Path, folder: Path) -> list[str]:
    """Every file, or what is broken about it; names are checked, so nothing lands elsewhere."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            names = Counter(entry.filename for entry in entries)
            if wrong := sorted((set(names) ^ INSIDE) | {n for n in names if names[n] > 1}):
                return [f"{name}: not there once" for name in wrong]
            if sum(entry.file_size for entry in entries) > _CONTAINED:
                raise NotABundleError(
                    "it unpacks to more than 4 GB. Unpack it by hand and look at it."
                )
            return list(_extract(archive, entries, folder))
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, ValueError) as error:
        raise NotABundleError(f"it is not a readable zip: {error}. Ask for it again.") from error


def _extract(
    archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], folder: Path
) -> Iterator[str]:
    for entry in entries:
        try:
            (folder / entry.filename).write_bytes(archive.read(entry))
        except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:
            yield f"{entry.filename}: damaged ({error})"


def _remade(given: Path, folder: Path) -> Iterator[str]:
    study, frame = decode((given / SNAPSHOT).read_bytes())
    last = frame.last_change or study.launched_at
    if last is None:
        raise ForeignSnapshotError("the snapshot knows no time: nobody launched this study")
    report = report_on(study, frame, now=last)
    yield from _snapshot_votes(frame, given)
    written = _write_again(report, given, folder)
    finish_folder(folder, report, written)
    for name in sorted(INSIDE - {SNAPSHOT}):
        told, made = (given / name).read_bytes(), (folder / name).read_bytes()
        if told == made:
            continue
        if name.endswith(".json"):
            yield from _leaves(name, json.loads(told), json.loads(made))
        else:
            yield f"{name}: made again it has other bytes{_by(given)}"
    if study.protocol_hash and report.protocol.digest() != study.protocol_hash:
        yield (
            f"protocol: its hash is {report.protocol.digest()}, {study.protocol_hash} was frozen"
            f"{_by(given)}"
        )


def _by(given: Path) -> str:
    """Another version may be the whole reason, so it is named."""
    version = json.loads((given / MANIFEST).read_text(encoding="utf-8"))["made_by"]["triptych"]
    return "" if version == VERSION else f" (made by version {version}, checked by {VERSION})"


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
    votes = Counter((v.comparison, v.annotator, v.choice, v.simulated) for v in frame.votes)
    votes.subtract(
        (row["comparison"], row["annotator"], row["choice"], row["simulated"])
        for row in _lines(given / "votes.jsonl")
        if row["kind"] == LIVE
    )
    for (comparison, annotator, choice, _), n in sorted(votes.items()):
        if n:
            where = "the snapshot" if n > 0 else "votes.jsonl"
            yield f"comparison {comparison}, {annotator}: the vote {choice} is in {where} only"
    sides = {c.pk: (c.a, c.b) for c in frame.contrasts}
    verdicts = Counter(
        (*sides[i.contrast], i.comparison, i.replica, i.outcome or "undecided") for i in frame.items
    )
    verdicts.subtract(
        (row["a"], row["b"], row["comparison"], row["replica"], row["outcome"])
        for row in _lines(given / "verdicts.jsonl")
    )
    for (a, b, comparison, _, outcome), n in sorted(verdicts.items()):
        if n:
            where = "the snapshot" if n > 0 else "verdicts.jsonl"
            yield f"{a} against {b}, comparison {comparison}: {outcome} is in {where} only"


def _leaves(where: str, told: Any, made: Any) -> Iterator[str]:
    """Every number or word that differs, by its place."""
    if isinstance(told, dict) and isinstance(made, dict):
        for key in sorted(told.keys() | made.keys()):
            yield from _leaves(f"{where}: {key}", told.get(key), made.get(key))
    elif isinstance(told, list) and isinstance(made, list) and len(told) == len(made):
        for place, (one, other) in enumerate(zip(told, made, strict=True)):
            yield from _leaves(f"{where}[{place}]", one, other)
    elif not _equal(told, made):
        yield f"{where}: recomputed {made!r}, but {told!r} stands there"


def _equal(told: Any, made: Any) -> bool:
    if isinstance(told, float) and isinstance(made, float):
        return math.isclose(told, made, rel_tol=_RELATIVE, abs_tol=1e-12)
    return bool(told == made) and isinstance(told, bool) == isinstance(made, bool)


def _archive(path: Path, given: Path) -> list[str]:
    """Equal files make equal archives, so also a bit between the files is found."""
    packed = io.BytesIO()
    pack(given, packed)
    if packed.getbuffer() == path.read_bytes():
        return []
    made_by = json.loads((given / MANIFEST).read_text(encoding="utf-8"))["made_by"]
    if made_by["zlib"] != zlib.ZLIB_RUNTIME_VERSION:
        return []  # other bytes for equal files are then to be expected
    return [f"{path.name}: every file in it is right, but the archive around them was changed"]
