"""Refinement and regeneration, against Algorithm 1 and against what the released code computes."""

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    AutoPipelineForImage2Image,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    UniPCMultistepScheduler,
)
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from generation import teacher
from generation.noise import draw
from generation.rollback import (
    check_shared_latents,
    improve,
    refine,
    refine_start,
    regenerate,
    rollback,
)
from generation.spec import Adaptive, Estimator, Student, Teacher
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

SCHEDULERS: dict[str, Any] = {
    "ddim": DDIMScheduler,
    "unipc": UniPCMultistepScheduler,
    "dpm++": DPMSolverMultistepScheduler,
}
PREDICTIONS = ("epsilon", "v_prediction", "sample")
SHAPE = (4, 8, 8)


def recipe(kind: Any = "sd", *, steps: int = 4, solver: str = "unipc", **more: Any) -> Adaptive:
    prediction = more.pop("prediction", "epsilon")
    model = weights(kind, prediction)
    return Adaptive(
        student=Student(model=model),
        teacher=Teacher(model=model, scheduler=solver, steps=steps, **more.pop("teacher", {})),
        estimator=Estimator(path="e"),
        threshold=0.0,
        **more,
    )


def told(kind: Any = "sd", *, prediction: str = "epsilon", rows: int = 2) -> Any:
    return bundle(kind, prediction).encode_prompts(PROMPTS[:rows], guided=True)


def released(kind: Any, arm: Adaptive, image: Any, *, seeds: list[int], prediction: str) -> Tensor:
    """The released code's refinement: img2img of diffusers, called as it calls it."""
    pipe = AutoPipelineForImage2Image.from_pipe(pipeline(kind, prediction))
    extra = {"clip_sample": False} if arm.teacher.scheduler == "ddim" else {}
    scheduler = SCHEDULERS[arm.teacher.scheduler].from_config(pipe.scheduler.config, **extra)
    swapped = with_scheduler(pipe, scheduler)
    latents: Tensor = swapped(
        PROMPTS[: len(seeds)],
        image=image,
        strength=arm.rollback,
        num_inference_steps=int(arm.teacher.steps / arm.rollback + 1),
        guidance_scale=arm.teacher.guidance,
        generator=[torch.Generator().manual_seed(seed) for seed in seeds],
        output_type="latent",
    ).images
    return latents


@pytest.mark.parametrize(
    ("kind", "solver", "prediction"),
    [
        *(("sd", solver, p) for solver in SCHEDULERS for p in PREDICTIONS),
        *(("sdxl", solver, "epsilon") for solver in SCHEDULERS),
        ("sdxl", "unipc", "v_prediction"),
        ("refiner", "unipc", "epsilon"),
    ],
)
def test_a_strength_refinement_is_what_the_released_code_computes(kind, solver, prediction):
    arm = recipe(
        kind, solver=solver, prediction=prediction, rollback=0.55, rollback_kind="strength", steps=6
    )
    student = draw([1, 2], SHAPE)
    got = refine(
        bundle(kind, prediction),
        arm,
        told(kind, prediction=prediction),
        student,
        noise=draw([7, 8], SHAPE),
        on_step=nobody_watches,
    )
    expected = released(kind, arm, student, seeds=[7, 8], prediction=prediction)
    assert_equal_but_for_float_noise(got.latents, expected)
    assert (got.steps, got.forwards) == (6, 12)


@pytest.mark.parametrize("kind", ["sd", "sdxl"])
def test_a_strength_refinement_of_pictures_is_what_the_released_code_computes(kind):
    """It resizes the picture, samples the VAE's posterior and then draws the noise."""
    arm = recipe(kind, rollback=0.7, rollback_kind="strength", steps=5)
    model = bundle(kind)
    picture = np.random.default_rng(5).integers(0, 256, (48, 80, 3), dtype=np.uint8)
    resized = Image.fromarray(picture).resize((64, 64))
    expected = released(kind, arm, resized, seeds=[7], prediction="epsilon")

    rows = torch.Generator().manual_seed(7)
    posterior, z = (torch.randn((1, *SHAPE), generator=rows) for _ in range(2))
    latents = model.encode(np.asarray(resized)[None], noise=posterior)
    got = refine(model, arm, told(kind, rows=1), latents, noise=z, on_step=nobody_watches)
    assert_equal_but_for_float_noise(got.latents, expected)


def test_pictures_are_resized_and_encoded_without_chance():
    arm = recipe(rollback=0.4, rollback_from="image")
    model, z = bundle("sd"), draw([7, 8], SHAPE)
    pictures = np.random.default_rng(5).integers(0, 256, (2, 48, 80, 3), dtype=np.uint8)
    got = refine(model, arm, told(), pictures, noise=z, on_step=nobody_watches)
    resized = np.stack([np.asarray(Image.fromarray(p).resize((64, 64))) for p in pictures])
    latents = recipe(rollback=0.4)
    expected = refine(
        model, latents, told(), model.encode(resized), noise=z, on_step=nobody_watches
    )
    assert torch.equal(got.latents, expected.latents)


