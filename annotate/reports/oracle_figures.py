"""Draws the curves over the oracle's accuracy: win, tie and lose (Figure 16), and the score.

It must not compute: a finished laboratory in, drawings out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotate.reports.canvas import NARROW, WIDE, Anchor, Figure, Svg, first_fit, text_width
from annotate.reports.charts import Axis, Chart, Margins, round_ticks, spread
from annotate.reports.estimator_report import EstimatorReport
from annotate.reports.laboratory import Laboratory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# What the horizontal axis counts, long and short.
AXES = {
    "M1": ("Accuracy of the oracle that decides which samples to refine", "Accuracy of the oracle"),
    "M2": ("Accuracy of the oracle that decides which samples to refine", "Accuracy of the oracle"),
    "M3": ("Accuracy of an oracle that refines just this share", "Accuracy at this budget"),
    "M3-skill": ("Skill: 0 is drawing lots, 1 the best this budget allows", "Skill at this budget"),
    "M4": ("AUC of the score that ranks the samples", "AUC of the score"),
}


# Each line's tone, and its name.
LINES = {
    "win": ("t-win", "Adaptive wins"),
    "tie": ("t-2", "Tie"),
    "lose": ("t-lose", "Teacher wins"),
}
# Rows above the area: names of lines where they stand there, and what a budget allows.
KEY, REACH = 22, 16


@dataclass(frozen=True)
class Stand:
    """Where a real estimator stands on the axis, with what its decisions give."""

    name: str
    x: float
    report: EstimatorReport


def stands(lab: Laboratory) -> list[Stand]:
    """The estimators that have a place on this model's axis."""
    found = []
    for report in lab.estimators:
        x: float | None = report.state.accuracy.value
        if lab.settings.model == "M3-skill":
            x = report.state.skill
        elif lab.settings.model == "M4":
            x = report.ranking.auc
        if x is not None:
            found.append(Stand(report.name, x, report))
    return found


def curve_figure(lab: Laboratory, *, alt: str) -> Figure:
    """Win, tie and lose with their bands; the first estimator's real decisions as three dots."""
    return Figure(
        wide=_curve(lab, WIDE, kind="plot plot-wide", alt=alt),
        narrow=_curve(lab, NARROW, kind="plot plot-narrow", alt=alt),
    )


def score_figure(lab: Laboratory, *, alt: str) -> Figure:
    """Score against accuracy, cross-fitted beside optimistic, with every real estimator."""
    return Figure(
        wide=_score(lab, WIDE, kind="plot plot-wide", alt=alt),
        narrow=_score(lab, NARROW, kind="plot plot-narrow", alt=alt),
    )


def _curve(lab: Laboratory, width: float, *, kind: str, alt: str) -> Svg:
    rates, band = lab.curve.rates, lab.curve.band
    wide = width == WIDE
    columns = (rates.win, rates.tie, rates.lose)
    tops = [v for c in columns for v in c if not math.isnan(v)]
    if band is not None:
        tops += [v for c in (band.high.win, band.high.tie, band.high.lose) for v in c]
    now = stands(lab)[:1]
    tops += [v.value for s in now for v in (s.report.state.win, s.report.state.lose)]
    chart = _frame(lab, width, (0.0, max(v for v in tops if not math.isnan(v))), kind=kind, alt=alt)
    if band is not None:
        for name in ("win", "tie", "lose"):
            low, high = getattr(band.low, name), getattr(band.high, name)
            masked = [v if ok else math.nan for v, ok in zip(low, lab.curve.feasible, strict=True)]
            chart.band(lab.x, masked, high, f"band-{name}")
    for name in LINES:
        chart.line(lab.x, getattr(rates, name), f"line-{name}")
    if wide:
        for name, (tone, words) in LINES.items():
            chart.end_label(_last(getattr(rates, name)), words, f"t-m t-b {tone}")
    else:
        # Beside the lines' ends there is no room, and among them stand the real decisions.
        chart.key([(words, f"line-{name}") for name, (_, words) in LINES.items()], left=2)
    for stand in now:
        _current(chart, stand, top=chart.top - (REACH if lab.settings.model == "M3" else 0))
    _others(chart, lab, stands(lab)[1:], wide=wide)
    return chart.svg()


