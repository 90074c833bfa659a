"""Draws what estimators do: win rate against cost, accuracy by k, ROC and reliability curves.

It must not compute: finished reports of estimators in, drawings out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from annotate.reports.canvas import HALF, NARROW, WIDE, Anchor, Figure, Svg
from annotate.reports.charts import Axis, Chart, Margins, round_ticks
from annotate.reports.estimator_report import EstimatorReport

STYLES = 4
_WHOLE = (0.0, 0.25, 0.5, 0.75, 1.0)
_Draw = Callable[[float, str], Svg]


def policy_figure(
    reports: Sequence[EstimatorReport], *, cost_known: bool, percentile: float, alt: str
) -> Figure:
    """Win rate (ties half) against mean steps: a dot for every k, a line through the best ones."""
    return _figure(
        lambda width, kind: _policy(
            reports, width, cost_known=cost_known, percentile=percentile, kind=kind, alt=alt
        )
    )


def accuracy_figure(reports: Sequence[EstimatorReport], *, alt: str) -> Figure:
    """Share of right decisions at every k, without a reference; dotted is a coin."""
    return _figure(lambda width, kind: _accuracy(reports, width, kind=kind, alt=alt))


def roc_figure(reports: Sequence[EstimatorReport], *, alt: str) -> Figure:
    """True against false keeps, drawn for half a column."""
    return _figure(lambda width, kind: _roc(reports, width, kind=kind, alt=alt), wide=HALF)


def reliability_figure(reports: Sequence[EstimatorReport], *, alt: str) -> Figure:
    """Share that an ideal oracle keeps by rank of the score, drawn for half a column."""
    return _figure(lambda width, kind: _reliability(reports, width, kind=kind, alt=alt), wide=HALF)


def _figure(draw: _Draw, *, wide: float = WIDE) -> Figure:
    return Figure(wide=draw(wide, "plot plot-wide"), narrow=draw(NARROW, "plot plot-narrow"))


def style(place: int) -> int:
    """Estimators differ by dash and by shade of ink: blue and orange mean win and lose."""
    return 1 + place % STYLES


def _policy(
    reports: Sequence[EstimatorReport],
    width: float,
    *,
    cost_known: bool,
    percentile: float,
    kind: str,
    alt: str,
) -> Svg:
    wide = width == WIDE
    lows = [v for r in reports for v in r.policy.low]
    highs = [v for r in reports for v in r.policy.high]
    lows += [r.chosen.low for r in reports if r.chosen]
    highs += [r.chosen.high for r in reports if r.chosen]
    steps = [v for r in reports for v in r.policy.steps]
    x_ticks = round_ticks(min(steps), max(steps), most=6 if wide else 5)
    y_ticks = round_ticks(min(lows), max(highs))
    label = "Mean steps of an image" if cost_known else "Share of refined samples"
    chart = Chart(
        width,
        360 if wide else 320,
        x=Axis(x_ticks[0], x_ticks[-1], x_ticks, label, share=not cost_known),
        y=Axis(y_ticks[0], y_ticks[-1], y_ticks),
        kind=kind,
        alt=alt,
        margins=Margins(right=16, top=44, bottom=48),
    )
    first = reports[0].policy
    order = sorted(range(len(first.steps)), key=lambda i: first.steps[i])

    def sorted_by_cost(values: Iterable[float]) -> list[float]:
        column = list(values)
        return [column[i] for i in order]

    chart.band(
        sorted_by_cost(first.steps),
        sorted_by_cost(first.low),
        sorted_by_cost(first.high),
        "band-tie",
    )
    for place, report in enumerate(reports):
        mark, policy = style(place), report.policy
        best = sorted(
            (float(s), float(v))
            for s, v, on in zip(policy.steps, policy.score, policy.pareto, strict=True)
            if on
        )
        chart.line([s for s, _ in best], [v for _, v in best], f"line-ink line-{mark}")
        for k, s, v in zip(policy.percentiles, policy.steps, policy.score, strict=True):
            now = k == percentile
            # Marks for every k would be one smear.
            if k % 5 and not now:
                continue
            chart.dot(float(s), float(v), f"mark mark-{mark}", radius=5.5 if now else 3)
            if place == 0 and k in (0, percentile, 100) and (wide or now):
                at: Anchor = "start" if k == 0 else "end" if k == 100 else "middle"
                _word(chart, float(s), float(v), f"k = {k:g}", at)
        if report.chosen:
            chosen = report.chosen
            chart.whisker(chosen.steps, chosen.low, chosen.high)
            x, y = chart.x(chosen.steps), chart.y(chosen.score)
            chart.canvas.path(f"M{x:.1f} {y - 7:.1f}l7 7l-7 7l-7 -7z", f"mark mark-{mark}")
    _key(chart, [r.name for r in reports])
    return chart.svg()


def _accuracy(reports: Sequence[EstimatorReport], width: float, *, kind: str, alt: str) -> Svg:
    wide = width == WIDE
    lows = [a.low for r in reports for a in r.accuracies]
    highs = [a.high for r in reports for a in r.accuracies]
    y_ticks = round_ticks(min([0.5, *lows]), max([0.5, *highs]))
    chart = Chart(
        width,
        320 if wide else 290,
        x=Axis(0, 100, (0, 20, 40, 60, 80, 100), "k, the share refined, %", share=False),
        y=Axis(y_ticks[0], y_ticks[-1], y_ticks),
        kind=kind,
        alt=alt,
        margins=Margins(right=16, top=44, bottom=48),
    )
    first = reports[0].accuracies
    chart.band(
        [a.percentile for a in first],
        [a.low for a in first],
        [a.high for a in first],
        "band-tie",
    )
    chart.canvas.line(chart.left, chart.y(0.5), chart.right, chart.y(0.5), "s-half")
    for place, report in enumerate(reports):
        found = report.accuracies
        chart.line(
            [a.percentile for a in found],
            [a.accuracy for a in found],
            f"line-ink line-{style(place)}",
        )
    _key(chart, [r.name for r in reports])
    return chart.svg()


def _roc(reports: Sequence[EstimatorReport], width: float, *, kind: str, alt: str) -> Svg:
    chart = _square(width, "Kept though it should be refined", kind=kind, alt=alt)
    chart.canvas.line(chart.x(0), chart.y(0), chart.x(1), chart.y(1), "s-half")
    for place, report in enumerate(reports):
        points = report.ranking.roc
        chart.line([x for x, _ in points], [y for _, y in points], f"line-ink line-{style(place)}")
    _key(chart, [r.name for r in reports])
    return chart.svg()


def _reliability(reports: Sequence[EstimatorReport], width: float, *, kind: str, alt: str) -> Svg:
    chart = _square(width, "Rank of the score, lowest to highest", kind=kind, alt=alt)
    for place, report in enumerate(reports):
        total, before, at = sum(b.n for b in report.bins), 0, []
        for found in report.bins:
            at.append((before + found.n / 2) / total)
            before += found.n
        chart.line(at, [b.keep_rate for b in report.bins], f"line-ink line-{style(place)}")
        for x, found in zip(at, report.bins, strict=True):
            if place == 0:
                chart.whisker(x, found.low, found.high)
            chart.dot(x, found.keep_rate, f"mark mark-{style(place)}", radius=3.5)
    _key(chart, [r.name for r in reports])
    return chart.svg()


def _square(width: float, label: str, *, kind: str, alt: str) -> Chart:
    return Chart(
        width,
        330,
        x=Axis(0, 1, _WHOLE, label),
        y=Axis(0, 1, _WHOLE),
        kind=kind,
        alt=alt,
        margins=Margins(right=10, top=44, bottom=48),
    )


def _key(chart: Chart, names: Sequence[str]) -> None:
    chart.key(
        [(name, f"line-ink line-{style(place)}") for place, name in enumerate(names)],
        left=chart.left,
    )


def _word(chart: Chart, x: float, y: float, words: str, at: Anchor) -> None:
    left = chart.x(x)
    shift = {"start": 2, "end": -2}.get(at, 0)
    below = 22 if shift else -11
    chart.canvas.text(left + shift, chart.y(y) + below, words, "t-s t-halo", at)
