"""The methods of a study as cards of a form: where the pictures come from, cut-off, what differs.

It must hold no rule: MethodSpec checks, method_text reads and writes, method_prices says the cost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from pydantic import BaseModel

from annotate.web.method_prices import Choice, Price, choice_of, choices, own_recipes, price_of
from annotate.web.method_text import IMPORTED, KINDS, WAYS
from annotate.web.spec_fields import Cell, RowsBoundField, RowsField, RowsWidget
from generation.presets import names

WAY_WORDS = {
    "percentile": "Share improved, in % (k)",
    "budget": "Mean steps of an image",
    "target": "Mean score to reach",
    "tau": "Score itself (tau)",
}


class MethodRow(BaseModel):
    """The texts of one method in the form."""

    name: str = ""
    label: str = ""
    source: str = IMPORTED
    way: str = ""
    value: str = ""
    own: str = ""
    # What a calibration wrote; it goes through the form unseen.
    tuned: str = ""


@dataclass(frozen=True)
class Card:
    """One method, ready to draw."""

    number: int
    cells: dict[str, Cell]
    groups: tuple[tuple[str, tuple[Choice, ...]], ...]
    price: Price | None
    mistakes: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"Method {self.number + 1}"


class MethodsWidget(RowsWidget):
    def __init__(self) -> None:
        super().__init__(MethodRow)

    def value_from_datadict(
        self, data: Mapping[str, Any], files: Mapping[str, Any], name: str
    ) -> list[dict[str, str]]:
        rows = super().value_from_datadict(data, files, name)
        # A form of its own, or a program, may leave the source out: pictures are imported then.
        return [row | {"source": row["source"] or IMPORTED} for row in rows if _says_something(row)]


def _says_something(row: Mapping[str, str]) -> bool:
    chosen = row["source"] not in {"", IMPORTED}
    return chosen or any(row[column] for column in ("name", "label", "value", "own"))


class MethodsBoundField(RowsBoundField):
    """Methods as cards; the first two are there to begin with, since a comparison needs two."""

    @property
    def rows(self) -> list[list[Cell]]:
        return [list(card.cells.values()) for card in self.cards]

    @property
    def cards(self) -> list[Card]:
        values = [dict(row) for row in self.value() or []]
        said = getattr(self.form, "method_mistakes", {})
        spare: list[dict[str, str]] = [{}] * max(1, 2 - len(values))
        return [
            self._card(number, row, tuple(said.get(number, ())))
            for number, row in enumerate([*values, *spare])
        ]

    @property
    def filled(self) -> list[str]:
        told = []
        for row in self.value() or []:
            price = price_of(row)
            preset = row["source"] if row["source"] not in KINDS else ""
            parts = [row["name"], row["label"], preset, price.what]
            parts += [price.cost, price.rule] if row["source"] != IMPORTED else []
            told.append("; ".join(part for part in parts if part))
        return told

    def _card(self, number: int, row: Mapping[str, str], said: tuple[str, ...]) -> Card:
        values = MethodRow.model_validate(dict(row)).model_dump()
        groups: list[tuple[str, tuple[Choice, ...]]] = list(choices())
        groups.append(("Written out", tuple(own_recipes())))
        if values["source"] not in {*KINDS, *names()}:
            # Another number of steps than the listed ones; a name that is none stays to be seen.
            groups.insert(0, ("Chosen", (_choice(values["source"]),)))
        cells = {
            column: Cell(
                name=f"{self.html_name}-{number}-{column}",
                label=f"{column.capitalize()}, method {number + 1}",
                kind="select" if column in {"source", "way"} else "text",
                value=value,
                choices=tuple((way, WAY_WORDS[way]) for way in WAYS) if column == "way" else (),
            )
            for column, value in values.items()
        }
        # What is wrong is said once: by the form where it was sent, else by the price.
        price = price_of(values) if row and not said else None
        return Card(number, cells, tuple(groups), price, said)


def _choice(name: str) -> Choice:
    try:
        return choice_of(name)
    except ValueError:
        return Choice(name, name, adaptive=False)


class MethodsField(RowsField):
    """`methods` of a study."""

    def __init__(self, **given: Any) -> None:
        super().__init__(widget=MethodsWidget(), required=False, **given)

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> MethodsBoundField:
        return MethodsBoundField(form, self, field_name)
