"""Prompts from a file, as researchers have them: lines, CSV, TSV or JSONL; and a seeded draw.

It must know no database.
"""

import csv
import io
import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from annotate.studies.prompts import PromptRow, nfc
from annotate.studies.spec import SpecError, is_digest
from generation.threshold import plain

# What columns are called, the first one found counts. Unnamed first columns are ids (pandas).
TEXT = ("text", "prompt", "caption")
ID = ("id", "prompt_id", "key", "")
GROUP = ("group", "file_name", "image_id", "image", "source")
CONTEXT = ("context",)
CONTEXT_ROLE = ("context_role",)
KINDS = (".txt", ".csv", ".tsv", ".jsonl")


class PromptFileError(ValueError):
    """A file of prompts that cannot be read, or has too few."""


def read_prompts(path: Path, *, context_of: Callable[[Path], str]) -> list[PromptRow]:
    """Every prompt of a file, in its order, each with an id.

    A `.txt` file has a prompt a line. The others have a column or field for the text (text, prompt
    or caption), and may have one for an id (id, prompt_id) and for a group (group, file_name,
    image_id): captions of one photo belong together. Fields context and context_role name a
    picture shown beside the pairs, by a file beside this one or by the digest of a stored picture.

    Args:
        context_of: gives the content digest of a picture's file.

    Raises:
        PromptFileError: it is no such file, or a line says nothing.
    """
    if path.suffix.lower() not in KINDS:
        raise PromptFileError(
            f"{path.name}: a file of prompts ends in {', '.join(KINDS)}. Save it as one of these."
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PromptFileError(f"{path} cannot be read ({error.strerror}). Check it.") from error
    except UnicodeDecodeError as error:
        raise PromptFileError(f"{path.name} is not UTF-8: {error}. Save it as UTF-8.") from error
    rows = _rows(path, text)
    if not rows:
        raise PromptFileError(f"{path.name} has no prompts. Write at least one.")
    return [
        _with_context(row, path, number, context_of) for number, row in enumerate(rows, start=1)
    ]


def _with_context(
    row: PromptRow, path: Path, number: int, context_of: Callable[[Path], str]
) -> PromptRow:
    if row.context_role and not row.context:
        raise PromptFileError(
            f"{path.name}, prompt {number}: a context_role and no context. Name its picture as "
            "context, or leave the role empty."
        )
    if not row.context or is_digest(row.context):
        return row
    try:
        return replace(row, context=context_of(path.parent / row.context))
    except SpecError as error:
        raise PromptFileError(f"{path.name}, prompt {number}: {error}") from error


def _rows(path: Path, text: str) -> list[PromptRow]:
    kind = path.suffix.lower()
    if kind == ".txt":
        lines = [line.strip() for line in text.splitlines()]
        return [PromptRow(str(n), line) for n, line in enumerate(lines, start=1) if line]
    if kind == ".jsonl":
        return _read_records(path.name, _json_lines(path.name, text))
    reader = csv.DictReader(io.StringIO(text), delimiter="\t" if kind == ".tsv" else ",")
    return _read_records(path.name, reader)


def _json_lines(name: str, text: str) -> Iterable[Mapping[str, Any]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                found = json.loads(line)
            except json.JSONDecodeError as error:
                raise PromptFileError(f"{name}, line {number}: not JSON ({error}).") from error
            if not isinstance(found, dict):
                raise PromptFileError(f"{name}, line {number}: not an object. Write {{…}}.")
            yield found


def _read_records(name: str, records: Iterable[Mapping[str, Any]]) -> list[PromptRow]:
    rows: list[PromptRow] = []
    for number, record in enumerate(records, start=1):
        found = {str(key).strip().lower(): value for key, value in record.items()}
        text = _first(found, TEXT)
        if not text:
            has = ", ".join(repr(key) for key in found) or "none"
            raise PromptFileError(
                f"{name}, prompt {number}: no text. Its fields are {has}; one of {', '.join(TEXT)} "
                "has to hold the prompt. Rename the column, or remove the line."
            )
        rows.append(
            PromptRow(
                key=_first(found, ID) or str(number),
                text=text,
                group=_first(found, GROUP),
                context=_first(found, CONTEXT),
                context_role=_first(found, CONTEXT_ROLE),
            )
        )
    return rows


def _first(record: Mapping[str, Any], names: Iterable[str]) -> str:
    return next((nfc(str(record[n])) for n in names if record.get(n) not in (None, "")), "")


def draw(
    rows: Sequence[PromptRow], *sizes: int, seed: int, name: str = "the file"
) -> list[list[PromptRow]]:
    """Disjoint lists of `sizes` prompts, no two of one text and no two of one group in all.

    Drawn by the seed; the prompts of each keep the order of the file.

    Raises:
        PromptFileError: there are not so many different ones.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    texts: set[str] = set()
    for place, row in enumerate(rows):
        folded = plain(row.text)
        if folded not in texts:
            texts.add(folded)
            groups[f"g{row.group}" if row.group else f"p{place}"].append(place)
    if sum(sizes) > len(groups):
        raise PromptFileError(
            f"{name} has {len(groups)} prompts of different text and group, and "
            f"{' + '.join(map(str, sizes))} are needed. Bring more, or ask for fewer."
        )
    rng = random.Random(f"{seed}|prompts")  # noqa: S311 (not a secret)
    chosen = [rng.choice(members) for members in rng.sample(list(groups.values()), sum(sizes))]
    lists, start = [], 0
    for size in sizes:
        lists.append([rows[place] for place in sorted(chosen[start : start + size])])
        start += size
    return lists
