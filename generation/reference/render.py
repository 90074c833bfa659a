"""Scenes as pictures: lays the things out on a floor without overlap and paints them.

Must not know why a picture is wanted (method, defect, judge); no torch.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generation.errors import SceneError
from generation.reference.backdrops import BACKDROPS, paint_backdrop
from generation.reference.scenes import Place, Scene, Size, Thing, settle
from generation.reference.shapes import EXTENT, PALETTE, cast_shadow, paint

Picture = NDArray[np.uint8]
_Floats = NDArray[np.float64]

SMALLEST, BIGGEST = 16, 2048
_RADIUS = {Size.SMALL: 0.090, Size.LARGE: 0.185}
_GAP = 0.022
_MARGIN = 0.045
_TRIES = 12
_THROWS = 32
_FLOOR = (0.60, 0.925)  # where feet may stand, from far to near
# Thirds of the floor that a place allows: x from, x to, depth from, depth to.
_REGION = {
    Place.CENTRE: (0.40, 0.60, 0.33, 0.67),
    Place.LEFT: (0.0, 0.33, 0.0, 1.0),
    Place.RIGHT: (0.67, 1.0, 0.0, 1.0),
    Place.TOP: (0.0, 1.0, 0.0, 0.33),
    Place.BOTTOM: (0.0, 1.0, 0.67, 1.0),
    None: (0.0, 1.0, 0.0, 1.0),
}


@dataclass(frozen=True)
class Placed:
    """A thing with its place in the picture; lengths are shares of the picture's edge."""

    thing: Thing
    x: float
    y: float
    radius: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        wide, high = (extent * self.radius for extent in EXTENT[self.thing.shape])
        return self.x - wide, self.y - high, self.x + wide, self.y + high


def render(scene: Scene, *, size: int = 512, seed: int = 0) -> Picture:
    """Paint a scene; what its caption leaves open (size, background, layout) follows the seed.

    Args:
        scene: what to show; `settle` it first to fill what is open from another grammar than DEMO.
        size: edge in pixels, 16 to 2048.
        seed: non-negative; equal scene, size and seed give equal bytes.

    Returns:
        (size, size, 3), uint8, RGB.

    Raises:
        SceneError: size outside the range or a negative seed.
    """
    if not SMALLEST <= size <= BIGGEST:
        raise SceneError(f"size={size} pixels; choose {SMALLEST} to {BIGGEST}")
    if seed < 0:
        raise SceneError(f"seed={seed}; seeds are integers of 0 or more")
    shown = settle(scene, seed=seed)
    assert shown.background is not None  # settled
    placed = arrange(shown, seed=seed)
    rng = np.random.default_rng([seed, 0x9A1A7])
    canvas = paint_backdrop(shown.background, size, rng)
    shadow = BACKDROPS[shown.background].shadow
    for one in placed:
        left, _, right, bottom = one.box
        cast_shadow(
            canvas,
            foot=(one.x * size, bottom * size),
            width=(right - left) / 2 * size,
            strength=shadow,
        )
    tilts = rng.normal(0, 0.035, len(placed))
    for one, tilt in zip(placed, tilts, strict=True):
        paint(
            canvas,
            one.thing.shape,
            centre=(one.x * size, one.y * size),
            radius=one.radius * size,
            base=PALETTE[one.thing.colour],
            tilt=float(tilt),
        )
    # A trace of grain hides the steps of the smooth gradients.
    grain = rng.standard_normal((size, size), dtype=np.float32)[..., None] * np.float32(0.6)
    return np.clip(canvas * 255 + grain + 0.5, 0, 255).astype(np.uint8)


def arrange(scene: Scene, *, seed: int = 0) -> tuple[Placed, ...]:
    """Where each thing stands, far ones first; no two bounding boxes touch.

    Things are thrown onto the floor one by one, the biggest first. When that fails too often all
    shrink a little and the throwing starts again, so that relative sizes stay true.
    """
    things = settle(scene, seed=seed).things
    rng = np.random.default_rng([seed, 0x1A0])
    scale = 1.20 - 0.06 * min(len(things), 6)
    while True:
        for _ in range(_TRIES):
            placed = _throw(things, scale, rng)
            if placed is not None:
                return tuple(sorted(placed, key=lambda one: one.box[3]))
        scale *= 0.96


def _throw(
    things: tuple[Thing, ...], scale: float, rng: np.random.Generator
) -> list[Placed] | None:
    """One try to place all things, or None when one of them finds no room."""
    placed: list[Placed] = []
    boxes = np.empty((0, 4))
    for thing in sorted(things, key=lambda thing: thing.size is Size.SMALL):
        radius = _RADIUS[thing.size or Size.LARGE] * scale
        across, depth, order = rng.random((3, _THROWS))
        # Things gather around the middle as in a posed photograph: prefer the central throws.
        nearest = np.argsort(np.abs(across - 0.5) + 0.5 * order)
        x, y = _stand(thing, radius, across[nearest], depth[nearest])
        wide, high = (extent * radius + _GAP * scale / 2 for extent in EXTENT[thing.shape])
        thrown = np.stack([x - wide, y - high, x + wide, y + high], axis=1)
        (free,) = np.nonzero(~_overlap(thrown, boxes).any(axis=1))
        if not len(free):
            return None
        boxes = np.vstack([boxes, thrown[free[0]]])
        placed.append(Placed(thing, float(x[free[0]]), float(y[free[0]]), radius))
    return placed


def _stand(thing: Thing, radius: float, across: _Floats, depth: _Floats) -> tuple[_Floats, _Floats]:
    """Centres of a thing whose foot is at these shares of the floor it may stand on."""
    wide, high = (extent * radius for extent in EXTENT[thing.shape])
    x0, x1, d0, d1 = _REGION[thing.place]
    span = 1 - 2 * (_MARGIN + wide)
    x = _MARGIN + wide + span * (x0 + across * (x1 - x0))
    foot = _FLOOR[0] + (_FLOOR[1] - _FLOOR[0]) * (d0 + depth * (d1 - d0))
    return x, foot - high


def _overlap(a: _Floats, b: _Floats) -> NDArray[np.bool_]:
    """(n, m): do box i of a and box j of b meet? Boxes are left, top, right, bottom."""
    first, second = a[:, None, :], b[None, :, :]
    meet = (first[..., :2] < second[..., 2:]) & (second[..., :2] < first[..., 2:])
    return meet[..., 0] & meet[..., 1]
