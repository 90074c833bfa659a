"""Reads rated, scored pictures from a CSV file: prompt, method, human, and a column per estimator.

It must not compute. Every mistake of a file is told at once, each with its line.

    prompt,method,human,human@ann,human@ben,clip
    p1,sd15,4.5,5,4,0.31
"""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from annotate.reports.ratings import RatedSample, Ratings

COLUMNS = {
    "prompt": "An id; its rows, one for each method, are compared with each other.",
    "method": "What made the picture.",
    "human": "People’s rating of the picture, higher is better: a mean, say. Empty if unrated.",
    "group": "Prompts of one group (a photo, say) are drawn together.",
}
"""What a file may say of a picture beside raters and scores; the first three are needed."""
REQUIRED = ("prompt", "method", "human")
OF_RATER = "human@"
SHOWN = 20


class RatingsError(ValueError):
    """A file that cannot be used; one line for each thing that is wrong."""


@dataclass
class _Read:
    samples: dict[tuple[str, str], RatedSample] = field(default_factory=dict)
    lines: dict[tuple[str, str], int] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    mistakes: list[str] = field(default_factory=list)


def read_ratings(
    lines: Iterable[str], *, title: str, estimators: Collection[str] | None = None
) -> Ratings:
    """The ratings that a CSV file holds.

    Columns `prompt`, `method` and `human` are needed, see `COLUMNS`. `human@NAME` is one rater's
    own rating, which allows the human ceiling: a name must be one person in all rows. Every other
    column is an estimator's score (empty: unscored).

    Args:
        estimators: the columns to read as scores; None for all of them.

    Raises:
        RatingsError: with a line for each mistake.
    """
    rows = csv.DictReader(lines)
    try:
        header = _header(rows)
        others = [n for n in header if n not in COLUMNS and not n.startswith(OF_RATER)]
        chosen = others if estimators is None else [n for n in others if n in estimators]
        if strange := sorted(set(estimators or ()) - set(others)):
            raise RatingsError(
                f"line 1: {', '.join(strange)} is no column of scores. There are "
                f"{', '.join(others) or 'none'}."
            )
        raters = [name for name in header if name.startswith(OF_RATER)]
        found = _rows(rows, header, chosen, raters)
    except csv.Error as error:
        raise RatingsError(
            f"line {rows.reader.line_num + 1}: {error}. Save the file as plain CSV again."
        ) from error
    if not chosen:
        found.mistakes.insert(0, "line 1: no column has scores. Add one for each estimator.")
    elif not found.samples and not found.mistakes:
        found.mistakes.append("line 2: the file has no rows. Give one for each picture.")
    if found.mistakes:
        more = len(found.mistakes) - SHOWN
        shown = found.mistakes[:SHOWN] + ([f"and {more} more"] if more > 0 else [])
        raise RatingsError("\n".join(shown))
    return Ratings(
        title=title,
        prompts=tuple(dict.fromkeys(prompt for prompt, _ in found.samples)),
        methods=tuple(dict.fromkeys(method for _, method in found.samples)),
        estimators=tuple(chosen),
        raters=tuple(name.removeprefix(OF_RATER) for name in raters),
        samples=found.samples,
        groups=found.groups,
    )


def _header(rows: csv.DictReader[str]) -> list[str]:
    header = [name.strip() for name in rows.fieldnames or ()]
    missing = [name for name in REQUIRED if name not in header]
    if missing or len(set(header)) != len(header) or "" in header or OF_RATER in header:
        raise RatingsError(
            f"line 1: the columns are {', '.join(header) or 'none'}; needed are prompt, method and "
            "human, each once, then a named column for every estimator."
        )
    rows.fieldnames = header
    return header


def _rows(
    rows: csv.DictReader[str], header: list[str], scores: list[str], raters: list[str]
) -> _Read:
    found = _Read()
    for row in rows:
        line = rows.line_num
        # More cells than columns land under None, fewer are None.
        if None in row or None in row.values():
            found.mistakes.append(f"line {line}: {len(header)} cells are needed, as in line 1.")
            continue
        key = row["prompt"].strip(), row["method"].strip()
        if not all(key):
            found.mistakes.append(f"line {line}: prompt or method is empty. Name both.")
        elif key in found.lines:
            found.mistakes.append(
                f"line {line}: prompt {key[0]!r} of {key[1]!r} stands in line {found.lines[key]} "
                "already. Keep one."
            )
        found.lines.setdefault(key, line)
        group = row.get("group", "").strip()
        if found.groups.setdefault(key[0], group) != group:
            found.mistakes.append(
                f"line {line}: prompt {key[0]!r} is in group {group!r} here, in "
                f"{found.groups[key[0]]!r} above. Keep one."
            )
        found.samples[key] = RatedSample(
            human=_number(found, row, "human", line),
            raters=tuple(_number(found, row, name, line) for name in raters),
            scores=tuple(_number(found, row, name, line) for name in scores),
        )
    return found


def _number(found: _Read, row: Mapping[str, str], name: str, line: int) -> float | None:
    written = row[name].strip()
    if not written:
        return None
    try:
        value = float(written)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        found.mistakes.append(
            f"line {line}: {name} is {row[name]!r}; give a finite number, or nothing."
        )
        return None
    return value
