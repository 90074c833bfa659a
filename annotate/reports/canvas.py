"""The paper that figures are drawn on: SVG elements, scales, and words that fit their room.

It must not know what is drawn. Looks come from the style sheet by class, never from here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Self
from xml.etree.ElementTree import Element, SubElement, tostring

WIDE, NARROW, HALF = 720.0, 342.0, 340.0
# Widths of characters in the widest fall-back face (DejaVu Sans Bold), as shares of the type size:
# names are cut, never overrun.
THIN, MEAN, BROAD = 0.42, 0.67, 0.95
_THIN = frozenset("iljtfrI1.,:;'|!()[] ")

Anchor = Literal["start", "middle", "end"]


class Svg(str):
    """A finished drawing: ElementTree has escaped every word, so templates take it as it is."""

    __slots__ = ()

    def __html__(self) -> Self:
        return self


@dataclass(frozen=True)
class Figure:
    """One figure in its two widths; the style sheet shows the one that fits."""

    wide: Svg
    narrow: Svg


class Canvas:
    """One drawing in the making. `alt` says it in words; without it, it is left out of speech."""

    def __init__(self, width: float, height: float, *, kind: str, alt: str = "") -> None:
        named = {"role": "img", "aria-label": alt} if alt else {"aria-hidden": "true"}
        box = {
            "viewBox": f"0 0 {short(width)} {short(height)}",
            "width": short(width),
            "height": short(height),
        }
        self.root = Element("svg", {"class": kind, **box, **named})

    def text(self, x: float, y: float, words: str, kind: str, anchor: Anchor = "start") -> None:
        at = {"x": short(x), "y": short(y), "class": kind}
        if anchor != "start":
            at["text-anchor"] = anchor
        SubElement(self.root, "text", at).text = words

    def rect(self, x: float, y: float, width: float, height: float, kind: str) -> None:
        box = {"x": short(x), "y": short(y), "width": short(width), "height": short(height)}
        SubElement(self.root, "rect", {"class": kind, **box})

    def path(self, d: str, kind: str) -> None:
        SubElement(self.root, "path", {"class": kind, "d": d})

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        self.path(f"M{short(x1)} {short(y1)}L{short(x2)} {short(y2)}", kind)

    def dot(self, x: float, y: float, radius: float, kind: str) -> None:
        at = {"cx": short(x), "cy": short(y), "r": short(radius)}
        SubElement(self.root, "circle", {"class": kind, **at})

    def svg(self) -> Svg:
        return Svg(tostring(self.root, encoding="unicode"))


def linear(low: float, high: float, left: float, right: float) -> Callable[[float], float]:
    """Where a value stands between `left` and `right`, in drawing units."""
    return lambda share: left + (share - low) / (high - low) * (right - left)


def text_width(words: str, *, size: float = 13) -> float:
    """An upper estimate in drawing units, good for Latin scripts; wider scripts count as broad."""
    shares = (
        THIN if c in _THIN else BROAD if c in "mwMW@%—" or ord(c) > 0x2E7F else MEAN for c in words
    )
    return size * sum(shares)


def first_fit(choices: Sequence[str], room: float) -> str:
    """The first wording there is room for, else the last one cut, in 12 units."""
    for words in choices:
        if text_width(words, size=12) <= room:
            return words
    return fit(choices[-1], room, size=12)


def fit(words: str, room: float, *, size: float = 13) -> str:
    """The words, cut with an ellipsis where there is no room for them."""
    if text_width(words, size=size) <= room:
        return words
    kept = words
    while kept and text_width(f"{kept}…", size=size) > room:
        kept = kept[:-1]
    return f"{kept.rstrip()}…"


def short(number: float) -> str:
    """One decimal, without a trailing zero: drawings stay small and equal on every machine."""
    return f"{number:.1f}".removesuffix(".0")
