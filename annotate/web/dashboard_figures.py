"""The dashboard's small drawings as plain numbers; the templates draw them as SVG attributes.

It must not read the database.
"""

from collections.abc import Collection
from dataclasses import dataclass

from annotate.analysis.annotators import side_balance
from annotate.reports.alerts import chips
from annotate.reports.figures import micro_interval
from annotate.reports.people_lines import AnnotatorLine
from annotate.reports.progress import Counts, Pace

WIDTH = 1000.0
PACE_WIDTH, PACE_HEIGHT = 344.0, 48.0
_NUMBERS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Bar:
    """A rectangle and what it stands for. `shade` 0 to 3 is the colour's depth."""

    label: str
    count: int
    shade: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class AnnotatorRow:
    """A table row: the line, its share of left choices drawn with its interval, its flags."""

    line: AnnotatorLine
    left_share: float | None
    plot: str
    equal_share: float | None
    flags: list[str]


def vote_bar(counts: Counts) -> list[Bar]:
    """Pairs by their number of votes as parts of one bar."""
    total, x, bars = sum(counts.by_votes) or 1, 0.0, []
    most = len(counts.by_votes) - 1
    for votes, pairs in enumerate(counts.by_votes):
        width = WIDTH * pairs / total
        shade = 3 if votes == most else round(2 * votes / max(most - 1, 1))
        label = _NUMBERS[votes] if votes < len(_NUMBERS) else str(votes)
        bars.append(Bar(label, pairs, shade, round(x, 1), 0, round(width, 1), 28))
        x += width
    return bars


def pace_bars(pace: Pace) -> list[Bar]:
    """Votes per ten minutes; the last hour is darker."""
    step = PACE_WIDTH / len(pace.buckets)
    most = max(pace.buckets) or 1
    return [
        Bar(
            label="",
            count=count,
            shade=3 if place >= len(pace.buckets) - 6 else 2,
            x=round(step * place, 1),
            y=round(PACE_HEIGHT * (1 - count / most), 1),
            width=round(step - 2, 1),
            height=round(PACE_HEIGHT * count / most, 1),
        )
        for place, count in enumerate(pace.buckets)
    ]


def annotator_rows(
    lines: list[AnnotatorLine], *, flagged: Collection[str] = ()
) -> list[AnnotatorRow]:
    """A row for each line; `flagged` are the pseudonyms whom the rules of the protocol flagged."""
    rows = []
    for line in lines:
        side = side_balance(line.left, line.right)
        plot = ""
        if side.estimate is not None and side.low is not None and side.high is not None:
            plot = micro_interval(side.estimate, side.low, side.high, reference=0.5)
        equal = line.equal / line.votes if line.votes else None
        found = [*(["Flagged"] if line.pseudonym in flagged else []), *chips(line)]
        rows.append(AnnotatorRow(line, side.estimate, plot, equal, found))
    return rows
