"""HPSv2: a CLIP ViT-H-14 fine-tuned on human choices, from its open_clip checkpoint.

Must not know open_clip or the hpsv2 package: their names become those of transformers here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate
from transformers import CLIPConfig, CLIPModel

from generation.estimators.clip import ClipScorer, filled, tokenizer_of
from generation.estimators.folders import Folder, check_table, table_of
from generation.estimators.preprocess import MEAN, STD, checked, crop_start, resized_side
from generation.estimators.scoring import check_pairs
from generation.spec import Estimator

# open_clip's own description of ViT-H-14; another stands in `open_clip_config.json`.
PUBLISHED: dict[str, Any] = {
    "embed_dim": 1024,
    "vision_cfg": {
        "image_size": 224,
        "layers": 32,
        "width": 1280,
        "head_width": 80,
        "patch_size": 14,
    },
    "text_cfg": {
        "context_length": 77,
        "vocab_size": 49408,
        "width": 1024,
        "heads": 16,
        "layers": 24,
    },
}


@dataclass(frozen=True)
class HPSv2:
    """A loaded HPSv2. `score` as `Scorer` says; it is a cosine."""

    digest: str
    clip: ClipScorer

    def score(
        self, prompts: Sequence[str], images: Sequence[NDArray[np.uint8]]
    ) -> NDArray[np.float32]:
        check_pairs(prompts, images)
        if not prompts:
            return np.empty(0, np.float32)
        size = self.clip.model.config.vision_config.image_size
        return self.clip.of_pixels(prompts, pixels(images, size))


def pixels(images: Sequence[NDArray[np.uint8]], size: int) -> Tensor:
    """(n, 3, size, size) as the hpsv2 package makes them: it resizes the *floats* (bicubic, without
    rounding in between), where the other estimators resize the picture.

    Whether that resizing is antialiased depends on the torchvision beside the package: it is since
    0.17, it was not before. Here it is.
    """
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    rows = []
    for image in images:
        whole = torch.tensor(checked(image)).permute(2, 0, 1).contiguous().float().div(255)
        height, width = image.shape[:2]
        shorter = min(height, width)
        sides = [resized_side(side, shorter=shorter, size=size) for side in (height, width)]
        if sides != [height, width]:
            whole = interpolate(
                whole[None], sides, mode="bicubic", align_corners=False, antialias=True
            )[0]
        top, left = (crop_start(side, size=size, crop="round") for side in sides)
        rows.append((whole[:, top : top + size, left : left + size] - mean) / std)
    return torch.stack(rows)


def load(spec: Estimator, folder: Folder, *, device: str) -> HPSv2:
    """Read the converted checkpoint and CLIP's tokenizer files from the folder.

    Raises:
        WeightsMissingError: a file is not there.
        WeightsRefusedError: a tensor is missing, unknown or of another shape.
    """
    named = folder.path / "open_clip_config.json"
    described = json.loads(named.read_text())["model_cfg"] if named.is_file() else PUBLISHED
    config = config_of(described)
    state = our_state(folder.state(), config)
    digest = folder.digest_of(spec)
    return HPSv2(
        digest=digest,
        clip=ClipScorer(
            name=spec.name,
            digest=digest,
            model=filled(config, state, spec, device=device),
            tokenizer=tokenizer_of(folder, config),
            scaled=False,
            like="open_clip",
        ),
    )


def config_of(described: Mapping[str, Any]) -> CLIPConfig:
    """transformers' description of the CLIP that open_clip describes so (`model_cfg`)."""
    text, vision = described["text_cfg"], described["vision_cfg"]
    both = {
        "hidden_act": "quick_gelu" if described.get("quick_gelu") else "gelu",
        "layer_norm_eps": 1e-5,
        "projection_dim": described["embed_dim"],
    }
    return CLIPConfig(
        text_config=both
        | {
            "vocab_size": text["vocab_size"],
            "hidden_size": text["width"],
            "intermediate_size": 4 * text["width"],
            "num_hidden_layers": text["layers"],
            "num_attention_heads": text["heads"],
            "max_position_embeddings": text["context_length"],
            "bos_token_id": text["vocab_size"] - 2,
            "eos_token_id": text["vocab_size"] - 1,
            "pad_token_id": text["vocab_size"] - 1,
        },
        vision_config=both
        | {
            "image_size": vision["image_size"],
            "patch_size": vision["patch_size"],
            "hidden_size": vision["width"],
            "intermediate_size": int(vision["width"] * vision.get("mlp_ratio", 4)),
            "num_hidden_layers": vision["layers"],
            "num_attention_heads": vision["width"] // vision.get("head_width", 64),
        },
        projection_dim=described["embed_dim"],
    )


