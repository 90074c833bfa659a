"""Where every random number of a sample comes from: a seed per stage, a generator per row.

Must not know models, batches or devices: the same sample draws the same noise wherever it is made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from torch import Tensor

    from generation.spec import Adaptive

# Teacher and student start from the same noise, so that a pair differs by the model alone.
INITIAL: Final = "initial"
ROLLBACK: Final = "rollback"
REGENERATE: Final = "regenerate"


def student_stage(index: int) -> str:
    """The stage of the student's `index`-th in-step draw."""
    return f"student-{index}"


def teacher_stage(noise: str) -> str:
    """The stage of a teacher's x_T: the student's own, unless `Teacher.noise` asks for another."""
    return f"{INITIAL}-{noise}" if noise else INITIAL


def regenerate_stage(spec: Adaptive) -> str:
    """The stage of a regeneration's x_T; `shared` is the noise of the baseline teacher."""
    if spec.regenerate_noise == "shared":
        return teacher_stage(spec.teacher.noise)
    return REGENERATE


def stage_seed(seed: int, prompt_digest: str, *, replica: int, stage: str) -> int:
    """The seed of one stage of one sample: 63 bits of SHA-256 over its canonical JSON.

    A new draw in one stage moves no other stage, and no counter runs from sample to sample.
    """
    canonical = json.dumps([seed, prompt_digest, replica, stage], separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(canonical.encode()).digest()[:8], "big") >> 1


def draw(seeds: Sequence[int], shape: tuple[int, ...]) -> Tensor:
    """Standard normal noise, a row per seed: (len(seeds), *shape), fp32, on the CPU.

    One generator per row, so that a row does not depend on its neighbours; on the CPU, so that it
    does not depend on the device.

    Raises:
        ValueError: no seeds.
    """
    # Web processes derive seeds too, and must not pay for torch.
    import torch

    if not seeds:
        raise ValueError("no seeds: noise is drawn for at least one sample. Give one seed per row.")
    rows = [
        torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float32)
        for seed in seeds
    ]
    return torch.stack(rows)
