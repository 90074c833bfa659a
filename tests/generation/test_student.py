import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from diffusers import EulerAncestralDiscreteScheduler
from torch import Tensor

from generation import student
from generation.guidance import Sampled
from generation.noise import draw
from generation.schedules import alpha_bars
from generation.spec import Student
from tests.generation.test_teacher import assert_equal_but_for_float_noise
from tests.generation.tiny_models import (
    PROMPTS,
    bundle,
    nobody_watches,
    pipeline,
    weights,
    with_scheduler,
)

pytestmark = pytest.mark.torch
# Their UNets are told guidance as an input, on SD's and on SDXL's base.
LCMS = ("lcm", "lcm-sdxl")


def generators(seeds: Sequence[int]) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


class FromGenerators:
    """In-step draws as a pipeline takes them: one after the other from a generator per row."""

    def __init__(self, seeds: Sequence[int], shape: tuple[int, ...]) -> None:
        self._rows, self._shape = generators(seeds), shape
        self.asked: list[int] = []

    def __call__(self, index: int) -> Tensor:
        self.asked.append(index)
        return torch.stack([torch.randn(self._shape, generator=row) for row in self._rows])


def spec(kind: Any, sampler: str, *, prediction: str = "epsilon", **more: Any) -> Student:
    return Student(model=weights(kind, prediction), sampler=sampler, **more)


def our_sample(kind: Any, recipe: Student, *, prediction: str = "epsilon", rows: int = 2):
    model = bundle(kind, prediction)
    shape = model.latent_shape()
    noise = FromGenerators(range(50, 50 + rows), shape)
    told = model.encode_prompts(PROMPTS[:rows], guided=recipe.guidance > 1)
    initial = draw(range(rows), shape)
    got = student.sample(model, recipe, told, initial, noise=noise, on_step=nobody_watches)
    return initial, noise, got


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("kind", LCMS)
def test_an_lcm_sample_equals_the_pipelines(kind, steps, prediction):
    recipe = spec(kind, "lcm", steps=steps, guidance=8.0, prediction=prediction)
    initial, noise, got = our_sample(kind, recipe, prediction=prediction)
    expected = pipeline(kind, prediction)(
        PROMPTS[:2],
        guidance_scale=8.0,
        num_inference_steps=steps,
        latents=initial.clone(),
        generator=generators([50, 51]),
        output_type="latent",
    ).images
    assert_equal_but_for_float_noise(got.latents, expected)
    assert (got.steps, got.forwards) == (steps, steps)
    assert noise.asked == list(range(steps - 1))


@pytest.mark.parametrize("kind", LCMS)
def test_embedded_guidance_reaches_the_network(kind):
    _, _, weak = our_sample(kind, spec(kind, "lcm", steps=2, guidance=1.0))
    _, _, strong = our_sample(kind, spec(kind, "lcm", steps=2, guidance=8.0))
    assert (weak.latents - strong.latents).abs().max() > 0.1


def test_guidance_for_a_network_without_an_input_for_it_is_refused():
    with pytest.raises(ValueError, match="Set guidance to 1"):
        our_sample("sd", spec("sd", "lcm", steps=4, guidance=8.0))
    _, _, got = our_sample("sd", spec("sd", "lcm", steps=4, guidance=1.0))
    assert (got.steps, got.forwards) == (4, 4)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("steps", [1, 2, 4])
@pytest.mark.parametrize("kind", ["sd", "sdxl"])
def test_a_turbo_sample_equals_the_pipelines(kind, steps, prediction):
    # diffusers' Euler-ancestral scheduler has no `sample` prediction.
    recipe = spec(kind, "add", steps=steps, prediction=prediction)
    initial, _, got = our_sample(kind, recipe, prediction=prediction)
    pipe = pipeline(kind, prediction)
    euler = EulerAncestralDiscreteScheduler.from_config(
        pipe.scheduler.config, timestep_spacing="trailing"
    )
    swapped = with_scheduler(pipe, euler)
    expected = swapped(
        PROMPTS[:2],
        guidance_scale=0.0,
        num_inference_steps=steps,
        latents=initial.clone(),
        generator=generators([50, 51]),
        output_type="latent",
    ).images
    assert_equal_but_for_float_noise(got.latents, expected)
    assert (got.steps, got.forwards) == (steps, steps)


def released_sampler(recipe: Student, initial: Tensor, noise: Any) -> Tensor:
    """The released loop as its formulas stand: points on the grid of 50 with t = 1 at the end."""
    model = bundle("sd")
    table = torch.tensor(alpha_bars(model.scheduler_config))
    points = [981, 781, 581, 381, 181, 1]
    told = model.encode_prompts(PROMPTS[: len(initial)], guided=True).stacked()
    x = initial
    for i, t in enumerate(points):
        with torch.no_grad():
            output = model.unet(torch.cat([x, x]), t, **told.unet_inputs(), return_dict=False)[0]
        negative, text = output.chunk(2)
        eps = negative + recipe.guidance * (text - negative)
        ab = table[t] if t > 1 else torch.tensor(1.0)
        x = (x - (1 - ab).sqrt() * eps) / ab.sqrt()
        if t > 1:
            after = table[points[i + 1]]
            x = after.sqrt() * x + (1 - after).sqrt() * noise(i)
    return x.float()


