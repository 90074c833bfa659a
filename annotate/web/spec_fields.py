"""Form fields made from pydantic fields: one shape of type, one way to draw it.

It must not know any particular model, and hold no rule: pydantic checks, this file draws.
"""

import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from django import forms
from pydantic import BaseModel
from pydantic.fields import FieldInfo

# Texts of several lines, by how many are shown.
LONG_TEXTS = {"description": 3, "instructions": 14, "explanation": 2, "consent": 6}
SPARE_ROWS = 2


@dataclass(frozen=True)
class Shape:
    """A field's type without its wrappings."""

    choices: tuple[Any, ...] = ()
    row: type[BaseModel] | None = None
    base: type = str
    optional: bool = False

    @classmethod
    def of(cls, annotation: Any) -> "Shape":
        origin, args = get_origin(annotation), get_args(annotation)
        if origin is Literal:
            return cls(choices=args, base=object)
        if origin in {Union, types.UnionType}:
            inner = cls.of(next(a for a in args if a is not type(None)))
            return cls(inner.choices, inner.row, inner.base, optional=True)
        if origin is tuple:
            return cls(row=args[0], base=tuple)
        if origin is dict:
            return cls(base=dict)
        if hasattr(annotation, "__metadata__"):
            return cls.of(annotation.__origin__)
        return cls(base=annotation)


def title_of(name: str, info: FieldInfo) -> str:
    return info.title or name.replace("_", " ").capitalize()


def words(value: Any) -> str:
    """A choice as people read it; the value itself stays recognisable from the TOML file."""
    return str(value).replace("_", " ").replace("-", " ").capitalize()


def bounds(info: FieldInfo) -> dict[str, Any]:
    """Pydantic's limits as HTML attributes: the browser helps, pydantic decides."""
    found: dict[str, Any] = {}
    for mark in info.metadata:
        if isinstance(mark, Ge | Gt):
            found["min"] = mark.ge if isinstance(mark, Ge) else mark.gt
        if isinstance(mark, Le | Lt):
            found["max"] = mark.le if isinstance(mark, Le) else mark.lt
        if getattr(mark, "max_length", None):
            found["maxlength"] = mark.max_length
    return found


class RowsWidget(forms.Widget):
    """A table of inputs named `methods-0-name`; blank rows are left out."""

    def __init__(self, model: type[BaseModel]) -> None:
        super().__init__()
        self.model = model
        # Ids of the page's lists of suggestions, by column.
        self.suggested: dict[str, str] = {}

    def value_from_datadict(
        self, data: Mapping[str, Any], _files: Mapping[str, Any], name: str
    ) -> list[dict[str, str]]:
        columns = list(self.model.model_fields)
        numbers = {
            int(parts[1])
            for key in data
            if key.startswith(f"{name}-")
            and len(parts := key.rsplit("-", 2)) == 3
            and parts[0] == name
            and parts[1].isdigit()
        }
        rows = [
            {c: str(data.get(f"{name}-{n}-{c}", "")).strip() for c in columns}
            for n in sorted(numbers)
        ]
        return [row for row in rows if any(row[c] for c in self._telling())]

    def _telling(self) -> list[str]:
        """Columns that say something: an untouched select or box does not make a row."""
        shapes = {n: Shape.of(i.annotation) for n, i in self.model.model_fields.items()}
        return [n for n, shape in shapes.items() if not shape.choices and shape.base is not bool]

    def value_omitted_from_data(self, *_: Any) -> bool:
        return False


@dataclass(frozen=True)
class Cell:
    """One input of a row, ready to draw."""

    name: str
    label: str
    kind: str
    value: Any
    choices: tuple[tuple[str, str], ...] = ()
    suggested: str = ""


def _opponents_first(row: Mapping[str, Any]) -> dict[str, Any]:
    """A contrast's two names as one phrase; other rows as they are."""
    if not {"a", "b"} <= row.keys():
        return dict(row)
    rest = {name: value for name, value in row.items() if name not in {"a", "b"}}
    if over := rest.get("prompt_set"):
        rest["prompt_set"] = f"over {over}"
    return {"pair": f"{row['a']} against {row['b']}", **rest}


class RowsBoundField(forms.BoundField):
    """A bound field that can be drawn as a table without a template of Django's own."""

    @property
    def columns(self) -> list[str]:
        return [title_of(n, i) for n, i in self._model.model_fields.items()]

    @property
    def rows(self) -> list[list[Cell]]:
        """Rows with their values, and a few blank ones."""
        values = list(self.value() or [])
        return [self._row(i, v) for i, v in enumerate([*values, *[{}] * SPARE_ROWS])]

    @property
    def filled(self) -> list[str]:
        """The rows that say something, each as one line to read."""
        ticked = {
            name: title_of(name, info).lower()
            for name, info in self._model.model_fields.items()
            if Shape.of(info.annotation).base is bool
        }
        return [
            ", ".join(str(ticked.get(name, value)) for name, value in row.items() if value)
            for row in map(_opponents_first, self.value() or [])
        ]

    def _row(self, number: int, values: Mapping[str, Any]) -> list[Cell]:
        cells = []
        for name, info in self._model.model_fields.items():
            shape = Shape.of(info.annotation)
            kind = "text"
            blank = (("", "Choose"),) if shape.choices and info.is_required() else ()
            if shape.choices:
                kind = "select"
            elif shape.base is bool:
                kind = "check"
            elif shape.row is not None or name in LONG_TEXTS:
                kind = "area"
            cells.append(
                Cell(
                    name=f"{self.html_name}-{number}-{name}",
                    label=f"{title_of(name, info)}, row {number + 1}",
                    kind=kind,
                    value=values.get(name, "" if kind != "select" or blank else info.default),
                    choices=blank + tuple((str(c), words(c)) for c in shape.choices),
                    suggested=self._widget.suggested.get(name, ""),
                )
            )
        return cells

    @property
    def _widget(self) -> RowsWidget:
        widget = self.field.widget
        assert isinstance(widget, RowsWidget)
        return widget

    @property
    def _model(self) -> type[BaseModel]:
        return self._widget.model


class RowsField(forms.Field):
    """Repeated rows of a small pydantic model."""

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> RowsBoundField:
        return RowsBoundField(form, self, field_name)


class PlainBooleanField(forms.Field):
    """A tick box whose value goes to pydantic as True or False."""

    widget = forms.CheckboxInput


def field_for(name: str, info: FieldInfo) -> forms.Field:
    """The form field that draws one field of a specification."""
    shape = Shape.of(info.annotation)
    common: dict[str, Any] = {
        "required": False,  # pydantic says what is missing, in one voice with everything else
        "label": title_of(name, info),
        "help_text": info.description or "",
    }
    if shape.row is not None:
        return RowsField(widget=RowsWidget(shape.row), **common)
    if shape.choices:
        listed = [(str(c), words(c)) for c in shape.choices]
        blank = [("", "None")] if shape.optional else []
        return forms.Field(widget=forms.Select(choices=blank + listed), **common)
    if shape.base is bool:
        return PlainBooleanField(**common)
    attributes = bounds(info)
    if shape.base in {int, float}:
        attributes["step"] = "1" if shape.base is int else "any"
        return forms.Field(widget=forms.NumberInput(attributes), **common)
    if name in LONG_TEXTS:
        attributes["rows"] = LONG_TEXTS[name]
        return forms.Field(widget=forms.Textarea(attributes), **common)
    return forms.Field(widget=forms.TextInput(attributes), **common)
