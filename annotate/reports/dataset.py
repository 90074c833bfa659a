"""A study as a dataset folder: Parquet tables and a card, as Hugging Face's `datasets` loads it.

Pictures are named by their digests in every row and come along, each once, when asked for.
"""

import json
import shutil
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO

from django.db.models import Q

from annotate.judging.models import Comparison
from annotate.reports.parquet import Bytes, Kind, write_parquet
from annotate.reports.report import Report
from annotate.reports.rows import VERDICT_COLUMNS, VOTE_COLUMNS, Row, verdict_rows, vote_rows
from annotate.reports.sentences import headline, methods
from annotate.reports.words import counted
from annotate.sampling.models import Image
from annotate.sampling.storage import path_of
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


class PicturesMissing(ValueError):
    """A picture that the rows name is not in the store."""


def write_dataset(study: Study, report: Report, *, file: IO[bytes], pictures: bool = False) -> None:
    """The folder as a zip without times: equal rows, equal bytes.

    Args:
        pictures: also every picture of the study's pairs, once, as `pictures/<digest>.png`.

    Raises:
        PicturesMissing: a picture is gone, or the study never had any.
    """
    found = _pictures(study) if pictures else {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        with archive.open(_entry("README.md"), "w") as out:
            out.write(card(report, pictures=len(found)).encode())
        for digest, path in found.items():
            with archive.open(_entry(f"pictures/{digest}.png"), "w") as out, path.open("rb") as png:
                shutil.copyfileobj(png, out, 1 << 20)
        for name in TABLES:
            # More than 2 GB cannot be told before it is written.
            with archive.open(_entry(f"data/{name}.parquet"), "w", force_zip64=True) as out:
                write_table(study, name, file=out)


def _pictures(study: Study) -> dict[str, Path]:
    """Where each picture of the study's pairs lies, by digest; looked for before any is written."""
    if study.external:
        raise PicturesMissing(
            f"the votes of {study.name!r} were imported without pictures. Export the dataset "
            "without them."
        )
    pairs = Comparison.objects.filter(study=study)
    shown = Image.objects.filter(Q(pk__in=pairs.values("first")) | Q(pk__in=pairs.values("second")))
    digests = shown.order_by("digest").values_list("digest", flat=True)
    found = {digest: path_of(digest) for digest in digests}
    if gone := [digest for digest, path in found.items() if not path.is_file()]:
        raise PicturesMissing(
            f"{len(gone)} of {len(found)} pictures are not in the store, the first is {gone[0]}. "
            "Restore the store from a backup, or export the dataset without pictures."
        )
    return found


def _entry(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))


def card(report: Report, *, pictures: int = 0) -> str:
    """The dataset card: front matter that loaders read, then what people read.

    Args:
        pictures: how many are in the folder.
    """
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
    if pictures:
        body += [
            "",
            f"{counted(pictures, 'picture')} in `pictures/`, each once, named by the SHA-256 of "
            "its pixels as in `first_image` and `second_image` of the votes.",
        ]
    for name, (_, columns) in TABLES.items():
        body += ["", f"## {name}", "", "| column | meaning |", "|---|---|"]
        body += [f"| `{column}` | {meaning} |" for column, meaning in columns.items()]
    return "\n".join([*front, *body]) + "\n"