@pytest.mark.parametrize("solver", SCHEDULERS)
def test_a_variance_refinement_is_algorithm_one(solver):
    """Line 4 and then the teacher, told by diffusers' own scheduler the levels to start from."""
    arm = recipe(solver=solver, rollback=0.7, steps=5)
    model, student, z = bundle("sd"), draw([1, 2], SHAPE), draw([7, 8], SHAPE)
    got = refine(model, arm, told(), student, noise=z, on_step=nobody_watches)
    assert got.timesteps == [483, 386, 290, 193, 97]

    scheduler = SCHEDULERS[solver].from_config(pipeline("sd").scheduler.config)
    x = 0.3**0.5 * student + 0.7**0.5 * z
    scheduler.set_timesteps(5)
    scheduler.timesteps = torch.tensor(got.timesteps)
    ab = scheduler.alphas_cumprod[scheduler.timesteps]
    if solver != "ddim":
        scheduler.sigmas = torch.cat([((1 - ab) / ab).sqrt(), torch.zeros(1)])
        scheduler.set_begin_index(0)
    stacked = told().stacked().unet_inputs()
    for i, t in enumerate(scheduler.timesteps):
        with torch.no_grad():
            output = model.unet(torch.cat([x, x]), t, **stacked, return_dict=False)[0]
        negative, text = output.chunk(2)
        eps = negative + 8 * (text - negative)
        if solver == "ddim":
            # diffusers' DDIM knows no uneven steps: equation 12 by hand.
            after = ab[i + 1] if i < 4 else scheduler.final_alpha_cumprod
            x0 = (x - (1 - ab[i]).sqrt() * eps) / ab[i].sqrt()
            x = after.sqrt() * x0 + (1 - after).sqrt() * eps
        else:
            x = scheduler.step(eps, t, x, return_dict=False)[0]
    assert_equal_but_for_float_noise(got.latents, x)


@pytest.mark.parametrize("kind", ["variance", "strength"])
def test_a_full_rollback_is_a_regeneration_in_both_kinds(kind):
    arm = recipe(rollback=1, rollback_kind=kind, steps=5)
    assert arm.digest() == recipe(strategy="regenerate", steps=5).digest()
    asked: list[str] = []

    def noise(stage: str) -> Tensor:
        asked.append(stage)
        return draw([7, 8], SHAPE)

    model = bundle("sd")
    student = torch.full((2, *SHAPE), float("nan"))  # nothing of it may be left
    got = improve(model, arm, told(), student, noise=noise, on_step=nobody_watches)
    expected = teacher.sample(
        model, arm.teacher, told(), draw([7, 8], SHAPE), on_step=nobody_watches
    )
    assert torch.equal(got.latents, expected.latents)
    assert asked == ["regenerate"]
    # The teacher's native schedule of n_R steps, not the n_R + 1 of strength = 1.
    assert got.timesteps == expected.timesteps
    assert got.steps == 5


def test_a_regeneration_with_shared_noise_is_the_baseline_teachers_sample():
    arm = recipe(strategy="regenerate", regenerate_noise="shared", steps=5)
    model, x_t = bundle("sd"), {"initial": draw([7, 8], SHAPE)}
    got = improve(
        model, arm, told(), draw([1, 2], SHAPE), noise=x_t.__getitem__, on_step=nobody_watches
    )
    baseline = teacher.sample(model, arm.teacher, told(), x_t["initial"], on_step=nobody_watches)
    assert torch.equal(got.latents, baseline.latents)
    again = regenerate(model, arm, told(), initial=x_t["initial"], on_step=nobody_watches)
    assert torch.equal(again.latents, baseline.latents)


def test_a_refinement_draws_the_rollback_noise_and_nothing_else():
    asked: list[str] = []

    def noise(stage: str) -> Tensor:
        asked.append(stage)
        return draw([7, 8], SHAPE)

    arm, student = recipe(rollback=0.5), draw([1, 2], SHAPE)
    got = improve(bundle("sd"), arm, told(), student, noise=noise, on_step=nobody_watches)
    z = draw([7, 8], SHAPE)
    expected = refine(bundle("sd"), arm, told(), student, noise=z, on_step=nobody_watches)
    assert torch.equal(got.latents, expected.latents)
    assert asked == ["rollback"]


def test_the_two_kinds_are_different_refinements_of_equal_length():
    z, student = draw([7, 8], SHAPE), draw([1, 2], SHAPE)
    made = [
        refine(
            bundle("sd"),
            recipe(rollback=0.7, rollback_kind=kind),
            told(),
            student,
            noise=z,
            on_step=nobody_watches,
        )
        for kind in ("variance", "strength")
    ]
    assert made[0].steps == made[1].steps
    assert (made[0].latents - made[1].latents).abs().max() > 0.1


