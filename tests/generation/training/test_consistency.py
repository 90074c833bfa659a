"""One distillation step against the same step written out by hand, in double precision."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.conditioning import Conditioning
from generation.guidance import bound_of
from generation.schedules import consistency_points
from generation.training import consistency, loop, states
from generation.training.distill import DistillTask
from generation.training.distillation import Distillation
from tests.generation.training.factories import SILENT, course, teacher

pytestmark = pytest.mark.torch

SD = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
    "timestep_spacing": "leading",
}
S1 = {
    "num_train_timesteps": 1000,
    "beta_schedule": "squaredcos_cap_v2",
    "timestep_spacing": "trailing",
}


class _Doubles:
    """Random latents and texts in double precision."""

    def batch(self, *, first, size, rng):
        made = torch.from_numpy(rng.standard_normal((size, 4, 8, 8)))
        told, nothing = (torch.from_numpy(rng.standard_normal((size, 77, 32))) for _ in range(2))
        return made, Conditioning(told, uncond=Conditioning(nothing))


def doubled(folder, *, prediction="epsilon"):
    bundle = teacher(folder, prediction=prediction)
    return replace(bundle, unet=bundle.unet.double(), dtype=torch.float64)


def _by_hand(task, bundle, student, target, *, seed, step, part, size, w_range, baked):
    """The loss of one micro batch, example by example, from the formulas of the paper's code."""
    rng = np.random.default_rng([seed, 0xC0D, step, part])
    latents, told = _Doubles().batch(first=0, size=size, rng=rng)
    numbers = rng.integers(49, size=size)
    weights = w_range[0] + (w_range[1] - w_range[0]) * rng.random(size)
    noise = rng.standard_normal(latents.shape, dtype=np.float32)
    table = DDIMScheduler(**SD, clip_sample=False).alphas_cumprod.double()
    total = torch.zeros((), dtype=torch.float64)
    for i in range(size):
        t = 981 - 20 * int(numbers[i])
        t_next = t - 20
        ab, ab_next = table[t], (torch.ones(()).double() if t_next <= 1 else table[t_next])
        w = float(weights[i])
        z, e = latents[i : i + 1], torch.from_numpy(noise[i : i + 1]).double()
        x = ab.sqrt() * z + (1 - ab).sqrt() * e

        def eps(unet, x, t, guided, i=i, w=w):
            text = unet(x, t, told.embeds[i : i + 1]).sample
            if not guided:
                return text
            free = unet(x, t, told.uncond.embeds[i : i + 1]).sample
            return free + w * (text - free)

        e_student = eps(student, x, t, guided=not baked)
        f = (x - (1 - ab).sqrt() * e_student) / ab.sqrt()
        with torch.no_grad():
            e_teacher = eps(bundle.unet, x, t, guided=True)
            x0 = (x - (1 - ab).sqrt() * e_teacher) / ab.sqrt()
            x_next = ab_next.sqrt() * x0 + (1 - ab_next).sqrt() * e_teacher
            e_target = eps(target, x_next, t_next, guided=not baked)
            # c_skip = 1 / sqrt(ab~), c_out = -sqrt(1 - ab~): the identity where ab~ = 1.
            f_next = x_next / ab_next.sqrt() - (1 - ab_next).sqrt() / ab_next.sqrt() * e_target
        total = total + ((f - f_next) ** 2).mean() / size
    return total


