"""Our solvers against diffusers' schedulers, on networks that are plain functions."""

import math
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, UniPCMultistepScheduler
from torch import Tensor

from generation import solvers
from generation.guidance import denoised, noise_in
from generation.noise import draw
from generation.schedules import Schedule, alpha_bars, native, strength_start, variance_start
from tests.generation.test_schedules import SD

pytestmark = pytest.mark.torch

PREDICTIONS = ("epsilon", "v_prediction", "sample")
ORACLES: dict[str, Any] = {
    "ddim": DDIMScheduler,
    "unipc": UniPCMultistepScheduler,
    "dpm++": DPMSolverMultistepScheduler,
}
OURS: dict[str, Any] = {"ddim": solvers.ddim, "unipc": solvers.unipc, "dpm++": solvers.dpm}


def network(x: Tensor, t: int) -> Tensor:
    """Some smooth function of both; what it predicts does not matter to a solver."""
    return torch.tanh(0.7 * x + 0.001 * t) - 0.2 * x.roll(1, -1)


def ours(solver: str, schedule: Schedule, x: Tensor, prediction: str) -> Tensor:
    return OURS[solver](
        lambda latents, i: network(latents, schedule.timesteps[i]),
        x,
        schedule=schedule,
        prediction=prediction,
    )


def theirs(scheduler: Any, x: Tensor, *, begin: int = 0) -> Tensor:
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(begin)
    for t in scheduler.timesteps[begin:]:
        x = scheduler.step(network(x, int(t)), t, x, return_dict=False)[0]
    return x


def assert_close(got: Tensor, expected: Tensor) -> None:
    """Float noise of single precision, relative to the largest number there is."""
    assert (got - expected).abs().max() <= 5e-6 * expected.abs().max()


