"""Planted defects change what they claim and nothing else, and the truth record says so."""

import numpy as np
import pytest

from generation.errors import ProfileError, SceneError
from generation.reference.defects import (
    IMAGE_DEFECTS,
    SCENE_DEFECTS,
    Defect,
    MethodProfile,
    produce,
    spoil_image,
    spoil_scene,
)
from generation.reference.judge import attributes
from generation.reference.render import arrange, render
from generation.reference.scenes import caption, parse, sample_scenes, settle

ATTRIBUTE = {
    Defect.WRONG_COLOUR: "colour",
    Defect.WRONG_COUNT: "count",
    Defect.WRONG_SHAPE: "shape",
}


def sharpness(image):
    grey = image.astype(float).mean(axis=2)
    return np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean()


def colourfulness(image):
    return np.ptp(image.astype(float), axis=2).mean()


@pytest.fixture(scope="module")
def picture():
    return render(parse("three red stars and a blue square on a green meadow"), size=192, seed=3)


@pytest.mark.parametrize("defect", sorted(SCENE_DEFECTS))
def test_a_defect_of_the_scene_spoils_its_own_attribute_and_no_other(defect):
    for seed, scene in enumerate(sample_scenes(300, seed=1)):
        shown = settle(scene, seed=seed)
        verdict = attributes(scene, spoil_scene(shown, defect, seed=seed))
        wrong = {name for name, share in verdict.items() if share < 1}
        assert wrong == {ATTRIBUTE[defect]}, caption(scene)


def test_a_wrong_count_changes_the_number_of_things_and_of_bodies_drawn():
    for seed, scene in enumerate(sample_scenes(100, seed=2)):
        spoilt = spoil_scene(scene, Defect.WRONG_COUNT, seed=seed)
        assert len(spoilt.things) != len(scene.things)
        assert len(arrange(spoilt, seed=seed)) == len(spoilt.things)
        assert {g.thing for g in spoilt.groups} == {g.thing for g in scene.groups}


@pytest.mark.parametrize("defect", [Defect.NONE, *IMAGE_DEFECTS])
def test_a_defect_of_the_image_leaves_the_scene_alone(defect):
    scene = parse("two red hearts")
    assert spoil_scene(scene, defect, seed=1) is scene


@pytest.mark.parametrize("defect", [Defect.NONE, *sorted(SCENE_DEFECTS)])
def test_a_defect_of_the_scene_leaves_the_pixels_alone(picture, defect):
    assert spoil_image(picture, defect, strength=1, seed=1) is picture


def test_blur_takes_fine_detail_and_keeps_the_colours(picture):
    weak, strong = (spoil_image(picture, Defect.BLUR, strength=s, seed=1) for s in (0, 1))
    assert sharpness(strong) < sharpness(weak) < 0.8 * sharpness(picture)
    assert strong.mean(axis=(0, 1)) == pytest.approx(picture.mean(axis=(0, 1)), abs=1.5)


def test_noise_adds_fine_detail_and_keeps_the_mean(picture):
    weak, strong = (spoil_image(picture, Defect.NOISE, strength=s, seed=1) for s in (0, 1))
    assert sharpness(strong) > sharpness(weak) > 2 * sharpness(picture)
    assert weak.mean() == pytest.approx(picture.mean(), abs=2)


def test_washing_out_takes_colour(picture):
    weak, strong = (spoil_image(picture, Defect.WASHED_OUT, strength=s, seed=1) for s in (0, 1))
    assert colourfulness(strong) < colourfulness(weak) < 0.6 * colourfulness(picture)


@pytest.mark.parametrize("defect", list(IMAGE_DEFECTS))
def test_a_spoilt_picture_keeps_its_shape_and_type(picture, defect):
    spoilt = spoil_image(picture, defect, strength=0.5, seed=1)
    assert spoilt.shape == picture.shape
    assert spoilt.dtype == np.uint8
    assert np.array_equal(spoilt, spoil_image(picture, defect, strength=0.5, seed=1))


