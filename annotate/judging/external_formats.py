"""Votes as files of other programs, read and written: long CSV, Toloka TSV, Label Studio JSON.

What is written is read back as the same votes. It must not know the database.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, get_args

from annotate.judging.external_votes import COLUMNS, REQUIRED, ExternalVote
from annotate.sampling.refusals import Refused, quoted

Format = Literal["csv", "toloka", "label-studio"]
FORMATS: tuple[Format, ...] = get_args(Format)
_BY_SUFFIX: Mapping[str, Format] = {".csv": "csv", ".tsv": "toloka", ".json": "label-studio"}
# Toloka's prefixes: what a task is given, what it yields, and who did it.
TOLOKA: Mapping[str, str] = {
    "prompt": "INPUT:prompt",
    "first": "INPUT:first",
    "second": "INPUT:second",
    "annotator": "ASSIGNMENT:worker_id",
    "winner": "OUTPUT:winner",
    "side": "INPUT:side",
    "seconds": "OUTPUT:seconds",
    "prompt_id": "INPUT:prompt_id",
    "group": "INPUT:group",
    "replica": "INPUT:replica",
    "simulated": "OUTPUT:simulated",
}
_DONE = {"", "APPROVED", "ACCEPTED", "SUBMITTED"}


class Text(Protocol):
    """What text is written to."""

    def write(self, text: str, /) -> object: ...


class Line(NamedTuple):
    """A record and the physical line it starts on, or what makes it unreadable."""

    number: int
    record: Mapping[str, Any] | Refused


def format_of(name: str) -> Format:
    """The format that a file's name tells.

    Raises:
        Refused: it tells none.
    """
    found = _BY_SUFFIX.get(Path(name).suffix.lower())
    if found is None:
        raise Refused(
            f"{quoted(name)} is neither .csv, .tsv nor .json.",
            "Name the file by its format: CSV, Toloka TSV or Label Studio JSON.",
        )
    return found


def read_lines(path: Path, kind: Format) -> Iterator[Line]:
    """Every record of the file in the columns of `external_votes.COLUMNS`.

    Raises:
        Refused: the file as a whole cannot be read.
    """
    try:
        yield from _READERS[kind](path)
    except UnicodeDecodeError as error:
        raise Refused(f"the file is not UTF-8 ({error.reason}).", "Save it as UTF-8.") from error


def _read_csv(path: Path) -> Iterator[Line]:
    return _read_table(path, names={name: name for name in COLUMNS}, delimiter=",")


def _read_toloka(path: Path) -> Iterator[Line]:
    """Tasks that were turned down or never done are no votes; nor are control tasks."""
    for line in _read_table(path, names=TOLOKA, delimiter="\t"):
        if not isinstance(line.record, Refused):
            status = str(line.record.get("ASSIGNMENT:status") or "").upper()
            golden = any(k.startswith("GOLDEN:") and v for k, v in line.record.items())
            if status not in _DONE or golden:
                continue
        yield line


def _read_table(path: Path, *, names: Mapping[str, str], delimiter: str) -> Iterator[Line]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            header = next(reader, None)
        except csv.Error as error:
            raise Refused(f"the header cannot be read ({error}).", "Correct line 1.") from error
        if header is None:
            raise Refused("the file is empty.", "Write a header and a line for each vote.")
        if missing := [names[name] for name in REQUIRED if names[name] not in header]:
            raise Refused(
                f"the header lacks {', '.join(map(quoted, missing))}.",
                f"Needed are {', '.join(names[name] for name in REQUIRED)}.",
            )
        if doubled := sorted({name for name in header if name and header.count(name) > 1}):
            raise Refused(f"the column {quoted(doubled[0])} is there twice.", "Keep one.")
        ours = {theirs: name for name, theirs in names.items()}
        titles = [ours.get(title, title) for title in header]
        yield from _records(reader, titles)


def _records(reader: Any, titles: list[str]) -> Iterator[Line]:
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            # What follows an open quote cannot be told apart any more.
            yield Line(number, Refused(f"this line cannot be read ({error}).", "Correct it."))
            return
        if cells is None:
            return
        if not cells:
            continue
        if len(cells) != len(titles):
            wrong = f"{len(cells)} cells, the header has {len(titles)}."
            yield Line(number, Refused(wrong, "Quote cells that hold the separator."))
            continue
        yield Line(number, dict(zip(titles, cells, strict=True)))


def _read_label_studio(path: Path) -> Iterator[Line]:
    """One record for each annotation that was not cancelled."""
    text = path.read_text(encoding="utf-8-sig")
    for number, task in _tasks(text):
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
            yield Line(number, Refused("this is no task with `data`.", "Export as JSON."))
            continue
        given = task.get("annotations")
        for annotation in given if isinstance(given, list) else []:
            if isinstance(annotation, dict) and not annotation.get("was_cancelled"):
                yield Line(number, {**task["data"], **_judgement(annotation)})


def _tasks(text: str) -> Iterator[tuple[int, Any]]:
    """The elements of a JSON array, each with the line it starts on."""
    decoder, number, seen = json.JSONDecoder(), 1, 0
    place = _skip(text, 0)
    if text[place : place + 1] != "[":
        raise Refused("the file is no JSON array.", "Export from Label Studio as JSON.")
    place = _skip(text, place + 1)
    while text[place : place + 1] != "]":
        number, seen = number + text.count("\n", seen, place), place
        try:
            task, place = decoder.raw_decode(text, place)
        # ValueError: also a whole number of more digits than Python reads.
        except (ValueError, RecursionError) as error:
            raise Refused(f"line {number} is no JSON ({error}).", "Export it again.") from error
        yield number, task
        place = _skip(text, place)
        if text[place : place + 1] == ",":
            place = _skip(text, place + 1)
        elif text[place : place + 1] != "]":
            raise Refused(f"the array ends after line {number}.", "Export it again.")


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place] in " \t\r\n":
        place += 1
    return place


def _judgement(annotation: dict[str, Any]) -> dict[str, Any]:
    """Who chose what: a choice named `winner`, or Label Studio's own pairwise control."""
    found: dict[str, Any] = {
        "annotator": _person(annotation.get("completed_by")),
        "seconds": annotation.get("lead_time"),
    }
    results = annotation.get("result")
    for result in results if isinstance(results, list) else []:
        value = result.get("value") if isinstance(result, dict) else None
        if not isinstance(value, dict):
            continue
        if result.get("type") == "pairwise":
            # Its left one is the first of the two.
            selected = value.get("selected")
            found["winner"] = {"left": "first", "right": "second"}.get(str(selected), selected)
        elif result.get("from_name") == "winner" and isinstance(value.get("choices"), list):
            found["winner"] = value["choices"][0] if len(value["choices"]) == 1 else ""
        meta = result.get("meta")
        if isinstance(meta, dict):
            found |= {k: meta[k] for k in ("side", "simulated") if k in meta}
    return found


