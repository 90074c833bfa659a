"""World S1's exact judge: what a picture shows, by the scene that explains it best.

Must not know how a picture was made; it sees pixels only. No torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.errors import SceneError
from generation.reference.s1.draw import (
    COLOUR_RGB,
    GROUND_RGB,
    PLACES,
    REACH,
    SIDE,
    coverage,
)
from generation.reference.s1.pictures import shrink
from generation.reference.s1.words import OPEN, SHAPES, SIZES, asked_by
from generation.reference.scenes import Place

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# What cannot be told: no shape explains the picture, or a colour is none of the world's.
UNSEEN = -1
# Radii tried for each of SIZES, in pixels; centres are tried every half pixel.
_RADII = ((2.5, 2.7, 2.9), (3.9, 4.15, 4.4))
_GRID = 0.5
# Root mean square of what the best scene leaves unexplained, RGB in [0, 1]. True pictures leave at
# most .04 (their centres fall between the half pixels); a second object of any size leaves more.
CLEAR = 0.065
# The best shape must explain so many pixels more (squared coverage) than the best of any other
# shape does: a blob halfway between two shapes is neither.
_APART = 0.25
# Furthest that a colour may lie from the one it is named after, in RGB. Grounds are .87 apart, inks
# at least .42; so no colour is near two names.
_COLOUR_WIDTH, _GROUND_WIDTH = 0.21, 0.21
# Ink and ground must differ at least so much, else there is nothing to see.
_CONTRAST = 0.2
_SLICE = 256
# Steps of radius, x and y, in pixels, by which the best template is moved to fit still better.
_AROUND = np.array(list(product((-1.0, 0.0, 1.0), repeat=3)))
_FINER = (np.array((0.08, 0.17, 0.17)), np.array((0.03, 0.06, 0.06)), np.array((0.01, 0.02, 0.02)))
# Residual of a picture without any quality. With the usual width of a tie (.05) it makes .01, two
# to three of 255 levels, the least difference that counts.
BLURRED = 0.2


@dataclass(frozen=True)
class Seen:
    """What n pictures show, as the judge reads them; UNSEEN (-1) where it cannot be told.

    Attributes:
        looks: (n, 4) indices of colour, shape, size, background, comparable to `words.Book.asked`.
        place: (n,) index into `draw.PLACES`.
        residual: (n,) root mean square, RGB in [0, 1], of what the best scene in free colours
            leaves unexplained when it is moved and scaled freely: 0 as the renderer draws it.
        off_colour: (n,) mean distance of ink and ground from the nearest colours of the world.
    """

    looks: Ints
    place: Ints
    residual: Floats
    off_colour: Floats


@dataclass(frozen=True)
class _Templates:
    cover: NDArray[np.float32]  # (t, SIDE * SIDE)
    shape: Ints
    size: Ints
    radius: Floats
    x: Floats
    y: Floats


@lru_cache(maxsize=1)
def _templates() -> _Templates:
    rows = []
    for shape, size in product(range(len(SHAPES)), range(len(SIZES))):
        for radius in _RADII[size]:
            room = SIDE / 2 - REACH * radius - 0.1
            reach = min(4.2, room)
            centres = (
                SIDE / 2 + np.arange(-np.ceil(reach / _GRID), np.ceil(reach / _GRID) + 1) * _GRID
            )
            rows += [(shape, size, radius, x, y) for x, y in product(centres, centres)]
    shapes, sizes, radii, x, y = np.array(rows).T
    cover = coverage(shapes.astype(int), *(v.astype(np.float32) for v in (radii, x, y)))
    return _Templates(
        cover.reshape(len(rows), -1), shapes.astype(int), sizes.astype(int), radii, x, y
    )


def see(pictures: NDArray[Any]) -> Seen:
    """Read pictures: analysis by synthesis over every shape, size and place of the world.

    For each template m (coverage in [0, 1]) the colours that fit best follow from linear regression
    of the picture on m; the template that leaves least unexplained names shape, size and place, its
    two colours are named by the nearest ones of the world.

    Args:
        pictures: (n, s, s, 3), uint8 or floats in [0, 1]; s is SIDE or a whole multiple of it (as
            pictures are stored), which is averaged back.

    Raises:
        SceneError: another form.
    """
    small = shrink(pictures, side=SIDE)
    parts = [_see(small[at : at + _SLICE]) for at in range(0, len(small), _SLICE)] or [_see(small)]
    return Seen(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("looks", "place", "residual", "off_colour")
        )
    )


def _see(pictures: NDArray[np.float32]) -> Seen:
    bank = _templates()
    n = len(pictures)
    pixels = pictures.reshape(n, SIDE * SIDE, 3)
    count = SIDE * SIDE
    mean = pixels.mean(axis=1)
    spread = pixels - mean[:, None, :]
    centred = bank.cover - bank.cover.mean(axis=1, keepdims=True)
    power = (centred**2).sum(axis=1)
    # (n, t, 3) inner products; slope = product / power, explained = product² / power.
    product_ = np.stack([spread[:, :, c] @ centred.T for c in range(3)], axis=2)
    total = (spread**2).sum(axis=(1, 2), dtype=np.float64)
    left = total[:, None] - (product_.astype(np.float64) ** 2).sum(axis=2) / power
    left = np.sqrt(np.maximum(left, 0) / (3 * count))
    best = left.argmin(axis=1)
    each = np.arange(n)
    residual = left[each, best]
    slope = product_[each, best] / power[best][:, None]
    ground = mean - slope * bank.cover.mean(axis=1)[best][:, None]
    ink = ground + slope
    shape = bank.shape[best]
    other = np.stack(
        [np.where(bank.shape == k, np.inf, left).min(axis=1) for k in range(len(SHAPES))], axis=1
    )[each, shape]
    contrast = np.linalg.norm(slope, axis=1)
    gap = (other**2 - residual**2) * 3 * count / np.maximum(contrast, _CONTRAST) ** 2
    clear = (residual <= CLEAR) & (contrast >= _CONTRAST)
    colour, _ = _named(ink, COLOUR_RGB, width=_COLOUR_WIDTH)
    background, _ = _named(ground, GROUND_RGB, width=_GROUND_WIDTH)

    looks = np.stack(
        [
            np.where(clear, colour, UNSEEN),
            np.where(clear & (gap >= _APART), shape, UNSEEN),
            np.where(clear, bank.size[best], UNSEEN),
            # The ground can be told where no shape can: it is most of the picture.
            background,
        ],
        axis=1,
    )
    place = np.where(clear, _placed(bank.x[best], bank.y[best]), UNSEEN)
    fine = _refined(pixels, best)
    _, colour_off = _named(fine.ink, COLOUR_RGB, width=_COLOUR_WIDTH)
    _, ground_off = _named(fine.ground, GROUND_RGB, width=_GROUND_WIDTH)
    return Seen(looks, place, fine.residual, (colour_off + ground_off) / 2)


@dataclass(frozen=True)
class _Fit:
    residual: Floats
    ground: NDArray[Any]
    ink: NDArray[Any]


def _refined(pixels: NDArray[np.float32], best: Ints) -> _Fit:
    """The best template moved and scaled in ever smaller steps, so that what it leaves unexplained
    is the picture's doing and not that of the grid of templates."""
    bank = _templates()
    n = len(pixels)
    at = np.stack([bank.radius[best], bank.x[best], bank.y[best]], axis=1)
    mean = pixels.mean(axis=1)
    spread = pixels - mean[:, None, :]
    total = (spread**2).sum(axis=(1, 2), dtype=np.float64)
    fit = _Fit(np.zeros(n), mean, mean)
    each = np.arange(n)
    for steps in _FINER:
        tried = at[:, None, :] + steps * _AROUND
        flat = tried.reshape(-1, 3).astype(np.float32).T
        cover = coverage(np.repeat(bank.shape[best], len(_AROUND)), *flat)
        cover = cover.reshape(n, len(_AROUND), -1)
        level = cover.mean(axis=2)
        centred = cover - level[:, :, None]
        power = (centred**2).sum(axis=2)
        along = centred @ spread
        left = total[:, None] - (along.astype(np.float64) ** 2).sum(axis=2) / power
        won = left.argmin(axis=1)
        slope = along[each, won] / power[each, won][:, None]
        ground = mean - slope * level[each, won][:, None]
        residual = np.sqrt(np.maximum(left[each, won], 0) / (3 * pixels.shape[1]))
        at, fit = tried[each, won], _Fit(residual, ground, ground + slope)
    return fit