def test_the_smaller_the_rollback_the_nearer_the_refined_sample_is_to_the_students():
    student, z = draw([1, 2], SHAPE), draw([7, 8], SHAPE)
    distances = []
    for sigma in (0.9, 0.3, 0.05, 0.002):
        arm = recipe(rollback=sigma, steps=1, teacher={"guidance": 1.0})
        got = refine(bundle("sd"), arm, told(), student, noise=z, on_step=nobody_watches)
        distances.append(float((got.latents - student).abs().max()))
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.3


@given(sigma=st.floats(0, 1), seed=st.integers(0, 100))
def test_a_rollback_keeps_the_variance_and_mixes_in_share_sigma_of_noise(sigma, seed):
    x, z = draw([seed], SHAPE), draw([seed + 1000], SHAPE)
    ones, zeros = torch.ones(1), torch.zeros(1)
    signal, noise = rollback(ones, sigma, zeros), rollback(zeros, sigma, ones)
    assert float(signal**2 + noise**2) == pytest.approx(1, abs=1e-6)
    assert float(noise**2) == pytest.approx(sigma, abs=1e-6)
    assert torch.allclose(rollback(x, sigma, z), signal * x + noise * z, atol=1e-6)


@given(order=st.permutations(list(range(5))), sigma=st.floats(0, 1))
def test_a_rollback_treats_every_row_alike(order, sigma):
    x, z = draw(range(5), SHAPE), draw(range(10, 15), SHAPE)
    assert torch.equal(rollback(x[order], sigma, z[order]), rollback(x, sigma, z)[order])


def test_a_rollback_by_nothing_keeps_the_sample_and_a_full_one_forgets_it():
    x, z = draw([1], SHAPE), draw([2], SHAPE)
    assert torch.equal(rollback(x, 0.0, z), x)
    assert torch.equal(rollback(x, 1.0, z), z)
    # Near 0 the sample moves by sqrt(sigma).
    for sigma in (1e-4, 1e-6, 1e-8):
        assert (rollback(x, sigma, z) - x).abs().max() <= 1.01 * sigma**0.5 * (z.abs().max() + 1)


@pytest.mark.parametrize("sigma", [-0.1, 1.1, float("nan")])
def test_a_rollback_outside_its_range_is_refused(sigma):
    with pytest.raises(ValueError, match="Give 0 to 1"):
        rollback(draw([1], SHAPE), sigma, draw([2], SHAPE))


def test_noise_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="latents' shape"):
        rollback(draw([1, 2], SHAPE), 0.5, draw([2], SHAPE))


def test_latents_of_another_size_than_the_recipes_are_refused_and_the_way_out_is_named():
    z = draw([7, 8], SHAPE)
    arm = recipe(teacher={"height": 32, "width": 64})
    with pytest.raises(ValueError, match="rollback_from='image'"):
        refine(bundle("sd"), arm, told(), z, noise=z, on_step=nobody_watches)


def test_a_teacher_without_a_size_refines_latents_at_theirs():
    z = draw([7, 8], (4, 4, 8))
    got = refine(bundle("sd"), recipe(), told(), z, noise=z, on_step=nobody_watches)
    assert got.latents.shape == (2, 4, 4, 8)


@pytest.mark.parametrize("source", ["latents", "image"])
def test_pictures_for_latents_and_latents_for_pictures_are_refused(source):
    student: Any = draw([1, 2], SHAPE)
    if source == "latents":
        student = np.zeros((2, 64, 64, 3), dtype=np.uint8)
    z = draw([7, 8], SHAPE)
    with pytest.raises(ValueError, match=f"rollback_from='{source}' was given"):
        refine(
            bundle("sd"),
            recipe(rollback_from=source),
            told(),
            student,
            noise=z,
            on_step=nobody_watches,
        )


def test_models_with_different_vaes_do_not_share_latents():
    check_shared_latents(bundle("sd"), bundle("sd", "v_prediction"))
    with pytest.raises(ValueError, match="different VAEs"):
        check_shared_latents(bundle("sd"), bundle("sdxl"))


def test_a_start_says_what_a_record_needs():
    start = refine_start(bundle("sd").scheduler_config, recipe(rollback=0.7, steps=10))
    assert (start.t0, start.variance, start.kind) == (483, 0.7, "variance")
    arm = recipe(rollback=0.7, steps=10, rollback_kind="strength")
    start = refine_start(bundle("sd").scheduler_config, arm)
    assert (start.t0, start.kind) == (621, "strength")
    assert start.variance == pytest.approx(0.859, abs=5e-4)
