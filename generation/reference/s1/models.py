"""World S1's untrained networks, and the folder in diffusers format that they are kept in.

Must not know training loops, scenes or verdicts.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

from generation.codec import PixelCodec
from generation.reference.s1.words import book

LENGTH = 16
WIDTH = 64
_SPECIAL = ("<pad>", "<start>", "<end>", "<unknown>")


def scheduler() -> DDIMScheduler:
    """Cosine schedule of 1000 steps; the network predicts the clean picture, in [-1, 1]."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="sample",
        timestep_spacing="trailing",
        clip_sample=True,
        set_alpha_to_one=True,
    )


def tokenizer() -> PreTrainedTokenizerFast:
    """One token per word of the language, in alphabetical order; sixteen tokens at most."""
    words = sorted({word for text in book().captions for word in text.split()})
    vocabulary = {word: number for number, word in enumerate((*_SPECIAL, *words))}
    fast = Tokenizer(WordLevel(vocabulary, unk_token="<unknown>"))  # noqa: S106  # no password
    fast.pre_tokenizer = WhitespaceSplit()
    fast.post_processor = TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", 1), ("<end>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=fast,
        pad_token="<pad>",  # noqa: S106
        bos_token="<start>",  # noqa: S106
        eos_token="<end>",  # noqa: S106
        unk_token="<unknown>",  # noqa: S106
        model_max_length=LENGTH,
    )


def text_encoder(vocabulary: int) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            projection_dim=WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=LENGTH,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
    )


def unet() -> UNet2DConditionModel:
    """3.96 M parameters: pooled text in the time embedding, cross-attention at 4 x 4."""
    return cast(
        UNet2DConditionModel,
        UNet2DConditionModel(
            sample_size=8,
            in_channels=12,
            out_channels=12,
            block_out_channels=(64, 128),
            layers_per_block=1,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=WIDTH,
            # Four heads of 32 channels (diffusers reads this number as the number of heads).
            attention_head_dim=4,
            norm_num_groups=8,
            addition_embed_type="text",
            addition_embed_type_num_heads=4,
        ),
    )


class TextToImage(nn.Module):
    """Text encoder and UNet as one network, since they are trained as one."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.text = text_encoder(vocabulary)
        self.unet = unet()
        # CLIP's own start (.02) drowns a word in what random layers make of the words before it,
        # so that each wording is learned by itself. At 1 a caption begins as a bag of words.
        nn.init.normal_(self.text.get_input_embeddings().weight, std=1.0)

    def forward(self, noisy: Tensor, timesteps: Tensor, tokens: Tensor) -> Tensor:
        """Prediction of the clean latents (n, 12, 8, 8) from noisy ones; tokens (n, LENGTH)."""
        words = self.text(tokens).last_hidden_state
        return cast(Tensor, self.unet(noisy, timesteps, words).sample)


def tokens(reader: Any, texts: Sequence[str]) -> Tensor:
    """(n, LENGTH) token numbers, padded."""
    batch = reader(
        list(texts),
        padding="max_length",
        max_length=LENGTH,
        truncation=True,
        return_tensors="pt",
    )
    return cast(Tensor, batch.input_ids)


def save(network: TextToImage, folder: Path) -> Path:
    """Write the folder that `from_pretrained` reads: safetensors, the UNet in half precision.

    The small text encoder stays in single precision: transformers loads what the file says,
    diffusers single precision, and a plain `from_pretrained` should give one that runs.
    """
    pipeline = StableDiffusionPipeline(
        vae=PixelCodec(),
        text_encoder=network.text.float(),
        tokenizer=tokenizer(),
        unet=network.unet.half(),
        scheduler=scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def pixels_to_latents(pictures: Tensor) -> Tensor:
    """(n, h, w, 3) in [0, 1] to the (n, 12, h / 2, w / 2) in [-1, 1] that the UNet sees."""
    return torch.nn.functional.pixel_unshuffle(pictures.permute(0, 3, 1, 2) * 2 - 1, 2)
