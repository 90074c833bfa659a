"""The reference world's codec: pixels folded into channels, in the place where others have a VAE.

Must not know what the pixels show. It has no weights and loses nothing.
"""

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTinyOutput
from diffusers.models.autoencoders.vae import DecoderOutput
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle


class PixelCodec(ModelMixin, ConfigMixin):  # type: ignore[misc]  # diffusers is not typed
    """(n, 3, h, w) in [-1, 1] to (n, 3 f², h / f, w / f) and back, f = 2^(blocks - 1).

    The methods are those that diffusers' pipelines call, so that a `model_index.json` may name it.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        block_out_channels: tuple[int, ...] = (12, 12),
        scaling_factor: float = 1.0,  # noqa: ARG002 - read from the config, as from a VAE's
    ) -> None:
        """block_out_channels: only its length counts; pipelines read the factor off it."""
        super().__init__()
        self.factor = 2 ** (len(block_out_channels) - 1)
        # A network with nothing in it has no dtype and no device; this says both. It is 0.
        self.register_buffer("origin", torch.zeros(1))

    def encode(
        self, x: Tensor, *, return_dict: bool = True
    ) -> AutoencoderTinyOutput | tuple[Tensor]:
        latents = pixel_unshuffle(x, self.factor)
        return AutoencoderTinyOutput(latents=latents) if return_dict else (latents,)

    def decode(
        self,
        z: Tensor,
        return_dict: bool = True,
        generator: object = None,  # noqa: ARG002 - the pipelines hand one over
    ) -> DecoderOutput | tuple[Tensor]:
        image = pixel_shuffle(z, self.factor)
        return DecoderOutput(sample=image) if return_dict else (image,)
