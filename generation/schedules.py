"""Where a solver evaluates the network: alpha-bar tables, timestep lists, starts in mid-schedule.

Must not know latents, networks or prompts; numbers only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler

from generation.errors import SamplingError

Config = Mapping[str, Any]
Solver = Literal["ddim", "unipc", "dpm++"]
RollbackKind = Literal["variance", "strength"]

# Consistency and LCM students are distilled along a DDIM grid of 50 points.
GRID = 50

_CLASSES: dict[str, Any] = {
    "ddim": DDIMScheduler,
    "unipc": UniPCMultistepScheduler,
    "dpm++": DPMSolverMultistepScheduler,
}
# What a scheduler config says of the noise; the rest of it is about other solvers than ours.
_NOISE = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "rescale_betas_zero_snr",
    "timestep_spacing",
    "steps_offset",
)
# What our solvers do not do; followed silently it would give another picture than diffusers does.
_REFUSED: dict[str, dict[str, tuple[Any, ...]]] = {
    "ddim": {"thresholding": (True,)},
    "unipc": {
        "solver_order": (1, 3),
        "solver_type": ("bh1",),
        "predict_x0": (False,),
        "lower_order_final": (False,),
    },
    "dpm++": {
        "solver_order": (1, 3),
        "solver_type": ("heun",),
        "algorithm_type": ("dpmsolver", "sde-dpmsolver", "sde-dpmsolver++"),
        "lower_order_final": (False,),
        "use_lu_lambdas": (True,),
    },
}
_REFUSED_MULTISTEP: dict[str, tuple[Any, ...]] = {
    "thresholding": (True,),
    "use_karras_sigmas": (True,),
    "use_exponential_sigmas": (True,),
    "use_beta_sigmas": (True,),
    "use_flow_sigmas": (True,),
    "final_sigmas_type": ("sigma_min",),
}


@dataclass(frozen=True)
class Schedule:
    """The network points of a run, descending, and the noise levels before and after each step.

    `at[i]` is alpha_bar at `timesteps[i]`; `to[i]` is the alpha_bar that step i lands on.
    """

    timesteps: tuple[int, ...]
    at: tuple[float, ...]
    to: tuple[float, ...]


@dataclass(frozen=True)
class Start:
    """A run that begins in mid-schedule, from a sample with noise of variance `variance`."""

    schedule: Schedule
    variance: float
    kind: RollbackKind

    @property
    def timesteps(self) -> tuple[int, ...]:
        return self.schedule.timesteps

    @property
    def t0(self) -> int:
        """The timestep of the first network call."""
        return self.schedule.timesteps[0]


def alpha_bars(config: Config, *, solver: Solver = "ddim") -> tuple[float, ...]:
    """alpha_bar_t = prod_{s <= t} (1 - beta_s) for t = 0 .. T-1, as the trained model saw them.

    Summed in fp32 as diffusers does. The multistep solvers work in log-SNR and keep the last one
    of a zero-terminal-SNR schedule just above 0.
    """
    return tuple(_scheduler(config, solver).alphas_cumprod.double().tolist())


def native(config: Config, *, solver: Solver, steps: int) -> Schedule:
    """The schedule of a full run from pure noise: `steps` points, spaced by the model's config.

    UniPC and DPM++ divide leading schedules into steps + 1 intervals, DDIM into `steps`: at 50
    steps the one starts at 951, the other at 981.

    Raises:
        SamplingError: more steps than there are distinct timesteps, or a config that asks for
            something our solvers do not do.
    """
    scheduler = _scheduler(config, solver)
    table = scheduler.alphas_cumprod.double().tolist()
    if not 1 <= steps <= len(table):
        raise _too_many(steps, limit=len(table))
    scheduler.set_timesteps(steps)
    points = [int(t) for t in scheduler.timesteps.tolist()]
    if len(set(points)) != steps:
        raise _too_many(steps, limit=len(table))
    if solver == "ddim":
        # DDIM steps by a fixed stride, which a rounded spacing does not always land on.
        stride = len(table) // steps
        landings = [t - stride for t in points]
    else:
        landings = [*points[1:], -1]
    return _schedule(points, landings, table, end=_end(scheduler, solver))


def variance_start(config: Config, *, solver: Solver, sigma: float, steps: int) -> Start:
    """Algorithm 1 as printed: begin where the noise has variance sigma, 1 - alpha_bar_t = sigma.

        T = round(linspace(t_sigma, 0, steps + 1))[:-1]

    Raises:
        SamplingError: sigma outside (0, 1), or fewer than `steps` distinct timesteps below t_sigma.

    Source: Starodubcev et al., CVPR 2024, arXiv:2312.10835, Algorithm 1, line 4.
    """
    _check_sigma(sigma)
    scheduler = _scheduler(config, solver)
    table = scheduler.alphas_cumprod.double().tolist()
    first = timestep_of(sigma, table)
    points = [int(t) for t in np.round(np.linspace(first, 0, steps + 1))[:-1]]
    if steps < 1 or len(set(points)) != steps:
        raise SamplingError(
            f"{steps} steps from sigma={sigma:g}: it lies at timestep {first}, and a step needs a "
            f"timestep of its own. Take 1 to {max(first, 1)} steps or a larger sigma."
        )
    schedule = _schedule(points, [*points[1:], -1], table, end=_end(scheduler, solver))
    return Start(schedule, variance=sigma, kind="variance")


def strength_start(config: Config, *, solver: Solver, sigma: float, steps: int) -> Start:
    """What the authors' released code does: img2img with strength = sigma, a share of *timesteps*.

        n = int(steps / sigma + 1) points of a full run, of which the last int(n sigma) are taken

    Raises:
        SamplingError: sigma outside (0, 1), or n beyond the model's number of timesteps.

    Source: github.com/yandex-research/adaptive-diffusion; diffusers, img2img `get_timesteps`.
    """
    _check_sigma(sigma)
    points = int(steps / sigma + 1)
    taken = min(int(points * sigma), points)
    full = native(config, solver=solver, steps=points)
    schedule = Schedule(full.timesteps[-taken:], full.at[-taken:], full.to[-taken:])
    return Start(schedule, variance=1 - schedule.at[0], kind="strength")


def timestep_of(variance: float, table: Sequence[float]) -> int:
    """The timestep whose noise variance 1 - alpha_bar_t is nearest to `variance`."""
    return int(np.argmin(np.abs(1 - np.asarray(table) - variance)))


def consistency_points(config: Config, *, steps: int, legacy_tail: bool = False) -> Schedule:
    """The student's points on the DDIM grid of 50 it was distilled on: 981, 781, 581, 381, 181.

    `legacy_tail` adds the grid's last point (t = 1), which the released sampler evaluates as well.

    Raises:
        SamplingError: more than 50 steps.

    Source: Starodubcev et al., supplement A; Song et al. 2023, arXiv:2303.01469, Algorithm 1.
    """
    table = alpha_bars(config)
    # Spaced as the model's config says: SD's grid ends at 1, a trailing one begins at 999.
    grid = native(config, solver="ddim", steps=GRID).timesteps
    points = [grid[i] for i in _evenly(steps, GRID)] + ([grid[-1]] if legacy_tail else [])
    return _schedule(points, [*points[1:], -1], table, end=1.0)


def lcm_points(config: Config, *, steps: int) -> Schedule:
    """Latent consistency models' points on their own grid: 999, 759, 499, 259 for four steps.

    Raises:
        SamplingError: more steps than the grid has points.

    Source: Luo et al. 2023, arXiv:2310.04378; diffusers `LCMScheduler.set_timesteps`.
    """
    table = alpha_bars(config)
    count = int(config.get("original_inference_steps") or GRID)
    stride = len(table) // count
    grid = [i * stride - 1 for i in reversed(range(1, count + 1))]
    points = [grid[i] for i in _evenly(steps, count)]
    return _schedule(points, [*points[1:], -1], table, end=1.0)


def trailing_points(config: Config, *, steps: int) -> Schedule:
    """Points counted down from the last timestep, as ADD / Turbo samples: 999, 749, 499, 249.

    Source: Lin et al. 2023, arXiv:2305.08891, Table 2.
    """
    table = alpha_bars(config)
    if not 1 <= steps <= len(table):
        raise _too_many(steps, limit=len(table))
    points = [int(t) - 1 for t in np.arange(len(table), 0, -len(table) / steps).round()][:steps]
    return _schedule(points, [*points[1:], -1], table, end=1.0)


def _evenly(steps: int, count: int) -> list[int]:
    if not 1 <= steps <= count:
        raise _too_many(steps, limit=count)
    return [count * i // steps for i in range(steps)]


def _schedule(
    points: Sequence[int], landings: Sequence[int], table: Sequence[float], *, end: float
) -> Schedule:
    return Schedule(
        timesteps=tuple(points),
        at=tuple(table[t] for t in points),
        to=tuple(table[t] if t >= 0 else end for t in landings),
    )


def _end(scheduler: Any, solver: Solver) -> float:
    """alpha_bar after the last step: clean for the multistep solvers, DDIM's follows its config."""
    return float(scheduler.final_alpha_cumprod) if solver == "ddim" else 1.0


