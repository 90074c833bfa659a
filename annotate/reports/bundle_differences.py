"""Where two versions of one file differ: by number, by row and column, by file of an archive.

It must not know what the files are for.
"""

import csv
import io
import itertools
import json
import math
import zipfile
from collections.abc import Iterator
from typing import Any

# Sums in another order, as another build of numpy adds them, differ in the last digits.
_RELATIVE = 1e-9
# Of one file; a bundle that another version made differs everywhere.
MOST_NAMED = 10_000
_MOST_SHOWN = 200


def apart(name: str, told: bytes, made: bytes, *, by: str = "") -> Iterator[str]:
    """Every difference of two files with other bytes; at least one line.

    Args:
        by: ends a line that can say no more than that bytes differ.
    """
    lines: Iterator[str] = iter(())
    if name.endswith(".json"):
        lines = leaves(name, json.loads(told), json.loads(made))
    elif name.endswith(".csv"):
        lines = _cells(name, told.decode(), made.decode())
    elif name.endswith(".zip"):
        lines = _members(name, told, made)
    found = list(itertools.islice(lines, MOST_NAMED + 1))
    yield from found[:MOST_NAMED]
    if len(found) > MOST_NAMED:
        yield f"{name}: more differs than is shown"
    if not found:
        yield f"{name}: made again it has other bytes{by}"


def leaves(where: str, told: Any, made: Any) -> Iterator[str]:
    """Every number or word that differs, by its place."""
    if isinstance(told, dict) and isinstance(made, dict):
        for key in sorted(told.keys() | made.keys()):
            yield from leaves(f"{where}: {key}", told.get(key), made.get(key))
    elif isinstance(told, list) and isinstance(made, list) and len(told) == len(made):
        for place, (one, other) in enumerate(zip(told, made, strict=True)):
            yield from leaves(f"{where}[{place}]", one, other)
    elif not _equal(told, made):
        yield f"{where}: recomputed {_short(made)}, but {_short(told)} stands there"


def _cells(name: str, told: str, made: str) -> Iterator[str]:
    """Every cell of a table that differs, by its row (from 1, below the head) and column."""
    theirs, ours = (list(csv.reader(io.StringIO(text, newline=""))) for text in (told, made))
    if len(theirs) != len(ours):
        yield f"{name}: {len(theirs) - 1} rows, but {len(ours) - 1} follow from the votes"
        return
    for row, (line, right) in enumerate(zip(theirs, ours, strict=True)):
        if len(line) != len(right):
            yield f"{name}: row {row} has {len(line)} cells instead of {len(right)}"
            continue
        for column, one, other in zip(ours[0], line, right, strict=True):
            if one != other:
                yield (
                    f"{name}: row {row}, {column}: recomputed {_short(other)}, but {_short(one)} "
                    "stands there"
                )


def _members(name: str, told: bytes, made: bytes) -> Iterator[str]:
    """The differing files of an archive inside the bundle."""
    with zipfile.ZipFile(io.BytesIO(told)) as theirs, zipfile.ZipFile(io.BytesIO(made)) as ours:
        here, there = set(theirs.namelist()), set(ours.namelist())
        for member in sorted(here ^ there):
            yield f"{name}: {member} is {'too much' if member in here else 'missing'}"
        for member in sorted(here & there):
            one, other = theirs.read(member), ours.read(member)
            if one != other:
                yield from apart(f"{name}: {member}", one, other)


def _equal(told: Any, made: Any) -> bool:
    if isinstance(told, float) and isinstance(made, float):
        return math.isclose(told, made, rel_tol=_RELATIVE, abs_tol=1e-12)
    return bool(told == made) and isinstance(told, bool) == isinstance(made, bool)


def _short(value: Any) -> str:
    written = repr(value)
    return written if len(written) <= _MOST_SHOWN else f"{written[:_MOST_SHOWN]}…"
