"""A manifest's file, CSV or JSONL, as records with the physical line each starts on.
It must know what columns are called, not what they mean."""

import codecs
import csv
import difflib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from annotate.sampling.refusals import Refusals, Refused, quoted

MAX_CELL = 1_000_000
MAX_LINE = 4_000_000
MAX_DEPTH = 20
REQUIRED = ("prompt_id", "prompt", "method", "file")
OPTIONAL = ("replica", "group", "context", "context_role")
KNOWN = (*REQUIRED, *OPTIONAL)
Record = tuple[int, dict[str, Any] | Refused]

# Python's own limit is 128 KB and a setting of the whole process; nobody else here reads CSV.
csv.field_size_limit(MAX_CELL)


class Unreadable(ValueError):
    """The rest of the manifest cannot be read; the reason is among the refusals already."""


def read_records(path: Path, refusals: Refusals) -> Iterator[Record]:
    """Each record by its column names, or why that one cannot be read, with its line.

    Raises:
        Unreadable: the rest of the file makes no sense; the reason is in `refusals`.
    """
    kinds = {".csv": _csv_records, ".jsonl": _jsonl_records, ".ndjson": _jsonl_records}
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        refusals.add(
            0, f"The manifest {quoted(path.name)} is neither .csv nor .jsonl.", "Save it as one."
        )
        raise Unreadable
    yield from kind(_Lines(path, refusals), refusals)


