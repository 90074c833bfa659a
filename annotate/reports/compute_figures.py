"""Draws quality against compute: a dot for each method, a line through those that none beats.

It must not compute: points of a finished report in, drawings out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from annotate.reports.canvas import HALF, NARROW, Anchor, Figure, Svg, fit, text_width
from annotate.reports.charts import Axis, Chart, Margins, round_ticks


@dataclass(frozen=True)
class CostPoint:
    """A method: what an image takes, its win rate in [0, 1], and whether none beats it."""

    label: str
    cost: float
    score: float
    low: float | None
    high: float | None
    best: bool


def compute_figure(points: Sequence[CostPoint], *, axis: str, alt: str) -> Figure:
    """Win rate against cost, drawn for half a column; the dotted line is the common opponent."""
    return Figure(
        wide=_compute(points, HALF, axis=axis, kind="plot plot-wide", alt=alt),
        narrow=_compute(points, NARROW, axis=axis, kind="plot plot-narrow", alt=alt),
    )


def _compute(points: Sequence[CostPoint], width: float, *, axis: str, kind: str, alt: str) -> Svg:
    costs = [0.0, *(p.cost for p in points)]
    lows = [0.5, *(p.score if p.low is None else p.low for p in points)]
    highs = [0.5, *(p.score if p.high is None else p.high for p in points)]
    x_ticks, y_ticks = round_ticks(min(costs), max(costs)), round_ticks(min(lows), max(highs))
    chart = Chart(
        width,
        250,
        x=Axis(x_ticks[0], x_ticks[-1], x_ticks, axis, share=False),
        y=Axis(y_ticks[0], y_ticks[-1], y_ticks),
        kind=kind,
        alt=alt,
        margins=Margins(left=40, right=14, top=14, bottom=44),
    )
    half = chart.y(0.5)
    chart.canvas.line(chart.left, half, chart.right, half, "s-half")
    best = sorted((p.cost, p.score) for p in points if p.best)
    chart.line([c for c, _ in best], [s for _, s in best], "line-ink line-2")
    # Words keep off the dotted line, off dots, intervals and each other.
    taken = [(chart.left, half - 1, chart.right, half + 1)]
    for point in points:
        if point.low is not None and point.high is not None:
            chart.whisker(point.cost, point.low, point.high)
            at = chart.x(point.cost)
            taken.append((at - 2, chart.y(point.high), at + 2, chart.y(point.low)))
        chart.dot(point.cost, point.score, "mark", radius=4.5)
        x, y = chart.x(point.cost), chart.y(point.score)
        taken.append((x - 7, y - 7, x + 7, y + 7))
    for point in points:
        _name(chart, point, taken)
    return chart.svg()


def _name(chart: Chart, point: CostPoint, taken: list[tuple[float, float, float, float]]) -> None:
    """The method beside its dot, in the first place where no other word or dot stands."""
    x, y = chart.x(point.cost), chart.y(point.score)
    words = fit(point.label, chart.right - chart.left - 24, size=12)
    wide = text_width(words, size=12)
    places: list[tuple[float, float, Anchor]] = [
        (x + 9, y + 4, "start"),
        (x - 9, y + 4, "end"),
        (x + 9, y - 9, "start"),
        (x + 9, y + 17, "start"),
        (x - 9, y - 9, "end"),
        (x - 9, y + 17, "end"),
        (x + 9, y - 24, "start"),
        (x + 9, y + 32, "start"),
        (x - 9, y - 24, "end"),
        (x - 9, y + 32, "end"),
    ]
    for at, base, anchor in places:
        left = at if anchor == "start" else at - wide
        box = (left, base - 11, left + wide, base + 3)
        inside = chart.left <= left and left + wide <= chart.width and base < chart.bottom - 2
        if inside and not any(_meet(box, other) for other in taken):
            taken.append(box)
            chart.canvas.text(at, base, words, "t-s t-halo", anchor)
            return
    # No room anywhere: the table below names every method.


def _meet(one: tuple[float, float, float, float], two: tuple[float, float, float, float]) -> bool:
    return one[0] < two[2] and two[0] < one[2] and one[1] < two[3] and two[1] < one[3]
