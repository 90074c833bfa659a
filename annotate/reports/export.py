"""Exports of a study: CSV for spreadsheets, lossless JSON beside it, and a manifest that adds up.

The same snapshot gives the same bytes: nothing here reads a clock. It must not know HTTP.
"""

import csv
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from annotate.judging.external_formats import Format, write_votes
from annotate.reports.analyses import VERSION
from annotate.reports.dataset import TABLES, write_dataset, write_table
from annotate.reports.frames import StudyFrame, read_frame, read_snapshot
from annotate.reports.freeze import encoded
from annotate.reports.interop import external_votes
from annotate.reports.laboratory_files import lab_data
from annotate.reports.report import Report, make_report, report_on
from annotate.reports.report_files import (
    FORMULA_STARTS,
    figures_zip,
    pdf_file,
    tables_zip,
    tex_file,
)
from annotate.reports.rows import (
    MARK_COLUMNS,
    SUMMARY_COLUMNS,
    VERDICT_COLUMNS,
    VOTE_COLUMNS,
    Row,
    mark_rows,
    stamp,
    summary_rows,
    verdict_rows,
    vote_rows,
)
from annotate.reports.sentences import headline, methods, standfirst
from annotate.reports.source import source_digest
from annotate.reports.withheld import blanked
from annotate.studies.models import Study

BUNDLE = "bundle.zip"
MANIFEST = "manifest.json"
README = "README.txt"


class UnknownExportError(LookupError):
    """An export was asked for under a name that does not exist."""


@dataclass(frozen=True)
class Written:
    """One finished file: what a manifest says about it."""

    rows: int
    bytes: int
    sha256: str


def written_of(data: bytes) -> Written:
    """A finished file without rows."""
    return Written(rows=0, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


class _Hashing:
    """Counts and digests what goes through it to the file."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.bytes, self.digest = file, 0, hashlib.sha256()

    def write(self, text: str) -> None:
        data = text.encode()
        self.file.write(data)
        self.digest.update(data)
        self.bytes += len(data)

    def done(self, *, rows: int) -> Written:
        return Written(rows=rows, bytes=self.bytes, sha256=self.digest.hexdigest())


def safe_cell(value: object) -> str:
    """What a spreadsheet may open: text that would start a formula gets a leading apostrophe."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return safe_cell(" | ".join(value))
    if isinstance(value, dict):
        return canonical(value)
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA_STARTS) else value
    return repr(value)


