"""The network under classifier-free guidance, as a function of a noisy latent and a step.

Must not know solvers, schedules or where the conditioning came from.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from generation.bundle import Bundle
from generation.conditioning import Conditioning
from generation.errors import SamplingError

# Called with the step's index before each network call; it stops the run by raising.
OnStep = Callable[[int], None]


@dataclass(frozen=True)
class Sampled:
    """Finished latents and what they cost, counted as executed, per image."""

    # (n, channels, height / factor, width / factor), fp32, unit variance.
    latents: Tensor
    timesteps: list[int]
    steps: int
    forwards: int


class Network:
    """A UNet with its conditioning: `network(x, i)` is its guided output at `timesteps[i]`.

        m = m_uncond + w (m_text - m_uncond)

    of whatever the model predicts. One batch, one run: it counts what it executes.

    Args:
        bundle: the loaded model.
        conditioning: a row per latent, with its unconditional half where guidance exceeds 1.
        rows: number of latents.
        timesteps: the points of the run.
        guidance: w; up to 1 is without, and costs one forward a step instead of two.
        embedded: (rows, time_cond_proj_dim), guidance that is an input of the network (LCM).
        on_step: called before each network call.

    Raises:
        ValueError: the conditioning has another number of rows, or no half to guide away from.

    Source: Ho and Salimans 2022, arXiv:2207.12598.
    """

    def __init__(
        self,
        bundle: Bundle,
        conditioning: Conditioning,
        *,
        rows: int,
        timesteps: Sequence[int],
        guidance: float,
        on_step: OnStep,
        embedded: Tensor | None = None,
    ) -> None:
        if conditioning.rows != rows:
            raise ValueError(
                f"{conditioning.rows} rows of conditioning for {rows} latents. Encode one prompt "
                "per latent, in their order."
            )
        self.guided = guidance > 1
        told = conditioning.stacked() if self.guided else conditioning
        self._told = told.unet_inputs()
        self._bundle = bundle
        self._guidance = guidance
        self._on_step = on_step
        self._embedded = embedded
        self._timesteps = list(timesteps)
        # Copied once: a number handed over at each step would make the host wait for the device.
        self._points = torch.tensor(self._timesteps, device=bundle.device, dtype=torch.int64)
        self._executed: list[int] = []

    def __call__(self, latents: Tensor, index: int) -> Tensor:
        self._on_step(index)
        inputs = torch.cat([latents, latents]) if self.guided else latents
        output: Tensor = self._bundle.unet(
            inputs.to(self._bundle.dtype),
            self._points[index],
            timestep_cond=self._embedded,
            return_dict=False,
            **self._told,
        )[0].float()
        self._executed.append(self._timesteps[index])
        if not self.guided:
            return output
        negative, text = output.chunk(2)
        return negative + self._guidance * (text - negative)

    def finished(self, latents: Tensor) -> Sampled:
        """The result, with the network calls that led to it."""
        steps = len(self._executed)
        return Sampled(
            latents=latents,
            timesteps=list(self._executed),
            steps=steps,
            forwards=steps * (2 if self.guided else 1),
        )


def denoised(latents: Tensor, output: Tensor, *, alpha_bar: float, prediction: str) -> Tensor:
    """x_0 as the network's output at this noise level says it.

        epsilon:       (x - sqrt(1 - ab) m) / sqrt(ab)
        v_prediction:  sqrt(ab) x - sqrt(1 - ab) m
        sample:        m

    Raises:
        ValueError: an unknown prediction type.
        SamplingError: epsilon at ab = 0, where it says nothing of x_0.
    """
    alpha, sigma = math.sqrt(alpha_bar), math.sqrt(1 - alpha_bar)
    if prediction == "epsilon":
        if alpha_bar == 0:
            raise SamplingError(
                "an epsilon prediction at alpha_bar = 0 (zero terminal SNR) says nothing of the "
                "sample. Such a model predicts v or the sample: correct its prediction_type."
            )
        return (latents - sigma * output) / alpha
    if prediction == "v_prediction":
        return alpha * latents - sigma * output
    if prediction == "sample":
        return output
    raise _unknown(prediction)


def bound_of(config: Mapping[str, Any]) -> float | None:
    """How far from 0 a clean sample may lie, by a scheduler's config; None is no bound.

    Off unless the config says so, unlike in diffusers: latents are not confined to [-1, 1].
    """
    return float(config.get("clip_sample_range", 1)) if config.get("clip_sample") else None


def noise_in(latents: Tensor, output: Tensor, *, alpha_bar: float, prediction: str) -> Tensor:
    """The noise in x as the network's output at this noise level says it (see `denoised`).

    epsilon:       m
    v_prediction:  sqrt(1 - ab) x + sqrt(ab) m
    sample:        (x - sqrt(ab) m) / sqrt(1 - ab)
    """
    alpha, sigma = math.sqrt(alpha_bar), math.sqrt(1 - alpha_bar)
    if prediction == "epsilon":
        return output
    if prediction == "v_prediction":
        return sigma * latents + alpha * output
    if prediction == "sample":
        return (latents - alpha * output) / sigma
    raise _unknown(prediction)


def _unknown(prediction: str) -> ValueError:
    return ValueError(
        f"prediction_type={prediction!r}; epsilon, v_prediction and sample are supported. "
        "Correct the model's scheduler_config.json."
    )
