"""A loaded pipeline as plain parts: what samplers call instead of a pipeline of diffusers.

Must not know where weights lie, samplers, arms or thresholds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from generation import images
from generation.conditioning import Conditioning, Encoded, PromptEncoder, size_ids
from generation.errors import SamplingError

Family = Literal["sd", "sdxl", "refiner", "pixel"]


@dataclass(frozen=True)
class Bundle:
    """A loaded pipeline as plain parts, ready to sample on one device.

    Latents are fp32 outside the networks; `scaling` is what gives them unit variance.
    """

    unet: Any
    vae: Any
    tokenizers: list[Any]
    text_encoders: list[Any]
    controlnet: Any | None
    # As published, `_class_name` included: schedules and solvers are built from it.
    scheduler_config: dict[str, Any]
    family: Family
    scaling: float
    latent_channels: int
    # Pixels per latent, on a side.
    vae_factor: int
    # Pixels of a side that the model was trained at.
    native_size: int
    prediction_type: str
    requires_aesthetics: bool
    # Width of the embedded guidance (LCM), None for networks that take none.
    guidance_dim: int | None
    # SHA-256 of each part that was read, and over all of them.
    weights: dict[str, str]
    digest: str
    path: str
    revision: str
    dtype: torch.dtype
    device: torch.device
    prompts: PromptEncoder = field(repr=False)

    def latent_shape(
        self, height: int | None = None, width: int | None = None
    ) -> tuple[int, int, int]:
        """(channels, rows, columns) of one picture's latents; None is the native size.

        Raises:
            SamplingError: a side that is no multiple of `vae_factor`.
        """
        sides = [self.native_size if side is None else side for side in (height, width)]
        for side in sides:
            if side < self.vae_factor or side % self.vae_factor:
                raise SamplingError(
                    f"a side of {side} pixels cannot be made; allowed are multiples of "
                    f"{self.vae_factor}. The model's own size is {self.native_size}."
                )
        return self.latent_channels, sides[0] // self.vae_factor, sides[1] // self.vae_factor

    def encode_prompts(
        self,
        prompts: Sequence[str],
        *,
        guided: bool,
        negative: str = "",
        height: int | None = None,
        width: int | None = None,
        aesthetic_score: float = 6.0,
        negative_aesthetic_score: float = 2.5,
    ) -> Conditioning:
        """What the UNet is told of these prompts at this size; each is encoded once and kept.

        Args:
            guided: also the unconditional half, for classifier-free guidance.
            negative: the text of that half; empty is what the pipeline does without one.
            height, width: pixels, for SDXL, which is told them; None is the native size.
            aesthetic_score, negative_aesthetic_score: what the refiner is told.
        """
        _, rows, columns = self.latent_shape(height, width)
        size = rows * self.vae_factor, columns * self.vae_factor
        text = [self.prompts.encode(prompt) for prompt in prompts]
        uncond = None
        if guided:
            nothing = [self.prompts.encode_negative(negative)] * len(text)
            uncond = self._told(nothing, size, negative_aesthetic_score)
        told = self._told(text, size, aesthetic_score)
        return Conditioning(told.embeds, told.pooled, told.time_ids, uncond)

    def _told(
        self, encoded: Sequence[Encoded], size: tuple[int, int], score: float
    ) -> Conditioning:
        embeds = torch.cat([each.embeds for each in encoded]).to(self.device, self.dtype)
        pooled = [each.pooled for each in encoded if each.pooled is not None]
        if not pooled:
            return Conditioning(embeds)
        ids = size_ids(*size, aesthetic_score=score if self.requires_aesthetics else None)
        return Conditioning(
            embeds,
            torch.cat(pooled).to(self.device, self.dtype),
            torch.tensor([ids] * len(encoded), dtype=self.dtype, device=self.device),
        )

    def decode(self, latents: Tensor) -> images.Pixels:
        """uint8 pictures (n, h, w, 3) from latents (n, channels, h / factor, w / factor)."""
        return images.decode(self.vae, latents, scaling=self.scaling, factor=self.vae_factor)

    def encode(self, pictures: images.Pixels, *, noise: Tensor | None = None) -> Tensor:
        """fp32 latents from uint8 pictures; see `images.encode` for `noise`."""
        return images.encode(
            self.vae, pictures, scaling=self.scaling, factor=self.vae_factor, noise=noise
        )
