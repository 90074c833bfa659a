"""A study as a dataset folder: Parquet tables and a card, as Hugging Face's `datasets` loads it.

It must not hold pictures: those are addressed by their digests.
"""

import json
import zipfile
from collections.abc import Callable, Iterable, Mapping
from typing import IO

from annotate.reports.parquet import Bytes, Kind, write_parquet
from annotate.reports.report import Report
from annotate.reports.rows import VERDICT_COLUMNS, VOTE_COLUMNS, Row, verdict_rows, vote_rows
from annotate.reports.sentences import headline, methods
from annotate.studies.models import Study

_KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("first_methods", "second_methods", "preferred_methods"), "list"),
    **dict.fromkeys(("both_bad", "simulated", "late", "too_fast"), "bool"),
    **dict.fromkeys(("primary", "a_is_first", "identical", "held"), "bool"),
    **dict.fromkeys(("comparison", "active_ms", "elapsed_ms", "replica"), "int"),
    **dict.fromkeys(("votes_a", "votes_tie", "votes_b"), "int"),
}
TABLES: Mapping[str, tuple[Callable[[Study], Iterable[Row]], Mapping[str, str]]] = {
    "votes": (vote_rows, VOTE_COLUMNS),
    "verdicts": (verdict_rows, VERDICT_COLUMNS),
}


def write_table(study: Study, name: str, *, file: Bytes) -> int:
    """`votes` or `verdicts` as Parquet, row by row as in the export of that name; how many."""
    rows, columns = TABLES[name]
    kinds = {column: _KINDS.get(column, "text") for column in columns}
    return write_parquet(rows(study), kinds, file=file)


def write_dataset(study: Study, report: Report, *, file: IO[bytes]) -> None:
    """The folder as a zip without times: equal rows, equal bytes."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        with archive.open(_entry("README.md"), "w") as out:
            out.write(card(report).encode())
        for name in TABLES:
            # More than 2 GB cannot be told before it is written.
            with archive.open(_entry(f"data/{name}.parquet"), "w", force_zip64=True) as out:
                write_table(study, name, file=out)


def _entry(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))


def card(report: Report) -> str:
    """The dataset card: front matter that loaders read, then what people read."""
    # JSON strings are YAML strings, whatever stands in a study's name.
    front = [
        "---",
        f"pretty_name: {json.dumps(report.name, ensure_ascii=False)}",
        "tags:",
        "- text-to-image",
        "- human-preferences",
        *(["- simulated-votes"] if report.simulated else []),
        "configs:",
    ]
    for place, name in enumerate(TABLES):
        front += [f"- config_name: {name}", *(["  default: true"] if place == 0 else [])]
        front += ["  data_files:", "  - split: train", f"    path: data/{name}.parquet"]
    body = ["---", "", f"# {' '.join(report.name.split())}", "", headline(report)]
    for paragraph in methods(report):
        body += ["", paragraph]
    body += ["", f"Study {report.uid}, protocol {report.protocol_hash}. People are pseudonyms."]
    for name, (_, columns) in TABLES.items():
        body += ["", f"## {name}", "", "| column | meaning |", "|---|---|"]
        body += [f"| `{column}` | {meaning} |" for column, meaning in columns.items()]
    return "\n".join([*front, *body]) + "\n"
