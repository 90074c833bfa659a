"""Where things stand: studio sweeps and small landscapes, each a sky, a floor and a soft horizon.

Must not know what stands on them; no torch.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generation.reference.scenes import Background

Field = NDArray[np.floating[Any]]
_Stops = tuple[str, ...]


@dataclass(frozen=True)
class _Ridge:
    """A line of hills or the sea, in shares of the height; `waves` 0 is a straight line."""

    height: float
    waves: float
    top: str
    bottom: str


@dataclass(frozen=True)
class Backdrop:
    """Colours from top to bottom; `shadow` says how much light a thing takes from the floor."""

    sky: _Stops
    floor: _Stops
    horizon: float = 0.50
    blend: float = 0.003
    shadow: float = 0.42
    mottle: float = 0.025
    ridges: tuple[_Ridge, ...] = ()
    glow: tuple[float, float, str, float] | None = None
    stars: int = 0
    clouds: float = 0.0


BACKDROPS: dict[Background, Backdrop] = {
    Background.WHITE: Backdrop(
        ("#fbfbfa", "#f3f3f1"), ("#ebebe8", "#f9f9f7"), blend=0.09, shadow=0.36, mottle=0.006
    ),
    Background.GREY: Backdrop(
        ("#a3a6a9", "#8f9295"), ("#7f8285", "#9a9da0"), blend=0.09, shadow=0.46, mottle=0.010
    ),
    Background.BLACK: Backdrop(
        ("#0e0f11", "#191b1e"), ("#26282c", "#121315"), blend=0.09, shadow=0.70, mottle=0.006
    ),
    Background.MEADOW: Backdrop(
        ("#6fb1e0", "#a9d4ee", "#dceef4"),
        ("#a9cf6b", "#8fbf57", "#7aae4b"),
        horizon=0.44,
        ridges=(
            _Ridge(0.085, 0.030, "#9cc5bd", "#a9cdb4"),
            _Ridge(0.035, 0.022, "#8dbb7c", "#9cc673"),
        ),
        clouds=0.55,
    ),
    Background.BEACH: Backdrop(
        ("#7cc0e4", "#b7def0", "#e6f3f4"),
        ("#e9d7ae", "#e4cd9b", "#d8bd87"),
        horizon=0.46,
        ridges=(_Ridge(0.085, 0.0, "#3d94b4", "#79c3c4"),),
        clouds=0.35,
    ),
    Background.SNOW: Backdrop(
        ("#a9bfd6", "#c6d5e4", "#dfe7ee"),
        ("#e8eef4", "#f2f6f9", "#f8fafb"),
        horizon=0.44,
        shadow=0.34,
        mottle=0.014,
        ridges=(
            _Ridge(0.110, 0.045, "#b6c7d8", "#cfdbe6"),
            _Ridge(0.040, 0.026, "#d3dee9", "#e4ebf2"),
        ),
    ),
    Background.SUNSET: Backdrop(
        ("#3b3a6b", "#8a4d7d", "#e07a5f", "#f7b267"),
        ("#6f4a63", "#54395a", "#3d2d4c"),
        horizon=0.46,
        shadow=0.50,
        ridges=(_Ridge(0.050, 0.028, "#6b4368", "#7d4f6c"),),
        glow=(0.68, 0.44, "#ffe0a0", 0.80),
        clouds=0.20,
    ),
    Background.NIGHT: Backdrop(
        ("#0a1030", "#162048", "#2c3a6b"),
        ("#27335a", "#1e2848", "#171f3a"),
        horizon=0.46,
        shadow=0.60,
        ridges=(_Ridge(0.055, 0.034, "#1a2448", "#222d55"),),
        stars=70,
        glow=(0.25, 0.48, "#6f86c8", 0.35),
    ),
}


def paint_backdrop(background: Background, size: int, rng: np.random.Generator) -> Field:
    """An empty stage: (size, size, 3) floats in [0, 1]; hills, clouds and grain follow `rng`."""
    backdrop = BACKDROPS[background]
    y = (np.arange(size, dtype=np.float32)[:, None] + 0.5) / size
    x = ((np.arange(size, dtype=np.float32) + 0.5) / size)[None, :]
    horizon = backdrop.horizon
    canvas = np.repeat(_gradient(backdrop.sky, y[:, 0] / horizon)[:, None, :], size, axis=1)
    if backdrop.glow:
        _glow(canvas, backdrop.glow, x, y)
    if backdrop.stars:
        _stars(canvas, backdrop.stars, horizon, rng)
    if backdrop.clouds:
        _clouds(canvas, backdrop.clouds, horizon, rng)
    for ridge in backdrop.ridges:
        _ridge(canvas, ridge, horizon, x, y, rng)
    floor = _gradient(backdrop.floor, (y[:, 0] - horizon) / (1 - horizon))[:, None, :]
    start = max(0, int((horizon - 2 * backdrop.blend) * size) - 1)
    cover = _ramp((y[start:] - horizon) / (2 * backdrop.blend) + 0.5)[..., None]
    canvas[start:] += cover * (floor[start:] - canvas[start:])
    if backdrop.mottle:
        # Stretched sideways, as a floor seen at a low angle.
        mottle = _clouded(rng, (max(2, size // 14), max(2, size // 44)), size)
        canvas[start:] *= 1 + (backdrop.mottle * mottle[start:] * cover[..., 0])[..., None]
    # A light fall-off to the corners, so that the eye stays with the things.
    canvas *= (1.015 - 0.16 * ((x - 0.5) ** 2 + (y - 0.5) ** 2))[..., None]
    return canvas


def _glow(canvas: Field, glow: tuple[float, float, str, float], x: Field, y: Field) -> None:
    gx, gy, colour, strength = glow
    # Wide and soft on purpose: a sharp sun or moon would be counted as one more circle.
    fall = np.exp(-(((x - gx) / 0.30) ** 2) - ((y - gy) / 0.16) ** 2) * np.float32(strength)
    canvas += fall[..., None] * (_rgb(colour) - canvas)


def _stars(canvas: Field, count: int, horizon: float, rng: np.random.Generator) -> None:
    size = canvas.shape[0]
    row = (rng.random(count) ** 1.3 * (horizon - 0.06) * size).astype(int)
    column = (rng.random(count) * size).astype(int)
    light = (0.25 + 0.65 * rng.random(count) ** 3).astype(np.float32)[:, None]
    for dr, dc, share in ((0, 0, 1.0), (1, 0, 0.3), (0, 1, 0.3), (-1, 0, 0.3), (0, -1, 0.3)):
        at = np.clip(row + dr, 0, size - 1), np.clip(column + dc, 0, size - 1)
        canvas[at] += share * light * (1 - canvas[at])


def _clouds(canvas: Field, strength: float, horizon: float, rng: np.random.Generator) -> None:
    size = canvas.shape[0]
    rows = int(horizon * size)
    veil = _clouded(rng, (7, 4), size)[:rows] + 0.5 * _clouded(rng, (20, 8), size)[:rows]
    thin = np.linspace(1, 0.15, rows, dtype=np.float32)[:, None]
    cover = (_ramp((veil - 0.25) / 1.6) * thin * np.float32(strength))[..., None]
    canvas[:rows] += cover * (np.float32(0.98) - canvas[:rows])


def _ridge(
    canvas: Field, ridge: _Ridge, horizon: float, x: Field, y: Field, rng: np.random.Generator
) -> None:
    phase = rng.random(3) * 2 * np.pi
    line = np.zeros_like(x)
    for frequency, share, start in zip((4.1, 8.7, 15.3), (0.6, 0.3, 0.1), phase, strict=True):
        line += np.float32(share) * np.sin(np.float32(frequency) * x + np.float32(start))
    top = horizon - ridge.height + ridge.waves * line
    size = canvas.shape[0]
    first = max(0, int((horizon - ridge.height - ridge.waves) * size) - 1)
    last = int(horizon * size) + 2
    fill = _gradient(
        (ridge.top, ridge.bottom), 1 - (horizon - y[first:last, 0]) / (ridge.height + ridge.waves)
    )
    cover = np.clip((y[first:last] - top) * size + 0.5, 0, 1)[..., None]
    canvas[first:last] += cover * (fill[:, None, :] - canvas[first:last])


def _clouded(rng: np.random.Generator, cells: tuple[int, int], size: int) -> Field:
    """Smooth noise of unit variance or a little less: (rows, columns) cells stretched to size."""
    coarse = Image.fromarray(rng.standard_normal(cells, dtype=np.float32))
    return np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC), dtype=np.float32)


def _gradient(stops: _Stops, at: Field) -> Field:
    places = np.linspace(0, 1, len(stops))
    colours = np.stack([_rgb(stop) for stop in stops])
    return np.stack(
        [np.interp(at, places, colours[:, channel]) for channel in range(3)], axis=-1
    ).astype(np.float32)


def _ramp(t: Field) -> Field:
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def _rgb(code: str) -> Field:
    return np.frombuffer(bytes.fromhex(code[1:]), dtype=np.uint8).astype(np.float32) / 255
