"""The network of ImageReward: BLIP's two encoders and the reward head, and its published names.

Must not know files, tokenizers or pictures.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from transformers import BlipTextConfig, BlipTextModel, BlipVisionConfig, BlipVisionModel

from generation.estimators.folders import check_table, table_of

# Mean and standard deviation of the raw reward on the authors' data.
MEAN = 0.16717362830052426
STD = 1.0333394966054072


@dataclass(frozen=True)
class Sizes:
    """Of the two encoders. The defaults are the published model: BERT-base under ViT-L/16.

    Other sizes stand in `imagereward.json` beside the weights (for tiny models).
    """

    vocabulary: int = 30524
    positions: int = 512
    text_width: int = 768
    text_layers: int = 12
    text_heads: int = 12
    text_mlp: int = 3072
    vision_width: int = 1024
    vision_layers: int = 24
    vision_heads: int = 16
    vision_mlp: int = 4096
    image: int = 224
    patch: int = 16


class Network(nn.Module):
    """Both encoders and the reward head. Names of parts are ours; see `published_name`."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.vision = BlipVisionModel(
            BlipVisionConfig(
                hidden_size=sizes.vision_width,
                intermediate_size=sizes.vision_mlp,
                num_hidden_layers=sizes.vision_layers,
                num_attention_heads=sizes.vision_heads,
                image_size=sizes.image,
                patch_size=sizes.patch,
                hidden_act="gelu",
                layer_norm_eps=1e-6,
            )
        )
        self.text = BlipTextModel(
            BlipTextConfig(
                vocab_size=sizes.vocabulary,
                hidden_size=sizes.text_width,
                encoder_hidden_size=sizes.vision_width,
                intermediate_size=sizes.text_mlp,
                num_hidden_layers=sizes.text_layers,
                num_attention_heads=sizes.text_heads,
                max_position_embeddings=sizes.positions,
                bos_token_id=sizes.vocabulary - 2,
                sep_token_id=None,
                hidden_act="gelu",
                layer_norm_eps=1e-12,
                is_decoder=True,
                use_cache=False,
            ),
            add_pooling_layer=False,
        )
        widths = (sizes.text_width, 1024, 128, 64, 16, 1)
        # No activations between them: the published head has none. Its dropouts (no parameters,
        # silent when scoring) are kept as gaps in the numbering, so that names fit.
        head: list[nn.Module] = []
        for i, (wide, narrow) in enumerate(pairwise(widths)):
            head += [nn.Linear(wide, narrow)] + ([nn.Identity()] if i < 3 else [])
        self.head = nn.Sequential(*head)

    def forward(self, ids: Tensor, mask: Tensor, images: Tensor) -> Tensor:
        """Rewards (n,), float32, in the authors' units.

        Args:
            ids, mask: (n, 35) tokens and which of them are not padding.
            images: (n, 3, side, side), preprocessed.
        """
        seen = self.vision(pixel_values=images).last_hidden_state
        read = self.text(
            input_ids=ids, attention_mask=mask, encoder_hidden_states=seen
        ).last_hidden_state[:, 0]
        raw: Tensor = self.head(read.float())
        return (raw[:, 0] - MEAN) / STD


# (ours, published) parts of the names in the image encoder.
_VISION = (
    ("embeddings.class_embedding", "cls_token"),
    ("embeddings.position_embedding", "pos_embed"),
    ("embeddings.patch_embedding", "patch_embed.proj"),
    ("post_layernorm", "norm"),
    ("encoder.layers.", "blocks."),
    ("self_attn.qkv", "attn.qkv"),
    ("self_attn.projection", "attn.proj"),
    ("layer_norm1", "norm1"),
    ("layer_norm2", "norm2"),
)
# Kept in published checkpoints, read by nothing that scores.
_IGNORED = ("blip.vision_proj.", "blip.text_proj.", "blip.text_encoder.embeddings.position_ids")


def published_name(ours: str) -> str:
    """What the authors' checkpoint calls a tensor of `Network`."""
    part, _, rest = ours.partition(".")
    if part == "head":
        return f"mlp.layers.{rest}"
    if part == "text":
        return f"blip.text_encoder.{rest}"
    for new, old in _VISION:
        rest = rest.replace(new, old)
    return f"blip.visual_encoder.{rest}"


def is_ignored(published: str) -> bool:
    """Whether a tensor of the published checkpoint takes no part in scoring."""
    return published.startswith(_IGNORED)


def published_table(sizes: Sizes | None = None) -> dict[str, tuple[int, ...]]:
    """Published name and shape of every tensor that scoring needs, without allocating one."""
    with torch.device("meta"):
        network = Network(sizes or Sizes())
    return _published(network)


def our_state(published: Mapping[str, Tensor], network: Network) -> dict[str, Tensor]:
    """A published state dict under the names of `network`: all it must have, and nothing else.

    Raises:
        WeightsRefusedError: names or shapes differ from `published_table`.
    """
    kept = {name: value for name, value in published.items() if not is_ignored(name)}
    check_table(kept, _published(network))
    return {ours: kept[published_name(ours)] for ours in table_of(network)}


def _published(network: Network) -> dict[str, tuple[int, ...]]:
    return {published_name(name): shape for name, shape in table_of(network).items()}
