"""The place of an autoencoder in a pipeline whose latents are the pixels themselves, rearranged.

Must not know models or training. `from_pretrained` finds it by the module name in model_index.json.
"""

from dataclasses import dataclass
from typing import Any

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config

# ModelMixin has to be a name of this module: diffusers looks for the loader's base class here.
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor
from torch.nn import functional


@dataclass
class PixelDistribution:
    """A distribution with one value, in the form in which pipelines ask an encoder for latents."""

    value: Tensor

    def sample(self, generator: object = None) -> Tensor:  # noqa: ARG002  # the interface's name
        return self.value

    def mode(self) -> Tensor:
        return self.value


@dataclass
class Encoded:
    """What `encode` returns."""

    latent_dist: PixelDistribution


@dataclass
class Decoded:
    """What `decode` returns."""

    sample: Tensor


class PixelCodec(ModelMixin, ConfigMixin):  # type: ignore[misc]  # diffusers ships no types
    """Pixels (n, 3, h, w) in [-1, 1] ↔ latents (n, 3 f², h / f, w / f), without loss or weights.

    `block_out_channels` has as many entries as an autoencoder of factor f would have levels: by
    their number pipelines learn f, by `scaling_factor` the latents' unit.
    """

    config_name = "config.json"

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        factor: int = 2,
        latent_channels: int = 12,
        block_out_channels: tuple[int, ...] = (12, 12),
        scaling_factor: float = 1.0,  # noqa: ARG002  # read from the config
    ) -> None:
        super().__init__()
        if latent_channels != 3 * factor**2 or factor != 2 ** (len(block_out_channels) - 1):
            raise ValueError(
                f"factor={factor} needs latent_channels={3 * factor**2} and "
                f"{factor.bit_length()} block_out_channels; given {latent_channels} and "
                f"{len(block_out_channels)}"
            )
        self.factor = factor
        # A model without any weight would have no dtype and no device, and no file to check.
        self.register_buffer("unit", torch.ones(1))

    def encode(self, x: Tensor, *, return_dict: bool = True) -> Any:
        dist = PixelDistribution(functional.pixel_unshuffle(x, self.factor))
        return Encoded(dist) if return_dict else (dist,)

    def decode(self, z: Tensor, *, return_dict: bool = True, generator: object = None) -> Any:  # noqa: ARG002
        sample = functional.pixel_shuffle(z, self.factor)
        return Decoded(sample) if return_dict else (sample,)
