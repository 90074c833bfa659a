"""One thing as pixels: signed distances to the outlines, and the shading of a glazed body.

Must not know of scenes, backgrounds or layout; no torch.
"""

import math
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.reference.scenes import Colour, Shape

Field = NDArray[np.floating[Any]]
Rgb = tuple[float, float, float]

# Chosen to stay apart for colour-blind readers too: neighbours differ in lightness as well as hue.
PALETTE: dict[Colour, Rgb] = {
    Colour.RED: (0.84, 0.16, 0.17),
    Colour.ORANGE: (0.96, 0.52, 0.10),
    Colour.YELLOW: (0.98, 0.82, 0.16),
    Colour.GREEN: (0.10, 0.58, 0.32),
    Colour.BLUE: (0.14, 0.42, 0.90),
    Colour.PURPLE: (0.50, 0.24, 0.66),
}

# Half width and half height in units of the radius; outlines are centred on their bounding box.
EXTENT: dict[Shape, tuple[float, float]] = {
    Shape.CIRCLE: (1.0, 1.0),
    Shape.SQUARE: (0.88, 0.88),
    Shape.TRIANGLE: (1.08, 0.96),
    Shape.STAR: (1.13, 1.08),
    Shape.HEART: (1.07, 0.97),
}
# How far the bevel reaches in, in radii: a circle becomes a ball, the others soft-edged tokens.
_BEVEL = {
    Shape.CIRCLE: 1.0,
    Shape.SQUARE: 0.34,
    Shape.TRIANGLE: 0.36,
    Shape.STAR: 0.42,
    Shape.HEART: 0.62,
}
_LIGHT = np.array([-0.42, -0.62, 0.66], dtype=np.float32)  # from the upper left, towards the eye
_EYE = np.array([0, 0, 1], dtype=np.float32)
_HALFWAY = (_LIGHT + _EYE) / np.linalg.norm(_LIGHT + _EYE)


def distance(shape: Shape, x: Field, y: Field) -> Field:
    """Signed distance to the outline of a shape of radius 1: negative inside, y points down.

    Args:
        shape: the outline.
        x: any shape that broadcasts with y, in radii from the centre of the bounding box.
        y: as x.
    """
    if shape is Shape.CIRCLE:
        return np.hypot(x, y) - np.float32(1)
    if shape is Shape.SQUARE:
        return _square(x, y)
    if shape is Shape.HEART:
        return _heart(x, y)
    return _polygon(_TRIANGLE if shape is Shape.TRIANGLE else _STAR, x, y)


def _square(x: Field, y: Field, half: float = 0.88, rounding: float = 0.13) -> Field:
    dx, dy = np.abs(x) - (half - rounding), np.abs(y) - (half - rounding)
    outside = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0))
    return outside + np.minimum(np.maximum(dx, dy), 0) - np.float32(rounding)


def _heart(x: Field, y: Field) -> Field:
    # Two circle arcs over two straight flanks, tip at the origin and v pointing up.
    scale = 1.76
    u, v = np.abs(x) / scale, 0.55 - y / scale
    lobe = np.hypot(u - 0.25, v - 0.75) - math.sqrt(2) / 4
    along = 0.5 * np.maximum(u + v, 0)
    to_notch = u**2 + (v - 1) ** 2
    to_flank = (u - along) ** 2 + (v - along) ** 2
    below = np.sqrt(np.minimum(to_notch, to_flank)) * np.sign(u - v)
    return (np.where(u + v > 1, lobe, below) * scale).astype(np.float32)


_Outline = tuple[tuple[tuple[float, float], ...], float]


def _star_points(outer: float, inner: float) -> tuple[tuple[float, float], ...]:
    # The right half from the top down: the left half is its mirror image.
    shift = 0.0955 * outer
    return tuple(
        (r * math.sin(k * math.pi / 5), shift - r * math.cos(k * math.pi / 5))
        for k in range(6)
        for r in (inner if k % 2 else outer,)
    )


_TRIANGLE: _Outline = (((0.0, -0.80), (0.92, 0.80), (0.0, 0.80)), 0.16)
_STAR: _Outline = (_star_points(1.09, 0.53), 0.09)


