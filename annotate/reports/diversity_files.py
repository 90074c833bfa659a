"""The files of a diversity study's report: for spreadsheets, programs and papers, and the bundle.

Made of a frame alone, so that the same rows give the same bytes. It must not know HTTP.
"""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from annotate.analysis.diversity import DiversityDifference, DiversityScore
from annotate.reports.citation import entries
from annotate.reports.diversity_frame import DiversityFrame, encode_diversity
from annotate.reports.diversity_page import headline, lay_out, methods
from annotate.reports.diversity_report import (
    AnswerRow,
    DiversityReport,
    answer_rows,
    diversity_report_on,
)
from annotate.reports.export import (
    BUNDLE,
    MANIFEST,
    README,
    SNAPSHOT,
    Written,
    made_by,
    pack,
    write_csv,
    write_jsonl,
    written_of,
)
from annotate.reports.report_files import Paper, figures_of, foot, pdf_of, tables_of, tex_of
from annotate.reports.withheld import blanked
from annotate.studies.models import Study

ANSWER_COLUMNS: Mapping[str, str] = {
    "comparison": "a prompt with two pictures",
    "kind": "live answers count; controls anchor the scale; a repeat is a pair asked again",
    "identical": "both pictures are equal",
    "prompt_set": "the set that the prompt's id belongs to",
    "prompt_key": "the researcher's own id of the prompt, unique in its set",
    "prompt": "its text",
    "group": "prompts of one group are resampled together",
    "methods": "methods that made this pair; none for a control",
    "annotator": "pseudonym",
    "attribute": "what was compared",
    "level": "the answer: 0 is same; or cannot",
    "score": "the level on a scale from 0 to 1; empty for cannot",
    "simulated": "answered by a program, not by a person",
    "created_at": "UTC",
    "protocol_hash": "of the frozen protocol under which it was given",
}
_OF_ALL = ("simulated_votes", "protocol_hash")
SCORE_COLUMNS = (*(f.name for f in fields(DiversityScore)), *_OF_ALL)
DIFFERENCE_COLUMNS = (*(f.name for f in fields(DiversityDifference)), *_OF_ALL)


@dataclass(frozen=True)
class Made:
    """A study, its rows and their report, of one moment."""

    study: Study
    frame: DiversityFrame
    report: DiversityReport


def made_of(study: Study, frame: DiversityFrame) -> Made:
    """Count once for all files."""
    return Made(study, frame, diversity_report_on(study, frame))


def paper_of(report: DiversityReport) -> Paper:
    """A diversity report laid out for files."""
    page = lay_out(report)
    at = report.moment or datetime(1980, 1, 1, tzinfo=UTC)
    return Paper(
        name=report.name,
        title=page.headline,
        standfirst=page.standfirst,
        warning=f"Simulated votes. {page.simulated}" if page.simulated else "",
        facts=page.facts,
        sections=page.sections,
        bibtex=entries(
            uid=report.uid,
            name=report.name,
            what="human judgement of diversity",
            year=report.moment.year if report.moment else None,
            protocol_hash=report.protocol_hash,
            simulated=report.simulated > 0,
        ),
        foot=foot(report.name, report.uid, report.protocol_hash),
        made_at=at,
    )


def summary(report: DiversityReport) -> dict[str, Any]:
    """The report as plain data."""
    data = asdict(report) | {"protocol": report.protocol.model_dump(mode="json")}
    if not report.waiting:
        # As ever where no pair waits: equal rows have equal bytes in every version.
        del data["waiting"]
    data |= {"headline": headline(report), "methods": methods(report)}
    return blanked(data) if report.tests_withheld else data


def summary_json(report: DiversityReport) -> bytes:
    """`summary` as JSON."""
    return _json(summary(report))


def _json(data: Mapping[str, Any]) -> bytes:
    return f"{json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False)}\n".encode()


def answers_csv(rows: list[AnswerRow]) -> bytes:
    """One row for each answer, controls included and named; safe to open in a spreadsheet."""
    out = io.BytesIO()
    write_csv(map(_answer, rows), ANSWER_COLUMNS, out)
    return out.getvalue()


