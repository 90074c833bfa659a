"""Between what a form holds (texts) and plain data in the shape of the TOML file.

It must not check anything but its own notation: JSON in a cell, comma-separated lines in an area.
"""

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from annotate.web.spec_fields import Shape

_FEWEST_PARTS = 3  # of a line: id, text, group


def shown_row(model: type[BaseModel], row: Mapping[str, Any]) -> dict[str, Any]:
    shown = dict(row)
    for name, info in model.model_fields.items():
        shape = Shape.of(info.annotation)
        if shape.base is dict:
            shown[name] = json.dumps(row[name], ensure_ascii=False) if row[name] else ""
        elif shape.row is not None:
            shown[name] = _write_lines(shape.row, row[name])
        elif shape.choices:
            shown[name] = str(row[name])
        elif shape.base is bool:
            shown[name] = "on" if row[name] else ""
    return shown


def plain_value(shape: Shape, value: Any) -> Any:
    if shape.row is not None:
        return [_plain_row(shape.row, row) for row in value or []]
    if shape.choices:
        # Literal compares strictly: "4" from the browser is the number 4 of the definition.
        return {str(c): c for c in shape.choices}.get(str(value), value)
    if shape.base is str and isinstance(value, str):
        return value.replace("\r\n", "\n").strip()
    return value


def _plain_row(model: type[BaseModel], row: Mapping[str, str]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        shape, value = Shape.of(info.annotation), row.get(name, "")
        if shape.base is bool:
            plain[name] = bool(value)
        elif not value:
            continue
        elif shape.base is dict:
            plain[name] = _read_json(name, value)
        elif shape.row is not None:
            plain[name] = _read_lines(shape.row, value)
        else:
            plain[name] = plain_value(shape, value)
    return plain


def _read_json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(
            f'{name}: {text[:40]!r} is not JSON ({error}). Write for example {{"steps": 50}}.'
        ) from error


def _write_lines(model: type[BaseModel], rows: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for row in rows:
        parts = [row.get(name) or "" for name in model.model_fields]
        while not parts[-1] and len(parts) > _FEWEST_PARTS:
            parts.pop()  # what is seldom given is not written as empty commas
        writer.writerow(parts)
    return out.getvalue()


def _read_lines(model: type[BaseModel], text: str) -> list[dict[str, str]]:
    """Comma-separated lines; a text with a comma goes into double quotes."""
    names = list(model.model_fields)
    rows = []
    for number, parts in enumerate(csv.reader(io.StringIO(text)), start=1):
        if len(parts) > len(names):
            raise ValueError(
                f"line {number} has {len(parts)} parts; allowed are {', '.join(names)}. "
                "Put a text that contains a comma into double quotes."
            )
        if any(part.strip() for part in parts):
            rows.append(dict(zip(names, (part.strip() for part in parts), strict=False)))
    return rows
