"""Rings in explanations: up to three places of an item's pictures, shown once it was answered.

Relative to the picture they lie on, so that they follow it to whichever side it is shown on. Pure:
it must not know screens, nor who sees the rings.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypedDict

MOST = 3
# Smaller ones could not be seen; shares of the picture's width and height.
SMALLEST = 0.01
FORM = "picture x y w h, as in “A 0.10 0.20 0.30 0.25”"


class BadRing(ValueError):
    """A ring that cannot be drawn; says which one, what was given, and what is allowed."""


@dataclass(frozen=True)
class Ring:
    """The region a ring is drawn around, on picture a or b of an item.

    x, y, w and h are shares in [0, 1] of that picture's width and height, from its left upper
    corner.
    """

    picture: str
    x: float
    y: float
    w: float
    h: float


class Kept(TypedDict):
    """A ring as it is stored: `of` is the comparison's first or second picture."""

    of: str
    x: float
    y: float
    w: float
    h: float


class Drawn(TypedDict):
    """A ring as a screen draws it: shares of the file shown on side 1 (left) or 2."""

    side: int
    x: float
    y: float
    w: float
    h: float


def read_lines(text: str) -> tuple[Ring, ...]:
    """Rings written one a line, as the form takes them.

    Raises:
        BadRing: a line is not a picture and four numbers.
    """
    found = []
    for number, line in enumerate(filter(None, map(str.strip, text.splitlines())), start=1):
        picture, *shares = line.replace(",", " ").split()
        try:
            x, y, w, h = map(float, shares)
        except ValueError:
            raise BadRing(f"ring {number}: “{line[:80]}” was given; write {FORM}.") from None
        found.append(Ring(picture.lower(), x, y, w, h))
    return tuple(found)


def keep(rings: Sequence[Ring], *, a_is_first: bool) -> list[Kept]:
    """The rings as they are stored.

    Raises:
        BadRing: there are too many, or one is not on a picture.
    """
    if len(rings) > MOST:
        raise BadRing(f"{len(rings)} rings; at most {MOST}. Keep those that show the reason best.")
    for number, ring in enumerate(rings, start=1):
        _check(ring, number)
    return [
        Kept(
            of="first" if (ring.picture == "a") == a_is_first else "second",
            x=ring.x,
            y=ring.y,
            w=ring.w,
            h=ring.h,
        )
        for ring in rings
    ]


def _check(ring: Ring, number: int) -> None:
    if ring.picture not in {"a", "b"}:
        raise BadRing(f"ring {number}: picture {ring.picture[:20]!r}; allowed: a, b. Correct it.")
    for name, size, start, extent in (("w", "x", ring.x, ring.w), ("h", "y", ring.y, ring.h)):
        if not (math.isfinite(start) and 0 <= start <= 1):
            raise BadRing(f"ring {number}: {size}={start:g}; a share from 0 to 1. Correct it.")
        if not (math.isfinite(extent) and SMALLEST <= extent <= 1):
            raise BadRing(
                f"ring {number}: {name}={extent:g}; a share from {SMALLEST} to 1. Correct it."
            )
        # 0.7 and 0.3 add up to a little more than 1 in binary.
        if start + extent > 1 + 1e-9:
            raise BadRing(
                f"ring {number}: {size}={start:g} and {name}={extent:g} end at {start + extent:g}, "
                "outside the picture; their sum is at most 1. Correct it."
            )


def draw(
    rings: Iterable[Kept],
    *,
    flipped: bool,
    sizes: dict[str, tuple[int, int]],
    box: tuple[int, int],
) -> list[Drawn]:
    """The rings as they lie on what is shown.

    Args:
        flipped: the second picture stands on the left.
        sizes: (width, height) in pixels of the picture called first, and of second.
        box: (width, height) of the equal box that both are fitted into (`storage.fit`); (0, 0)
            where each is shown as it is.
    """
    found = []
    for ring in rings:
        (left, wide), (top, high) = _within(sizes[ring["of"]], box)
        found.append(
            Drawn(
                side=1 if (ring["of"] == "first") != flipped else 2,
                x=left + ring["x"] * wide,
                y=top + ring["y"] * high,
                w=ring["w"] * wide,
                h=ring["h"] * high,
            )
        )
    return found


def _within(
    size: tuple[int, int], box: tuple[int, int]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """(start, extent) across and down that a picture takes of its box, as shares."""
    if not all(box):
        return (0.0, 1.0), (0.0, 1.0)
    scale = min(box[0] / size[0], box[1] / size[1])
    extents = [side * scale / whole for side, whole in zip(size, box, strict=True)]
    return ((1 - extents[0]) / 2, extents[0]), ((1 - extents[1]) / 2, extents[1])
