"""What a training run is."""

import pytest
from pydantic import ValidationError

from generation.training.presets import NAMES, preset
from generation.training.teacher import course as teaching
from tests.generation.training.factories import course

pytestmark = pytest.mark.torch


def test_the_rate_warms_up_holds_and_falls_to_its_floor():
    rule = course(steps=1000, rate=1.0, warmup=99, hold=0.5, floor=0.02)
    assert rule.rate_at(0) == pytest.approx(0.01)
    assert rule.rate_at(99) == 1.0
    assert rule.rate_at(500) == 1.0
    assert rule.rate_at(750) == pytest.approx(0.51)
    assert rule.rate_at(999) == pytest.approx(0.02, abs=1e-4)


def test_a_fixed_rate_is_fixed():
    rule = course(steps=100, rate=1e-5)
    assert {rule.rate_at(step) for step in range(100)} == {1e-5}


def test_examples_are_counted_through_the_doubling():
    rule = course(steps=10, batch=4, micro=2, doubled_at=4)
    by_hand = [sum(rule.parts_at(s) * rule.micro for s in range(step)) for step in range(11)]
    assert [rule.examples_before(step) for step in range(11)] == by_hand


def test_a_batch_that_cannot_be_divided_is_refused():
    with pytest.raises(ValidationError, match="divisors of batch"):
        course(batch=5, micro=2)


def test_the_teacher_sees_as_many_pictures_as_asked():
    for images in (32_000, 96_000, 224_000, 300_000):
        rule = teaching(images)
        assert abs(rule.examples_before(rule.steps) - images) < 64


def test_the_papers_preset_is_the_papers_run():
    """Supplement A: 200 K iterations, 8 devices, batch 512, EMA .95, fixed 1e-5, L2, w in 1..8."""
    paper = preset("cd-sd15", teacher="runwayml/stable-diffusion-v1-5", revision="a" * 40)
    rule, settings = paper.course, paper.settings
    assert (rule.steps, rule.batch, paper.processes) == (200_000, 512, 8)
    assert {rule.rate_at(step) for step in (0, 1000, 199_999)} == {1e-5}
    assert (rule.optimiser, rule.weight_decay, rule.precision) == ("radam", 0.0, "fp16")
    assert rule.parts_at(0) % paper.processes == 0
    assert (settings.points, settings.guidance, settings.baked) == (50, (1.0, 8.0), False)
    assert (settings.target_decay, settings.distance) == (0.95, "l2")
    assert set(settings.averages) == {0.999, 0.9999, 0.99994}
    assert settings.size == 512


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_is_told_by_its_digest(name):
    made = [preset(name, teacher="somewhere", seed=seed) for seed in (0, 0, 1)]
    assert made[0].course.digest() == made[1].course.digest() != made[2].course.digest()


def test_an_unknown_preset_names_the_known_ones():
    with pytest.raises(ValueError, match="cd-sd15, cd-s1"):
        preset("cd-sdxl", teacher="somewhere")
