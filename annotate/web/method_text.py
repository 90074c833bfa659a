"""A method between its text in the form and plain data in the shape of the TOML file.

It must check nothing but its own notation: TOML lines such as `teacher.steps = 25`.
"""

import contextlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from annotate.studies.arms import Kind, Rule, plain
from generation.presets import preset, resolve

KINDS: tuple[str, ...] = get_args(Kind)
WAYS = tuple(Rule.model_fields)
IMPORTED = "imported"
_BARE = re.compile(r"[A-Za-z0-9_-]+")


class MethodMistake(ValueError):
    """A text of one method that cannot be read."""

    def __init__(self, row: int, said: str) -> None:
        super().__init__(said)
        self.row = row


def in_the_form(line: str) -> str:
    """A mistake with its place named as the form's fields name it, not as the TOML file does."""
    line = line.removeprefix("settings.arm.").replace("settings.pins", "pins")
    return line.replace("settings.threshold.", "cut-off, ").replace("settings.threshold", "cut-off")


def shown_method(method: Mapping[str, Any]) -> dict[str, str]:
    """A method of a specification as the form's texts; `plain_method` reads them back."""
    settings = method["settings"]
    row = {"name": method["name"], "label": method["label"], "source": method["kind"]}
    row |= {"way": "", "value": "", "tuned": "", "own": ""}
    if method["kind"] == IMPORTED:
        return row | {"own": write_lines(settings)}
    own = {**settings.get("arm", {}), **({"pins": settings["pins"]} if "pins" in settings else {})}
    row["own"] = write_lines(own)
    row["source"] = settings.get("preset") or method["kind"]
    for way, value in (settings.get("threshold") or {}).items():
        row |= {"way": way, "value": str(value)}
    if settings.get("tuned"):
        row["tuned"] = json.dumps(settings["tuned"])
    return row


def plain_method(number: int, row: Mapping[str, str]) -> dict[str, Any]:
    """What the form's texts say, as a MethodSpec takes it.

    Raises:
        MethodMistake: the lines are not TOML, or no preset has the name.
    """
    source = row.get("source") or IMPORTED
    try:
        own = read_lines(row.get("own", ""))
        # No field of the arm: commits for every place in it.
        pins = own.pop("pins", None) if source != IMPORTED else None
        kind = kind_of(source, own)
    except ValueError as error:
        raise MethodMistake(number, str(error)) from error
    said = {"name": row.get("name", ""), "label": row.get("label", ""), "kind": kind}
    if kind == IMPORTED:
        return said | {"settings": own}
    settings: dict[str, Any] = {} if source in KINDS else {"preset": source}
    if pins is not None:
        settings["pins"] = pins
    if own:
        settings["arm"] = own
    # A cut-off that stands in a field no longer shown says nothing of a teacher.
    if kind.startswith("adaptive"):
        settings |= _cut_off(number, row)
    return said | {"settings": settings}


def _cut_off(number: int, row: Mapping[str, str]) -> dict[str, Any]:
    """The rule for tau, where one is given, and what a calibration made of it."""
    try:
        found = cut_off(row.get("way", ""), row.get("value", ""))
    except ValueError as error:
        raise MethodMistake(number, str(error)) from error
    if row.get("tuned"):
        found["tuned"] = _tuned(number, row["tuned"])
    return found


def cut_off(way: str, value: str) -> dict[str, Any]:
    """The part of a method's settings that says how tau is found; empty for the preset's own way.

    Raises:
        ValueError: one of the two is missing.
    """
    value = value.strip()
    if value and not way:
        raise ValueError(
            f"cut-off: {value!r} was given without saying what it is. Choose it beside it."
        )
    if way and not value:
        raise ValueError(
            f"cut-off: a {way} was chosen without a number. Give it, or choose neither."
        )
    return {"threshold": {way: _number(value)}} if way else {}


def kind_of(source: str, own: Mapping[str, Any]) -> str:
    """What a method of this source is: itself for a recipe, else what its preset comes to."""
    if source in KINDS:
        return source
    arm = preset(source).recipe
    # What is wrong with the overrides, MethodSpec says, each with its place.
    with contextlib.suppress(ValueError):
        arm = resolve(source, dict(own))["arm"]
    return f"adaptive-{arm['strategy']}" if arm["kind"] == "adaptive" else str(arm["kind"])


def _number(text: str) -> Any:
    """A number where it is one; else the text, for pydantic to say so."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return plain(float(text))
    except ValueError:
        return text


def _tuned(number: int, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise MethodMistake(
            number, "what a calibration wrote was changed on the way. Calibrate it again."
        ) from error


def read_lines(text: str) -> dict[str, Any]:
    """TOML lines as plain data.

    Raises:
        ValueError: it is not TOML; the text says where.
    """
    try:
        return dict(plain(tomllib.loads(text.replace("\r\n", "\n"))))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(
            f"these lines cannot be read: {error}. Write one setting a line, as teacher.steps = 25 "
            'or student.model.path = "/models/cd"; texts stand in double quotes.'
        ) from error


def write_lines(data: Mapping[str, Any], *, below: str = "") -> str:
    """Plain data as TOML, one dotted setting a line."""
    return "\n".join(_lines(data, below))


def _lines(data: Mapping[str, Any], below: str) -> Iterator[str]:
    for key, value in data.items():
        name = below + _key(key)
        if isinstance(value, Mapping) and value:
            yield from _lines(value, f"{name}.")
        else:
            yield f"{name} = {_literal(value)}"


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _literal(key)


def _literal(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(k)} = {_literal(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    # Texts, numbers and truth are written alike in JSON and TOML.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