def _scheduler(config: Config, solver: Solver) -> Any:
    """diffusers' scheduler for this solver, a fresh one; only its tables are used."""
    refused = _REFUSED[solver] | ({} if solver == "ddim" else _REFUSED_MULTISTEP)
    for name, values in refused.items():
        if config.get(name) in values:
            raise SamplingError(
                f"the model's scheduler config says {name}={config[name]!r}, which our {solver} "
                f"does not do. Remove {name} from its scheduler_config.json or take another solver."
            )
    known = {name: config[name] for name in _NOISE if config.get(name) is not None}
    # Older configs do not name their spacing; diffusers' defaults then differ from class to class.
    known.setdefault("timestep_spacing", "leading")
    if solver == "ddim" and "set_alpha_to_one" in config:
        known["set_alpha_to_one"] = config["set_alpha_to_one"]
    return _CLASSES[solver](**known)


def _check_sigma(sigma: float) -> None:
    if not 0 < sigma < 1:
        raise SamplingError(
            f"sigma={sigma:g}: a refinement starts strictly between 0 (nothing to do) and 1 "
            "(nothing left of the sample). Use strategy='regenerate' for 1."
        )


def _too_many(steps: int, *, limit: int) -> SamplingError:
    return SamplingError(
        f"{steps} steps do not fit on {limit} timesteps, each step needs one of its own. "
        f"Take 1 to {limit} steps, fewer where a rollback leaves only a part of the schedule."
    )
