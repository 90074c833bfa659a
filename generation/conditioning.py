"""Prompts into what a UNet is told: text embeddings, pooled text, sizes; each prompt encoded once.

Must not know samplers or schedules: it hands over tensors and forgets what they are for.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

# An SDXL prompt in half precision takes 0.3 MB: 512 of them 160 MB on the device.
KEPT_PROMPTS = 512


@dataclass(frozen=True)
class Conditioning:
    """What the UNet is told about a batch, on its device and in its dtype.

    embeds: (rows, tokens, width). pooled: (rows, width), SDXL only. time_ids: (rows, 6), for the
    refiner (rows, 5). uncond: the same for the negative prompt, None without guidance.
    """

    embeds: Tensor
    pooled: Tensor | None = None
    time_ids: Tensor | None = None
    uncond: "Conditioning | None" = None

    @property
    def rows(self) -> int:
        return int(self.embeds.shape[0])

    def select(self, rows: Sequence[int]) -> "Conditioning":
        """These rows, in this order."""
        index = torch.tensor(list(rows), dtype=torch.long, device=self.embeds.device)
        return Conditioning(
            self.embeds[index],
            None if self.pooled is None else self.pooled[index],
            None if self.time_ids is None else self.time_ids[index],
            None if self.uncond is None else self.uncond.select(rows),
        )

    def stacked(self) -> "Conditioning":
        """Twice the rows for classifier-free guidance: the unconditional half, then the text's."""
        if self.uncond is None:
            raise ValueError(
                "this conditioning was encoded with guided=False and has no unconditional half; "
                "encode the prompts with guided=True."
            )
        return Conditioning(
            torch.cat([self.uncond.embeds, self.embeds]),
            _cat(self.uncond.pooled, self.pooled),
            _cat(self.uncond.time_ids, self.time_ids),
        )

    def unet_inputs(self) -> dict[str, Any]:
        """The keyword arguments of a diffusers UNet's forward."""
        inputs: dict[str, Any] = {"encoder_hidden_states": self.embeds}
        if self.pooled is not None:
            inputs["added_cond_kwargs"] = {"text_embeds": self.pooled, "time_ids": self.time_ids}
        return inputs


def _cat(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    return None if first is None or second is None else torch.cat([first, second])


def guidance_embedding(
    guidance: float, rows: int, *, dim: int, dtype: torch.dtype, device: str | torch.device
) -> Tensor:
    """The guidance weight as a vector, for networks that were trained to be told it (LCM).

        e = [sin(1000 w f), cos(1000 w f)],  f_i = 10000^(-i / (dim / 2 - 1))

    Latent consistency models count from no guidance, so w = guidance - 1.

    Args:
        guidance: weight as everywhere here, 1 is without.
        rows: equal rows to give.
        dim: the UNet's `time_cond_proj_dim`.

    Source: Luo et al., Latent Consistency Models, arXiv:2310.04378, and diffusers'
    `get_guidance_scale_embedding`, with which a test compares it.
    """
    half = dim // 2
    falling = torch.exp(torch.arange(half) * -(torch.log(torch.tensor(10000.0)) / (half - 1)))
    angles = (guidance - 1) * 1000.0 * falling
    row = torch.cat([angles.sin(), angles.cos()])
    row = torch.nn.functional.pad(row, (0, dim - 2 * half))
    return row.to(dtype=dtype, device=device).repeat(rows, 1)


def size_ids(height: int, width: int, *, aesthetic_score: float | None) -> list[float]:
    """What SDXL is told of a picture made at its own size, uncropped.

    The base model hears original size, crop corner and target size; the refiner hears an aesthetic
    score in the target's place.
    """
    own = [float(height), float(width), 0.0, 0.0]
    return (
        [*own, float(height), float(width)] if aesthetic_score is None else [*own, aesthetic_score]
    )


class Encoded(NamedTuple):
    """One prompt: (1, tokens, width) and, for SDXL, (1, width)."""

    embeds: Tensor
    pooled: Tensor | None


class PromptEncoder:
    """A pipeline's text encoders, asked once per prompt.

    Prompts pass through one at a time. In a batch the last bits of an embedding depend on its
    neighbours, and which prompts are still to be encoded depends on what was made before: a sample
    made again could then differ from its first making.
    """

    def __init__(
        self,
        tokenizers: Sequence[Any],
        text_encoders: Sequence[Any],
        *,
        xl: bool,
        zero_empty: bool,
        kept: int = KEPT_PROMPTS,
    ) -> None:
        """
        Args:
            tokenizers, text_encoders: in the pipeline's order.
            xl: penultimate layers side by side and the last encoder's pooled text (SDXL), else the
                last layer of the only encoder.
            zero_empty: no negative prompt means zeros (SDXL base), else the encoded empty text.
            kept: prompts whose embeddings are remembered.
        """
        self._pairs = list(zip(tokenizers, text_encoders, strict=True))
        self._xl = xl
        self._zero_empty = zero_empty
        self._most = kept
        self._kept: OrderedDict[str, Encoded] = OrderedDict()

    def encode(self, prompt: str) -> Encoded:
        """The prompt's embeddings; beyond the tokenizer's length it is cut, as in the pipelines."""
        found = self._kept.get(prompt)
        if found is None:
            found = self._kept[prompt] = self._run(prompt)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(prompt)
        return found

    def encode_negative(self, prompt: str) -> Encoded:
        """The negative prompt's embeddings; empty is what the pipelines do without one."""
        if prompt or not self._zero_empty:
            return self.encode(prompt)
        like = self.encode("")
        return Encoded(
            torch.zeros_like(like.embeds),
            None if like.pooled is None else torch.zeros_like(like.pooled),
        )

    @torch.no_grad()
    def _run(self, prompt: str) -> Encoded:
        embeds: list[Tensor] = []
        pooled: Tensor | None = None
        for tokenizer, encoder in self._pairs:
            ids = tokenizer(
                [prompt],
                padding="max_length",
                max_length=tokenizer.model_max_length,
                truncation=True,
                return_tensors="pt",
            ).input_ids.to(encoder.device)
            out = encoder(ids, output_hidden_states=self._xl)
            if self._xl:
                embeds.append(out.hidden_states[-2])
                # The first encoder gives its last layer here, the second its projected text.
                pooled = out[0] if out[0].ndim == 2 else pooled
            else:
                embeds.append(out[0])
        return Encoded(torch.cat(embeds, dim=-1), pooled)
