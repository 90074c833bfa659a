"""The improvement step of Algorithm 1: refine a finished sample from sigma, or regenerate it.

Must not know scores, thresholds or which samples were rejected.
"""

import math
from collections.abc import Callable, Mapping
from typing import Protocol

import torch
from torch import Tensor

from generation import teacher
from generation.bundle import Bundle
from generation.conditioning import Conditioning
from generation.errors import SamplingError
from generation.guidance import OnStep, Sampled
from generation.images import Pixels, resize
from generation.noise import ROLLBACK, regenerate_stage
from generation.schedules import Config, Start, strength_start, variance_start
from generation.spec import Adaptive
from generation.weights import other_vae


def rollback(latents: Tensor, sigma: float, noise: Tensor) -> Tensor:
    """Push a finished student sample back to noise level sigma (Algorithm 1, line 4).

        x_sigma = sqrt(1 - sigma) * x + sqrt(sigma) * z

    sigma is a fraction of *variance*: 0 keeps the sample, 1 forgets it. It is not the `strength` of
    an img2img pipeline, a fraction of *timesteps*; `schedules.strength_start` has its variance.

    Args:
        latents: (batch, channels, height / factor, width / factor), unit variance.
        sigma: rollback value in [0, 1], no unit.
        noise: standard normal, same shape, dtype and device as `latents`.

    Raises:
        ValueError: sigma lies outside [0, 1], or the shapes differ.

    Source: Starodubcev et al., CVPR 2024, arXiv:2312.10835, Algorithm 1.
    """
    if not 0 <= sigma <= 1:
        raise ValueError(
            f"sigma={sigma:g}: the rollback value is a fraction of variance. Give 0 to 1."
        )
    if latents.shape != noise.shape:
        raise ValueError(
            f"latents are {tuple(latents.shape)}, the noise {tuple(noise.shape)}. "
            "Draw noise of the latents' shape."
        )
    return math.sqrt(1 - sigma) * latents + math.sqrt(sigma) * noise


def refine_start(config: Config, spec: Adaptive) -> Start:
    """Where the teacher begins to refine, by the recipe's reading of sigma.

    Args:
        config: the teacher's scheduler config.
        spec: the recipe; `teacher.steps` is n_R, the number of steps after the rollback.

    Raises:
        ValueError: sigma is 1 (a regeneration), or n_R steps do not fit below it.
    """
    begin = {"variance": variance_start, "strength": strength_start}[spec.rollback_kind]
    return begin(
        config, solver=spec.teacher.scheduler, sigma=spec.rollback, steps=spec.teacher.steps
    )


def improve(
    bundle: Bundle,
    spec: Adaptive,
    conditioning: Conditioning,
    student: Tensor | Pixels,
    *,
    noise: Callable[[str], Tensor],
    on_step: OnStep,
) -> Sampled:
    """Lines 3 to 7: the recipe's strategy, with the one draw that it needs.

    Args:
        bundle: the loaded teacher.
        spec: the recipe; at sigma = 1 it is a regeneration, whatever it was written as.
        conditioning: the teacher's, a row per rejected sample.
        student: what `refine` takes; a regeneration does not look at it.
        noise: the draw of a stage (`noise.stage_seed`), a row per rejected sample.
        on_step: called before each network call.
    """
    if spec.strategy == "regenerate":
        initial = noise(regenerate_stage(spec))
        return regenerate(bundle, spec, conditioning, initial=initial, on_step=on_step)
    return refine(bundle, spec, conditioning, student, noise=noise(ROLLBACK), on_step=on_step)


@torch.inference_mode()
def refine(
    bundle: Bundle,
    spec: Adaptive,
    conditioning: Conditioning,
    student: Tensor | Pixels,
    *,
    noise: Tensor,
    on_step: OnStep,
) -> Sampled:
    """Strategy 1: roll the student's sample back to sigma and let the teacher finish it.

    Args:
        bundle: the loaded teacher.
        spec: the recipe.
        conditioning: the teacher's.
        student: with `rollback_from="latents"` the student's latents (n, c, h, w), which the
            teacher's VAE must share (`check_shared_latents`) and whose size is the refined one's;
            with "image" its decoded pictures, uint8 (n, h, w, 3), resized to the teacher's size
            and encoded by the teacher's VAE without chance (the posterior's mean).
        noise: standard normal, of the teacher's latent shape.
        on_step: called before each network call.

    Raises:
        ValueError: latents where the recipe says image or the other way round, latents of another
            size than the teacher's, or what `refine_start` refuses.
    """
    start = refine_start(bundle.scheduler_config, spec)
    latents = _teacher_latents(bundle, spec, student)
    z = noise.to(device=latents.device, dtype=torch.float32)
    noisy = rollback(latents, start.variance, z)
    return teacher.sample(bundle, spec.teacher, conditioning, noisy, on_step=on_step, start=start)


def regenerate(
    bundle: Bundle,
    spec: Adaptive,
    conditioning: Conditioning,
    *,
    initial: Tensor,
    on_step: OnStep,
) -> Sampled:
    """Strategy 2: the teacher from pure noise, by its own schedule of n_R steps."""
    return teacher.sample(bundle, spec.teacher, conditioning, initial, on_step=on_step)


class Weighed(Protocol):
    """A model by where it lies and the digests of its parts: one that is loaded, or a record's."""

    @property
    def path(self) -> str: ...

    @property
    def weights(self) -> Mapping[str, str]: ...


def check_shared_latents(student: Weighed, teacher: Weighed) -> None:
    """Refuse to hand latents from one model to another that would read them differently.

    Raises:
        SamplingError: the two decode with other weights.
    """
    if student.weights.get("vae") != teacher.weights.get("vae"):
        raise SamplingError(other_vae(student.path, teacher.path))


def _teacher_latents(bundle: Bundle, spec: Adaptive, student: Tensor | Pixels) -> Tensor:
    """The student's sample as latents of the teacher."""
    if isinstance(student, Tensor) != (spec.rollback_from == "latents"):
        raise ValueError(
            f"rollback_from={spec.rollback_from!r} was given a {type(student).__name__}. Give the "
            "student's latents (a tensor) for 'latents', its pictures (an array) for 'image'."
        )
    height, width, factor = spec.teacher.height, spec.teacher.width, bundle.vae_factor
    if not isinstance(student, Tensor):
        _, rows, columns = bundle.latent_shape(height, width)
        pictures = resize(student, height=rows * factor, width=columns * factor)
        return bundle.encode(pictures).to(device=bundle.device, dtype=torch.float32)
    given = tuple(student.shape[1:])
    expected = bundle.latent_shape(height or given[-2] * factor, width or given[-1] * factor)
    if given != expected:
        raise SamplingError(
            f"the student's latents are {given}, the teacher's {expected}. "
            "Sample both at one size, or set rollback_from='image', which resizes."
        )
    return student.to(device=bundle.device, dtype=torch.float32)
