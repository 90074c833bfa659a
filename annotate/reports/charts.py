"""Two axes on a canvas: scales, ticks, bands, lines with gaps, labels that keep off each other.

It must not know what is plotted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from annotate.reports.canvas import Anchor, Canvas, Svg, fit, linear, short, text_width

LABEL_GAP = 15.0


@dataclass(frozen=True)
class Axis:
    """Values from low to high with ticks. Shares are written in percent, the last with its sign."""

    low: float
    high: float
    ticks: tuple[float, ...]
    label: str = ""
    share: bool = True

    def words(self, tick: float) -> str:
        if not self.share:
            return f"{tick:g}"
        return f"{100 * tick:g} %" if tick == self.ticks[-1] else f"{100 * tick:g}"


@dataclass(frozen=True)
class Margins:
    """Room around the plotting area, in drawing units."""

    left: float = 44
    right: float = 12
    top: float = 16
    bottom: float = 44


class Chart:
    """A plotting area with its axes drawn; `x` and `y` place values in it."""

    def __init__(
        self,
        width: float,
        height: float,
        *,
        x: Axis,
        y: Axis,
        kind: str,
        alt: str,
        margins: Margins | None = None,
    ) -> None:
        room = margins or Margins()
        self.canvas = Canvas(width, height, kind=kind, alt=alt)
        self.width = width
        self.left, self.right = room.left, width - room.right
        self.top, self.bottom = room.top, height - room.bottom
        self.x: Callable[[float], float] = linear(x.low, x.high, self.left, self.right)
        self.y: Callable[[float], float] = linear(y.low, y.high, self.bottom, self.top)
        self._x_axis, self._y_axis = x, y
        self._labels: list[tuple[float, str, str]] = []
        for tick in y.ticks:
            at = self.y(tick)
            self.canvas.line(self.left, at, self.right, at, "s-axis" if tick == y.low else "s-grid")
            self.canvas.text(self.left - 8, at + 4, y.words(tick), "t-s t-2", "end")
        self._ticks(x.ticks, [x.words(t) for t in x.ticks], self.bottom, x.label)

    def second_axis(self, at: Sequence[float], words: Sequence[str], label: str) -> None:
        """Another scale below the first, for what goes with the same places."""
        self._ticks(at, words, self.bottom + 50, label)

    def _ticks(self, at: Sequence[float], words: Sequence[str], y: float, label: str) -> None:
        self.canvas.line(self.left, y, self.right, y, "s-axis")
        for tick, written in zip(at, words, strict=True):
            x = self.x(tick)
            self.canvas.line(x, y, x, y + 5, "s-axis")
            # The last label ends with its axis, so that nothing leaves the drawing.
            last = x + text_width(written, size=12) / 2 > self.width
            place: Anchor = "end" if last else "middle"
            self.canvas.text(self.width if last else x, y + 18, written, "t-s t-2", place)
        if label:
            middle = (self.left + self.right) / 2
            self.canvas.text(middle, y + 36, fit(label, self.width, size=12), "t-s t-2", "middle")

    def shade(self, low: float, high: float) -> None:
        """Mark a stretch of the axis as out of reach."""
        left, right = self.x(low), self.x(high)
        self.canvas.rect(left, self.top, right - left, self.bottom - self.top, "f-shade")

    def band(self, x: Sequence[float], low: Sequence[float], high: Sequence[float], k: str) -> None:
        for piece in _runs([*zip(x, low, high, strict=True)]):
            there = [(self.x(a), self.y(c)) for a, _, c in piece]
            back = [(self.x(a), self.y(b)) for a, b, _ in reversed(piece)]
            self.canvas.path(f"{_path([*there, *back])}z", k)

    def line(self, x: Sequence[float], y: Sequence[float], kind: str) -> None:
        """A line that has a gap where a value is not a number."""
        for piece in _runs([*zip(x, y, strict=True)]):
            self.canvas.path(_path([(self.x(a), self.y(b)) for a, b in piece]), kind)

    def whisker(self, x: float, low: float, high: float) -> None:
        self.canvas.line(self.x(x), self.y(low), self.x(x), self.y(high), "s-ci")

    def dot(self, x: float, y: float, kind: str, *, radius: float = 5.5) -> None:
        self.canvas.dot(self.x(x), self.y(y), radius, kind)

    def end_label(self, y: float, words: str, kind: str) -> None:
        """Words for the end of a line that ends at y; they are placed together by `svg`."""
        if not math.isnan(y):
            self._labels.append((self.y(y), words, kind))

    def key(self, entries: Sequence[tuple[str, str]], *, left: float) -> None:
        """Names with a piece of their line, in two rows above; the rest stands in a table."""
        x, y = left, 10.0
        for name, kind in entries:
            need = 26 + text_width(name, size=12)
            if x + need > self.width:
                x, y = left, y + 16
            if x + need > self.width or y > 26:
                return
            self.canvas.line(x, y, x + 20, y, kind)
            self.canvas.text(x + 26, y + 4, name, "t-s")
            x += need + 14

    def svg(self, *, inside: bool = False) -> Svg:
        """The drawing; end labels stand right of the area, or inside above their lines' ends."""
        lowest = self.bottom - 2
        for y, words, kind in spread(self._labels, low=self.top + 6, high=lowest):
            if inside:
                # Under a line that runs along the top there is room, above it there is none.
                at = y - 6 if y - 18 > self.top else y + 16
                self.canvas.text(self.right - 4, at, words, f"{kind} t-halo", "end")
            else:
                room = self.width - self.right - 10
                self.canvas.text(self.right + 10, y + 4, fit(words, room), kind)
        return self.canvas.svg()


def spread(
    labels: Sequence[tuple[float, str, str]], *, low: float, high: float
) -> list[tuple[float, str, str]]:
    """Move labels apart, as little as the gap needs, and back inside where they would leave."""
    placed: list[tuple[float, str, str]] = []
    for y, words, kind in sorted(labels):
        least = placed[-1][0] + LABEL_GAP if placed else low
        placed.append((max(y, least), words, kind))
    for place in range(len(placed) - 1, -1, -1):
        y, words, kind = placed[place]
        most = placed[place + 1][0] - LABEL_GAP if place + 1 < len(placed) else high
        placed[place] = (min(y, most), words, kind)
    return placed


def round_ticks(low: float, high: float, *, most: int = 6) -> tuple[float, ...]:
    """Round values that hold low and high between the first and the last of them."""
    span = max(high - low, 1e-9)
    size = 10.0 ** math.floor(math.log10(span))
    for step in (size / 10, size / 5, size / 4, size / 2, size, 2 * size, 5 * size):
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first < most:
            return tuple(round(n * step, 10) for n in range(first, max(last, first + 1) + 1))
    return (low, high)


def _runs(points: Sequence[tuple[float, ...]]) -> list[list[tuple[float, ...]]]:
    """Stretches of points without a gap; a single point draws no line."""
    runs: list[list[tuple[float, ...]]] = [[]]
    for point in points:
        if any(math.isnan(value) for value in point):
            runs.append([])
        else:
            runs[-1].append(point)
    return [run for run in runs if len(run) > 1]


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{short(x)} {short(y)}" for x, y in points)
