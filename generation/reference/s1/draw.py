"""World S1 in pixels: whole batches of scenes drawn by array operations.

Must not know captions in words, models or verdicts; no torch.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.reference.s1.words import BACKGROUNDS, COLOURS, OPEN, SHAPES, SIZES
from generation.reference.scenes import Background, Place, Shape
from generation.reference.shapes import PALETTE

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]

SIDE = 16
PLACES = tuple(Place)
# Radius in pixels, from and to, of each of SIZES.
RADII = ((2.5, 2.9), (3.9, 4.4))
# No outline reaches further than this from its centre, in radii.
REACH = 1.15
COLOUR_RGB = np.array([PALETTE[colour] for colour in COLOURS], dtype=np.float32)
_GROUND = {Background.WHITE: 1.0, Background.GREY: 0.5, Background.BLACK: 0.0}
GROUND_RGB = np.array([[_GROUND[ground]] * 3 for ground in BACKGROUNDS], dtype=np.float32)

_OFFSETS = {
    Place.CENTRE: (0, 0),
    Place.LEFT: (-1, 0),
    Place.RIGHT: (1, 0),
    Place.TOP: (0, -1),
    Place.BOTTOM: (0, 1),
}
_AWAY = np.array([_OFFSETS[place] for place in PLACES], dtype=np.float32)
_DISTANCE, _JITTER = 3.4, 0.8


@dataclass(frozen=True)
class Looks:
    """What n pictures show, nothing open: indices of attributes, lengths in pixels, all (n,).

    `x` and `y` are the centre of the shape, measured from the upper left corner of the picture.
    """

    colour: Ints
    shape: Ints
    size: Ints
    background: Ints
    place: Ints
    radius: Floats
    x: Floats
    y: Floats

    def attributes(self) -> Ints:
        """(n, 4) as `words.Book.asked`."""
        return np.stack([self.colour, self.shape, self.size, self.background], axis=1)


def settle(asked: Ints, *, rng: np.random.Generator, spread: float = 1.0) -> Looks:
    """Decide for each picture what its caption leaves open, and always place and exact radius.

    Args:
        asked: (n, 4) as `words.Book.asked`.
        rng: moves on by the same numbers whatever the captions say.
        spread: how far from the centre things stand, as a share of the usual; 0 puts all there.
    """
    n = len(asked)
    options = (len(COLOURS), len(SHAPES), len(SIZES), len(BACKGROUNDS))
    drawn = np.stack([rng.integers(k, size=n) for k in options], axis=1)
    colour, shape, size, ground = np.where(asked == OPEN, drawn, asked).T
    place = rng.integers(len(PLACES), size=n)
    low, high = np.array(RADII, dtype=np.float32)[size].T
    radius = low + (high - low) * rng.random(n, dtype=np.float32)
    jitter = _JITTER * (2 * rng.random((n, 2), dtype=np.float32) - 1)
    room = (SIDE / 2 - REACH * radius - 0.1)[:, None]
    centre = SIDE / 2 + np.clip(spread * (_AWAY[place] * _DISTANCE + jitter), -room, room)
    return Looks(colour, shape, size, ground, place, radius, centre[:, 0], centre[:, 1])


def coverage(shape: Ints, radius: Floats, x: Floats, y: Floats) -> NDArray[np.float32]:
    """How much of each pixel the shape covers: (n, SIDE, SIDE) in [0, 1]; arguments as in Looks."""
    at = np.arange(SIDE, dtype=np.float32) + np.float32(0.5)
    u = np.abs(at[None, None, :] - x[:, None, None])
    v = at[None, :, None] - y[:, None, None]
    r = radius[:, None, None]
    kind = shape[:, None, None]
    circle = np.hypot(u, v) - r
    square = np.maximum(u, np.abs(v)) - 0.94 * r
    # Upright, apex 1.15 r above the centre, foot 0.75 r below, half as wide as 1.15 r.
    flank = (1.9 * u - 1.15 * (v + 1.15 * r)) / np.hypot(1.9, 1.15)
    triangle = np.maximum(flank, v - 0.75 * r)
    circular, squarish = SHAPES.index(Shape.CIRCLE), SHAPES.index(Shape.SQUARE)
    distance = np.where(kind == circular, circle, np.where(kind == squarish, square, triangle))
    return np.clip(0.5 - distance, 0, 1).astype(np.float32)


def draw(looks: Looks) -> NDArray[np.float32]:
    """The pictures: (n, SIDE, SIDE, 3) in [0, 1], RGB, plain colours, one-pixel soft edges."""
    cover = coverage(looks.shape, looks.radius, looks.x, looks.y)[..., None]
    ground = GROUND_RGB[looks.background][:, None, None, :]
    ink = COLOUR_RGB[looks.colour][:, None, None, :]
    painted: NDArray[np.float32] = ground + cover * (ink - ground)
    return painted