def canonical(value: object) -> str:
    """One line of JSON that is the same for equal values."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def write_csv(rows: Iterable[Row], columns: Iterable[str], file: IO[bytes]) -> Written:
    """Rows for spreadsheets (RFC 4180, UTF-8)."""
    out, titles, count = _Hashing(file), list(columns), 0
    # Line ends of both kinds inside cells are quoted only when the terminator holds both.
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(titles)
    for count, row in enumerate(rows, start=1):  # noqa: B007 (the last number is the count)
        writer.writerow([safe_cell(row[title]) for title in titles])
    return out.done(rows=count)


def write_jsonl(rows: Iterable[Row], file: IO[bytes]) -> Written:
    """Rows as they are, one JSON object a line."""
    out, count = _Hashing(file), 0
    for count, row in enumerate(rows, start=1):  # noqa: B007 (the last number is the count)
        out.write(canonical(row) + "\n")
    return out.done(rows=count)


@dataclass(frozen=True)
class _Snapshot:
    """A study and, made when first asked for, its rows and their report: tables need neither."""

    study: Study
    now: datetime

    @cached_property
    def frame(self) -> StudyFrame:
        return read_frame(self.study)

    @cached_property
    def report(self) -> Report:
        return report_on(self.study, self.frame, now=self.now)


def _take(study: Study, *, now: datetime) -> _Snapshot:
    study.refresh_from_db()
    return _Snapshot(study, now)


def _interop(study: Study, kind: Format, file: IO[bytes]) -> Written:
    out = _Hashing(file)
    return out.done(rows=write_votes(external_votes(study), kind, out))


def _write_text(pieces: Iterable[str], file: IO[bytes]) -> Written:
    out = _Hashing(file)
    for piece in pieces:
        out.write(piece)
    return out.done(rows=0)


def _write(data: bytes, file: IO[bytes]) -> Written:
    file.write(data)
    return written_of(data)


# Made of the report alone: a bundle's check makes them again and compares the bytes.
OF_REPORT: Mapping[str, Callable[[Report, IO[bytes]], Written]] = {
    "summary.csv": lambda made, file: write_csv(summary_rows(made), SUMMARY_COLUMNS, file),
    "summary.json": lambda made, file: replace(
        _write(summary_json(made), file), rows=len(made.contrasts)
    ),
    "protocol.json": lambda made, file: _write(protocol_json(made), file),
    "report.pdf": lambda made, file: _write(pdf_file(made), file),
    "report.tex": lambda made, file: _write(tex_file(made).encode(), file),
    "tables.zip": lambda made, file: _write(tables_zip(made), file),
    "figures.zip": lambda made, file: _write(figures_zip(made), file),
}
SNAPSHOT = "snapshot.json"


def _of_report(name: str) -> Callable[[_Snapshot, IO[bytes]], Written]:
    return lambda at, file: OF_REPORT[name](at.report, file)


FILES: Mapping[str, Callable[[_Snapshot, IO[bytes]], Written]] = {
    "votes.csv": lambda at, file: write_csv(vote_rows(at.study), VOTE_COLUMNS, file),
    "votes.jsonl": lambda at, file: write_jsonl(vote_rows(at.study), file),
    "verdicts.csv": lambda at, file: write_csv(verdict_rows(at.study), VERDICT_COLUMNS, file),
    "verdicts.jsonl": lambda at, file: write_jsonl(verdict_rows(at.study), file),
    "marks.csv": lambda at, file: write_csv(mark_rows(at.study), MARK_COLUMNS, file),
    "marks.jsonl": lambda at, file: write_jsonl(mark_rows(at.study), file),
    # What the report was frozen from: its SHA-256 is the hash of a frozen report.
    SNAPSHOT: lambda at, file: _write_text(encoded(at.study, at.frame), file),
    **{name: _of_report(name) for name in OF_REPORT},
}
# Live votes as other programs read them; exact, so not for spreadsheets. Not in the bundle: they
# tell nothing that its votes do not.
INTEROP: Mapping[str, Callable[[Study, IO[bytes]], object]] = {
    "votes-long.csv": lambda study, file: _interop(study, "csv", file),
    "votes-toloka.tsv": lambda study, file: _interop(study, "toloka", file),
    "votes-label-studio.json": lambda study, file: _interop(study, "label-studio", file),
}
DATASET = "dataset.zip"
WITH_PICTURES = "dataset-pictures.zip"
PARQUET = {f"{name}.parquet": name for name in TABLES}
NAMES = (*FILES, *INTEROP, *PARQUET, DATASET, WITH_PICTURES, MANIFEST, BUNDLE)


def summary_json(report: Report) -> bytes:
    """Every number of the report."""
    text = json.dumps(report_data(report), indent=1, sort_keys=True, ensure_ascii=False)
    return f"{text}\n".encode()


def protocol_json(report: Report) -> bytes:
    """Every choice of the protocol, defaults included."""
    data = report.protocol.model_dump(mode="json")
    return f"{json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False)}\n".encode()


def report_data(report: Report) -> dict[str, Any]:
    """The report as plain data, without the moment it was made at: equal states, equal data."""
    lab = report.laboratory
    told = asdict(replace(report, laboratory=None))
    data = {k: v for k, v in told.items() if k not in {"protocol", "generated_at"}}
    data["laboratory"] = lab_data(lab) if lab else None
    data["protocol"] = report.protocol.model_dump(mode="json")
    data |= {"headline": headline(report), "standfirst": standfirst(report)}
    data |= {"methods": methods(report), "simulated": report.simulated}
    # What tells of annotators stands apart: controls and repeats change no other line.
    data["quality"] = {"votes_on_controls_and_repeats": data["set_aside"].pop("other_kinds")}
    plain: dict[str, Any] = json.loads(json.dumps(data, default=_plain))
    return blanked(plain) if report.tests_withheld else plain


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return stamp(value)
    raise TypeError(f"{value!r} has no JSON form; use plain data or a time")


def write_folder(study: Study, folder: Path, *, now: datetime) -> dict[str, Any]:
    """Write every file and the manifest into a folder, all from one snapshot; the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[str, Written] = {}
    with read_snapshot():
        at = _take(study, now=now)
        for name, write in FILES.items():
            with (folder / name).open("wb") as file:
                written[name] = write(at, file)
    return finish_folder(folder, at.report, written)


