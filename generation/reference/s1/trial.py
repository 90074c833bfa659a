"""Samples of world S1 for measuring: any network by any sampler, on any prompts, without an engine.

Must not know what is measured. Noise is drawn per sample as the engine draws it.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from generation import student, teacher
from generation.bundle import Bundle
from generation.noise import draw, stage_seed, student_stage, teacher_stage
from generation.spec import Student, Teacher

_BATCH = 50


def sampled(
    bundle: Bundle, spec: Teacher | Student, prompts: Sequence[str], *, seed: int, replica: int = 0
) -> NDArray[np.uint8]:
    """One picture per prompt: (n, 16, 16, 3).

    Teacher and student of one seed start from the same noise.
    """
    parts = [
        _batch(bundle, spec, prompts[at : at + _BATCH], seed=seed, replica=replica)
        for at in range(0, len(prompts), _BATCH)
    ]
    return np.concatenate(parts)


def _batch(
    bundle: Bundle, spec: Teacher | Student, prompts: Sequence[str], *, seed: int, replica: int
) -> NDArray[np.uint8]:
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in prompts]

    def noise(stage: str) -> Tensor:
        seeds = [stage_seed(seed, digest, replica=replica, stage=stage) for digest in digests]
        return draw(seeds, bundle.latent_shape())

    told = bundle.encode_prompts(prompts, guided=spec.guidance > 1)
    initial = noise(teacher_stage(spec.noise if isinstance(spec, Teacher) else ""))
    if isinstance(spec, Teacher):
        made = teacher.sample(bundle, spec, told, initial, on_step=_unwatched)
    else:
        made = student.sample(
            bundle,
            spec,
            told,
            initial,
            noise=lambda index: noise(student_stage(index)),
            on_step=_unwatched,
        )
    return bundle.decode(made.latents)


def _unwatched(step: int) -> None:
    """Nobody waits and nobody stops it."""
