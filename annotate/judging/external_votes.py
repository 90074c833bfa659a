"""A vote that was cast elsewhere, and what is wrong with a written one.

It must know neither file formats nor the database.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from annotate.sampling.refusals import Refused, quoted
from annotate.studies.prompts import nfc, text_digest

Winner = Literal["first", "second", "tie", "both_bad"]
Side = Literal["left", "right", ""]
WINNERS: tuple[Winner, ...] = get_args(Winner)
MAX_PROMPT = 10_000
MAX_SECONDS = 1_000_000
MAX_REPLICA = 32_767
# What the database holds of each.
MAX_LENGTH = {"prompt_id": 200, "first": 120, "second": 120, "group": 200, "annotator": 200}
REQUIRED = ("prompt", "first", "second", "annotator", "winner")
COLUMNS: Mapping[str, str] = {
    "prompt": "its text",
    "first": "name of one method",
    "second": "name of the other",
    "annotator": "who judged: any id of the platform; stored as a pseudonym",
    "winner": "first, second, tie or both_bad; or a method's name, or left / right with a side",
    "side": "where the first method's picture stood: left or right; empty where unknown",
    "seconds": "how long the vote took; empty where unknown",
    "prompt_id": "the prompt's id; without one, prompts of equal text are one prompt",
    "group": "prompts that belong together, such as captions of one photo",
    "replica": "number of the sample, 0 unless there are several",
    "simulated": "true where a program voted",
}


@dataclass(frozen=True, slots=True)
class ExternalVote:
    """One annotator's judgement of one pair. `side` is the first method's; 0 ms is unknown."""

    prompt: str
    first: str
    second: str
    annotator: str
    winner: Winner
    side: Side = ""
    milliseconds: int = 0
    prompt_id: str = ""
    group: str = ""
    replica: int = 0
    simulated: bool = False

    @property
    def seconds(self) -> float | None:
        return self.milliseconds / 1000 or None


def read_vote(record: Mapping[str, Any]) -> ExternalVote:
    """The vote that a record of the columns above tells.

    Raises:
        Refused: with what is wrong and what to do about it.
    """
    prompt = nfc(_text(record, "prompt"))
    if not prompt:
        raise Refused("`prompt` is empty.", "Write the prompt on every line.")
    if len(prompt) > MAX_PROMPT:
        raise Refused(
            f"the prompt has {len(prompt):,} characters, at most {MAX_PROMPT:,} are allowed.",
            "Shorten it.",
        )
    first, second = _name(record, "first"), _name(record, "second")
    if first == second:
        raise Refused(
            f"{quoted(first)} is compared with itself.", "Name two methods as first and second."
        )
    side = _side(_text(record, "side"))
    return ExternalVote(
        prompt=prompt,
        first=first,
        second=second,
        annotator=_name(record, "annotator"),
        winner=_winner(_text(record, "winner").strip(), first=first, second=second, side=side),
        side=side,
        milliseconds=_milliseconds(record.get("seconds")),
        # Equal texts are one prompt where nobody numbers them.
        prompt_id=_name(record, "prompt_id", required=False) or text_digest(prompt)[:16],
        group=_name(record, "group", required=False),
        replica=_replica(_text(record, "replica").strip()),
        simulated=_yes(_text(record, "simulated").strip()),
    )


def _text(record: Mapping[str, Any], column: str) -> str:
    given = record.get(column)
    if given is None:
        return ""
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, int):
        return str(given)
    if not isinstance(given, str):
        raise Refused(f"`{column}` is not text.", "Write it in quotes.")
    if "\0" in given or any("\ud800" <= c <= "\udfff" for c in given):
        raise Refused(f"`{column}` holds a character that no text has.", "Remove it.")
    return given


def _name(record: Mapping[str, Any], column: str, *, required: bool = True) -> str:
    name = nfc(_text(record, column))
    if required and not name:
        raise Refused(f"`{column}` is empty.", "Fill it in.")
    if len(name) > MAX_LENGTH[column]:
        raise Refused(
            f"`{column}` has {len(name):,} characters, at most {MAX_LENGTH[column]} are allowed.",
            "Shorten it.",
        )
    return name


def _side(given: str) -> Side:
    match given.strip().lower():
        case "left":
            return "left"
        case "right":
            return "right"
        case "":
            return ""
    raise Refused(
        f"`side` is {quoted(given)}.", "Write left or right, where first stood, or leave it empty."
    )


def _winner(given: str, *, first: str, second: str, side: Side) -> Winner:
    # A method may be called "first": the name of a place is meant then.
    for winner in WINNERS:
        if given == winner:
            return winner
    if nfc(given) in (first, second):
        return "first" if nfc(given) == first else "second"
    if given in ("left", "right") and side:
        return "first" if given == side else "second"
    raise Refused(
        f"`winner` is {quoted(given)}.",
        f"Write {', '.join(WINNERS)}, or one of the two methods' names"
        f"{'; left and right need a side' if given in ('left', 'right') else ''}.",
    )


def _milliseconds(given: Any) -> int:
    if given is None or (isinstance(given, str) and not given.strip()):
        return 0
    try:
        seconds = float(given)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if isinstance(given, bool) or not 0 <= seconds <= MAX_SECONDS:
        raise Refused(
            f"`seconds` is {quoted(str(given))}.",
            f"Write a number from 0 to {MAX_SECONDS:,}, or leave it empty.",
        )
    return round(seconds * 1000)


def _replica(given: str) -> int:
    if not given:
        return 0
    if given.isascii() and given.isdigit() and len(given) < 9 and int(given) <= MAX_REPLICA:
        return int(given)
    raise Refused(
        f"`replica` is {quoted(given)}.", f"Write a whole number from 0 to {MAX_REPLICA:,}."
    )


def _yes(given: str) -> bool:
    match given.lower():
        case "" | "false" | "no" | "0":
            return False
        case "true" | "yes" | "1":
            return True
    raise Refused(f"`simulated` is {quoted(given)}.", "Write true or false.")
