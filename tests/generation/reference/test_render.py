"""Pictures of scenes: what the caption names can be found in the pixels."""

import numpy as np
import pytest

from generation.errors import SceneError
from generation.reference.backdrops import BACKDROPS
from generation.reference.render import arrange, render
from generation.reference.scenes import (
    Background,
    Colour,
    Group,
    Place,
    Scene,
    Shape,
    Size,
    Thing,
    parse,
    sample_scenes,
)
from generation.reference.shapes import EXTENT, PALETTE, distance

pytestmark = pytest.mark.whole


def hue_at(image, one):
    """The mean colour in the middle of a thing, as a direction (shading cancels out)."""
    size = image.shape[0]
    reach = max(1, int(one.radius * size * 0.2))
    row, column = int(one.y * size), int(one.x * size)
    rows, columns = slice(row - reach, row + reach + 1), slice(column - reach, column + reach + 1)
    mean = image[rows, columns].reshape(-1, 3).mean(axis=0)
    return mean / np.linalg.norm(mean)


def nearest_colour(image, one):
    hues = {colour: np.array(rgb) / np.linalg.norm(rgb) for colour, rgb in PALETTE.items()}
    found = hue_at(image, one)
    return max(hues, key=lambda colour: float(hues[colour] @ found))


@pytest.mark.parametrize("size", [16, 97, 384])
def test_a_picture_is_square_rgb_bytes_of_the_size_asked(size):
    image = render(parse("two red stars"), size=size)
    assert image.shape == (size, size, 3)
    assert image.dtype == np.uint8


def test_equal_arguments_give_equal_bytes_and_another_seed_another_layout():
    scene = parse("three small red circles in the snow")
    assert np.array_equal(render(scene, size=96, seed=5), render(scene, size=96, seed=5))
    assert not np.array_equal(render(scene, size=96, seed=5), render(scene, size=96, seed=6))


@pytest.mark.parametrize(
    "arguments", [{"size": 15}, {"size": 4096}, {"seed": -1}], ids=["tiny", "huge", "negative"]
)
def test_sizes_and_seeds_out_of_range_are_refused(arguments):
    with pytest.raises(SceneError, match=r"choose|0 or more"):
        render(parse("a red star"), **arguments)


def test_every_thing_of_the_caption_is_there_in_its_colour():
    for seed, scene in enumerate(sample_scenes(60, seed=8)):
        image = render(scene, size=256, seed=seed)
        placed = arrange(scene, seed=seed)
        assert len(placed) == len(scene.things)
        for one in placed:
            assert nearest_colour(image, one) == one.thing.colour, (scene, one)


@pytest.mark.parametrize("shape", Shape)
def test_a_shape_fills_its_own_outline_and_no_more(shape):
    background = Background.WHITE
    big = Scene((Group(1, Thing(Colour.BLUE, shape, Size.LARGE)),), background)
    (one,) = arrange(big, seed=3)
    image = render(big, size=256, seed=3).astype(int)
    blue = image[..., 2] - image[..., 0] > 40
    at = (np.arange(256, dtype=np.float32) + 0.5) / 256
    x = (at[None, :] - np.float32(one.x)) / np.float32(one.radius)
    y = (at[:, None] - np.float32(one.y)) / np.float32(one.radius)
    inside = distance(shape, x, y) < 0
    # A few degrees of tilt and the anti-aliased edge are all that may differ.
    assert np.sum(blue ^ inside) / np.sum(inside) < 0.08


@pytest.mark.parametrize("shape", Shape)
def test_the_stated_extent_of_a_shape_is_that_of_its_outline(shape):
    at = np.linspace(-1.5, 1.5, 601, dtype=np.float32)
    inside = distance(shape, at[None, :], at[:, None]) <= 0
    rows, columns = np.nonzero(inside)
    wide, high = EXTENT[shape]
    assert at[columns].max() == pytest.approx(wide, abs=0.03)
    assert -at[columns].min() == pytest.approx(wide, abs=0.03)
    assert at[rows].max() == pytest.approx(high, abs=0.03)
    assert -at[rows].min() == pytest.approx(high, abs=0.03)


@pytest.mark.parametrize("shape", Shape)
def test_distances_are_lengths(shape):
    # A true distance changes by one per unit of way, wherever it is smooth.
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-1.4, 1.4, (2, 4000)).astype(np.float32)
    step = np.float32(1e-2)
    dx = (distance(shape, x + step, y) - distance(shape, x - step, y)) / (2 * step)
    dy = (distance(shape, x, y + step) - distance(shape, x, y - step)) / (2 * step)
    slope = np.hypot(dx, dy)
    assert np.median(slope) == pytest.approx(1, abs=0.01)
    assert slope.max() < 1.05


def test_no_two_things_touch_and_all_stand_inside_the_picture():
    for seed, scene in enumerate(sample_scenes(200, seed=9)):
        boxes = [one.box for one in arrange(scene, seed=seed)]
        for i, a in enumerate(boxes):
            assert a[0] > 0
            assert a[1] > 0
            assert a[2] < 1
            assert a[3] < 1
            for b in boxes[:i]:
                assert a[0] > b[2] or b[0] > a[2] or a[1] > b[3] or b[1] > a[3]


def test_twelve_large_things_still_find_room():
    crowd = parse("six large red stars and six large blue triangles")
    assert len(arrange(crowd)) == 12


def test_within_a_picture_large_is_twice_small():
    placed = arrange(parse("two large red squares and two small blue squares"))
    radii = {one.thing.size: one.radius for one in placed}
    assert radii[Size.LARGE] / radii[Size.SMALL] > 1.9


@pytest.mark.parametrize(
    ("place", "holds"),
    [
        (Place.LEFT, lambda one: one.x < 0.45),
        (Place.RIGHT, lambda one: one.x > 0.55),
        (Place.CENTRE, lambda one: 0.4 <= one.x <= 0.6),
        (Place.TOP, lambda one: one.box[3] < 0.75),
        (Place.BOTTOM, lambda one: one.box[3] > 0.75),
    ],
    ids=lambda value: str(value) if isinstance(value, Place) else "",
)
def test_a_place_is_kept_over_all_layouts(place, holds):
    scene = Scene((Group(1, Thing(Colour.RED, Shape.CIRCLE, Size.SMALL, place)),))
    assert all(holds(arrange(scene, seed=seed)[0]) for seed in range(50))


def test_every_background_is_drawn_and_none_looks_like_another():
    assert set(BACKDROPS) == set(Background)
    thing = (Group(1, Thing(Colour.RED, Shape.CIRCLE, Size.SMALL)),)
    tops = np.array(
        [render(Scene(thing, b), size=64)[:20].reshape(-1, 3).mean(axis=0) for b in Background]
    )
    floors = np.array(
        [render(Scene(thing, b), size=64)[60:].reshape(-1, 3).mean(axis=0) for b in Background]
    )
    both = np.hstack([tops, floors])
    gaps = np.linalg.norm(both[:, None] - both[None], axis=-1) + np.eye(len(both)) * 1000
    assert gaps.min() > 25