def _polygon(outline: _Outline, x: Field, y: Field) -> Field:
    """Distance to a polygon that is its own mirror image, with rounded corners."""
    points, rounding = outline
    u = np.abs(x)
    nearest = np.full(np.broadcast_shapes(u.shape, y.shape), np.inf, dtype=np.float32)
    crossings = np.zeros(nearest.shape, dtype=bool)
    for (ax, ay), (bx, by) in pairwise(points):
        ex, ey = bx - ax, by - ay
        px, py = u - np.float32(ax), y - np.float32(ay)
        t = np.clip((px * ex + py * ey) / (ex * ex + ey * ey), 0, 1)
        np.minimum(nearest, (px - t * ex) ** 2 + (py - t * ey) ** 2, out=nearest)
        if ey:
            # Even-odd rule along a ray to the right: is this edge right of the point?
            crossings ^= ((y >= min(ay, by)) & (y < max(ay, by))) & (px < py * (ex / ey))
    signed = np.sqrt(nearest) * np.where(crossings, -1, 1)
    return (signed - rounding).astype(np.float32)


def paint(
    canvas: Field,
    shape: Shape,
    *,
    centre: tuple[float, float],
    radius: float,
    base: Rgb,
    tilt: float,
) -> None:
    """Draw one body onto a canvas of floats in [0, 1], anti-aliased by its distance field.

    Args:
        canvas: (height, width, 3), changed in place.
        shape: what to draw.
        centre: x and y in pixels.
        radius: in pixels.
        base: colour of the glaze.
        tilt: turn in radians, clockwise.
    """
    rows, columns, x, y = _patch(canvas, centre, radius * 1.5)
    if not (x.size and y.size):
        return
    cos, sin = np.float32(math.cos(tilt)), np.float32(math.sin(tilt))
    u, v = (x * cos + y * sin) / radius, (y * cos - x * sin) / radius
    d = distance(shape, u.astype(np.float32), v.astype(np.float32))
    cover = np.clip(0.5 - d * radius, 0, 1)[..., None]
    canvas[rows, columns] += cover * (
        _glaze(d, _BEVEL[shape], base, radius) - canvas[rows, columns]
    )


def _glaze(d: Field, bevel: float, base: Rgb, radius: float) -> Field:
    # The bevel is a quarter round: flat inside, turned away from the eye at the outline.
    dy, dx = (np.asarray(slope) for slope in np.gradient(d, 1 / radius))
    steep = np.clip(1 + d / bevel, 0, 1)
    nx, ny = dx * steep, dy * steep
    nz = np.sqrt(np.clip(1 - nx**2 - ny**2, 0.04, 1))
    lit = np.clip(nx * _LIGHT[0] + ny * _LIGHT[1] + nz * _LIGHT[2], 0, 1)
    bounce = np.clip(ny, 0, 1) * 0.10  # light thrown back by the floor
    gloss = np.clip(nx * _HALFWAY[0] + ny * _HALFWAY[1] + nz * _HALFWAY[2], 0, 1) ** 28
    shade = (0.42 + 0.88 * lit + bounce)[..., None] * np.array(base, dtype=np.float32)
    glazed: Field = shade + (gloss * 0.34)[..., None] * (1 - shade)
    return glazed.astype(np.float32)


def cast_shadow(canvas: Field, *, foot: tuple[float, float], width: float, strength: float) -> None:
    """Darken the floor below a body: a tight contact shadow inside a wide soft one.

    Args:
        canvas: (height, width, 3), changed in place.
        foot: x and y in pixels of the point that touches the floor.
        width: half the width of the body, in pixels.
        strength: 0 to 1, share of light taken away where it is darkest.
    """
    for reach, flat, drift, share in ((0.62, 0.16, 0.08, 0.75), (1.15, 0.30, 0.34, 0.55)):
        centre = (foot[0] + drift * width, foot[1] + 0.03 * width)
        rows, columns, x, y = _patch(canvas, centre, width * reach * 2.2)
        if not (x.size and y.size):
            continue
        fall = np.exp(-((x / (reach * width)) ** 2) - (y / (flat * reach * width)) ** 2)
        canvas[rows, columns] *= 1 - (strength * share) * fall[..., None]


def _patch(
    canvas: Field, centre: tuple[float, float], reach: float
) -> tuple[slice, slice, Field, Field]:
    """The window of the canvas around a centre, and the pixel offsets from that centre."""
    height, width = canvas.shape[:2]
    left, right = max(0, int(centre[0] - reach)), min(width, int(centre[0] + reach) + 2)
    top, bottom = max(0, int(centre[1] - reach)), min(height, int(centre[1] + reach) + 2)
    x = np.arange(left, right, dtype=np.float32)[None, :] + np.float32(0.5 - centre[0])
    y = np.arange(top, bottom, dtype=np.float32)[:, None] + np.float32(0.5 - centre[1])
    return slice(top, bottom), slice(left, right), x, y
