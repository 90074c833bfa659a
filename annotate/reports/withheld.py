"""Takes p-values out of a report of a running study: out of its tables, and out of its data.

When they are withheld, and the words for it, is `peeking`'s. It must not compute.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from annotate.reports.plates import Section
from annotate.reports.tables import Table

Laid = TypeVar("Laid")
# What a paper printed is tested on its own counts: nobody peeks at those.
_PRINTED = "published"
# Nor is anything withheld of the e-process of declared early stopping, which holds at any look.
_OTHERS = frozenset({_PRINTED, "monitoring"})
# Columns that are a test, or give one away.
_TESTS = ("p", "χ²", "McNemar p")
_KEYS = frozenset(
    {"p_value", "p_claimed", "holm", "adjusted", "adjusted_p", "statistic"}
    # Of sides and annotators.
    | {"side_p", "challenger_p", "left_p", "annotators_p"}
)


def without_tests(laid: Laid) -> Laid:
    """A laid out page, or a part of it, whose tables have no p-values."""
    if isinstance(laid, Table):
        return _without_columns(laid)  # type: ignore[return-value]
    if isinstance(laid, tuple):
        return tuple(without_tests(part) for part in laid)  # type: ignore[return-value]
    if isinstance(laid, Section):
        if laid.name == _PRINTED:
            return laid
        return replace(laid, tables=without_tests(laid.tables))
    if is_dataclass(laid) and not isinstance(laid, type):
        parts = {f.name: getattr(laid, f.name) for f in fields(laid)}
        tables = {name: part for name, part in parts.items() if isinstance(part, Table | tuple)}
        return replace(laid, **{name: without_tests(part) for name, part in tables.items()})
    return laid


def _without_columns(table: Table) -> Table:
    kept = [
        place
        for place, column in enumerate(table.columns)
        if column.title not in _TESTS and not column.title.startswith("p, ")
    ]
    if len(kept) == len(table.columns):
        return table
    return Table(
        f"{table.label}, of a running study",
        tuple(table.columns[place] for place in kept),
        tuple(tuple(row[place] for place in kept) for row in table.rows),
        folded=table.folded,
    )


def blanked(data: Any) -> Any:
    """Plain data of a report with None for every p-value."""
    if isinstance(data, Mapping):
        return {key: value if key in _OTHERS else _kept(key, value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [blanked(part) for part in data]
    return data


def _kept(key: str, value: Any) -> Any:
    # Data under such a name is another thing: the share adjusted for sides.
    return None if key in _KEYS and not isinstance(value, Mapping | list) else blanked(value)
