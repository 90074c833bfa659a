"""Training of world S1's teacher: text encoder and UNet together, to predict the clean picture.

Must not know accelerate, checkpoints or processes (`loop`).
"""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from generation.reference.s1 import draw, models, words
from generation.reference.s1.pictures import save_grid
from generation.spec import Recipe
from generation.training.average import Average
from generation.training.course import Course

DDIM_PREVIEW, GUIDANCE_PREVIEW = 20, 2.0


class TeacherTraining(Recipe):
    """Settings beside the course. The defaults are those of the measured recipe."""

    # Weight of an example: min(1 + SNR, this).
    weight_cap: Annotated[float, Field(gt=0)] = 5.0
    # Share of captions replaced by the empty one, for guidance.
    dropout: Annotated[float, Field(ge=0, le=1)] = 0.1
    average: Annotated[float, Field(ge=0, le=1)] = 0.998
    # Steps in which all things stand in the centre, and the step from which they stand anywhere.
    # Where a thing's place is known its words say much about the picture, so that they are learned
    # early; scattered from the start, size and shape words were still without effect after 60 k
    # pictures.
    centred: Annotated[int, Field(ge=0)] = 600
    scattered: Annotated[int, Field(ge=0)] = 1200

    def spread_at(self, step: int) -> float:
        """Share of the usual distance from the centre, 0 to 1."""
        if step >= self.scattered:
            return 1.0
        return max(0.0, (step - self.centred) / max(1, self.scattered - self.centred))


def course(images: int = 128_000, *, seed: int = 0) -> Course:
    """Batches of 32 for the first 64 k images, of 64 after; the rate falls over the second half."""
    early = min(images, 64_000) // 32
    return Course(
        seed=seed,
        steps=early + max(0, images - early * 32) // 64,
        batch=32,
        micro=32,
        doubled_at=early,
        rate=1.2e-3,
        betas=(0.9, 0.99),
        weight_decay=0.01,
        warmup=150,
        hold=0.5,
        floor=0.02,
        clip=1.0,
        precision="bf16",
    )


class TeacherTask:
    """See `loop.Task`. The world is drawn as it is learned: no pictures are kept."""

    def __init__(self, course: Course, settings: TeacherTraining | None = None) -> None:
        self._course = course
        self.settings = settings or TeacherTraining()
        reader = models.tokenizer()
        torch.manual_seed(course.seed)
        self.network: nn.Module = models.TextToImage(len(reader))
        # Convolutions on a CPU are faster in this order of the memory.
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = Average(self.network, models.TextToImage(len(reader)))
        self._tokens = models.tokens(reader, words.book().captions)
        self._empty = models.tokens(reader, [""])
        self._levels = models.scheduler().alphas_cumprod

    def loss(self, network: nn.Module, *, step: int, part: int, size: int) -> Tensor:
        """mean of min(1 + SNR, cap) (x0_hat - x0)^2 over a fresh batch of the world."""
        device = next(network.parameters()).device
        rng = np.random.default_rng([self._course.seed, 0x7EAC4, step, part])
        rows, chance = words.said_in_training()
        said = rng.choice(rows, size=size, p=chance)
        asked = words.book().asked[said]
        looks = draw.settle(asked, rng=rng, spread=self.settings.spread_at(step))
        clean = models.pixels_to_latents(torch.from_numpy(draw.draw(looks)).to(device))
        tokens = self._tokens[said]
        tokens[torch.from_numpy(rng.random(size) < self.settings.dropout)] = self._empty
        # Stratified: every batch sees the whole range of noise.
        steps = len(self._levels)
        spread = (rng.permutation(size) + rng.random(size)) / size
        timesteps = torch.from_numpy((spread * steps).astype(np.int64))
        level = self._levels[timesteps].to(device)[:, None, None, None]
        noise = torch.from_numpy(rng.standard_normal(clean.shape, dtype=np.float32)).to(device)
        noisy = level.sqrt() * clean + (1 - level).sqrt() * noise
        noisy = noisy.contiguous(memory_format=torch.channels_last)
        guess = network(noisy, timesteps.to(device), tokens.to(device)).float()
        weight = (1 / (1 - level)).clamp(max=self.settings.weight_cap)  # 1 + SNR = 1 / (1 - level)
        loss: Tensor = (weight * (guess - clean) ** 2).mean()
        return loss

    def after_step(self, step: int) -> None:
        decay = min(self.settings.average, (step + 1) / (step + 10))
        self.average.update(self.network, decay=decay)

    def state(self) -> dict[str, Any]:
        return {"average": self.average.network.state_dict()}

    def load_state(self, state: dict[str, Any]) -> None:
        self.average.network.load_state_dict(state["average"])

    def preview(self, folder: Path, step: int) -> None:
        """A grid of samples for validation prompts, the same ones each time."""
        prompts = words.prompts("validation", 32, seed=self._course.seed)
        pictures = sample(
            self.average.network,
            prompts,
            seed=self._course.seed,
            steps=DDIM_PREVIEW,
            guidance=GUIDANCE_PREVIEW,
        )
        save_grid(pictures, folder / f"preview-{step:06d}.png", columns=8)

    def recipe(self) -> dict[str, Any]:
        return {"teacher": self.settings.model_dump(mode="json"), "world": "s1"}


@torch.no_grad()
def sample(
    network: nn.Module, prompts: list[str], *, seed: int, steps: int, guidance: float
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Pictures (n, 16, 16, 3) in [0, 1] by plain DDIM with guidance, to watch a training by."""
    assert isinstance(network, models.TextToImage)
    reader, scheduler = models.tokenizer(), models.scheduler()
    scheduler.set_timesteps(steps)
    cond = network.text(models.tokens(reader, prompts)).last_hidden_state
    free = network.text(models.tokens(reader, [""] * len(prompts))).last_hidden_state
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn((len(prompts), 12, 8, 8), generator=generator)
    for t in scheduler.timesteps:
        both = network.unet(torch.cat([x, x]), t, torch.cat([free, cond])).sample
        low, high = both.chunk(2)
        x = scheduler.step(low + guidance * (high - low), t, x).prev_sample
    pixels = torch.nn.functional.pixel_shuffle(x.clamp(-1, 1), 2) / 2 + 0.5
    return pixels.permute(0, 2, 3, 1).contiguous().numpy()
