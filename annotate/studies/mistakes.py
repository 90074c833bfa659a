"""Mistakes in a specification in words: what was given, what is allowed, what to do.

It must know no particular model.
"""

from pydantic import ValidationError
from pydantic_core import ErrorDetails


def explain(error: ErrorDetails) -> str:
    """One mistake in words."""
    said = error["msg"].removeprefix("Value error, ")
    if error["type"] == "missing" or error["input"] == "":
        return "nothing was given and a value is needed. Add it."
    if error["type"] == "extra_forbidden":
        return "there is no such field. Correct its name or remove it."
    if error["type"] == "value_error":
        return said  # our own validators already say all three
    given = repr(error["input"])
    shown = given if len(given) <= 80 else given[:77] + "…"
    return f"{shown} was given; {said[:1].lower()}{said[1:]}. Change it."


def lines(error: ValidationError, *, whole: str, below: str = "", skip: int = 0) -> list[str]:
    """A line `field: what is wrong` for each mistake.

    Args:
        whole: the name of what was read, for mistakes of no single field.
        below: where it lies in something larger, put before each field.
        skip: leading parts of each place to leave out (the tag of a union).
    """
    found = []
    for one in error.errors():
        parts = [below, *map(str, one["loc"][skip:])]
        place = ".".join(part for part in parts if part)
        found.append(f"{place or whole}: {explain(one)}")
    return found