def _answer(row: AnswerRow) -> dict[str, Any]:
    return asdict(row) | {"methods": list(row.methods)}


def _answers(made: Made) -> list[AnswerRow]:
    return list(answer_rows(made.study, made.frame))


def _rows(made: Made, rows: tuple[DiversityScore | DiversityDifference, ...]) -> Any:
    told = {"simulated_votes": made.report.simulated, "protocol_hash": made.report.protocol_hash}
    plain = (asdict(row) | told for row in rows)
    return map(blanked, plain) if made.report.tests_withheld else plain


def _plain(write: Callable[[Made], bytes]) -> Callable[[Made, IO[bytes]], Written]:
    def to(made: Made, file: IO[bytes]) -> Written:
        data = write(made)
        file.write(data)
        return written_of(data)

    return to


FILES: Mapping[str, Callable[[Made, IO[bytes]], Written]] = {
    "scores.csv": lambda made, file: write_csv(
        _rows(made, made.report.scores), SCORE_COLUMNS, file
    ),
    "differences.csv": lambda made, file: write_csv(
        _rows(made, made.report.differences), DIFFERENCE_COLUMNS, file
    ),
    "answers.csv": lambda made, file: write_csv(map(_answer, _answers(made)), ANSWER_COLUMNS, file),
    "answers.jsonl": lambda made, file: write_jsonl(map(_answer, _answers(made)), file),
    "diversity.json": _plain(lambda made: summary_json(made.report)),
    "protocol.json": _plain(lambda made: _json(made.report.protocol.model_dump(mode="json"))),
    "report.pdf": _plain(lambda made: pdf_of(paper_of(made.report))),
    "report.tex": _plain(lambda made: tex_of(paper_of(made.report)).encode()),
    "tables.zip": _plain(lambda made: tables_of(paper_of(made.report))),
    "figures.zip": _plain(lambda made: figures_of(paper_of(made.report))),
    # What the report was frozen from: its SHA-256 is the hash of a frozen report.
    SNAPSHOT: _plain(lambda made: encode_diversity(made.study, made.frame)),
}
NAMES = (*FILES, MANIFEST, BUNDLE)
INSIDE = frozenset({*FILES, MANIFEST, README})


def diversity_bytes(made: Made, name: str, folder: Path) -> bytes:
    """One file by its name; `folder` is empty and takes what a bundle is packed from.

    Raises:
        KeyError: there is no such file.
    """
    out = io.BytesIO()
    if name in FILES:
        FILES[name](made, out)
        return out.getvalue()
    if name not in NAMES:
        raise KeyError(name)
    write_diversity(made, folder)
    if name == MANIFEST:
        return (folder / MANIFEST).read_bytes()
    pack(folder, out)
    return out.getvalue()


def write_diversity(made: Made, folder: Path) -> dict[str, Any]:
    """Write every file, README and manifest into a folder; the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[str, Written] = {}
    for name, write in FILES.items():
        with (folder / name).open("wb") as file:
            written[name] = write(made, file)
    (folder / README).write_text(_readme(made.report), encoding="utf-8")
    report = made.report
    manifest = {
        "made_by": made_by(),
        "kind": "diversity",
        "study": report.uid,
        "name": report.name,
        "state": report.state,
        "protocol_hash": report.protocol_hash,
        "as_of": report.last_change or None,
        "simulated": report.simulated > 0,
        "counts": {
            name: getattr(report, name)
            for name in ("prompts", "groups", "pairs", "votes", "simulated", "annotators")
        },
        "files": {name: asdict(file) for name, file in written.items()},
    }
    (folder / MANIFEST).write_bytes(_json(manifest))
    return manifest


def _readme(report: DiversityReport) -> str:
    lines = [headline(report), *(f"\n{paragraph}" for paragraph in methods(report))]
    lines.append(
        "\nThe .csv files are safe to open in a spreadsheet: text that would start a formula has\n"
        "a leading apostrophe. answers.jsonl is exact: use it for programs. manifest.json holds\n"
        "counts and SHA-256 digests."
    )
    lines.append("\nanswers")
    lines += [f"  {column:<18} {meaning}" for column, meaning in ANSWER_COLUMNS.items()]
    return "\n".join(lines) + "\n"