@pytest.mark.parametrize("baked", [False, True])
def test_a_whole_step_equals_the_one_computed_by_hand(tmp_path, baked):
    bundle = doubled(tmp_path / "teacher")
    rule = course(steps=2, batch=4, micro=2, rate=1e-2, seed=5)
    settings_ = Distillation(
        teacher={"path": "tiny"}, guidance=(1, 8), baked=baked, averages=(0.999, 0.5)
    )
    task = DistillTask(rule, settings_, teacher=bundle, source=_Doubles())
    # After one step student, target and teacher are three different networks.
    loop.train(task, rule, tmp_path / "run", pace=replace(SILENT, stop_after=1), cpu=True)
    before = [weight.detach().clone() for weight in task.network.parameters()]
    target = [weight.clone() for weight in task.target.network.parameters()]
    losses = [
        _by_hand(
            task,
            bundle,
            task.network,
            task.target.network,
            seed=5,
            step=1,
            part=part,
            size=2,
            w_range=(1, 8),
            baked=baked,
        )
        for part in (0, 1)
    ]
    mean = sum(losses) / 2
    gradients = torch.autograd.grad(mean, list(task.network.parameters()), allow_unused=True)
    with torch.no_grad():
        for part in (0, 1):
            mine = task.loss(task.network, step=1, part=part, size=2)
            assert float(mine) == pytest.approx(float(losses[part]), rel=1e-12)

    state = states.load(tmp_path / "run" / loop.STATE)["optimiser"]["state"]
    loop.train(task, rule, tmp_path / "run", pace=SILENT, cpu=True)
    for number, (old, now, gradient) in enumerate(
        zip(before, task.network.parameters(), gradients, strict=True)
    ):
        if gradient is None:
            assert torch.equal(old, now)
            continue
        # RAdam's first steps are those of momentum: m / (1 - .9^2), no variance yet.
        moment = 0.9 * state[number]["exp_avg"] + 0.1 * gradient
        by_hand = old - 1e-2 * moment / (1 - 0.9**2)
        assert torch.allclose(now, by_hand, rtol=1e-10, atol=1e-14)
    averaged = zip(target, task.target.network.parameters(), task.network.parameters(), strict=True)
    for old, kept, now in averaged:
        assert torch.allclose(kept, 0.95 * old + 0.05 * now, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_f_is_the_identity_where_the_picture_is_clean(prediction):
    x, output = torch.randn(2, 3, 4, 4, 4, dtype=torch.float64)
    one = torch.ones(3, 1, 1, 1, dtype=torch.float64)
    assert torch.equal(consistency.consistency(x, output, one, prediction=prediction), x)
    assert torch.equal(consistency.consistency(x, output, one, prediction=prediction, clip=0.1), x)


def test_the_last_target_is_the_teachers_own_picture(tmp_path):
    grid = consistency.ddim_grid(SD, points=50)
    x0 = torch.randn(1, 4, 8, 8, dtype=torch.float64)

    def answers(value):
        return lambda x, t, w: torch.full_like(x, value)

    args = {
        "latents": x0,
        "noise": torch.randn_like(x0),
        "index": torch.tensor([48]),
        "guidance": torch.ones(1),
        "grid": grid,
        "prediction": "sample",
    }
    same = consistency.loss(
        student=answers(0.25), target=answers(9.0), teacher=answers(0.25), **args
    )
    assert float(same) == 0
    other = consistency.loss(
        student=answers(0.25), target=answers(9.0), teacher=answers(0.75), **args
    )
    assert float(other) == pytest.approx(0.25)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_the_skip_is_diffusers_own_ddim_step(prediction):
    scheduler = DDIMScheduler(**SD, clip_sample=False, prediction_type=prediction)
    scheduler.set_timesteps(50)
    grid = consistency.ddim_grid(SD, points=50)
    x, output = torch.randn(2, 1, 4, 8, 8, dtype=torch.float64)
    for n in (0, 20, 47):
        level, to = (grid.levels[k].reshape(1, 1, 1, 1) for k in (n, n + 1))
        mine = consistency.skip(x, output, level=level, to=to, prediction=prediction)
        theirs = scheduler.step(output, int(grid.timesteps[n]), x).prev_sample
        assert torch.allclose(mine, theirs, rtol=1e-6, atol=1e-6)


@settings(max_examples=30)
@given(level=st.floats(0.01, 0.99), seed=st.integers(0, 1000))
def test_clean_and_noise_put_together_are_the_noisy_latents(level, seed):
    generator = torch.Generator().manual_seed(seed)
    x, output = torch.randn(2, 1, 4, 2, 2, dtype=torch.float64, generator=generator)
    at = torch.full((1, 1, 1, 1), level, dtype=torch.float64)
    for prediction in ("epsilon", "v_prediction", "sample"):
        clean, noise = consistency.clean_and_noise(x, output, at, prediction=prediction)
        assert torch.allclose(at.sqrt() * clean + (1 - at).sqrt() * noise, x, atol=1e-9)


def test_the_papers_grid_has_fifty_points_and_ends_clean():
    grid = consistency.ddim_grid(SD, points=50)
    assert grid.timesteps.tolist() == list(range(981, 0, -20))
    assert grid.levels[-1] == 1
    assert (grid.levels.diff() > 0).all()


def test_the_worlds_grid_gets_a_clean_point_of_its_own():
    grid = consistency.ddim_grid(S1, points=25)
    assert grid.timesteps.tolist() == [*range(999, 0, -40), 0]
    assert grid.pairs == 25
    assert grid.levels[-1] == 1


def test_a_student_is_sampled_at_the_spacing_it_was_distilled_at():
    assert consistency_points(SD, steps=5).timesteps == (981, 781, 581, 381, 181)
    assert consistency_points(S1, steps=2).timesteps == (999, 499)


def test_only_models_that_clip_are_bounded():
    assert bound_of({}) is None
    assert bound_of({"clip_sample": False}) is None
    assert bound_of({"clip_sample": True}) == 1
    assert bound_of({"clip_sample": True, "clip_sample_range": 2}) == 2


def test_no_gradient_reaches_the_target_or_the_teacher():
    weights = [torch.ones(1, requires_grad=True, dtype=torch.float64) for _ in range(3)]
    nets = [lambda x, t, w, by=by: x * by for by in weights]
    consistency.loss(
        student=nets[0],
        target=nets[1],
        teacher=nets[2],
        latents=torch.randn(2, 4, 2, 2, dtype=torch.float64),
        noise=torch.randn(2, 4, 2, 2, dtype=torch.float64),
        index=torch.tensor([3, 30]),
        guidance=torch.ones(2),
        grid=consistency.ddim_grid(SD, points=50),
        prediction="epsilon",
    ).backward()
    assert weights[0].grad is not None
    assert weights[1].grad is None
    assert weights[2].grad is None


@pytest.mark.parametrize(("kind", "expected"), [("l2", 0.25), ("l1", 0.5)])
def test_distances_are_means_over_everything(kind, expected):
    a, b = torch.zeros(2, 3), torch.full((2, 3), 0.5)
    assert float(consistency.distance(a, b, kind=kind)) == pytest.approx(expected)


def test_pseudo_huber_lies_between_square_and_modulus():
    gap = torch.linspace(-2, 2, 41, dtype=torch.float64)
    zero = torch.zeros_like(gap)
    for d, o in zip(gap, zero, strict=True):
        huber = consistency.distance(d, o, kind="pseudo-huber", huber=0.03)
        assert 0 <= huber <= abs(d)
        assert huber <= d**2 / 0.06 + 1e-12


def test_an_unknown_prediction_type_is_refused():
    x = torch.zeros(1, 4, 2, 2)
    with pytest.raises(ValueError, match="flow"):
        consistency.clean_and_noise(x, x, torch.full((1, 1, 1, 1), 0.5), prediction="flow")
