"""World S1's judge: right on true pictures, at a loss before anything else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.errors import SceneError
from generation.reference.s1 import draw, judge, words
from generation.reference.s1.pictures import enlarge, to_bytes
from generation.reference.scenes import Background
from tests.generation.reference.s1.test_draw import looks

pytestmark = pytest.mark.whole


def test_at_least_99_percent_of_true_pictures_are_read_without_a_fault():
    shown = looks(400, seed=11)
    seen = judge.see(draw.draw(shown))
    assert (seen.looks == shown.attributes()).all(axis=1).mean() >= 0.99
    assert (seen.place == shown.place).mean() >= 0.99


def test_the_grain_of_a_sampled_picture_does_not_mislead():
    shown = looks(300, seed=12)
    noisy = draw.draw(shown) + np.random.default_rng(0).normal(0, 0.03, (300, 16, 16, 3))
    assert (judge.see(noisy).looks == shown.attributes()).all(axis=1).mean() >= 0.98


def test_shuffled_captions_agree_as_often_as_the_scenes_themselves():
    rng = np.random.default_rng(13)
    rows = rng.choice(len(words.book().captions), size=600, p=words.book().chance)
    asked = words.book().asked[rows]
    shown = draw.settle(asked, rng=rng)
    seen = judge.see(draw.draw(shown))
    other = rng.permutation(600)
    truth = ((asked[other] == shown.attributes()) | (asked[other] == words.OPEN)).all(axis=1)
    verdict = judge.compare(asked[other], seen)
    assert verdict.fully.mean() == pytest.approx(truth.mean(), abs=0.01)


def test_noise_shows_no_object():
    noise = np.random.default_rng(0).random((200, 16, 16, 3))
    assert (judge.see(noise).looks[:, :3] == judge.UNSEEN).all()


def test_an_empty_ground_shows_its_colour_and_no_object():
    seen = judge.see(np.full((1, 16, 16, 3), 0.5, dtype=np.float32))
    assert seen.looks.tolist() == [[judge.UNSEEN] * 3 + [words.BACKGROUNDS.index(Background.GREY)]]


def test_a_blob_halfway_between_circle_and_square_is_mostly_neither():
    shown = looks(200, seed=14)
    zero = np.zeros(200, dtype=int)
    both = [draw.coverage(zero + k, shown.radius, shown.x, shown.y) for k in (0, 1)]
    cover = (sum(both) / 2)[..., None]
    ground = draw.GROUND_RGB[shown.background][:, None, None]
    ink = draw.COLOUR_RGB[shown.colour][:, None, None]
    seen = judge.see(ground + cover * (ink - ground))
    assert (seen.looks[:, 1] == judge.UNSEEN).mean() > 0.6


def test_two_objects_apart_are_not_read_as_one():
    ground = np.ones((1, 16, 16, 3), dtype=np.float32)
    for x, colour in ((4, 0), (12, 2)):
        at = [np.array([value], dtype=np.float32) for value in (2.7, x, 8)]
        cover = draw.coverage(np.array([0]), *at)[..., None]
        ground = ground + cover * (draw.COLOUR_RGB[colour] - ground)
    assert judge.see(ground).looks[0, 1] == judge.UNSEEN


def test_a_discoloured_ground_is_not_named():
    shown = looks(50, seed=15)
    shift = np.array([-0.25, 0.25, 0.0], dtype=np.float32)
    grey = draw.GROUND_RGB[words.BACKGROUNDS.index(Background.GREY)]
    ground = np.tile(grey + shift, (50, 1))[:, None, None]
    cover = draw.coverage(shown.shape, shown.radius, shown.x, shown.y)[..., None]
    ink = draw.COLOUR_RGB[shown.colour][:, None, None]
    assert (judge.see(ground + cover * (ink - ground)).looks[:, 3] == judge.UNSEEN).all()


@given(seed=st.integers(0, 2**20))
def test_a_mirrored_picture_shows_the_same_at_the_mirrored_place(seed):
    shown = looks(3, seed=seed)
    seen, mirrored = judge.see(draw.draw(shown)), judge.see(draw.draw(shown)[:, :, ::-1])
    swap = {"left": "right", "right": "left"}
    names = [str(place) for place in draw.PLACES]
    assert np.array_equal(seen.looks, mirrored.looks)
    assert [swap.get(names[k], names[k]) for k in seen.place] == [names[k] for k in mirrored.place]


def test_a_stored_picture_is_read_like_the_small_one():
    pictures = to_bytes(draw.draw(looks(20, seed=16)))
    large = np.stack([enlarge(picture) for picture in pictures])
    assert large.shape == (20, 256, 256, 3)
    assert np.array_equal(judge.see(large).looks, judge.see(pictures).looks)


def test_a_verdict_speaks_only_of_what_was_asked():
    asked = words.asked_by(["a red circle", "a small red circle on a white background"])
    shown = draw.settle(asked, rng=np.random.default_rng(4))
    verdict = judge.compare(asked, judge.see(draw.draw(shown)))
    assert verdict.asked.sum(axis=1).tolist() == [2, 4]
    assert verdict.alignment.tolist() == [1.0, 1.0]
    assert verdict.fully.all()
    assert all(0 <= value <= 1 for truth in verdict.truths() for value in truth.values())


def test_a_wrong_colour_costs_its_share_of_the_alignment():
    red, blue = "a red circle on white", "a blue circle on white"
    picture = draw.draw(draw.settle(words.asked_by([blue]), rng=np.random.default_rng(0)))
    verdict = judge.judge([red], picture)
    assert verdict.alignment[0] == pytest.approx(2 / 3)
    assert not verdict.fully[0]


def test_a_true_picture_has_full_quality_wherever_it_stands():
    """Else the grid of templates, and not the picture, would decide which of two is better."""
    shown = looks(500, seed=21)
    verdict = judge.compare(shown.attributes(), judge.see(draw.draw(shown)))
    assert verdict.crispness.min() > 0.95
    assert verdict.purity.min() > 0.95


def test_more_grain_is_less_quality():
    shown = looks(50, seed=22)
    grain = np.random.default_rng(0).normal(0, 1, (50, 16, 16, 3))
    levels = (0, 0.01, 0.02, 0.04)
    seen = [judge.see(draw.draw(shown) + level * grain) for level in levels]
    quality = [judge.compare(shown.attributes(), each).crispness.mean() for each in seen]
    assert quality == sorted(quality, reverse=True)
    assert quality[0] - quality[1] > 0.03


@pytest.mark.parametrize("form", [(1, 16, 16), (1, 16, 16, 4), (1, 20, 20, 3), (1, 16, 32, 3)])
def test_pictures_of_another_form_are_refused(form):
    with pytest.raises(SceneError, match="a multiple of 16"):
        judge.see(np.zeros(form))


def test_one_prompt_per_picture():
    with pytest.raises(SceneError, match="one per prompt"):
        judge.judge(["a red circle"], np.zeros((2, 16, 16, 3)))
