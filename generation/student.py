"""Few-step students: the multistep consistency sampler, latent consistency models and ADD / Turbo.

Must not know thresholds, teachers or where noise comes from; each sampler reads like its equation.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from generation.bundle import Bundle
from generation.conditioning import Conditioning, guidance_embedding
from generation.errors import SamplingError
from generation.guidance import Network, OnStep, Sampled, bound_of, denoised, noise_in
from generation.schedules import (
    GRID,
    Schedule,
    consistency_points,
    lcm_points,
    trailing_points,
)
from generation.spec import Student

# The i-th in-step draw, standard normal, of the latents' shape.
Noise = Callable[[int], Tensor]

# LCM's boundary condition; diffusers' name for the factor is timestep_scaling.
_SIGMA_DATA = 0.5
_TIMESTEP_SCALING = 10.0
# The weight at which classifier-free guidance is the conditional prediction itself.
_WITHOUT = 1.0


@torch.inference_mode()
def sample(
    bundle: Bundle,
    spec: Student,
    conditioning: Conditioning,
    initial: Tensor,
    *,
    noise: Noise,
    on_step: OnStep,
) -> Sampled:
    """The student's sample, by the sampler that its recipe names.

    Args:
        bundle: the loaded student.
        spec: its recipe.
        conditioning: n rows, with their unconditional half for the ordinary guidance of
            `consistency` above 1; `lcm` and `add` do not look at it.
        initial: (n, channels, height / factor, width / factor), standard normal.
        noise: the in-step draws, all asked for before the loop.
        on_step: called before each network call.

    Raises:
        ValueError: guidance that this model or sampler cannot follow, too many steps, conditioning
            of another number of rows.
    """
    run = {"consistency": _consistency, "lcm": _lcm, "add": _add}[spec.sampler]
    latents = initial.to(device=bundle.device, dtype=torch.float32)
    return run(bundle, spec, conditioning, latents, noise, on_step)


def _consistency(
    bundle: Bundle,
    spec: Student,
    conditioning: Conditioning,
    initial: Tensor,
    noise: Noise,
    on_step: OnStep,
) -> Sampled:
    """Multistep stochastic consistency sampling on a VP schedule, with ordinary guidance.

        x_0 = f(x, t) = (x - sqrt(1 - ab_t) eps_w) / sqrt(ab_t),   f(x, t_min) = x
        x  <- sqrt(ab_t') x_0 + sqrt(1 - ab_t') z

    The last x_0 is the sample, without noise. The released code goes on: it adds the noise of
    t_min (std .041) and evaluates the network there, where f is the identity; `legacy_tail`.

    Source: Song et al. 2023, arXiv:2303.01469, Algorithm 1; Starodubcev et al., supplement A.
    """
    schedule = consistency_points(
        bundle.scheduler_config, steps=spec.steps, legacy_tail=spec.legacy_tail
    )
    # t_min, where f is the identity whatever the network says.
    boundary = consistency_points(bundle.scheduler_config, steps=GRID).timesteps[-1]
    bound = bound_of(bundle.scheduler_config)
    network = _network(bundle, conditioning, initial, schedule, spec.guidance, on_step)
    draws = _draws(noise, schedule, initial)
    x = initial
    for i, (at, to) in enumerate(zip(schedule.at, schedule.to, strict=True)):
        output = network(x, i)
        if schedule.timesteps[i] > boundary:
            x = denoised(x, output, alpha_bar=at, prediction=bundle.prediction_type)
            x = x if bound is None else x.clamp(-bound, bound)
        if i < len(draws):
            x = math.sqrt(to) * x + math.sqrt(1 - to) * draws[i]
    return network.finished(x)


def _lcm(
    bundle: Bundle,
    spec: Student,
    conditioning: Conditioning,
    initial: Tensor,
    noise: Noise,
    on_step: OnStep,
) -> Sampled:
    """Latent consistency model, guidance an input of the network.

        x_0 = c_skip(t) x + c_out(t) x_0(x, t)
        c_skip = .25 / ((10 t)^2 + .25),   c_out = 10 t / sqrt((10 t)^2 + .25)
        x  <- sqrt(ab_t') x_0 + sqrt(1 - ab_t') z

    Source: Luo et al. 2023, arXiv:2310.04378; diffusers `LCMScheduler`.
    """
    schedule = lcm_points(bundle.scheduler_config, steps=spec.steps)
    network = _network(
        bundle,
        conditioning,
        initial,
        schedule,
        _WITHOUT,
        on_step,
        embedded=_embedded_guidance(bundle, spec.guidance, rows=len(initial)),
    )
    scaling = float(bundle.scheduler_config.get("timestep_scaling") or _TIMESTEP_SCALING)
    draws = _draws(noise, schedule, initial)
    x = initial
    for i, (at, to) in enumerate(zip(schedule.at, schedule.to, strict=True)):
        x0 = denoised(x, network(x, i), alpha_bar=at, prediction=bundle.prediction_type)
        scaled = schedule.timesteps[i] * scaling
        c_skip = _SIGMA_DATA**2 / (scaled**2 + _SIGMA_DATA**2)
        c_out = scaled / math.sqrt(scaled**2 + _SIGMA_DATA**2)
        x = c_skip * x + c_out * x0
        if i < len(draws):
            x = math.sqrt(to) * x + math.sqrt(1 - to) * draws[i]
    return network.finished(x)


def _add(
    bundle: Bundle,
    spec: Student,
    conditioning: Conditioning,
    initial: Tensor,
    noise: Noise,
    on_step: OnStep,
) -> Sampled:
    """ADD / Turbo: Euler-ancestral on trailing timesteps, without guidance.

    With s = sqrt((1 - ab) / ab), the noise level beside a signal of scale 1:

        s_down = s'^2 / s,   s_up = s' sqrt(1 - (s' / s)^2)
        x  <- sqrt(ab') (x_0 + s_down eps + s_up z)

    which is the variance-preserving form of the k-diffusion step. It starts from sqrt(1 - ab) z.

    Source: Sauer et al. 2023, arXiv:2311.17042; diffusers `EulerAncestralDiscreteScheduler`.
    """
    schedule = trailing_points(bundle.scheduler_config, steps=spec.steps)
    network = _network(bundle, conditioning, initial, schedule, _WITHOUT, on_step)
    draws = _draws(noise, schedule, initial)
    x = math.sqrt(1 - schedule.at[0]) * initial
    for i, (at, to) in enumerate(zip(schedule.at, schedule.to, strict=True)):
        output = network(x, i)
        x0 = denoised(x, output, alpha_bar=at, prediction=bundle.prediction_type)
        if i == len(draws):
            x = x0
            break
        eps = noise_in(x, output, alpha_bar=at, prediction=bundle.prediction_type)
        s, s_next = math.sqrt((1 - at) / at), math.sqrt((1 - to) / to)
        down, up = s_next**2 / s, s_next * math.sqrt(1 - (s_next / s) ** 2)
        x = math.sqrt(to) * (x0 + down * eps + up * draws[i])
    return network.finished(x)


def _network(
    bundle: Bundle,
    conditioning: Conditioning,
    latents: Tensor,
    schedule: Schedule,
    guidance: float,
    on_step: OnStep,
    *,
    embedded: Tensor | None = None,
) -> Network:
    return Network(
        bundle,
        conditioning,
        rows=len(latents),
        timesteps=schedule.timesteps,
        guidance=guidance,
        on_step=on_step,
        embedded=embedded,
    )


def _draws(noise: Noise, schedule: Schedule, like: Tensor) -> list[Tensor]:
    """A draw for every step but the last, on the device before the loop that must not wait."""
    return [
        noise(i).to(device=like.device, dtype=torch.float32)
        for i in range(len(schedule.timesteps) - 1)
    ]


def _embedded_guidance(bundle: Bundle, guidance: float, *, rows: int) -> Tensor | None:
    """Guidance as the input that an LCM's network was trained with: (rows, time_cond_proj_dim).

    Raises:
        SamplingError: guidance asked of a network that has no such input (an LCM-LoRA).
    """
    width = bundle.guidance_dim
    if width is not None:
        return guidance_embedding(
            guidance, rows, dim=width, dtype=bundle.dtype, device=bundle.device
        )
    if guidance > 1:
        raise SamplingError(
            f"sampler='lcm' with guidance={guidance:g}, but this network has no input for guidance "
            "(no time_cond_proj_dim, an LCM-LoRA). Set guidance to 1."
        )
    return None