def _write_for_programs(study: Study, name: str, file: IO[bytes], *, now: datetime) -> None:
    if name in INTEROP:
        INTEROP[name](study, file)
    elif name in PARQUET:
        write_table(study, PARQUET[name], file=file)
    else:
        report = make_report(study, now=now, deep=False)
        write_dataset(study, report, file=file, pictures=name == WITH_PICTURES)


def finish_folder(folder: Path, report: Report, written: Mapping[str, Written]) -> dict[str, Any]:
    """Add README and manifest to the finished files; the manifest."""
    (folder / README).write_text(readme(report), encoding="utf-8")
    manifest = _manifest(report, written)
    text = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    return manifest


def write_file(study: Study, name: str, file: IO[bytes], *, now: datetime, folder: Path) -> None:
    """Write one export by its name; `folder` is empty and takes what a bundle is packed from."""
    if name not in NAMES:
        raise UnknownExportError(
            f"no export is called {name!r}; there are {', '.join(NAMES)}. Use one of these."
        )
    if name in FILES:
        with read_snapshot():
            FILES[name](_take(study, now=now), file)
        return
    if name in INTEROP or name in PARQUET or name in (DATASET, WITH_PICTURES):
        with read_snapshot():
            _write_for_programs(study, name, file, now=now)
        return
    write_folder(study, folder, now=now)
    if name == MANIFEST:
        file.write((folder / MANIFEST).read_bytes())
    else:
        pack(folder, file)


def pack(folder: Path, file: IO[bytes]) -> None:
    """Zip a folder without times, owners or modes: equal files, equal archive."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            entry = zipfile.ZipInfo(path.name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w") as out:
                out.writelines(_pieces(path))


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            yield piece


def made_by() -> dict[str, str]:
    """What may draw and pack other bytes from the same numbers."""
    return {
        "triptych": VERSION,
        "source": source_digest(),
        "zlib": zlib.ZLIB_RUNTIME_VERSION,
    }


def _manifest(report: Report, written: Mapping[str, Written]) -> dict[str, Any]:
    counts, aside = report.counts, report.set_aside
    return {
        "made_by": made_by(),
        "study": report.uid,
        "name": report.name,
        "state": report.state,
        "protocol_hash": report.protocol_hash,
        "rule": report.protocol.rule,
        "as_of": stamp(report.last_change) if report.last_change else None,
        "simulated": report.simulated,
        "counts": {**asdict(counts), "votes_of_other_kinds": aside.other_kinds},
        # Canonical: the JSONL files hold sorted rows with sorted keys, so their digest is the
        # digest of the content.
        "content_sha256": {
            name.removesuffix(".jsonl"): file.sha256
            for name, file in written.items()
            if name.endswith(".jsonl")
        },
        "files": {name: asdict(file) for name, file in written.items()},
    }


def readme(report: Report) -> str:
    """What each file and column holds, beside the numbers they add up to."""
    out = io.StringIO()
    print(headline(report), file=out)
    for paragraph in methods(report):
        print(f"\n{paragraph}", file=out)
    print("\nThe .csv files are safe to open in a spreadsheet: text that would start a", file=out)
    print("formula has a leading apostrophe. The .jsonl files are exact: use them for", file=out)
    print("programs. manifest.json holds counts and SHA-256 digests.", file=out)
    tables = (
        *(("votes", VOTE_COLUMNS), ("verdicts", VERDICT_COLUMNS)),
        *(("summary", SUMMARY_COLUMNS), ("marks", MARK_COLUMNS)),
    )
    for name, columns in tables:
        print(f"\n{name}", file=out)
        for column, meaning in columns.items():
            print(f"  {column:<18} {meaning}", file=out)
    return out.getvalue()
