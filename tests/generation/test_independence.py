"""A sample does not depend on who is sampled beside it, and costs what was planned."""

import copy
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from generation import student, teacher
from generation.budget import planned
from generation.conditioning import Conditioning
from generation.guidance import Sampled
from generation.noise import draw
from generation.rollback import refine
from generation.spec import Adaptive, Estimator, Student, Teacher, Weights
from tests.generation.tiny_models import PROMPTS, bundle, nobody_watches

pytestmark = pytest.mark.torch

Run = Callable[[Any, Sequence[int]], Sampled]


def told(model: Any, rows: Sequence[int]) -> Conditioning:
    return model.encode_prompts([PROMPTS[row] for row in rows], guided=True)


def of_student(spec: Student) -> Run:
    return lambda model, rows: student.sample(
        model,
        spec,
        told(model, rows),
        draw(rows, model.latent_shape()),
        noise=lambda i: draw([100 * (i + 1) + row for row in rows], model.latent_shape()),
        on_step=nobody_watches,
    )


def of_teacher(spec: Teacher) -> Run:
    return lambda model, rows: teacher.sample(
        model, spec, told(model, rows), draw(rows, model.latent_shape()), on_step=nobody_watches
    )


def of_refinement(spec: Adaptive) -> Run:
    def run(model: Any, rows: Sequence[int]) -> Sampled:
        z = draw([1000 + row for row in rows], model.latent_shape())
        finished = draw(rows, model.latent_shape())
        return refine(model, spec, told(model, rows), finished, noise=z, on_step=nobody_watches)

    return run


# Samplers are handed a loaded model; here a recipe's path says which tiny one.
SD, LCM, XL, PIXEL = (Weights(path=kind) for kind in ("sd", "lcm", "sdxl", "pixel"))
ARMS: dict[str, Teacher | Student] = {
    "cd": Student(model=SD, sampler="consistency", steps=5),
    "cd-legacy": Student(model=SD, sampler="consistency", steps=3, legacy_tail=True),
    "cd-unguided": Student(model=SD, sampler="consistency", steps=2, guidance=1.0),
    "lcm": Student(model=LCM, sampler="lcm", steps=4),
    "add-xl": Student(model=XL, sampler="add", steps=2, guidance=0.0),
    "ddim": Teacher(model=SD, scheduler="ddim", steps=6),
    "dpm": Teacher(model=SD, scheduler="dpm++", steps=4),
    "unipc-xl": Teacher(model=XL, scheduler="unipc", steps=4),
    "pixel": Teacher(model=PIXEL, scheduler="dpm++", steps=5),
    "pixel-cd": Student(model=PIXEL, sampler="consistency", steps=3),
    "unipc-unguided": Teacher(model=SD, scheduler="unipc", steps=5, guidance=1.0),
}


def adaptive(**more: Any) -> Adaptive:
    return Adaptive(
        student=Student(model=SD),
        teacher=Teacher(model=SD, scheduler="unipc", steps=4),
        estimator=Estimator(path="e"),
        threshold=float("inf"),
        **more,
    )


REFINEMENTS = {
    "variance": adaptive(rollback=0.7),
    "strength": adaptive(rollback=0.7, rollback_kind="strength"),
}
ALL = ARMS | REFINEMENTS


def run_of(arm: Teacher | Student | Adaptive) -> tuple[str, Run]:
    if isinstance(arm, Adaptive):
        return "sd", of_refinement(arm)
    return arm.model.path, of_student(arm) if isinstance(arm, Student) else of_teacher(arm)


def pictures(arm: Teacher | Student | Adaptive, batches: Sequence[Sequence[int]]) -> np.ndarray:
    """The pictures made in these batches, in the rows' order, as numbers that can be subtracted."""
    kind, run = run_of(arm)
    model = bundle(kind)
    made: dict[int, Any] = {}
    for rows in batches:
        made |= zip(rows, model.decode(run(model, rows).latents), strict=True)
    return np.stack([made[row] for row in sorted(made)]).astype(int)


@pytest.mark.parametrize("arm", ALL.values(), ids=ALL)
def test_batches_of_one_three_and_eight_in_any_order_make_the_same_pictures(arm):
    whole = pictures(arm, [range(8)])
    # Pictures that show something, each something else.
    assert whole.std() > 10
    assert min(np.abs(whole[i] - whole[i - 1]).max() for i in range(8)) > 20
    for batches in ([[6], [1]], [[5, 0, 7], [2, 1, 6], [4, 3]], [[3, 7, 0, 5, 1, 6, 2, 4]]):
        rows = sorted(row for batch in batches for row in batch)
        assert np.abs(pictures(arm, batches) - whole[rows]).max() <= 2


@pytest.mark.parametrize("arm", ARMS.values(), ids=ARMS)
def test_an_arm_executes_what_was_planned(arm):
    kind, run = run_of(arm)
    got = run(bundle(kind), [0, 1])
    budget = planned(arm)
    assert (got.steps, got.forwards) == (budget.steps, budget.forwards)
    assert got.steps == len(got.timesteps)


@pytest.mark.parametrize("arm", REFINEMENTS.values(), ids=REFINEMENTS)
def test_an_arm_that_refines_everything_executes_what_was_planned(arm):
    _, first = run_of(arm.student)
    _, second = run_of(arm)
    made = [first(bundle("sd"), [0, 1]), second(bundle("sd"), [0, 1])]
    budget = planned(arm)
    assert sum(one.steps for one in made) == budget.steps
    assert sum(one.forwards for one in made) == budget.forwards


@pytest.mark.parametrize("arm", ALL.values(), ids=ALL)
def test_made_again_in_the_same_batch_it_is_the_same_to_the_bit(arm):
    kind, run = run_of(arm)
    first, again = (run(bundle(kind), [4, 2, 6]).latents for _ in range(2))
    assert torch.equal(first, again)


@pytest.mark.parametrize("arm", ALL.values(), ids=ALL)
def test_nothing_in_a_loop_waits_for_the_device(arm):
    """On the meta device tensors have no values: whoever asks for one gets an error."""
    if not isinstance(arm, Adaptive):
        arm = arm.model_copy(update={"steps": 3})  # the meta device is slow
    kind, run = run_of(arm)
    loaded = bundle(kind)
    meta = torch.device("meta")
    model = dataclasses.replace(loaded, unet=copy.deepcopy(loaded.unet).to(meta), device=meta)
    with pytest.raises(RuntimeError, match="meta"):
        torch.zeros(1, device=meta).item()
    got = run(model, [0, 1])
    assert got.latents.device == meta
    assert got.latents.shape == (2, *model.latent_shape())
