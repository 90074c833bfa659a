from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.schedules import (
    alpha_bars,
    consistency_points,
    lcm_points,
    native,
    strength_start,
    timestep_of,
    trailing_points,
    variance_start,
)

pytestmark = pytest.mark.torch

SD: dict[str, Any] = {
    "_class_name": "PNDMScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "timestep_spacing": "leading",
    "steps_offset": 1,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "clip_sample": False,
    "prediction_type": "epsilon",
    "trained_betas": None,
}
SOLVERS = ("ddim", "unipc", "dpm++")

# generation.md 3: sigma, N, t of 1 - ab = sigma, released UniPC t0 (1 - ab), DDIM t0 (1 - ab).
GOLDEN = [
    (0.40, 4, 294, 333, 0.465, 271, 0.361),
    (0.40, 5, 294, 356, 0.504, 305, 0.418),
    (0.50, 10, 354, 451, 0.654, 424, 0.613),
    (0.55, 10, 384, 501, 0.725, 469, 0.681),
    (0.70, 10, 483, 621, 0.859, 595, 0.834),
    (0.70, 20, 483, 661, 0.891, 647, 0.881),
    (0.75, 15, 520, 676, 0.902, 659, 0.890),
    (0.85, 12, 611, 745, 0.942, 727, 0.933),
]


@pytest.mark.parametrize("row", GOLDEN)
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_variance_rollback_starts_where_the_noise_has_that_variance(solver, row):
    sigma, steps, first, *_ = row
    start = variance_start(SD, solver=solver, sigma=sigma, steps=steps)
    assert start.t0 == first
    assert len(start.timesteps) == steps
    # The rollback itself uses sigma to the digit; the table's nearest level is this close.
    assert start.variance == sigma
    assert abs(1 - start.schedule.at[0] - sigma) < 0.0011


@pytest.mark.parametrize("row", GOLDEN)
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_strength_rollback_starts_where_the_released_code_does(solver, row):
    sigma, steps, _, unipc, unipc_variance, ddim, ddim_variance = row
    first, variance = (ddim, ddim_variance) if solver == "ddim" else (unipc, unipc_variance)
    start = strength_start(SD, solver=solver, sigma=sigma, steps=steps)
    assert start.t0 == first
    assert round(start.variance, 3) == variance
    assert len(start.timesteps) == steps


@pytest.mark.parametrize(("solver", "first"), [("ddim", 981), ("unipc", 951), ("dpm++", 951)])
def test_a_full_run_of_fifty_starts_where_diffusers_starts(solver, first):
    schedule = native(SD, solver=solver, steps=50)
    assert schedule.timesteps[0] == first
    assert len(schedule.timesteps) == 50


def test_the_alpha_bars_are_those_of_stable_diffusion():
    table = alpha_bars(SD)
    assert len(table) == 1000
    assert table[0] == pytest.approx(0.99915, abs=1e-6)
    assert table[1] == pytest.approx(0.998296, abs=1e-6)
    assert table[999] == pytest.approx(0.00466, abs=1e-5)


def test_the_multistep_solvers_end_clean_and_ddim_ends_as_its_config_says():
    table = alpha_bars(SD)
    assert native(SD, solver="unipc", steps=5).to[-1] == 1
    assert native(SD, solver="ddim", steps=5).to[-1] == pytest.approx(table[0])
    assert native(SD | {"set_alpha_to_one": True}, solver="ddim", steps=5).to[-1] == 1
    assert variance_start(SD, solver="dpm++", sigma=0.5, steps=3).schedule.to[-1] == 1


@pytest.mark.parametrize(
    ("steps", "points"),
    [
        (1, (981,)),
        (2, (981, 481)),
        (3, (981, 661, 321)),
        (4, (981, 741, 481, 241)),
        (5, (981, 781, 581, 381, 181)),
    ],
)
def test_a_consistency_student_visits_exactly_its_steps_on_the_grid_of_fifty(steps, points):
    assert consistency_points(SD, steps=steps).timesteps == points
    assert consistency_points(SD, steps=steps, legacy_tail=True).timesteps == (*points, 1)


def test_an_lcm_student_visits_its_own_grid():
    assert lcm_points(SD, steps=4).timesteps == (999, 759, 499, 259)
    assert lcm_points(SD, steps=8).timesteps[:3] == (999, 879, 759)


def test_a_turbo_student_counts_down_from_the_last_timestep():
    assert trailing_points(SD, steps=1).timesteps == (999,)
    assert trailing_points(SD, steps=4).timesteps == (999, 749, 499, 249)


@given(sigma=st.floats(0.05, 0.98), steps=st.integers(1, 15), solver=st.sampled_from(SOLVERS))
@settings(max_examples=50)
@pytest.mark.parametrize("begin", [variance_start, strength_start])
def test_a_start_plans_the_steps_it_was_asked_for(begin, sigma, steps, solver):
    start = begin(SD, solver=solver, sigma=sigma, steps=steps)
    points = start.timesteps
    assert len(points) == steps
    assert list(points) == sorted(set(points), reverse=True)
    # Each step removes noise.
    assert all(at < to for at, to in zip(start.schedule.at, start.schedule.to, strict=True))


@given(variance=st.floats(0.001, 0.995))
@settings(max_examples=50)
def test_no_timestep_is_nearer_to_a_variance_than_the_one_given(variance):
    table = alpha_bars(SD)
    nearest = min(abs(1 - alpha_bar - variance) for alpha_bar in table)
    assert abs(1 - table[timestep_of(variance, table)] - variance) == nearest


@pytest.mark.parametrize("begin", [variance_start, strength_start])
@pytest.mark.parametrize("sigma", [0.0, 1.0, 1.5, float("nan")])
def test_a_refinement_from_nothing_or_from_everything_is_refused(begin, sigma):
    with pytest.raises(ValueError, match="regenerate"):
        begin(SD, solver="unipc", sigma=sigma, steps=5)


def test_more_steps_than_timesteps_are_refused():
    with pytest.raises(ValueError, match="Take 1 to 50 steps"):
        consistency_points(SD, steps=51)
    with pytest.raises(ValueError, match="each step needs one of its own"):
        native(SD, solver="unipc", steps=1000)
    with pytest.raises(ValueError, match="timestep of its own"):
        variance_start(SD, solver="unipc", sigma=0.002, steps=5)


@pytest.mark.parametrize(
    ("solver", "setting"),
    [
        ("unipc", {"use_karras_sigmas": True}),
        ("dpm++", {"final_sigmas_type": "sigma_min"}),
        ("dpm++", {"algorithm_type": "sde-dpmsolver++"}),
        ("unipc", {"solver_order": 3}),
        ("ddim", {"thresholding": True}),
    ],
)
def test_a_config_that_asks_for_another_solver_is_refused_by_name(solver, setting):
    (name,) = setting
    with pytest.raises(ValueError, match=name):
        native(SD | setting, solver=solver, steps=5)
