"""A manifest (CSV or JSONL) as a stream of checked rows, each with the line it starts on.
It must know neither pictures nor the database."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotate.sampling.archive import safe_name
from annotate.sampling.records import KNOWN, MAX_CELL, Unreadable, read_records
from annotate.sampling.refusals import Refusals, Refused, quoted
from annotate.studies.prompts import nfc

MAX_PROMPT = 10_000
MAX_ROWS = 500_000
MAX_REPLICA = 32_767
# What the database holds of each.
MAX_LENGTH = {"prompt_id": 200, "method": 120, "group": 200, "context_role": 40}


@dataclass(frozen=True, slots=True)
class Row:
    """One sample: texts in NFC, files as safe relative paths. `group` is None without a column."""

    line: int
    prompt_id: str
    prompt: str
    method: str
    replica: int
    file: str
    group: str | None
    context: str
    context_role: str
    metadata: dict[str, Any]


def read_rows(path: Path, refusals: Refusals) -> Iterator[Row]:
    """The manifest's good rows; what is wrong with the others goes to `refusals`.

    A record's line is the physical line it starts on, as an editor shows it.
    """
    rows = 0
    try:
        for line, record in read_records(path, refusals):
            if isinstance(record, Refused):
                refusals.add(line, record.problem, record.remedy)
                continue
            rows += 1
            if rows > MAX_ROWS:
                refusals.add(line, f"there are more than {MAX_ROWS:,} rows.", "Split the manifest.")
                return
            try:
                yield _row(line, record)
            except Refused as error:
                refusals.add(line, error.problem, error.remedy)
    except Unreadable:
        return
    if not rows and not refusals.total:
        refusals.add(0, "The manifest has no rows.", "Add a line for each picture.")


def _row(line: int, record: dict[str, Any]) -> Row:
    extra = record.get("metadata")
    metadata = {k: v for k, v in record.items() if k not in KNOWN and k != "metadata"}
    if isinstance(extra, dict):
        if twice := sorted(metadata.keys() & extra.keys()):
            raise Refused(f"{quoted(twice[0])} is inside and outside `metadata`.", "Keep one.")
        metadata |= extra
    elif extra not in (None, ""):
        metadata["metadata"] = extra
    prompt = nfc(_text(record, "prompt"))
    if not prompt:
        raise Refused("`prompt` is empty.", "Write the prompt on every line.")
    if len(prompt) > MAX_PROMPT:
        raise Refused(
            f"the prompt has {len(prompt):,} characters, at most {MAX_PROMPT:,} are allowed.",
            "Shorten it.",
        )
    return Row(
        line=line,
        prompt_id=_name(record, "prompt_id", required=True),
        prompt=prompt,
        method=_name(record, "method", required=True),
        replica=_replica(record.get("replica")),
        file=_file(record, "file", required=True),
        group=_name(record, "group") if "group" in record else None,
        context=_file(record, "context"),
        context_role=_name(record, "context_role"),
        metadata=metadata,
    )


def _text(record: dict[str, Any], column: str) -> str:
    """A cell as text; null and absent are empty, whole numbers may stand for ids."""
    given = record.get(column)
    if given is None:
        return ""
    if isinstance(given, int) and not isinstance(given, bool) and column != "prompt":
        return str(given)
    if not isinstance(given, str):
        raise Refused(f"`{column}` is not text.", "Write it in quotes.")
    if len(given) > MAX_CELL:
        raise Refused(f"`{column}` is longer than {MAX_CELL:,} characters.", "Shorten it.")
    return given


def _name(record: dict[str, Any], column: str, *, required: bool = False) -> str:
    name = nfc(_text(record, column))
    if required and not name:
        raise Refused(f"`{column}` is empty.", "Fill it in.")
    if len(name) > MAX_LENGTH[column]:
        raise Refused(
            f"`{column}` has {len(name):,} characters, at most {MAX_LENGTH[column]} are allowed.",
            "Shorten it.",
        )
    if not name.isprintable() and any(unicodedata.category(c) == "Cc" for c in name):
        raise Refused(f"`{column}` holds a control character.", "Write it on one line, without.")
    return name


def _replica(given: Any) -> int:
    if given is None or (isinstance(given, str) and not given.strip()):
        return 0
    digits = given.strip() if isinstance(given, str) else given
    if isinstance(digits, str) and digits.isascii() and digits.isdigit() and len(digits) < 9:
        digits = int(digits)
    if isinstance(digits, bool) or not isinstance(digits, int) or not 0 <= digits <= MAX_REPLICA:
        raise Refused(
            f"`replica` is {quoted(str(given))}.",
            f"Write a whole number from 0 to {MAX_REPLICA:,}.",
        )
    return digits


def _file(record: dict[str, Any], column: str, *, required: bool = False) -> str:
    """Not normalised: a file is found by the name it has on its disk."""
    given = record.get(column)
    if given is None or given == "":
        if required:
            raise Refused(f"`{column}` is empty.", "Name the picture.")
        return ""
    if not isinstance(given, str):
        raise Refused(f"`{column}` is not text.", "Write it in quotes.")
    try:
        return safe_name(given)
    except Refused as error:
        kind = "file" if column == "file" else "context file"
        raise Refused(f"{kind} {quoted(given)} {error.problem}", error.remedy) from error
