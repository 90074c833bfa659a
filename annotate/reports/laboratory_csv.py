"""Reads branch outcomes from a CSV file: prompt, student, refined, and a column per estimator.

It must not compute. Every mistake of a file is told at once, each with its line.

    prompt,student,refined,student_votes,student_annotators,clip,clip@teacher
    p1,W,T,WWT,ann;ben;cem,0.31,0.29
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from annotate.analysis.contrast import Result
from annotate.analysis.oracle import Cost
from annotate.reports.branches import Branches, Cast, Scores

COLUMNS = {
    "prompt": "An id of its own for each prompt.",
    "student": "Result of the student’s sample against the teacher: W, T or L (win, tie, loss). "
    "Empty where undecided.",
    "refined": "The same of the sample refined from it.",
    "group": "Prompts of one group (a photo, say) are drawn together.",
    "student_votes": "The single votes behind the result: WWT. They allow cross-fitting, the human "
    "ceiling and the band over votes.",
    "refined_votes": "The same of the refined sample.",
    "student_annotators": "Who cast each of these votes, parted by semicolons: ann;ben;cem. They "
    "allow the band over annotators.",
    "refined_annotators": "The same of the refined sample.",
}
"""What a file may say of a prompt beside scores; the first three are needed."""
REQUIRED = ("prompt", "student", "refined")
AT_TEACHER = "@teacher"
WORDS = {
    "w": Result.WIN,
    "win": Result.WIN,
    "t": Result.TIE,
    "tie": Result.TIE,
    "l": Result.LOSS,
    "loss": Result.LOSS,
    "lose": Result.LOSS,
}
SHOWN = 20


class OutcomesError(ValueError):
    """A file that cannot be used; one line for each thing that is wrong."""


@dataclass
class _Columns:
    prompts: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    results: dict[str, list[Result | None]] = field(default_factory=dict)
    votes: dict[str, list[tuple[Result, ...]]] = field(default_factory=dict)
    by: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    scores: dict[str, list[float | None]] = field(default_factory=dict)
    mistakes: list[str] = field(default_factory=list)


def read_outcomes(
    lines: Iterable[str],
    *,
    title: str,
    cost: Cost | None = None,
    labels: tuple[str, str, str] = ("Student", "Refined", "Teacher"),
) -> Branches:
    """The branches that a CSV file holds.

    Columns `prompt`, `student` and `refined` are needed; results are W, T, L (or win, tie, loss)
    against the teacher, empty where undecided. See `COLUMNS` for the others. Every column beside
    these is an estimator's score of the student sample (empty: unscored); `NAME@teacher` its score
    of the teacher's.

    Raises:
        OutcomesError: with a line for each mistake.
    """
    rows = csv.DictReader(lines)
    try:
        found = _checked(rows)
    except csv.Error as error:
        raise OutcomesError(
            f"line {rows.reader.line_num}: {error}. Save the file as plain CSV again."
        ) from error
    if found.mistakes:
        more = len(found.mistakes) - SHOWN
        shown = found.mistakes[:SHOWN] + ([f"and {more} more"] if more > 0 else [])
        raise OutcomesError("\n".join(shown))
    return Branches(
        title=title,
        student_label=labels[0],
        refined_label=labels[1],
        teacher_label=labels[2],
        prompts=tuple(found.prompts),
        student=tuple(found.results["student"]),
        refined=tuple(found.results["refined"]),
        groups=tuple(g or p for g, p in zip(found.groups, found.prompts, strict=True))
        if any(found.groups)
        else None,
        student_votes=_votes_of(found, "student_votes"),
        refined_votes=_votes_of(found, "refined_votes"),
        scores=tuple(_scores(found)),
        cost=cost,
        votes=sum(len(v) for column in found.votes.values() for v in column),
        student_cast=_cast(found, "student"),
        refined_cast=_cast(found, "refined"),
    )


def _checked(rows: csv.DictReader[str]) -> _Columns:
    """What the rows say, and their mistakes; raises for a head that no row can be read under."""
    header = [name.strip() for name in rows.fieldnames or ()]
    missing = [name for name in REQUIRED if name not in header]
    if missing or len(set(header)) != len(header) or "" in header:
        raise OutcomesError(
            f"line 1: the columns are {', '.join(header) or 'none'}; needed are prompt, student "
            "and refined, each once, then a named column for every estimator."
        )
    rows.fieldnames = header
    alone = [
        n for n in header if n.endswith(AT_TEACHER) and n.removesuffix(AT_TEACHER) not in header
    ]
    if alone:
        raise OutcomesError(
            f"line 1: {alone[0]!r} has no column {alone[0].removesuffix(AT_TEACHER)!r} with the "
            "scores of the student samples. Add it, or leave out both."
        )
    for branch in ("student", "refined"):
        if f"{branch}_annotators" in header and f"{branch}_votes" not in header:
            raise OutcomesError(
                f"line 1: {branch}_annotators names who cast the votes of {branch}_votes, which is "
                "not there. Add it, or leave out both."
            )
    found = _read(rows, header)
    if not found.prompts and not found.mistakes:
        found.mistakes.append("line 2: the file has no rows. Give one for each prompt.")
    return found


def _read(rows: csv.DictReader[str], header: list[str]) -> _Columns:
    found = _Columns()
    named = [name for name in header if name not in COLUMNS]
    voted = [name for name in ("student_votes", "refined_votes") if name in header]
    seen: dict[str, int] = {}
    for row in rows:
        line = rows.line_num
        # More cells than columns land under None, fewer are None.
        if None in row or None in row.values():
            found.mistakes.append(f"line {line}: {len(header)} cells are needed, as in line 1.")
            continue
        key = row["prompt"].strip()
        if not key:
            found.mistakes.append(f"line {line}: prompt is empty. Give each prompt its own id.")
        elif key in seen:
            found.mistakes.append(
                f"line {line}: prompt {key!r} stands in line {seen[key]} already. Keep one."
            )
        seen.setdefault(key, line)
        found.prompts.append(key)
        found.groups.append(row.get("group", "").strip())
        for name in ("student", "refined"):
            found.results.setdefault(name, []).append(_result(found, row, name, line))
        for name in voted:
            cast = _ballot(found, row, name, line)
            found.votes.setdefault(name, []).append(cast)
            by = name.replace("votes", "annotators")
            if by in header:
                found.by.setdefault(by, []).append(_annotators(found, row, by, len(cast), line))
        for name in named:
            found.scores.setdefault(name, []).append(_score(found, row, name, line))
    return found


def _result(found: _Columns, row: Mapping[str, str], name: str, line: int) -> Result | None:
    written = row[name].strip().lower()
    if written and written not in WORDS:
        found.mistakes.append(
            f"line {line}: {name} is {row[name]!r}; write W, T or L, or nothing if undecided."
        )
    return WORDS.get(written)


def _ballot(found: _Columns, row: Mapping[str, str], name: str, line: int) -> tuple[Result, ...]:
    written = row[name].strip().lower()
    if not set(written) <= set("wtl"):
        found.mistakes.append(f"line {line}: {name} is {row[name]!r}; write votes like WWT.")
        return ()
    return tuple(WORDS[letter] for letter in written)


def _annotators(
    found: _Columns, row: Mapping[str, str], name: str, votes: int, line: int
) -> tuple[str, ...]:
    people = tuple(person.strip() for person in row[name].split(";") if person.strip())
    if len(people) != votes or len(set(people)) != votes:
        found.mistakes.append(
            f"line {line}: {name} is {row[name]!r} for {votes} votes; name a different annotator "
            "for each, parted by semicolons."
        )
    return people


def _score(found: _Columns, row: Mapping[str, str], name: str, line: int) -> float | None:
    written = row[name].strip()
    if not written:
        return None
    try:
        value = float(written)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        found.mistakes.append(
            f"line {line}: {name} is {row[name]!r}; a score is a finite number, or nothing."
        )
        return None
    return value


def _votes_of(found: _Columns, name: str) -> tuple[tuple[Result, ...], ...] | None:
    return tuple(found.votes[name]) if name in found.votes else None


def _cast(found: _Columns, branch: str) -> Cast | None:
    votes = _votes_of(found, f"{branch}_votes")
    if votes is None:
        return None
    by = found.by.get(f"{branch}_annotators")
    return Cast(votes, None if by is None else tuple(by))


def _scores(found: _Columns) -> Iterable[Scores]:
    for name, column in found.scores.items():
        if name.endswith(AT_TEACHER):
            continue
        teacher = found.scores.get(name + AT_TEACHER)
        yield Scores(name, tuple(column), None if teacher is None else tuple(teacher))