_TOWERS = (("visual.transformer.", "vision_model."), ("transformer.", "text_model."))
_IN_LAYER = (
    ("ln_1.", "layer_norm1."),
    ("ln_2.", "layer_norm2."),
    ("attn.out_proj.", "self_attn.out_proj."),
    ("mlp.c_fc.", "mlp.fc1."),
    ("mlp.c_proj.", "mlp.fc2."),
)
_OUTSIDE = {
    "logit_scale": "logit_scale",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
    "text_projection": "text_projection.weight",
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.ln_pre.weight": "vision_model.pre_layrnorm.weight",
    "visual.ln_pre.bias": "vision_model.pre_layrnorm.bias",
    "visual.ln_post.weight": "vision_model.post_layernorm.weight",
    "visual.ln_post.bias": "vision_model.post_layernorm.bias",
    "visual.proj": "visual_projection.weight",
}
# open_clip multiplies from the right by these, transformers by their transposes.
_TRANSPOSED = ("text_projection", "visual.proj")


def published_table(described: Mapping[str, Any] | None = None) -> dict[str, tuple[int, ...]]:
    """open_clip's name and shape of every tensor, without allocating one."""
    return _published(config_of(described or PUBLISHED))


def our_state(published: Mapping[str, Tensor], config: CLIPConfig) -> dict[str, Tensor]:
    """An open_clip state dict under transformers' names: all it must have, and nothing else.

    Raises:
        WeightsRefusedError: names or shapes differ from `published_table`.
    """
    check_table(published, _published(config))
    state: dict[str, Tensor] = {}
    for theirs, value in published.items():
        ours = _our_names(theirs)
        if len(ours) == 3:  # One matrix for queries, keys and values.
            state |= dict(zip(ours, value.chunk(3), strict=True))
        else:
            state[ours[0]] = value.T if theirs in _TRANSPOSED else value
    # Slices and transposes of one tensor would keep all of it alive and lie unlike a model's own.
    return {name: value.contiguous() for name, value in state.items()}


def _our_names(theirs: str) -> tuple[str, ...]:
    if theirs in _OUTSIDE:
        return (_OUTSIDE[theirs],)
    for prefix, tower in _TOWERS:
        if theirs.startswith(f"{prefix}resblocks."):
            number, _, part = theirs.removeprefix(f"{prefix}resblocks.").partition(".")
            layer = f"{tower}encoder.layers.{number}."
            if part.startswith("attn.in_proj_"):
                kind = part.removeprefix("attn.in_proj_")
                return tuple(f"{layer}self_attn.{which}_proj.{kind}" for which in "qkv")
            for old, new in _IN_LAYER:
                if part.startswith(old):
                    return (layer + part.replace(old, new, 1),)
    raise KeyError(theirs)


def _published(config: CLIPConfig) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        ours = table_of(CLIPModel(config))
    names = list(_OUTSIDE)
    for prefix, layers in zip(
        [prefix for prefix, _ in _TOWERS],
        (config.vision_config.num_hidden_layers, config.text_config.num_hidden_layers),
        strict=True,
    ):
        names += [
            f"{prefix}resblocks.{number}.{part}{kind}"
            for number in range(layers)
            for part in ("attn.in_proj_", *(old for old, _ in _IN_LAYER))
            for kind in ("weight", "bias")
        ]
    table: dict[str, tuple[int, ...]] = {}
    for theirs in names:
        first, *more = (ours[name] for name in _our_names(theirs))
        shape = (first[0] * (1 + len(more)), *first[1:]) if more else first
        table[theirs] = shape[::-1] if theirs in _TRANSPOSED else shape
    return table
