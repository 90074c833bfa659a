"""Draws the report's figures as SVG: numbers and words in, one string out, the same on every run.

It must not know Django, the database or how a number came about. Colours and type come from the
style sheet by class, so that screen, dark screen and print share one drawing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from annotate.reports.canvas import (
    HALF,
    NARROW,
    WIDE,
    Anchor,
    Canvas,
    Figure,
    Svg,
    first_fit,
    fit,
    linear,
    short,
    text_width,
)

BAR = 28.0

Mark = Literal["win", "tie", "lose"]


@dataclass(frozen=True)
class BarRow:
    """Verdicts of method a against method b."""

    a: str
    b: str
    wins: int
    ties: int
    losses: int
    # What was printed elsewhere, in percent (win, tie, lose); they need not sum to 100.
    ghost: tuple[float, float, float] | None = None
    # What an image of either method takes, the longest wording first; empty where nobody knows.
    a_cost: tuple[str, ...] = ()
    b_cost: tuple[str, ...] = ()


@dataclass(frozen=True)
class Interval:
    """A share in [0, 1] with its interval; None where there is nothing to estimate from."""

    label: str
    estimate: float | None
    low: float | None
    high: float | None
    n: int
    # A main row carries the diamond and the bold line; a detail row a square by n.
    main: bool = True


def preference_bars(rows: Sequence[BarRow], *, alt: str) -> Figure:
    """Win, tie and lose as one bar for each comparison: method a at the left end, b at the right.

    There is no centre line: with ties the middle of the bar is not 50 %. A thin bar below is the
    published one. Below stand what an image takes and, of several bars, the number of verdicts.
    """
    return Figure(
        wide=_bars(rows, WIDE, kind="plot plot-wide", alt=alt),
        narrow=_bars(rows, NARROW, kind="plot plot-narrow", alt=alt),
    )


def _bars(rows: Sequence[BarRow], width: float, *, kind: str, alt: str) -> Svg:
    beside = width == WIDE and max(text_width(n) for r in rows for n in (r.a, r.b)) <= 138
    left, right = (150.0, 566.0) if beside else (0.0, width)
    # One pair of methods is named by the heading alone where there is no room beside the bar.
    one = len({(r.a, r.b) for r in rows}) == 1
    step = 46.0 if beside or one else 70.0
    ghosts = any(row.ghost for row in rows)
    foot = len(rows) > 1 or any(row.a_cost or row.b_cost for row in rows)
    step += 8.0 * ghosts + 11.0 * foot
    canvas = Canvas(width, 8 + step * len(rows) + (12 if beside or one else 0), kind=kind, alt=alt)
    third = (right - left) / 2 - 24
    wins = ("First method wins",) if not one else (f"{rows[0].a} wins", rows[0].a)
    losses = ("Second method wins",) if not one else (f"{rows[0].b} wins", rows[0].b)
    canvas.text(left, 11, first_fit(wins, third), "t-s t-win")
    canvas.text((left + right) / 2, 11, "Tie", "t-s t-2", "middle")
    canvas.text(right, 11, first_fit(losses, third), "t-s t-lose", "end")
    for place, row in enumerate(rows):
        top = 24 + step * place
        if beside:
            canvas.text(138, top + 19, row.a, "t-m", "end")
            canvas.text(578, top + 19, row.b, "t-m")
        elif not one:
            half = width / 2 - 8
            canvas.text(0, top + 12, fit(row.a, half), "t-m")
            canvas.text(width, top + 12, fit(row.b, half), "t-m", "end")
            top += 20
        _bar(canvas, row, left, right, top)
        if row.ghost:
            _ghost(canvas, row.ghost, left, right, top + BAR + 3)
        if foot:
            y = top + BAR + (21 if ghosts else 13)
            _foot(canvas, row, left, right, y, alone=len(rows) == 1)
    return canvas.svg()


def _foot(canvas: Canvas, row: BarRow, left: float, right: float, y: float, *, alone: bool) -> None:
    """What an image takes, each at its method's end, and the verdicts between them."""
    total = row.wins + row.ties + row.losses
    between = f"n = {total:,}" if total and not alone else ""
    room = (right - left - text_width(between, size=12)) / 2 - 6
    if row.a_cost:
        canvas.text(left, y, first_fit(row.a_cost, room), "t-s t-2")
    if row.b_cost:
        canvas.text(right, y, first_fit(row.b_cost, room), "t-s t-2", "end")
    if between:
        canvas.text((left + right) / 2, y, between, "t-s t-2", "middle")