def _score(lab: Laboratory, width: float, *, kind: str, alt: str) -> Svg:
    wide = width == WIDE
    rates, band = lab.curve.rates, lab.curve.band
    values = [v for v in rates.score if not math.isnan(v)]
    if band is not None:
        values += [v for v in (*band.low.score, *band.high.score) if not math.isnan(v)]
    if lab.fair is not None:
        values += list(lab.fair.rates.score)
    for stand in stands(lab):
        values += [stand.report.state.score.low, stand.report.state.score.high]
    chart = _frame(lab, width, (min(values), max(values)), kind=kind, alt=alt, heading=False)
    if band is not None:
        pairs = zip(band.low.score, lab.curve.feasible, strict=True)
        low = [v if ok else math.nan for v, ok in pairs]
        chart.band(lab.x, low, list(band.high.score), "band-tie")
    own = "Same votes" if lab.fair else "Score"
    if lab.fair is not None:
        chart.line(lab.x, list(lab.fair.rates.score), "line-ink line-2")
    chart.line(lab.x, list(rates.score), "line-ink")
    if wide:
        if lab.fair is not None:
            chart.end_label(_last(lab.fair.rates.score), "Cross-fitted", "t-m")
        chart.end_label(_last(rates.score), own, "t-m t-b")
    else:
        entries = [(own, "line-ink")]
        entries += [("Cross-fitted", "line-ink line-2")] if lab.fair else []
        chart.key(entries, left=2)
    for place, stand in enumerate(stands(lab)):
        state = stand.report.state
        chart.whisker(stand.x, state.score.low, state.score.high)
        chart.dot(stand.x, state.score.value, f"mark mark-{1 + place % 4}")
    _names(chart, stands(lab))
    return chart.svg()


def _frame(
    lab: Laboratory,
    width: float,
    values: tuple[float, float],
    *,
    kind: str,
    alt: str,
    heading: bool = True,
) -> Chart:
    """Axes, the mean steps below, and what the budget does not allow; room for a heading."""
    wide = width == WIDE
    places = [*lab.x, *(stand.x for stand in stands(lab))]
    around = round_ticks(min(places), max(places), most=7)
    low, high = min(around[0], min(places)), around[-1]
    # Every tenth where there is room, so that both drawings have the same ticks.
    x_ticks = tuple(n / 10 for n in range(round(10 * low), round(10 * high) + 1))
    if len(x_ticks) > 7:
        x_ticks = around
    y_ticks = round_ticks(*values, most=6)
    share = lab.settings.model not in ("M3-skill", "M4")
    long, brief = AXES[lab.settings.model]
    x = Axis(low, high, x_ticks, long if wide else brief, share=share)
    above = (0 if wide else KEY) + (REACH if lab.settings.model == "M3" else 0)
    chart = Chart(
        width,
        (400 if wide else 350) + above,
        x=x,
        y=Axis(y_ticks[0], y_ticks[-1], y_ticks),
        kind=kind,
        alt=alt,
        margins=Margins(right=118 if wide else 10, top=above + (48 if heading else 32), bottom=96),
    )
    if lab.settings.model == "M3":
        _budget(chart, lab, low=x.low, high=x.high)
    shown = [t for t in x_ticks if lab.x[0] - 1e-9 <= t <= lab.x[-1] + 1e-9]
    steps = [(t, _steps_at(lab, t)) for t in shown]
    known = [(t, s) for t, s in steps if s is not None]
    if lab.cost_known:
        words = _told([s for _, s in known], digits=1)
    else:
        words = [f"{share} %" for share in _told([100 * s for _, s in known], digits=0)]
    label = "Mean steps of an image" if lab.cost_known else "Share of refined samples"
    chart.second_axis([t for t, _ in known], words, label)
    return chart


def _told(costs: Sequence[float], *, digits: int) -> list[str]:
    """With these decimals, or one more where different costs would look the same."""
    apart = len({round(cost, digits + 1) for cost in costs})
    if len({round(cost, digits) for cost in costs}) < apart:
        digits += 1
    return [f"{cost:.{digits}f}" for cost in costs]


def _budget(chart: Chart, lab: Laboratory, *, low: float, high: float) -> None:
    reach = lab.budget
    if reach.best < high - 1e-9:
        chart.shade(reach.best, high)
    if reach.worst > low + 1e-9:
        chart.shade(low, reach.worst)
    allowed = ((reach.random, "Lots, ρ = 0"), (reach.best, "Best, ρ = 1"))
    halves = [text_width(words, size=12) / 2 for _, words in allowed]
    places = [
        min(max(chart.x(at), half), chart.width - half)
        for (at, _), half in zip(allowed, halves, strict=True)
    ]
    # Lots are never right of the best: where both are near, its words make room.
    apart = sum(halves) + 6
    places[0] = max(halves[0], min(places[0], places[1] - apart))
    places[1] = max(places[1], places[0] + apart)
    for x, (at, words) in zip(places, allowed, strict=True):
        chart.canvas.line(chart.x(at), chart.top - 6, chart.x(at), chart.bottom, "s-half")
        chart.canvas.text(x, chart.top - 10, words, "t-s t-2", "middle")


