"""The teacher against the pipelines of diffusers, called as anybody calls them."""

from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, UniPCMultistepScheduler
from torch import Tensor

from generation import teacher
from generation.noise import draw
from generation.pipelines import load_bundle
from generation.spec import Teacher
from tests.generation.tiny_models import (
    PROMPTS,
    bundle,
    nobody_watches,
    pipeline,
    weights,
    with_scheduler,
)

pytestmark = pytest.mark.torch

SCHEDULERS: dict[str, Any] = {
    "ddim": DDIMScheduler,
    "unipc": UniPCMultistepScheduler,
    "dpm++": DPMSolverMultistepScheduler,
}


def assert_equal_but_for_float_noise(got: Tensor, expected: Tensor) -> None:
    """Single precision through guided steps of a random network (seen: at most 3e-5)."""
    worst = (got - expected).abs().max() / expected.abs().max()
    assert worst <= 1e-4, worst


def scheduler_for(pipe: Any, solver: str) -> Any:
    """The pipeline's scheduler exchanged as diffusers' documentation says."""
    # Published latent models say clip_sample=False in their configs; the tiny SDXL's is silent.
    extra = {"clip_sample": False} if solver == "ddim" else {}
    return SCHEDULERS[solver].from_config(pipe.scheduler.config, **extra)


def spec(kind: Any, solver: str, *, steps: int = 6, prediction: str = "epsilon", **more: Any):
    return Teacher(model=weights(kind, prediction), scheduler=solver, steps=steps, **more)


def our_sample(kind: Any, recipe: Teacher, initial: Tensor, *, prediction: str = "epsilon"):
    model = bundle(kind, prediction)
    told = model.encode_prompts(
        PROMPTS[: len(initial)],
        guided=recipe.guidance > 1,
        negative=recipe.negative_prompt,
        height=recipe.height,
        width=recipe.width,
    )
    return teacher.sample(model, recipe, told, initial, on_step=nobody_watches)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("solver", SCHEDULERS)
@pytest.mark.parametrize("kind", ["sd", "sdxl"])
def test_a_teacher_sample_equals_the_pipelines(kind, solver, prediction):
    initial = draw([1, 2], bundle(kind, prediction).latent_shape())
    recipe = spec(kind, solver, prediction=prediction, negative_prompt="blurry")
    got = our_sample(kind, recipe, initial, prediction=prediction)
    pipe = pipeline(kind, prediction)
    swapped = with_scheduler(pipe, scheduler_for(pipe, solver))
    expected = swapped(
        PROMPTS[:2],
        negative_prompt=["blurry"] * 2,
        guidance_scale=8.0,
        num_inference_steps=6,
        latents=initial.clone(),
        output_type="latent",
    ).images
    assert_equal_but_for_float_noise(got.latents, expected)
    assert (got.steps, got.forwards) == (6, 12)
    assert got.timesteps == swapped.scheduler.timesteps.tolist()


@pytest.mark.parametrize("guidance", [0.0, 1.0])
def test_guidance_up_to_one_is_without_as_in_the_pipelines(guidance):
    initial = draw([1], (4, 8, 8))
    got = our_sample("sd", spec("sd", "ddim", guidance=guidance), initial)
    pipe = pipeline("sd")
    expected = pipe(
        PROMPTS[:1],
        guidance_scale=guidance,
        num_inference_steps=6,
        latents=initial.clone(),
        output_type="latent",
    ).images
    assert_equal_but_for_float_noise(got.latents, expected)
    assert (got.steps, got.forwards) == (6, 6)


def test_another_size_than_the_native_one_equals_the_pipelines():
    initial = draw([1], (4, 4, 12))
    recipe = spec("sdxl", "ddim", height=32, width=96, steps=3)
    got = our_sample("sdxl", recipe, initial)
    pipe = pipeline("sdxl")
    swapped = with_scheduler(pipe, scheduler_for(pipe, "ddim"))
    expected = swapped(
        PROMPTS[:1],
        guidance_scale=8.0,
        num_inference_steps=3,
        height=32,
        width=96,
        latents=initial.clone(),
        output_type="latent",
    ).images
    assert_equal_but_for_float_noise(got.latents, expected)


def test_ddim_of_fifty_steps_executes_fifty_steps():
    got = our_sample("sd", spec("sd", "ddim", steps=50), draw([1], (4, 8, 8)))
    assert (got.steps, got.forwards) == (50, 100)
    assert got.timesteps == list(range(981, 0, -20))


def test_latents_stay_in_single_precision_when_the_network_does_not():
    half = load_bundle(weights("sd").model_copy(update={"dtype": "bfloat16"}))
    told = half.encode_prompts(PROMPTS[:1], guided=True)
    initial = draw([1], half.latent_shape())
    recipe = spec("sd", "unipc", steps=4)
    got = teacher.sample(half, recipe, told, initial, on_step=nobody_watches).latents
    assert got.dtype == torch.float32
    full = our_sample("sd", recipe, initial).latents
    # Eight bits of mantissa in the network, not in the state.
    assert 0 < (got - full).abs().max() < 0.05 * full.abs().max()


def test_whoever_watches_the_steps_can_end_the_run_before_a_network_call():
    seen: list[int] = []

    class Enough(Exception):
        pass

    def watch(step: int) -> None:
        seen.append(step)
        if step == 3:
            raise Enough

    model = bundle("sd")
    told = model.encode_prompts(PROMPTS[:1], guided=True)
    with pytest.raises(Enough):
        teacher.sample(model, spec("sd", "unipc"), told, draw([1], (4, 8, 8)), on_step=watch)
    assert seen == [0, 1, 2, 3]


def test_conditioning_of_another_number_of_rows_is_refused():
    model = bundle("sd")
    told = model.encode_prompts(PROMPTS[:3], guided=True)
    with pytest.raises(ValueError, match="3 rows of conditioning for 2 latents"):
        teacher.sample(model, spec("sd", "ddim"), told, draw([1, 2], (4, 8, 8)), on_step=print)


def test_guidance_without_an_unconditional_half_is_refused():
    model = bundle("sd")
    told = model.encode_prompts(PROMPTS[:1], guided=False)
    with pytest.raises(ValueError, match="guided"):
        teacher.sample(model, spec("sd", "ddim"), told, draw([1], (4, 8, 8)), on_step=print)
