"""Consistency distillation of a pipeline's UNet: which networks, which data, which averages.

Must not know accelerate, checkpoints or processes (`loop`), nor the equations (`consistency`).
"""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from generation import student as sampler
from generation.bundle import Bundle
from generation.conditioning import Conditioning
from generation.guidance import bound_of
from generation.reference.s1.pictures import save_grid
from generation.spec import Student
from generation.training.average import Average
from generation.training.consistency import Network, ddim_grid, loss
from generation.training.course import Course
from generation.training.distillation import Distillation
from generation.training.pairs import Source


class DistillTask:
    """See `loop.Task`. The student begins as a copy of the teacher's UNet, at least in fp32."""

    def __init__(
        self,
        course: Course,
        settings: Distillation,
        *,
        teacher: Bundle,
        source: Source,
        preview_prompts: tuple[str, ...] = (),
    ) -> None:
        self._course, self.settings = course, settings
        self._bundle, self._source = teacher, source
        self._prompts = preview_prompts
        self._grid = ddim_grid(teacher.scheduler_config, points=settings.points)
        self._clip = bound_of(teacher.scheduler_config)
        self.network: nn.Module = copy.deepcopy(teacher.unet)
        self.network.to(torch.promote_types(teacher.dtype, torch.float32))
        # Small networks on a CPU are faster in this order of the memory; large ones on a GPU too.
        self.network.to(memory_format=torch.channels_last)
        self.network.requires_grad_(requires_grad=True).train()
        self.target = Average(self.network, copy.deepcopy(self.network))
        self.averages = [
            Average(self.network, copy.deepcopy(self.network)) for _ in settings.averages
        ]

    def loss(self, network: nn.Module, *, step: int, part: int, size: int) -> Tensor:
        """The loss of `consistency.loss` on the examples of one micro batch."""
        rng = np.random.default_rng([self._course.seed, 0xC0D, step, part])
        first = self._course.examples_before(step) + part * size
        latents, told = self._source.batch(first=first, size=size, rng=rng)
        low, high = self.settings.guidance
        numbers = rng.integers(self._grid.pairs, size=size)
        weights = low + (high - low) * rng.random(size)
        noise = torch.from_numpy(rng.standard_normal(latents.shape, dtype=np.float32))
        device = latents.device
        return loss(
            student=_told(network, told),
            target=_told(self.target.network, told),
            teacher=_told(self._bundle.unet, told, dtype=self._bundle.dtype),
            latents=latents,
            noise=noise.to(device),
            index=torch.from_numpy(numbers).to(device),
            guidance=torch.from_numpy(weights).to(device),
            grid=self._grid,
            prediction=self._bundle.prediction_type,
            baked=self.settings.baked,
            kind=self.settings.distance,
            huber=self.settings.huber,
            clip=self._clip,
        )

    def after_step(self, step: int) -> None:
        self.target.update(self.network, decay=self.settings.target_decay)
        for average, decay in zip(self.averages, self.settings.averages, strict=True):
            # Young averages forget faster, so that the teacher they began as does not linger.
            average.update(self.network, decay=min(decay, (step + 1) / (step + 10)))

    def state(self) -> dict[str, Any]:
        return {
            "target": self.target.network.state_dict(),
            "averages": [average.network.state_dict() for average in self.averages],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.target.network.load_state_dict(state["target"])
        for average, kept in zip(self.averages, state["averages"], strict=True):
            average.network.load_state_dict(kept)

    def preview(self, folder: Path, step: int) -> None:
        """Samples in 1, 2 and 4 steps, a row of prompts each."""
        if not self._prompts:
            return
        w = 1.0 if self.settings.baked else self.settings.guidance[1]
        rows = [self._sampled(steps, w) for steps in (1, 2, 4)]
        pictures = np.concatenate(rows)
        save_grid(
            pictures,
            folder / f"preview-{step:06d}.png",
            columns=len(self._prompts),
            # Small worlds are enlarged to be seen; pictures of 96 pixels and more stay as they are.
            factor=max(1, 96 // pictures.shape[1]),
        )

    def _sampled(self, steps: int, guidance: float) -> Any:
        bundle = self.student()
        spec = Student(model=self.settings.teacher, steps=steps, guidance=guidance)
        told = bundle.encode_prompts(self._prompts, guided=guidance > 1)
        shape = (len(self._prompts), *bundle.latent_shape())
        draws = torch.Generator().manual_seed(self._course.seed)
        made = sampler.sample(
            bundle,
            spec,
            told,
            torch.randn(shape, generator=draws),
            noise=lambda _: torch.randn(shape, generator=draws),
            on_step=lambda _: None,
        )
        return bundle.decode(made.latents)

    def student(self) -> Bundle:
        """The teacher's pipeline with the student's first average in the UNet's place."""
        return replace(self._bundle, unet=self.averages[0].network, dtype=torch.float32)

    def save(self, folder: Path, *, half: bool = True) -> Path:
        """Write the student's UNet as a folder that `Weights.unet` can name."""
        unet: Any = copy.deepcopy(self.averages[0].network)
        (unet.half() if half else unet).save_pretrained(folder, safe_serialization=True)
        return folder

    def recipe(self) -> dict[str, Any]:
        weights = {"weights": self._bundle.digest}
        return {"distillation": self.settings.model_dump(mode="json"), **weights}


def _told(unet: nn.Module, told: Conditioning, *, dtype: torch.dtype | None = None) -> Network:
    """A UNet with its conditioning as `consistency` sees it: guided, m_u + w (m - m_u), or not."""

    def call(x: Tensor, t: Tensor, guidance: Tensor | None) -> Tensor:
        both = told if guidance is None else told.stacked()
        n = 1 if guidance is None else 2
        given = torch.cat([x] * n).to(dtype or x.dtype)
        output: Tensor = unet(given, torch.cat([t] * n), return_dict=False, **both.unet_inputs())[0]
        output = output.to(x.dtype)
        if guidance is None:
            return output
        free, text = output.chunk(2)
        return free + guidance * (text - free)

    return call