def _ghost(
    canvas: Canvas, labels: tuple[float, float, float], left: float, right: float, top: float
) -> None:
    """The printed labels as a thin bar: wins from the left, losses from the right.

    Labels that sum to more or less than 100 overlap or leave a gap: nothing is stretched.
    """
    win, _, lose = labels
    scale = (right - left) / 100
    canvas.rect(left, top, right - left, 5, "f-tie")
    canvas.rect(left, top, win * scale, 5, "f-win")
    canvas.rect(right - lose * scale, top, lose * scale, 5, "f-lose")


def _bar(canvas: Canvas, row: BarRow, left: float, right: float, top: float) -> None:
    total = row.wins + row.ties + row.losses
    middle = top + 19
    if not total:
        canvas.line(left, top + BAR, right, top + BAR, "s-axis")
        canvas.text((left + right) / 2, middle, "no verdict yet", "t-s t-2", "middle")
        return
    scale = (right - left) / total
    tie = left + row.wins * scale
    lose = right - row.losses * scale
    canvas.rect(left, top, tie - left, BAR, "f-win")
    canvas.rect(tie, top, lose - tie, BAR, "f-tie")
    canvas.rect(lose, top, right - lose, BAR, "f-lose")
    for edge in {tie, lose} - {left, right}:
        canvas.line(edge, top, edge, top + BAR, "s-paper")
    # A number stands inside its own piece or not at all; the table beside holds every one.
    if tie - left >= 44:
        canvas.text(left + 10, middle, f"{100 * row.wins / total:.0f} %", "t-m t-b t-onwin")
    if lose - tie >= 26:
        share = f"{100 * row.ties / total:.0f}"
        canvas.text((tie + lose) / 2, middle, share, "t-m t-ontie", "middle")
    if right - lose >= 44:
        share = f"{100 * row.losses / total:.0f} %"
        canvas.text(right - 10, middle, share, "t-m t-b t-onlose", "end")


def forest(
    rows: Sequence[Interval],
    *,
    toward_a: str,
    toward_b: str,
    measure: str,
    alt: str,
    verb: str = " preferred",
) -> Figure:
    """Win rates with their intervals on one scale; the dotted line is "no difference"."""
    ways = _Ways(toward_a, toward_b, verb)
    return Figure(
        wide=_forest_wide(rows, ways, measure=measure, alt=alt),
        narrow=_forest_narrow(rows, ways, alt=alt),
    )


class _Ways(NamedTuple):
    """Whose the right and the left of a scale are, with the verb where there is room for it."""

    a: str
    b: str
    verb: str


def _forest_wide(rows: Sequence[Interval], ways: _Ways, *, measure: str, alt: str) -> Svg:
    # Long names take room from the scale, up to half of it.
    left = 16 + min(max(246.0, *(text_width(row.label) for row in rows)), 360.0)
    right, top, step = 574.0, 26.0, 27.0
    bottom = top + step * len(rows) + 4
    canvas = Canvas(WIDE, bottom + 24, kind="plot plot-wide", alt=alt)
    low, high = _range(rows)
    x = linear(low, high, left, right)
    for tick in _ticks(low, high):
        canvas.line(x(tick), top, x(tick), bottom, "s-half" if tick == 0.5 else "s-grid")
        canvas.text(x(tick), bottom + 17, f"{100 * tick:.0f} %", "t-s t-2", "middle")
    half = x(0.5)
    _directions(canvas, half, ways, right=WIDE - 140)
    canvas.text(WIDE, 14, measure, "t-s t-2", "end")
    for place, row in enumerate(rows):
        y = top + step * (place + 0.5) + 2
        canvas.text(0, y + 4.5, fit(row.label, left - 12), "t-m t-b" if row.main else "t-m")
        _forest_mark(canvas, row, x, y, most=max(r.n for r in rows), end=WIDE, text_y=y + 4.5)
    return canvas.svg()