def test_the_legacy_tail_is_the_released_sampler():
    recipe = spec("sd", "consistency", steps=5, guidance=8.0, legacy_tail=True)
    initial, noise, got = our_sample("sd", recipe)
    expected = released_sampler(recipe, initial, FromGenerators([50, 51], (4, 8, 8)))
    assert_equal_but_for_float_noise(got.latents, expected)
    assert got.timesteps == [981, 781, 581, 381, 181, 1]
    assert (got.steps, got.forwards) == (6, 12)
    assert noise.asked == [0, 1, 2, 3, 4]


def test_without_the_tail_exactly_its_steps_are_run_and_only_the_last_noise_is_missing():
    recipe = spec("sd", "consistency", steps=5)
    _, noise, got = our_sample("sd", recipe)
    assert (got.steps, got.forwards) == (5, 10)
    assert noise.asked == [0, 1, 2, 3]
    _, _, tailed = our_sample("sd", recipe.model_copy(update={"legacy_tail": True}))
    ab = alpha_bars(bundle("sd").scheduler_config)[1]
    last = FromGenerators([50, 51], (4, 8, 8))
    z = [last(i) for i in range(5)][4]
    assert math.sqrt(1 - ab) == pytest.approx(0.0413, abs=5e-5)
    expected = math.sqrt(ab) * got.latents + math.sqrt(1 - ab) * z
    assert_equal_but_for_float_noise(tailed.latents, expected)


def test_a_consistency_student_without_guidance_takes_one_forward_a_step():
    _, _, got = our_sample("sd", spec("sd", "consistency", steps=3, guidance=1.0))
    assert (got.steps, got.forwards) == (3, 3)


class PointMass:
    """The exact network of data that is one picture: it predicts what leads back to it."""

    def __init__(self, target: Tensor, prediction: str, table: Sequence[float]) -> None:
        self._target, self._prediction = target, prediction
        self._table = torch.tensor(table, dtype=torch.float64)

    def __call__(self, x: Tensor, t: Tensor, **_: object) -> tuple[Tensor]:
        ab = self._table[t].float()
        eps = (x - ab.sqrt() * self._target) / (1 - ab).sqrt()
        velocity = ab.sqrt() * eps - (1 - ab).sqrt() * self._target
        target = self._target.expand_as(x)
        return ({"epsilon": eps, "v_prediction": velocity, "sample": target}[self._prediction],)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("sampler", ["consistency", "lcm", "add"])
def test_with_an_exact_network_every_student_lands_on_the_data(sampler, steps, prediction):
    loaded = bundle("sd", prediction)
    target = draw([99], (4, 8, 8))
    exact = PointMass(target, prediction, alpha_bars(loaded.scheduler_config))
    model = dataclasses.replace(loaded, unet=exact)
    got: Sampled = student.sample(
        model,
        spec("sd", sampler, steps=steps, guidance=1.0, prediction=prediction),
        loaded.encode_prompts(PROMPTS[:2], guided=False),
        draw([1, 2], (4, 8, 8)),
        noise=lambda i: draw([10 + i, 20 + i], (4, 8, 8)),
        on_step=nobody_watches,
    )
    assert (got.latents - target).abs().max() < 1e-4


def test_at_the_grids_end_the_consistency_function_is_the_identity_whatever_the_network_says():
    """Fifty steps visit t_min itself: the last call changes nothing."""
    steps: list[int] = []
    seen: list[Tensor] = []
    model = bundle("sd")

    def watched(x: Tensor, t: Tensor, **inputs: Any) -> tuple[Tensor]:
        steps.append(int(t))
        seen.append(x)
        return model.unet(x, t, **inputs)

    got = student.sample(
        dataclasses.replace(model, unet=watched),
        spec("sd", "consistency", steps=50, guidance=1.0),
        model.encode_prompts(PROMPTS[:1], guided=False),
        draw([1], (4, 8, 8)),
        noise=lambda i: draw([10 + i], (4, 8, 8)),
        on_step=nobody_watches,
    )
    assert steps == got.timesteps == list(range(981, 0, -20))
    assert torch.equal(got.latents, seen[-1])


def test_more_steps_than_the_grid_has_points_are_refused():
    with pytest.raises(ValueError, match="Take 1 to 50 steps"):
        our_sample("sd", spec("sd", "consistency", steps=51))