def _steps_at(lab: Laboratory, x: float) -> float | None:
    steps = _at(lab, x, lab.curve.rates.steps)
    return None if math.isnan(steps) else steps


def _at(lab: Laboratory, x: float, values: NDArray[np.float64]) -> float:
    """What stands at the setting next to x."""
    return float(values[min(range(len(lab.x)), key=lambda i: abs(lab.x[i] - x))])


def _current(chart: Chart, stand: Stand, *, top: float) -> None:
    """The vertical of the real decisions and its three results; its words end above `top`."""
    state, x = stand.report.state, chart.x(stand.x)
    chart.canvas.line(x, top - 26, x, chart.bottom, "s-now")
    words = f"{stand.name}, {100 * state.accuracy.value:.1f} % right"
    room = max(chart.width - x - 8, x - 8)
    right = chart.width - x - 8 >= text_width(words, size=12)
    at: float = x + 7 if right else x - 7
    anchor: Anchor = "start" if right else "end"
    for up, line, kind in ((34, "Current state", "t-s t-b"), (20, words, "t-s t-2")):
        chart.canvas.text(at, top - up, first_fit((line, stand.name), room), kind, anchor)
    results = (("win", state.win), ("tie", state.tie), ("lose", state.lose))
    tones = {"win": "t-win", "tie": "t-2", "lose": "t-lose"}
    labels = []
    for name, value in results:
        chart.dot(stand.x, value.value, f"dot-{name}")
        kind = f"t-s t-b t-halo {tones[name]}"
        labels.append((chart.y(value.value) + 4, f"{100 * value.value:.0f}", kind))
    # Beyond the area's right end stand the names of the lines.
    beside, anchor = (x + 10, "start") if chart.right - x > 34 else (x - 10, "end")
    for y, number, kind in spread(labels, low=chart.top + 4, high=chart.bottom - 4):
        chart.canvas.text(beside, y, number, kind, anchor)


def _others(chart: Chart, lab: Laboratory, others: Sequence[Stand], *, wide: bool) -> None:
    """Triangles on the axis; names in as many rows as keep them apart, off the line of ties."""
    ends: list[float] = []
    for stand in sorted(others, key=lambda s: s.x):
        x, y = chart.x(stand.x), chart.bottom
        chart.canvas.path(f"M{x:.1f} {y - 1:.1f}l-5 -9l10 0z", "f-ghost")
        if not wide:
            continue
        half = text_width(stand.name, size=12) / 2
        row = next((r for r, end in enumerate(ends) if x - half > end), len(ends))
        ends[row : row + 1] = [x + half + 6]
        base = y - 14 - 14 * row
        tie = chart.y(_at(lab, stand.x, lab.curve.rates.tie))
        if abs(base - 4 - tie) < 11:
            base = tie - 8
        chart.canvas.text(x, base, stand.name, "t-s t-2 t-halo", "middle")


def _names(chart: Chart, found: Sequence[Stand]) -> None:
    """Names beside the outermost points and above those between them."""
    order = sorted(found, key=lambda s: s.x)
    for place, stand in enumerate(order):
        state, x = stand.report.state, chart.x(stand.x)
        width = text_width(stand.name, size=12)
        top, kind = chart.y(state.score.high), "t-s t-b t-halo"
        if place == len(order) - 1 and x + 8 + width < chart.right:
            chart.canvas.text(x + 8, chart.y(state.score.low), stand.name, kind)
        elif place == 0 and x - 8 - width > chart.left:
            chart.canvas.text(x - 8, chart.y(state.score.low), stand.name, kind, "end")
        else:
            half = width / 2
            inside = min(max(x, chart.left + half), chart.width - half)
            chart.canvas.text(inside, top - 6 - 14 * place, stand.name, kind, "middle")


def _last(values: Iterable[float]) -> float:
    """Where the line ends: the last value that there is."""
    known = [v for v in values if not math.isnan(v)]
    return float(known[-1]) if known else math.nan