def _forest_narrow(rows: Sequence[Interval], ways: _Ways, *, alt: str) -> Svg:
    left, right, step = 8.0, NARROW - 8, 42.0
    bottom = 26 + step * len(rows)
    canvas = Canvas(NARROW, bottom + 22, kind="plot plot-narrow", alt=alt)
    low, high = _range(rows)
    x = linear(low, high, left, right)
    half = x(0.5)
    _directions(canvas, half, ways, right=NARROW)
    for place, row in enumerate(rows):
        top = 26 + step * place
        canvas.text(0, top + 13, fit(row.label, 225, size=12), "t-s t-b" if row.main else "t-s")
        for tick in _ticks(low, high):
            kind = "s-half" if tick == 0.5 else "s-grid"
            canvas.line(x(tick), top + 18, x(tick), top + 36, kind)
        most = max(r.n for r in rows)
        _forest_mark(canvas, row, x, top + 27, most=most, end=NARROW, text_y=top + 13)
    for tick in _ticks(low, high):
        # The outermost labels stay inside the drawing.
        anchor: Anchor = "start" if x(tick) < 18 else "end" if x(tick) > NARROW - 18 else "middle"
        at = {"start": 0.0, "end": NARROW, "middle": x(tick)}[anchor]
        canvas.text(at, bottom + 14, f"{100 * tick:.0f} %", "t-s t-2", anchor)
    return canvas.svg()


def _directions(canvas: Canvas, half: float, ways: _Ways, *, right: float) -> None:
    """Which way is whose, to both sides of "no difference"; a long name starts at the edge."""
    arrow = 20.0
    b = first_fit((f"{ways.b}{ways.verb}", ways.b), max(half - 8, right / 2) - arrow)
    taken = text_width(b, size=12) + arrow
    if taken <= half - 8:
        canvas.text(half - 8, 14, f"◂ {b}", "t-s t-lose", "end")
        start = half + 8
    else:
        canvas.text(0, 14, f"◂ {b}", "t-s t-lose")
        start = max(half + 8, taken + 8)
    a = first_fit((f"{ways.a}{ways.verb}", ways.a), right - start - arrow)
    canvas.text(start, 14, f"{a} ▸", "t-s t-win")


def _forest_mark(
    canvas: Canvas,
    row: Interval,
    x: Callable[[float], float],
    y: float,
    *,
    most: int,
    end: float,
    text_y: float,
) -> None:
    kind = ("t-s" if end == NARROW else "t-m") + " t-n" + (" t-b" if row.main else "")
    if row.estimate is None or row.low is None or row.high is None:
        canvas.text(end, text_y, "none decided", kind.replace("t-n", "t-2"), "end")
        return
    numbers = f"{100 * row.estimate:.1f} [{100 * row.low:.1f}, {100 * row.high:.1f}]"
    canvas.text(end, text_y, numbers, kind, "end")
    canvas.line(x(row.low), y, x(row.high), y, "s-ci-main" if row.main else "s-ci")
    at = x(row.estimate)
    if row.main:
        canvas.path(f"M{short(at)} {short(y - 7)}l7 7l-7 7l-7 -7z", "f-ink")
    else:
        # Area, not edge, goes with the number of prompts.
        edge = 5 + 7 * math.sqrt(row.n / most)
        canvas.rect(at - edge / 2, y - edge / 2, edge, edge, "f-ink")


def count_bars(rows: Sequence[tuple[str, int]], *, alt: str) -> Figure:
    """Counts with their shares, longest lawful bar = all of them; drawn for half a column."""
    return Figure(
        wide=_count_bars(rows, HALF, kind="plot plot-wide", alt=alt),
        narrow=_count_bars(rows, NARROW, kind="plot plot-narrow", alt=alt),
    )


