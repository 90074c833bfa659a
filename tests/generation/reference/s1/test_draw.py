"""World S1 in pixels."""

import numpy as np
import pytest

from generation.reference.s1 import draw, words


def looks(n: int, *, seed: int = 0) -> draw.Looks:
    rows = np.random.default_rng(seed).integers(len(words.book().captions), size=n)
    return draw.settle(words.book().asked[rows], rng=np.random.default_rng(seed))


def test_equal_seeds_draw_equal_pictures():
    assert np.array_equal(draw.draw(looks(20, seed=2)), draw.draw(looks(20, seed=2)))
    assert not np.array_equal(draw.draw(looks(20, seed=2)), draw.draw(looks(20, seed=3)))


def test_what_a_caption_says_is_kept_and_the_rest_is_decided():
    asked = words.asked_by(["a small red circle on a grey background", "a blue square"] * 50)
    shown = draw.settle(asked, rng=np.random.default_rng(0)).attributes()
    assert (shown >= 0).all()
    assert (shown[asked >= 0] == asked[asked >= 0]).all()
    assert len(set(map(tuple, shown[1::2]))) == 6  # two sizes on three grounds


def test_a_word_more_moves_nothing_else():
    open_, told = words.asked_by(["a red circle", "a large red circle"])
    left = draw.settle(np.array([open_] * 40), rng=np.random.default_rng(7))
    right = draw.settle(np.array([told] * 40), rng=np.random.default_rng(7))
    assert np.array_equal(left.background, right.background)
    assert np.array_equal(left.place, right.place)


def test_every_shape_lies_wholly_in_the_picture():
    shown = looks(2000)
    room = np.min([shown.x, shown.y, draw.SIDE - shown.x, draw.SIDE - shown.y], axis=0)
    assert (room >= draw.REACH * shown.radius).all()


def test_pixels_lie_between_ground_and_ink():
    shown = looks(200)
    pictures = draw.draw(shown)
    assert pictures.shape == (200, 16, 16, 3)
    assert pictures.dtype == np.float32
    assert pictures.min() >= 0
    assert pictures.max() <= 1


@pytest.mark.parametrize(("shape", "area"), [(0, np.pi), (1, 1.88**2), (2, 0.5 * 2.3 * 1.9)])
def test_a_shape_covers_its_own_area(shape, area):
    radius = np.linspace(2.5, 4.4, 50, dtype=np.float32)
    centre = np.full(50, 8, dtype=np.float32)
    cover = draw.coverage(np.full(50, shape), radius, centre, centre).sum(axis=(1, 2))
    assert cover / radius**2 == pytest.approx(area, rel=0.05)


def test_an_empty_batch_is_an_empty_batch():
    nothing = draw.settle(words.asked_by([]), rng=np.random.default_rng(0))
    assert draw.draw(nothing).shape == (0, 16, 16, 3)