def oracle(solver: str, prediction: str, *, steps: int, spacing: str = "leading") -> Any:
    config = {k: v for k, v in SD.items() if not k.startswith("skip")}
    config |= {"prediction_type": prediction, "timestep_spacing": spacing}
    if solver != "ddim":
        config = {k: v for k, v in config.items() if k not in ("set_alpha_to_one", "clip_sample")}
    del config["_class_name"]
    scheduler = ORACLES[solver](**config)
    scheduler.set_timesteps(steps)
    return scheduler


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("steps", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("solver", ORACLES)
def test_a_full_run_equals_the_scheduler_of_diffusers(solver, prediction, steps, spacing):
    x = draw([3, 4], (2, 4, 4))
    scheduler = oracle(solver, prediction, steps=steps, spacing=spacing)
    schedule = native(SD | {"timestep_spacing": spacing}, solver=solver, steps=steps)
    assert list(schedule.timesteps) == scheduler.timesteps.tolist()
    expected = theirs(scheduler, x)
    got = ours(solver, schedule, x, prediction)
    assert_close(got, expected)


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("solver", ORACLES)
def test_an_exact_start_equals_the_sliced_run_of_diffusers(solver, prediction):
    x = draw([3, 4], (2, 4, 4))
    # int(10 / .7 + 1) = 15 points, of which img2img takes the last 10.
    expected = theirs(oracle(solver, prediction, steps=15), x, begin=5)
    start = strength_start(SD, solver=solver, sigma=0.7, steps=10)
    got = ours(solver, start.schedule, x, prediction)
    assert_close(got, expected)


def test_an_exact_start_of_unipc_equals_diffusers_told_the_same_levels():
    x = draw([3, 4], (2, 4, 4))
    start = variance_start(SD, solver="unipc", sigma=0.7, steps=10)
    scheduler = oracle("unipc", "epsilon", steps=10)
    levels = torch.tensor(start.schedule.at, dtype=torch.float64)
    scheduler.timesteps = torch.tensor(start.timesteps)
    scheduler.sigmas = torch.cat([((1 - levels) / levels).sqrt(), torch.zeros(1)]).float()
    got = ours("unipc", start.schedule, x, "epsilon")
    expected = theirs(scheduler, x)
    assert_close(got, expected)


def test_an_exact_start_of_dpm_equals_diffusers_given_the_timesteps():
    x = draw([3, 4], (2, 4, 4))
    start = variance_start(SD, solver="dpm++", sigma=0.7, steps=10)
    scheduler = oracle("dpm++", "epsilon", steps=10)
    scheduler.set_timesteps(timesteps=list(start.timesteps))
    got = ours("dpm++", start.schedule, x, "epsilon")
    expected = theirs(scheduler, x)
    assert_close(got, expected)


@pytest.mark.parametrize(("solver", "gain"), [("ddim", 1.9), ("dpm++", 4.0), ("unipc", 4.0)])
def test_a_solver_converges_to_the_exact_flow_of_gaussian_data(solver, gain):
    """For data N(0, s^2) the flow is known: x_t / sqrt(ab_t s^2 + 1 - ab_t) does not change.

    Twice the steps divide the error by two for DDIM, by four for the second-order solvers.
    """
    s2 = 0.25
    x = draw([1], (4, 4, 4)).double()

    def error(steps: int) -> float:
        lambdas = torch.linspace(-1.5, 1.5, steps + 1, dtype=torch.float64)
        levels = torch.sigmoid(2 * lambdas).tolist()
        schedule = Schedule(tuple(range(steps)), tuple(levels[:-1]), tuple(levels[1:]))

        def x0(latents: Tensor, i: int) -> Tensor:
            return math.sqrt(levels[i]) * s2 / (levels[i] * s2 + 1 - levels[i]) * latents

        got = OURS[solver](x0, x, schedule=schedule, prediction="sample")
        first, last = (math.sqrt(level * s2 + 1 - level) for level in (levels[0], levels[-1]))
        return float((got - x * last / first).abs().max())

    assert error(64) < error(16) / gain**2
    assert error(64) < 0.02


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_each_prediction_type_says_the_same_of_sample_and_noise(prediction):
    x0, eps = draw([1, 2], (4, 4, 4))
    for alpha_bar in (0.9, 0.5, 0.01):
        alpha, sigma = math.sqrt(alpha_bar), math.sqrt(1 - alpha_bar)
        x = alpha * x0 + sigma * eps
        says = {"epsilon": eps, "v_prediction": alpha * eps - sigma * x0, "sample": x0}[prediction]
        given = {"alpha_bar": alpha_bar, "prediction": prediction}
        assert torch.allclose(denoised(x, says, **given), x0, atol=2e-5)
        assert torch.allclose(noise_in(x, says, **given), eps, atol=2e-5)


def test_an_epsilon_model_at_zero_signal_is_refused_and_v_works():
    config = SD | {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    schedule = native(config, solver="ddim", steps=4)
    assert schedule.at[0] == alpha_bars(config)[-1] == 0
    x = draw([1], (4, 4, 4))
    assert torch.isfinite(ours("ddim", schedule, x, "v_prediction")).all()
    with pytest.raises(ValueError, match="prediction_type"):
        ours("ddim", schedule, x, "epsilon")


def test_an_unknown_prediction_type_is_refused():
    x = draw([1], (4, 4, 4))
    with pytest.raises(ValueError, match="epsilon, v_prediction and sample"):
        denoised(x, x, alpha_bar=0.5, prediction="flow_prediction")
    with pytest.raises(ValueError, match="epsilon, v_prediction and sample"):
        noise_in(x, x, alpha_bar=0.5, prediction="flow_prediction")


def test_ddim_clips_the_sample_where_a_pixel_model_asks_for_it():
    x = 3 * draw([1], (4, 4, 4))
    schedule = native(SD | {"set_alpha_to_one": True}, solver="ddim", steps=3)
    clipped = solvers.ddim(lambda z, _: z, x, schedule=schedule, prediction="sample", clip=0.5)
    assert clipped.abs().max() == 0.5