def _count_bars(rows: Sequence[tuple[str, int]], width: float, *, kind: str, alt: str) -> Svg:
    left, room = 116.0, width - 116 - 96
    canvas = Canvas(width, 27.0 * len(rows), kind=kind, alt=alt)
    total = sum(count for _, count in rows)
    most = max((count for _, count in rows), default=0)
    for place, (label, count) in enumerate(rows):
        top = 3 + 27.0 * place
        canvas.text(0, top + 12, label, "t-m")
        length = room * count / most if most else 0.0
        canvas.rect(left, top, length, 16, "f-ink" if place == 0 else "f-bar")
        share = f"{count:,} · {100 * count / total:.0f} %" if total else "0"
        canvas.text(left + length + 7, top + 12, share, "t-m t-n")
    return canvas.svg()


def side_intervals(rows: Sequence[Interval], *, alt: str) -> Figure:
    """Shares by side around the dotted "no difference"; drawn for half a column."""
    return Figure(
        wide=_side_intervals(rows, HALF, kind="plot plot-wide", alt=alt),
        narrow=_side_intervals(rows, NARROW, kind="plot plot-narrow", alt=alt),
    )


def _side_intervals(rows: Sequence[Interval], width: float, *, kind: str, alt: str) -> Svg:
    left, right = 158.0, width - 44
    bottom = 27.0 * len(rows) + 3
    canvas = Canvas(width, bottom + 22, kind=kind, alt=alt)
    low, high = _range(rows)
    x = linear(low, high, left, right)
    for tick in _ticks(low, high, most=4):
        canvas.line(x(tick), 0, x(tick), bottom, "s-half" if tick == 0.5 else "s-grid")
        canvas.text(x(tick), bottom + 16, f"{100 * tick:.0f} %", "t-s t-2", "middle")
    for place, row in enumerate(rows):
        y = 14 + 27.0 * place
        canvas.text(0, y + 4, fit(row.label, left - 4), "t-m")
        if row.estimate is None or row.low is None or row.high is None:
            canvas.text(width, y + 4, "none", "t-m t-2", "end")
            continue
        canvas.text(width, y + 4, f"{100 * row.estimate:.1f}", "t-m t-n", "end")
        canvas.line(x(row.low), y, x(row.high), y, "s-ci")
        canvas.dot(x(row.estimate), y, 4.5, "f-ink")
    return canvas.svg()


def micro_interval(estimate: float, low: float, high: float, *, reference: float | None) -> Svg:
    """A point and its interval for a table cell, on the whole scale from 0 to 100 %."""
    canvas = Canvas(84, 14, kind="micro")
    x = linear(0, 1, 4, 80)
    if reference is not None:
        canvas.line(x(reference), 0, x(reference), 14, "s-half")
    canvas.line(x(low), 7, x(high), 7, "s-ci")
    canvas.dot(x(estimate), 7, 3, "f-ink")
    return canvas.svg()


def vote_squares(votes: Sequence[Mark]) -> Svg:
    """The single votes of one pair as squares; the words beside them say the same."""
    canvas = Canvas(15 * max(len(votes), 1) - 1, 14, kind="votes")
    for place, vote in enumerate(votes):
        canvas.rect(15.0 * place, 0, 14, 14, f"f-{vote}")
    return canvas.svg()


def _range(rows: Sequence[Interval]) -> tuple[float, float]:
    """Tenths that hold every interval and at least 40 to 60 %."""
    lows = [r.low for r in rows if r.low is not None]
    highs = [r.high for r in rows if r.high is not None]
    low = math.floor(10 * min([0.4, *lows]) + 1e-9) / 10
    high = math.ceil(10 * max([0.6, *highs]) - 1e-9) / 10
    return max(low, 0.0), min(high, 1.0)


def _ticks(low: float, high: float, *, most: int = 7) -> list[float]:
    """Round places to both sides of one half, as many as there is room for."""
    for step in (0.1, 0.2, 0.25):
        ticks = [round(0.5 + k * step, 2) for k in range(-5, 6)]
        kept = [t for t in ticks if low - 1e-9 <= t <= high + 1e-9]
        if len(kept) <= most:
            return kept
    return [t for t in (0.0, 0.5, 1.0) if low <= t <= high]
