"""The section on early stopping: the confidence sequence along the serving order, drawn and told.

It must not compute evidence or know HTTP.
"""

from __future__ import annotations

import math

from annotate.analysis.sequential import Look, Monitoring
from annotate.reports.canvas import NARROW, WIDE, Figure, Svg
from annotate.reports.charts import Axis, Chart, Margins, round_ticks
from annotate.reports.plates import Plate, Section
from annotate.reports.stopping import bound, ended, evidence, state_title, state_words
from annotate.reports.words import confidence, number, percent, span, typeset
from annotate.studies.protocol import Protocol

# More points than pixels would only make the file longer.
MOST_POINTS = 240


def stopping_section(
    seen: Monitoring, protocol: Protocol, *, names: str, over: bool, programs: str = ""
) -> Section:
    """The running confidence sequence with its words.

    Args:
        names: of the compared methods.
        over: the study is closed.
        programs: ends the subtitle where votes are simulated.
    """
    told = [words for words in (ended(seen, protocol, over=over), state_words(seen)) if words]
    level = confidence(seen.confidence)
    plate = Plate(
        title=typeset(state_title(seen, protocol)),
        subtitle=typeset(
            f"Win rate of {names}, ties dropped, after each prompt; {level} confidence sequence"
            f"{programs}"
        ),
        figure=stopping_figure(seen, alt=f"{state_title(seen, protocol)}. {state_words(seen)}"),
        note=typeset(
            f"E = {evidence(seen)} after {number(seen.prefix)} prompts; a study may be stopped "
            f"from E = {bound(protocol):g} on, however often one looks."
        ),
    )
    return Section(
        "stopping",
        "Early stopping",
        plates=(plate,) if seen.looks else (),
        paragraphs=(typeset(" ".join(told)),),
        notes=(
            "Declared before launch. Only prompts before the first undecided one count: those that "
            "are decided early are easy ones.",
            typeset(
                "The band and the anytime p, which Holm’s correction takes, hold at every look at "
                "once. Wilson’s intervals and sign tests hold at the planned end only: no other p "
                "stands here while the study is running."
            ),
        ),
    )


def stopping_figure(seen: Monitoring, *, alt: str) -> Figure:
    """Win rate and its confidence sequence against the number of prompts."""
    return Figure(
        wide=_drawn(seen, WIDE, kind="plot plot-wide", alt=alt),
        narrow=_drawn(seen, NARROW, kind="plot plot-narrow", alt=alt),
    )


def _drawn(seen: Monitoring, width: float, *, kind: str, alt: str) -> Svg:
    looks = thinned(seen.looks)
    most = 10.0 * math.ceil(max(seen.planned, 10) / 10)
    ticks = tuple(t for t in round_ticks(0, most) if t <= most) or (0.0, most)
    chart = Chart(
        width,
        240,
        x=Axis(0, most, ticks, "Prompts in serving order", share=False),
        y=Axis(0, 1, (0, 0.25, 0.5, 0.75, 1)),
        kind=kind,
        alt=alt,
        margins=Margins(left=48, right=16),
    )
    at = [float(look.prompt) for look in looks]
    chart.band(at, [look.low for look in looks], [look.high for look in looks], "band-win")
    half = chart.y(0.5)
    chart.canvas.line(chart.left, half, chart.right, half, "s-half")
    chart.line(at, [look.wins / look.n for look in looks], "line-win")
    if seen.stopped_after is not None:
        x = chart.x(seen.stopped_after)
        chart.canvas.line(x, chart.top, x, chart.bottom, "s-now")
        left = x > (chart.left + chart.right) / 2
        words = f"may be stopped from {number(seen.stopped_after)} on"
        end = -6 if left else 6
        chart.canvas.text(
            x + end, chart.bottom - 8, words, "t-s t-halo", "end" if left else "start"
        )
    if looks:
        last = looks[-1]
        share = percent(last.wins / last.n)
        x, y = chart.x(last.prompt), chart.y(last.high)
        words = f"{share} [{span(last.low, last.high)}]"
        left = x > (chart.left + chart.right) / 2
        chart.canvas.text(
            x, max(y - 6, chart.top + 10), words, "t-s t-halo", "end" if left else "start"
        )
    return chart.svg()


def thinned(looks: tuple[Look, ...]) -> tuple[Look, ...]:
    """At most `MOST_POINTS` looks, the first and the last among them."""
    if len(looks) <= MOST_POINTS:
        return looks
    step = (len(looks) - 1) / (MOST_POINTS - 1)
    return tuple(looks[round(i * step)] for i in range(MOST_POINTS))
