"""Estimators with random weights in the very format of the real ones, made in a moment.

For tests, trials and benchmarks. Their scores mean nothing, but differ by prompt and picture.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from string import ascii_lowercase, digits
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from tokenizers.pre_tokenizers import ByteLevel
from torch import Tensor
from transformers import CLIPModel, CLIPTokenizer

from generation.estimators import blip, hpsv2
from generation.estimators.folders import table_of
from generation.estimators.imagereward import write_sizes

Name = Literal["imagereward", "pickscore", "clip", "hpsv2"]

# As open_clip would describe it; the tokenizer knows bytes, so it has 2 * 256 + 2 entries.
TINY_CLIP: dict[str, Any] = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 48, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 514, "width": 32, "heads": 4, "layers": 2},
}
_VOCABULARY = (
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *ascii_lowercase,
    *digits,
    *".,:;!?'-()",
    *(f"##{letter}" for letter in ascii_lowercase + digits),
)
TINY_IMAGEREWARD = blip.Sizes(
    vocabulary=len(_VOCABULARY) + 2,
    positions=40,
    text_width=32,
    text_layers=2,
    text_heads=4,
    text_mlp=64,
    vision_width=48,
    vision_layers=2,
    vision_heads=3,
    vision_mlp=4 * 48,
    image=32,
    patch=8,
)


def save_tiny_scorer(folder: Path, name: Name, *, seed: int) -> Path:
    """Write an estimator of random weights into `folder` and return it.

    The same name and seed give the same scores on every machine (`random_weights`).
    """
    folder.mkdir(parents=True, exist_ok=True)
    if name == "imagereward":
        save_imagereward(folder, TINY_IMAGEREWARD, vocabulary=_VOCABULARY, seed=seed)
        (folder / "imagereward.json").write_text(write_sizes(TINY_IMAGEREWARD))
        return folder
    byte_tokenizer().save_pretrained(folder)
    if name == "hpsv2":
        save_weights(folder, random_weights(hpsv2.published_table(TINY_CLIP), seed=seed))
        described = json.dumps({"model_cfg": TINY_CLIP}, indent=1)
        (folder / "open_clip_config.json").write_text(described + "\n")
        return folder
    config = hpsv2.config_of(TINY_CLIP)
    with torch.device("meta"):
        table = table_of(CLIPModel(config))
    save_weights(folder, random_weights(table, seed=seed))
    config.to_json_file(folder / "config.json")
    return folder


def save_imagereward(
    folder: Path, sizes: blip.Sizes, *, vocabulary: tuple[str, ...], seed: int
) -> None:
    """Write random weights under the published names, with a vocabulary, for any sizes."""
    save_weights(folder, random_weights(blip.published_table(sizes), seed=seed))
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")


def save_weights(folder: Path, state: Mapping[str, Tensor]) -> None:
    """Write `model.safetensors`."""
    save_file(dict(state), folder / "model.safetensors", metadata={"format": "pt"})


def random_weights(table: Mapping[str, tuple[int, ...]], *, seed: int) -> dict[str, Tensor]:
    """Weights under which signals neither vanish nor explode, name by name in alphabetical order.

    Uniform numbers of numpy's PCG64, which are made from its bits without any rounding: the same
    on every processor and every version, unlike torch's normal ones.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    state: dict[str, Tensor] = {}
    for name in sorted(table):
        shape = table[name]
        if name == "logit_scale":
            state[name] = torch.tensor(math.log(100), dtype=torch.float32)
            continue
        centre, spread = 0.0, 0.1
        if len(shape) == 1 and name.endswith(".weight"):
            centre = 1.0  # Of a normalisation.
        elif "embedding" in name and "patch_embedding" not in name:
            spread = 1.0
        elif len(shape) > 1:
            spread = math.sqrt(3 / math.prod(shape[1:]))
        values = rng.random(shape, dtype=np.float32)
        values -= np.float32(0.5)
        values *= np.float32(2 * spread)
        values += np.float32(centre)
        state[name] = torch.from_numpy(values)
    return state


def random_picture(height: int, width: int, *, seed: int) -> NDArray[np.uint8]:
    """A picture (height, width, 3) of 7 x 7 coloured fields, the same on every machine."""
    fields = np.random.Generator(np.random.PCG64(seed)).integers(0, 256, (7, 7, 3), np.uint8)
    rows, columns = np.arange(height) * 7 // height, np.arange(width) * 7 // width
    return fields[rows][:, columns]


def byte_tokenizer() -> CLIPTokenizer:
    """CLIP's tokenizer without merges: every byte, and every byte at a word's end."""
    letters = sorted(ByteLevel.alphabet())
    entries = [*letters, *(f"{letter}</w>" for letter in letters)]
    entries += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {entry: number for number, entry in enumerate(entries)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77)
