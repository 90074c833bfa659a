"""Draws what a cut-off rests on: scores with tau among them, and the budget over k.

It must not know Django or the database; numbers come from `sampling.calibration_figures`.
"""

import math
from collections.abc import Sequence

from annotate.reports.canvas import NARROW, WIDE, Canvas, Figure, Svg, linear
from annotate.sampling.calibration_figures import Bar, BudgetPoint


def score_histogram(bars: Sequence[Bar], *, tau: float, alt: str) -> Figure:
    """Scores of student samples; those below tau are improved, the others kept."""
    return Figure(
        wide=_histogram(bars, WIDE, tau=tau, kind="plot plot-wide", alt=alt),
        narrow=_histogram(bars, NARROW, tau=tau, kind="plot plot-narrow", alt=alt),
    )


def _histogram(bars: Sequence[Bar], width: float, *, tau: float, kind: str, alt: str) -> Svg:
    top, bottom, left, right = 40.0, 172.0, 8.0, width - 8
    low, high = bars[0].low, bars[-1].high
    if not low < high:
        low, high = low - 0.5, high + 0.5
    x = linear(low, high, left, right)
    most = max(bar.scores for bar in bars)
    canvas = Canvas(width, bottom + 42, kind=kind, alt=alt)
    for bar in bars:
        start, span = x(bar.low) + 1, x(bar.high) - x(bar.low) - 2
        tall = (bottom - top) * bar.scores / most
        improved = tall * bar.below / bar.scores if bar.scores else 0.0
        # Within the bar that tau falls into, the improved ones lie below the kept.
        if tall > improved:
            canvas.rect(start, bottom - tall, span, tall - improved, "f-tie")
        if improved:
            canvas.rect(start, bottom - improved, span, improved, "f-work2")
    canvas.line(left, bottom, right, bottom, "s-axis")
    for tick in round_ticks(low, high, most=9 if width == WIDE else 5):
        canvas.line(x(tick), bottom, x(tick), bottom + 4, "s-axis")
        canvas.text(x(tick), bottom + 18, minus(f"{tick:g}"), "t-s t-2", "middle")
    canvas.text((left + right) / 2, bottom + 36, "Score of a student sample", "t-s t-2", "middle")
    scores = sum(bar.scores for bar in bars)
    below = sum(bar.below for bar in bars)
    at = min(max(x(tau), left), right) if math.isfinite(tau) else (left if tau < 0 else right)
    canvas.line(at, 20, at, bottom, "s-now")
    anchored = "start" if at < left + 60 else "end" if at > right - 60 else "middle"
    canvas.text(at, 13, minus(f"tau {tau:.3g}"), "t-s t-b", anchored)  # type: ignore[arg-type]
    canvas.text(left, 32, f"{100 * below / scores:.0f} % improved", "t-s t-2")
    canvas.text(right, 32, f"{100 * (scores - below) / scores:.0f} % kept", "t-s t-2", "end")
    return canvas.svg()


def budget_curve(points: Sequence[BudgetPoint], *, alt: str) -> Figure:
    """Mean steps of an image over k, the share of improved samples; the chosen k is marked."""
    return Figure(
        wide=_curve(points, WIDE, kind="plot plot-wide", alt=alt),
        narrow=_curve(points, NARROW, kind="plot plot-narrow", alt=alt),
    )


def _curve(points: Sequence[BudgetPoint], width: float, *, kind: str, alt: str) -> Svg:
    top, bottom, left, right = 22.0, 172.0, 34.0, width - 16
    highest = max(point.steps for point in points)
    marks = round_ticks(0, highest, most=5)
    x = linear(0, 100, left, right)
    y = linear(0, max(highest, marks[-1]), bottom, top)
    canvas = Canvas(width, bottom + 42, kind=kind, alt=alt)
    for tick in marks:
        canvas.line(left, y(tick), right, y(tick), "s-grid")
        canvas.text(left - 8, y(tick) + 4, f"{tick:g}", "t-s t-2", "end")
    for tick in (0, 20, 40, 60, 80, 100):
        canvas.text(x(tick), bottom + 18, f"{tick}", "t-s t-2", "middle")
    canvas.line(left, bottom, right, bottom, "s-axis")
    canvas.text(0, 11, "Mean steps of an image", "t-s t-2")
    canvas.text((left + right) / 2, bottom + 36, "k, share improved in %", "t-s t-2", "middle")
    line = "L".join(f"{x(p.percentile):.1f} {y(p.steps):.1f}" for p in points)
    canvas.path(f"M{line}", "s-ci")
    for point in points:
        if point.chosen:
            at, up = x(point.percentile), y(point.steps)
            canvas.line(at, up, at, bottom, "s-now")
            canvas.dot(at, up, 5, "f-ink")
            words = f"k {point.percentile:.3g}: {point.steps:.3g} steps"
            beyond = at > right - 150
            canvas.text(at - 10 if beyond else at + 10, up + (-8 if beyond else 18), words, "t-b")
            if beyond:
                canvas.root[-1].set("text-anchor", "end")
    return canvas.svg()


def minus(words: str) -> str:
    """A number with the minus sign of print."""
    return words.replace("-", "−")


def round_ticks(low: float, high: float, *, most: int) -> list[float]:
    """Round numbers within [low, high], steps of 1, 2 or 5 times a power of ten, at most `most`."""
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    while (high - low) / step > most:
        # 1 -> 2 -> 5 -> 10
        step *= 2.5 if f"{step:e}".startswith("2") else 2
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(n * step, 12) for n in range(first, last + 1)]