@pytest.mark.parametrize(
    ("image", "strength"),
    [
        (np.zeros((8, 8, 3)), 0.5),
        (np.zeros((8, 8), np.uint8), 0.5),
        (np.zeros((8, 8, 4), np.uint8), 0.5),
        (np.zeros((8, 8, 3), np.uint8), 1.5),
    ],
    ids=["floats", "grey", "alpha", "strength"],
)
def test_images_and_strengths_out_of_range_are_refused(image, strength):
    with pytest.raises(SceneError):
        spoil_image(image, Defect.BLUR, strength=strength, seed=0)


@pytest.mark.parametrize("defect", list(Defect))
def test_the_truth_record_lowers_the_criterion_of_the_defect_only(defect):
    rates = {} if defect is Defect.NONE else {defect: 1.0}
    made = produce(
        parse("three small red circles in the snow"), MethodProfile("m", rates), seed=4, size=32
    )
    lowered = {name for name, value in made.truth.items() if value < 1}
    assert made.defect is defect
    assert list(made.truth) == ["alignment", "quality", "aesthetics"]
    assert all(0 <= value <= 1 for value in made.truth.values())
    if defect in SCENE_DEFECTS:
        assert lowered == {"alignment"}
    elif defect in IMAGE_DEFECTS:
        assert lowered == {IMAGE_DEFECTS[defect]}
    else:
        assert lowered == set()


def test_a_method_makes_the_same_picture_again_and_another_one_for_another_seed_or_name():
    scene, careful = parse("two red hearts"), MethodProfile("careful", {Defect.BLUR: 0.5})
    one, again = (produce(scene, careful, seed=1, size=48) for _ in range(2))
    assert np.array_equal(one.image, again.image)
    assert one.truth == again.truth
    others = (
        produce(scene, careful, seed=2, size=48),
        produce(scene, MethodProfile("other", careful.rates), seed=1, size=48),
    )
    for other in others:
        assert not np.array_equal(one.image, other.image)


def test_without_defect_the_picture_is_that_of_the_scene_shown():
    scene = parse("two red hearts")
    profile = MethodProfile("clean")
    made = produce(scene, profile, seed=1, size=64)
    stream = profile.stream(scene, seed=1)
    assert np.array_equal(made.image, render(scene, size=64, seed=stream))
    assert made.shown == settle(scene, seed=stream)


def test_defects_come_at_their_rates():
    rates = {Defect.WRONG_COUNT: 0.3, Defect.BLUR: 0.1}
    profile, scene = MethodProfile("m", rates), parse("two red hearts")
    drawn = [profile.draw(scene, seed=seed)[0] for seed in range(4000)]
    for defect, rate in (*rates.items(), (Defect.NONE, 0.6), (Defect.NOISE, 0.0)):
        error = (rate * (1 - rate) / 4000) ** 0.5
        assert abs(drawn.count(defect) / 4000 - rate) <= 4 * error, defect


def test_the_order_of_the_rates_does_not_matter():
    forth = MethodProfile("m", {Defect.BLUR: 0.4, Defect.NOISE: 0.4})
    back = MethodProfile("m", {Defect.NOISE: 0.4, Defect.BLUR: 0.4})
    for seed, scene in enumerate(sample_scenes(50, seed=3)):
        assert forth.draw(scene, seed=seed) == back.draw(scene, seed=seed)


@pytest.mark.parametrize(
    "rates",
    [{Defect.BLUR: 0.7, Defect.NOISE: 0.4}, {Defect.BLUR: -0.1}, {Defect.NONE: 0.5}],
    ids=["too much", "negative", "none"],
)
def test_rates_that_make_no_sense_are_refused(rates):
    with pytest.raises(ProfileError, match="'m'"):
        MethodProfile("m", rates)
