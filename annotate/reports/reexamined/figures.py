"""Draws what the other reports have no drawing for: tau, distances, decisions by agreement.

It must not compute.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from annotate.analysis.association import Association
from annotate.analysis.ceiling import Ceiling
from annotate.reports.canvas import NARROW, WIDE, Figure, Svg, text_width
from annotate.reports.charts import Axis, Chart, Margins, round_ticks
from generation.convergence import Convergence

_Draw = Callable[[float, str], Svg]


def convergence_figure(rows: Sequence[Convergence], *, alt: str) -> Figure:
    """tau with its spread over prompts, by the number of tuning prompts (doubling to the right)."""

    def draw(width: float, kind: str) -> Svg:
        lows = [row.threshold - row.spread_prompts for row in rows]
        highs = [row.threshold + row.spread_prompts for row in rows]
        ticks = round_ticks(min(lows), max(highs))
        at = [math.log2(row.prompts) for row in rows]
        x = Axis(at[0] - 0.4, at[-1] + 0.4, (), "Tuning prompts", share=False)
        chart = Chart(
            width,
            270,
            x=x,
            y=Axis(ticks[0], ticks[-1], ticks, share=False),
            kind=kind,
            alt=alt,
            margins=Margins(left=56, bottom=62),
        )
        for place, row in zip(at, rows, strict=True):
            chart.whisker(
                place, row.threshold - row.spread_prompts, row.threshold + row.spread_prompts
            )
            chart.dot(place, row.threshold, "mark mark-1", radius=4.5)
            chart.canvas.text(
                chart.x(place), chart.bottom + 18, f"{row.prompts:,}", "t-s t-2", "middle"
            )
        return chart.svg()

    return _both(draw)


def distance_figure(found: Sequence[Association], *, alt: str) -> Figure:
    """Share of wins by distance, with Wilson's intervals; one line for each student."""

    def draw(width: float, kind: str) -> Svg:
        bins = [row for each in found for row in each.bins]
        x_ticks = round_ticks(0, max(row.mean for row in bins), most=6)
        y_ticks = round_ticks(0, max(row.high for row in bins), most=6)
        chart = Chart(
            width,
            320,
            x=Axis(0, x_ticks[-1], x_ticks, "Distance from the teacher's picture", share=False),
            y=Axis(0, y_ticks[-1], y_ticks),
            kind=kind,
            alt=alt,
            margins=Margins(right=16, top=36, bottom=48),
        )
        for place, each in enumerate(found, start=1):
            chart.line(
                [b.mean for b in each.bins],
                [b.win_share for b in each.bins],
                f"line-ink line-{place}",
            )
            for row in each.bins:
                chart.whisker(row.mean, row.low, row.high)
                chart.dot(row.mean, row.win_share, f"mark mark-{place}", radius=4.5)
        _key(chart, [each.name for each in found])
        return chart.svg()

    return _both(draw)


def ceiling_figure(degraded: Sequence[Ceiling], real: Ceiling, *, alt: str) -> Figure:
    """Decisions right without a reference, by agreement on pairs; dotted is the commoner answer."""

    def draw(width: float, kind: str) -> Svg:
        rows = sorted(degraded, key=lambda each: each.agreement.value)
        at = [each.agreement.value for each in rows]
        ends = [
            v for each in (*rows, real) for v in (each.best.low, each.best.high, each.at_k.value)
        ]
        y_ticks = round_ticks(min(0.5, *ends), max(real.usual, *ends))
        chart = Chart(
            width,
            340,
            x=Axis(0.5, 1.0, (0.5, 0.6, 0.7, 0.8, 0.9, 1.0), "Agreement with the judge on pairs"),
            y=Axis(y_ticks[0], y_ticks[-1], y_ticks),
            kind=kind,
            alt=alt,
            margins=Margins(right=16, top=36, bottom=48),
        )
        chart.band(at, [e.best.low for e in rows], [e.best.high for e in rows], "band-tie")
        chart.line(at, [e.best.value for e in rows], "line-ink")
        chart.line(at, [e.at_k.value for e in rows], "line-ink line-2")
        usual = chart.y(real.usual)
        chart.canvas.line(chart.left, usual, chart.right, usual, "s-half")
        words = "always the commoner answer"
        chart.canvas.text(chart.left + 6, usual - 6, words, "t-s t-halo")
        chart.whisker(real.agreement.value, real.best.low, real.best.high)
        chart.dot(real.agreement.value, real.best.value, "mark mark-3")
        chart.canvas.text(
            chart.x(real.agreement.value),
            chart.y(real.best.low) + 16,
            real.name,
            "t-s t-halo",
            "middle",
        )
        _key(chart, ["best k", f"k = {real.percentile:g}"])
        return chart.svg()

    return _both(draw)


def _both(draw: _Draw) -> Figure:
    return Figure(wide=draw(WIDE, "plot plot-wide"), narrow=draw(NARROW, "plot plot-narrow"))


def _key(chart: Chart, names: Sequence[str]) -> None:
    x = chart.left
    for place, name in enumerate(names, start=1):
        chart.canvas.line(x, 12, x + 20, 12, f"line-ink line-{place}")
        chart.canvas.text(x + 26, 16, name, "t-s")
        x += 40 + text_width(name, size=12)