class _Lines:
    """Physical lines of a text file, numbered; NUL, bad bytes and endless lines stop it."""

    def __init__(self, path: Path, refusals: Refusals) -> None:
        self._path = path
        self._refusals = refusals
        self.number = 0

    def stop(self, line: int, problem: str, remedy: str) -> Unreadable:
        self._refusals.add(line, problem, remedy)
        return Unreadable()

    def __iter__(self) -> Iterator[str]:
        encoding, errors = self._encoding()
        with self._path.open(encoding=encoding, errors=errors, newline="") as file:
            try:
                while text := file.readline(MAX_LINE):
                    self.number += 1
                    self._check(text)
                    yield text
            except UnicodeDecodeError as error:
                raise self.stop(0, "The manifest is cut short.", "Save it again.") from error

    def _encoding(self) -> tuple[str, str]:
        """Codec and error handler. Both handlers let bad text through as surrogates, to be found
        line by line in `_check`: a strict decoder reads ahead and cannot say where it failed."""
        with self._path.open("rb") as file:
            start = file.read(4)
        if not start:
            raise self.stop(0, "The manifest is empty.", "Add a header and a line per picture.")
        if start in {codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE}:
            raise self.stop(0, "The manifest is UTF-32.", "Save it as UTF-8.")
        if start == b"PK\x03\x04":
            raise self.stop(
                0, "The manifest is a spreadsheet or a zip, not text.", "Export it as CSV in UTF-8."
            )
        if start[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
            return "utf-16", "surrogatepass"
        return "utf-8-sig", "surrogateescape"

    def _check(self, text: str) -> None:
        if len(text) >= MAX_LINE:
            raise self.stop(
                self.number,
                f"the line is longer than {MAX_LINE:,} characters.",
                "Shorten it, or check the line ends.",
            )
        if "\0" in text:
            raise self.stop(
                self.number, "there is a NUL character.", "Save the manifest as text in UTF-8."
            )
        if not text.isascii() and (found := lone_surrogate(text)):
            raise self.stop(
                self.number,
                f"byte 0x{ord(found) & 0xFF:02X} is not UTF-8 (Windows-1252 or Latin-1, perhaps)."
                if "\udc80" <= found <= "\udcff"
                else "there is half a surrogate pair.",
                "Save the manifest as UTF-8.",
            )


def lone_surrogate(text: str) -> str:
    """The first half of a surrogate pair that stands alone, or an empty string."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return text[error.start]
    return ""


def _csv_records(lines: _Lines, refusals: Refusals) -> Iterator[Record]:
    reader = csv.reader(iter(lines), strict=True)
    header: list[str] | None = None
    while True:
        start = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise lines.stop(start, *_csv_words(error)) from error
        if cells is None:
            break
        if not any(cell.strip() for cell in cells):
            continue  # spreadsheets leave blank rows behind
        if header is None:
            header = _header(start, cells, refusals)
        elif len(cells) != len(header):
            yield (
                start,
                Refused(
                    f"{_count(len(cells), 'cell')} where the header names {len(header)}.",
                    "Check for commas and quotes in the texts.",
                ),
            )
        else:
            yield start, dict(zip(header, cells, strict=True))
    if header is None:
        raise lines.stop(0, "The manifest is empty.", "Add a header and a line per picture.")


def _csv_words(error: csv.Error) -> tuple[str, str]:
    if "field larger" in str(error):
        return (
            f"a cell is longer than {MAX_CELL:,} characters.",
            "Shorten it, or close the quote that opens on this line.",
        )
    if "unexpected end" in str(error):
        return "a quote opens here and is never closed.", 'Close it, or write " as "" inside.'
    return f"the quotes do not match ({error}).", 'Write " as "" inside a quoted cell.'


def _header(line: int, cells: list[str], refusals: Refusals) -> list[str]:
    names = [cell.strip() for cell in cells]
    before = refusals.total
    if len(names) == 1 and (mark := next((m for m in ";\t|" if m in names[0]), "")):
        refusals.add(line, f"the columns are separated by {mark!r}.", "Separate them by commas.")
        raise Unreadable
    for position, name in enumerate(names, 1):
        if not name:
            refusals.add(line, f"column {position} has no name.", "Name it or remove it.")
        elif name in names[: position - 1]:
            refusals.add(line, f"column {quoted(name)} is there twice.", "Remove one of the two.")
    _check_names(line, names, refusals)
    if refusals.total > before:
        raise Unreadable
    return names


def _check_names(line: int, names: list[str], refusals: Refusals) -> None:
    """Required names must be there; a near miss of any known one is a slip, not metadata."""
    unknown = [name for name in names if name and name not in KNOWN]
    for wanted in KNOWN:
        if wanted in names:
            continue
        folded = {name.casefold().replace(" ", "_").replace("-", "_"): name for name in unknown}
        near = difflib.get_close_matches(wanted, folded, n=1, cutoff=0.8)
        hint = f" {quoted(folded[near[0]])} looks like it." if near else ""
        if wanted in REQUIRED:
            refusals.add(
                line,
                f"column `{wanted}` is missing.{hint}",
                f"Rename that column to `{wanted}`." if near else f"Add `{wanted}`.",
            )
        elif near:
            refusals.add(
                line,
                f"column {quoted(folded[near[0]])} looks like `{wanted}`.",
                f"Name it `{wanted}`, or something less alike if it is metadata.",
            )


def _jsonl_records(lines: _Lines, refusals: Refusals) -> Iterator[Record]:
    names: list[str] | None = None
    for text in lines:
        if not text.strip():
            continue
        try:
            record = _json_object(text)
        except Refused as error:
            yield lines.number, error
            continue
        if names is None:
            # Slips in names are told once, by the first record.
            names = list(record)
            before = refusals.total
            _check_names(lines.number, names, refusals)
            if refusals.total > before:
                raise Unreadable
        yield lines.number, record


def _json_object(text: str) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        known = dict(pairs)
        if len(known) < len(pairs):
            raise Refused("a key is there twice in one object.", "Remove one of the two.")
        return known

    def no_number(word: str) -> Any:
        raise Refused(f"{word} is not a JSON number.", "Write null or leave it out.")

    try:
        record = json.loads(text, object_pairs_hook=once, parse_constant=no_number)
    except json.JSONDecodeError as error:
        raise Refused(
            f"this is not JSON ({error.msg} at character {error.colno}).",
            "Write one whole object per line.",
        ) from error
    except RecursionError as error:
        raise Refused("the JSON is nested too deeply.", "Flatten it.") from error
    except ValueError as error:
        if isinstance(error, Refused):
            raise
        raise Refused("a number has too many digits.", "Write it as text.") from error
    if not isinstance(record, dict):
        raise Refused("this is not a JSON object.", 'Write one {"prompt_id": …} per line.')
    _check_values(record)
    return record


def _check_values(value: Any, depth: int = 0) -> None:
    """Escapes can spell what the file's own bytes cannot, and what databases do not take."""
    if depth > MAX_DEPTH:
        raise Refused("the JSON is nested too deeply.", "Flatten it.")
    if isinstance(value, str):
        if "\0" in value:
            raise Refused("there is a NUL character (\\u0000).", "Remove it.")
        if lone_surrogate(value):
            raise Refused("there is half a surrogate pair (\\ud800 to \\udfff).", "Remove it.")
    elif isinstance(value, float) and not math.isfinite(value):
        raise Refused("a number is too large.", "Write it as text.")
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check_values(key, depth + 1)
            _check_values(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check_values(inner, depth + 1)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