def _person(given: Any) -> Any:
    if isinstance(given, dict):
        return given.get("email") or given.get("username") or given.get("id")
    return given


_READERS: Mapping[Format, Callable[[Path], Iterator[Line]]] = {
    "csv": _read_csv,
    "toloka": _read_toloka,
    "label-studio": _read_label_studio,
}


def write_votes(votes: Iterable[ExternalVote], kind: Format, file: Text) -> int:
    """Write the votes one by one, so that any number needs the memory of few; how many."""
    return _WRITERS[kind](votes, file)


def _row(vote: ExternalVote) -> dict[str, Any]:
    return {
        name: getattr(vote, name)
        if name not in {"seconds", "simulated"}
        else {"seconds": vote.seconds, "simulated": "true" if vote.simulated else "false"}[name]
        for name in COLUMNS
    }


def _write_csv(votes: Iterable[ExternalVote], file: Text) -> int:
    return _write_table(votes, file, titles=list(COLUMNS), delimiter=",")


def _write_toloka(votes: Iterable[ExternalVote], file: Text) -> int:
    return _write_table(votes, file, titles=[TOLOKA[name] for name in COLUMNS], delimiter="\t")


def _write_table(
    votes: Iterable[ExternalVote], file: Text, *, titles: list[str], delimiter: str
) -> int:
    # Line ends of both kinds inside cells are quoted only when the terminator holds both.
    writer, n = csv.writer(file, delimiter=delimiter, lineterminator="\r\n"), 0
    writer.writerow(titles)
    for n, vote in enumerate(votes, start=1):  # noqa: B007 (the last number is the count)
        writer.writerow(_row(vote).values())
    return n


def _write_label_studio(votes: Iterable[ExternalVote], file: Text) -> int:
    n = 0
    file.write("[")
    for place, (data, together) in enumerate(groupby(votes, key=_data)):
        annotations = [_annotation(vote) for vote in together]
        n += len(annotations)
        task = {"id": place + 1, "data": dict(data), "annotations": annotations}
        file.write(",\n" if place else "\n")
        file.write(json.dumps(task, ensure_ascii=False, sort_keys=True))
    file.write("\n]\n")
    return n


def _data(vote: ExternalVote) -> tuple[tuple[str, Any], ...]:
    names = ("prompt", "first", "second", "prompt_id", "group", "replica")
    return tuple((name, getattr(vote, name)) for name in names)


def _annotation(vote: ExternalVote) -> dict[str, Any]:
    return {
        "completed_by": {"username": vote.annotator},
        "lead_time": vote.seconds,
        "was_cancelled": False,
        "result": [
            {
                "from_name": "winner",
                "to_name": "pair",
                "type": "choices",
                "value": {"choices": [vote.winner]},
                "meta": {"side": vote.side, "simulated": vote.simulated},
            }
        ],
    }


_WRITERS: Mapping[Format, Callable[[Iterable[ExternalVote], Text], int]] = {
    "csv": _write_csv,
    "toloka": _write_toloka,
    "label-studio": _write_label_studio,
}
