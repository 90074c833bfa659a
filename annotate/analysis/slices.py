"""Win rates by prompt source, length or any other property of prompts: an exploratory table.
Must not know where a property comes from; a slice too small to speak says so."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar, NamedTuple

from annotate.analysis.columns import same_length
from annotate.analysis.contrast import Result
from annotate.analysis.significance import benjamini_hochberg
from annotate.analysis.winrate import TieConvention, WinRate, win_rate

Value = str | float | None
# Fewer decided verdicts than this are shown as counts: their interval says nothing.
MINIMUM = 20


@dataclass(frozen=True)
class SliceRate:
    """The win rate among the prompts of one slice.

    `adjusted_p` is Benjamini and Hochberg's over all tested slices of the table, or of the tables
    that were `corrected_together`. A slice that is
    `too_small` has fewer decided verdicts than the table's minimum: it is shown, but not tested,
    and `adjusted_p` is None.
    """

    axis: str
    label: str
    prompts: int
    undecided: int
    rate: WinRate
    adjusted_p: float | None
    too_small: bool


@dataclass(frozen=True)
class AxisTest:
    """Whether the win rate differs between the slices of one axis, ties dropped.

    This, not one slice being significant and another one not, says that an axis matters. p-values
    are None where fewer than two slices are large enough, or only one method ever won there;
    `adjusted_p` is Benjamini and Hochberg's over the axes. `unknown` prompts lack the property.
    """

    estimand: ClassVar[str] = "equality of win rates between the slices of one axis"
    unit: ClassVar[str] = "prompt"
    method: ClassVar[str] = "chi-squared test of homogeneity"

    axis: str
    slices: int
    n: int
    unknown: int
    statistic: float | None
    df: int
    p_value: float | None
    adjusted_p: float | None


@dataclass(frozen=True)
class SliceTable:
    """All slices of all axes, and what the table rests on. It explores; it proves nothing."""

    estimand: ClassVar[str] = "win rate (verdicts) within slices of prompts"
    unit: ClassVar[str] = "prompt"
    method: ClassVar[str] = "sign tests and homogeneity tests, Benjamini-Hochberg over each"

    slices: tuple[SliceRate, ...]
    axes: tuple[AxisTest, ...]
    convention: TieConvention
    n: int
    undecided: int
    tested: int
    too_small: int
    minimum: int
    confidence: float


class _Slice(NamedTuple):
    label: str
    rows: list[int]


def words(text: str) -> int:
    """The length of a prompt: its words, separated by white space."""
    return len(text.split())


def slice_table(
    results: Sequence[Result | None],
    axes: Mapping[str, Sequence[Value]],
    *,
    edges: Mapping[str, Sequence[float]] | None = None,
    bins: int = 4,
    minimum: int = MINIMUM,
    convention: TieConvention = TieConvention.DROPPED,
    confidence: float = 0.95,
) -> SliceTable:
    """Win rates by every axis: words are slices as they are, numbers are cut into bins.

    Numbers are cut at the edges given for their axis, else at quantiles of all prompts' values;
    a value on an edge belongs to the lower bin. Where values repeat, quantiles may fall together
    and there are fewer bins. Prompts count as independent: give one verdict for each group.

    Args:
        results: the verdict of each prompt from the challenger's side; None where undecided.
        axes: by name, the property of each prompt: all words, or all numbers; None if unknown.
        edges: inner edges of bins by axis, for example {"length": (7, 12)}.
        bins: quantile bins of a numeric axis without edges.
        minimum: decided verdicts (ties dropped) that a slice needs to be tested.
        convention: what a tie counts in the rates.
        confidence: of the intervals, in (0, 1).

    Raises:
        ValueError: columns differ in length, an axis mixes words and numbers or holds one that is
            not finite, edges do not ascend or belong to no axis of numbers, or a number is out of
            range.
    """
    convention = TieConvention(convention)
    if bins < 2 or minimum < 1:
        raise ValueError(f"bins={bins}, minimum={minimum}; use at least 2 bins and at least 1")
    cuts = dict(edges or {})
    if strange := sorted(set(cuts) - set(axes)):
        raise ValueError(f"edges name {strange}, which are no axes; use {', '.join(axes)}")
    rows: list[SliceRate] = []
    tests: list[AxisTest] = []
    for axis, values in axes.items():
        same_length(**{"results": results, axis: values})
        found = [
            _rate(axis, piece, results, minimum=minimum, convention=convention, level=confidence)
            for piece in _cut(axis, values, cuts.get(axis), bins=bins)
        ]
        rows += found
        unknown = sum(value is None for value in values)
        tests.append(_homogeneity(axis, found, unknown=unknown))
    alone = SliceTable(
        slices=tuple(rows),
        axes=tuple(tests),
        convention=convention,
        n=sum(result is not None for result in results),
        undecided=sum(result is None for result in results),
        tested=sum(_tested(row) is not None for row in rows),
        too_small=sum(row.too_small for row in rows),
        minimum=minimum,
        confidence=confidence,
    )
    return corrected_together([alone])[0]


def corrected_together(tables: Sequence[SliceTable]) -> tuple[SliceTable, ...]:
    """The tables of several contrasts, corrected as the one search for differences that they are.

    Benjamini and Hochberg's family of slices are all tested slices of all tables, that of axes all
    tested axes. Whatever correction the tables had before does not matter.
    """
    rows = [row for table in tables for row in table.slices]
    tests = [test for table in tables for test in table.axes]
    adjusted = iter(benjamini_hochberg([p for row in rows if (p := _tested(row)) is not None]))
    by_axis = iter(benjamini_hochberg([t.p_value for t in tests if t.p_value is not None]))
    return tuple(
        replace(
            table,
            slices=tuple(
                row if _tested(row) is None else replace(row, adjusted_p=next(adjusted))
                for row in table.slices
            ),
            axes=tuple(
                test if test.p_value is None else replace(test, adjusted_p=next(by_axis))
                for test in table.axes
            ),
        )
        for table in tables
    )


def _tested(row: SliceRate) -> float | None:
    return None if row.too_small else row.rate.p_value


def _rate(
    axis: str,
    piece: _Slice,
    results: Sequence[Result | None],
    *,
    minimum: int,
    convention: TieConvention,
    level: float,
) -> SliceRate:
    own = [None if (result := results[row]) is None else Result(result) for row in piece.rows]
    wins, ties, losses = (own.count(kind) for kind in (Result.WIN, Result.TIE, Result.LOSS))
    return SliceRate(
        axis=axis,
        label=piece.label,
        prompts=len(own),
        undecided=own.count(None),
        rate=win_rate(wins, ties, losses, convention=convention, confidence=level),
        adjusted_p=None,
        too_small=wins + losses < minimum,
    )


def _homogeneity(axis: str, rows: Sequence[SliceRate], *, unknown: int) -> AxisTest:
    large = [row.rate for row in rows if not row.too_small]
    wins, losses = [rate.wins for rate in large], [rate.losses for rate in large]
    statistic = p_value = None
    if len(large) > 1 and any(wins) and any(losses):
        # scipy.stats takes half a second to import: only processes that test anything should pay.
        from scipy.stats import chi2_contingency

        result = chi2_contingency([wins, losses], correction=False)
        statistic, p_value = float(result.statistic), float(result.pvalue)
    return AxisTest(
        axis=axis,
        slices=len(large),
        n=sum(wins) + sum(losses),
        unknown=unknown,
        statistic=statistic,
        df=max(0, len(large) - 1),
        p_value=p_value,
        adjusted_p=None,
    )


def _cut(
    axis: str, values: Sequence[Value], edges: Sequence[float] | None, *, bins: int
) -> list[_Slice]:
    known = [(row, value) for row, value in enumerate(values) if value is not None]
    named = [(row, value) for row, value in known if isinstance(value, str)]
    if len(named) not in (0, len(known)):
        raise ValueError(f"axis {axis!r} mixes words and numbers; give one kind, None if unknown")
    if named:
        if edges is not None:
            raise ValueError(f"axis {axis!r} holds words; edges are for numbers, leave them out")
        labels = sorted({value for _, value in named})
        return [_Slice(label, [row for row, v in named if v == label]) for label in labels]
    numbers = [(row, float(value)) for row, value in known]
    if wrong := [value for _, value in numbers if not math.isfinite(value)]:
        raise ValueError(f"axis {axis!r} holds {wrong[0]}; give finite numbers, None if unknown")
    return _bins(axis, numbers, edges, bins=bins)


@dataclass(frozen=True)
class SliceMembers:
    """Which rows belong to one slice."""

    axis: str
    label: str
    rows: tuple[int, ...]


def slice_members(
    axes: Mapping[str, Sequence[Value]],
    others: Mapping[str, Sequence[Value]],
    *,
    bins: int = 4,
) -> tuple[SliceMembers, ...]:
    """The slices of `slice_table` over these axes, and which of other rows fall into them.

    A table takes one prompt of each group; its slices hold the others of the group by their own
    property: in the bin whose cuts enclose their number, in the slice of their word, or in none.

    Args:
        axes: as `slice_table` has them; they make the slices.
        others: the same axes of the rows to place.

    Raises:
        ValueError: as `slice_table`.
    """
    found = []
    for axis, values in axes.items():
        pieces = _cut(axis, values, None, bins=bins)
        if not pieces:
            continue
        cuts = _quantiles([v for v in values if isinstance(v, float | int)] or [0.0], bins)

        def place(value: Value, cuts: Sequence[float] = cuts) -> Value:
            if value is None or isinstance(value, str):
                return value
            return bisect.bisect_left(cuts, float(value))

        for piece in pieces:
            own = place(values[piece.rows[0]])
            rows = tuple(row for row, value in enumerate(others[axis]) if place(value) == own)
            found.append(SliceMembers(axis, piece.label, rows))
    return tuple(found)


def _quantiles(numbers: Sequence[float], bins: int) -> list[float]:
    import numpy as np

    return sorted({float(cut) for cut in np.quantile(numbers, np.arange(1, bins) / bins)})


def _bins(
    axis: str, numbers: Sequence[tuple[int, float]], edges: Sequence[float] | None, *, bins: int
) -> list[_Slice]:
    if not numbers:
        return []
    if edges is None:
        cuts = _quantiles([v for _, v in numbers], bins)
    else:
        cuts = [float(cut) for cut in edges]
        if not cuts or any(not a < b for a, b in pairwise(cuts)):
            raise ValueError(f"the edges of {axis!r} are {cuts}; give ascending numbers")
    places: list[list[tuple[int, float]]] = [[] for _ in range(len(cuts) + 1)]
    for row, value in numbers:
        places[bisect.bisect_left(cuts, value)].append((row, value))
    found = []
    for place, held in enumerate(places):
        if held:
            if edges is None:
                label = _span(min(v for _, v in held), max(v for _, v in held))
            else:
                label = _between(cuts, place)
            found.append(_Slice(label, [row for row, _ in held]))
    return found


def _span(low: float, high: float) -> str:
    """What a bin holds: "3 to 7", as read off its own values."""
    return _short(low) if low == high else f"{_short(low)} to {_short(high)}"


def _short(value: float) -> str:
    """Whole numbers as they are, others to three digits."""
    return f"{value:g}" if value == int(value) else f"{value:.3g}"


def _between(cuts: Sequence[float], place: int) -> str:
    if place == 0:
        return f"up to {cuts[0]:g}"
    if place == len(cuts):
        return f"over {cuts[-1]:g}"
    return f"over {cuts[place - 1]:g}, up to {cuts[place]:g}"