def _named(rgb: NDArray[Any], palette: NDArray[Any], *, width: float) -> tuple[Ints, Floats]:
    """Nearest colour of a palette, UNSEEN when further than `width`, and the distance."""
    off = np.linalg.norm(rgb[:, None, :] - palette[None], axis=2)
    nearest = off.argmin(axis=1)
    distance = off.min(axis=1).astype(np.float64)
    return np.where(distance <= width, nearest, UNSEEN), distance


def _placed(x: Floats, y: Floats) -> Ints:
    """The place whose direction the centre of the shape lies in."""
    dx, dy = x - SIDE / 2, y - SIDE / 2
    sideways = np.where(dx < 0, PLACES.index(Place.LEFT), PLACES.index(Place.RIGHT))
    upright = np.where(dy < 0, PLACES.index(Place.TOP), PLACES.index(Place.BOTTOM))
    away = np.where(np.abs(dx) >= np.abs(dy), sideways, upright)
    return np.where(np.maximum(abs(dx), abs(dy)) < 1.5, PLACES.index(Place.CENTRE), away)


@dataclass(frozen=True)
class Verdict:
    """How well n pictures do what n prompts ask.

    Attributes:
        asked: (n, 4) bool, what the prompt speaks of (`words.ATTRIBUTES`).
        right: (n, 4) bool, asked and shown.
        seen: what the pictures show.
    """

    asked: NDArray[np.bool_]
    right: NDArray[np.bool_]
    seen: Seen

    @property
    def alignment(self) -> Floats:
        """(n,) share of what was asked that is right."""
        share: Floats = self.right.sum(axis=1) / self.asked.sum(axis=1)
        return share

    @property
    def fully(self) -> NDArray[np.bool_]:
        """(n,) is everything right that was asked?"""
        whole: NDArray[np.bool_] = (self.right == self.asked).all(axis=1)
        return whole

    @property
    def crispness(self) -> Floats:
        """(n,) in [0, 1]: 1 as the renderer draws, falling with the residual."""
        return np.clip(1 - self.seen.residual / BLURRED, 0, 1)

    @property
    def purity(self) -> Floats:
        """(n,) in [0, 1]: 1 when ink and ground have exactly the world's colours."""
        return np.clip(1 - self.seen.off_colour / _COLOUR_WIDTH, 0, 1)

    def truths(self) -> list[dict[str, float]]:
        """One truth record per picture, as `generation.reference.judge` compares them."""
        columns = (self.alignment, self.crispness, self.purity)
        return [
            {"alignment": float(a), "quality": float(q), "aesthetics": float(p)}
            for a, q, p in zip(*columns, strict=True)
        ]


def judge(prompts: Sequence[str], pictures: NDArray[Any]) -> Verdict:
    """Hold pictures against their prompts.

    Args:
        prompts: n captions of the world.
        pictures: as `see`.

    Raises:
        CaptionError: a prompt is no caption of this world.
        SceneError: pictures of another form, or not one per prompt.
    """
    if len(prompts) != len(pictures):
        raise SceneError(
            f"{len(prompts)} prompts and {len(pictures)} pictures; give one per prompt"
        )
    return compare(asked_by(prompts), see(pictures))


def compare(asked: Ints, seen: Seen) -> Verdict:
    """Hold what was seen against what was asked: (n, 4) as `words.Book.asked`."""
    told = asked != OPEN
    return Verdict(told, told & (asked == seen.looks), seen)
