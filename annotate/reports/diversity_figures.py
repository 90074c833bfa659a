"""Figure 17's chart: the score of every method on each attribute and overall, with whiskers.

It must not know where scores come from.
"""

from collections.abc import Sequence

from annotate.reports.canvas import NARROW, WIDE, Canvas, Figure, Svg, fit, linear
from annotate.reports.figures import Interval

Group = tuple[str, Sequence[Interval]]
_ROW, _HEAD = 22.0, 30.0


def score_bars(groups: Sequence[Group], *, alt: str) -> Figure:
    """One group of bars for each attribute, one bar for each method; the scale is 0 to 1."""
    return Figure(
        wide=_draw(groups, WIDE, kind="plot plot-wide", alt=alt),
        narrow=_draw(groups, NARROW, kind="plot plot-narrow", alt=alt),
    )


def _draw(groups: Sequence[Group], width: float, *, kind: str, alt: str) -> Svg:
    bottom = sum(_HEAD + _ROW * len(rows) for _, rows in groups)
    canvas = Canvas(width, bottom + 24, kind=kind, alt=alt)
    left, right = (190.0 if width == WIDE else 116.0), width - 44
    x = linear(0, 1, left, right)
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        canvas.line(x(tick), 0, x(tick), bottom, "s-grid")
        canvas.text(x(tick), bottom + 16, f"{tick:g}", "t-s t-2", "middle")
    top = 0.0
    for name, rows in groups:
        canvas.text(0, top + 20, name, "t-m t-b")
        top += _HEAD
        for row in rows:
            y = top + _ROW / 2
            canvas.text(0, y + 4, fit(row.label, left - 8), "t-m")
            top += _ROW
            if row.estimate is None or row.low is None or row.high is None:
                canvas.text(width, y + 4, "none", "t-m t-2", "end")
                continue
            canvas.rect(left, y - 6, x(row.estimate) - left, 12, "f-bar")
            canvas.line(x(row.low), y, x(row.high), y, "s-ci")
            canvas.text(width, y + 4, f"{row.estimate:.2f}", "t-m t-n", "end")
    return canvas.svg()
