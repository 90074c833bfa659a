"""Weights in the right form and with nothing in them: what a launch looks at, without torch.

A worker could load none of them.
"""

import json
from pathlib import Path
from typing import Any

INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "scheduler": ["diffusers", "DDIMScheduler"],
}


def safetensors(file: Path, said: bytes = b"none") -> Path:
    """A whole file of that format with one tensor of these bytes."""
    header = json.dumps({"w": {"dtype": "U8", "shape": [4], "data_offsets": [0, len(said)]}})
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(len(header).to_bytes(8, "little") + header.encode() + said)
    return file


def pipeline(folder: Path, *, vae: bytes = b"none") -> Path:
    """A pipeline in diffusers format; those with one `vae` share it."""
    for part in ("unet", "vae"):
        said = vae if part == "vae" else b"none"
        safetensors(folder / part / "diffusion_pytorch_model.safetensors", said)
        written(folder / part / "config.json", {})
    safetensors(folder / "text_encoder" / "model.safetensors")
    written(folder / "text_encoder" / "config.json", {})
    written(folder / "tokenizer" / "tokenizer.json", {})
    written(folder / "scheduler" / "scheduler_config.json", {})
    written(folder / "model_index.json", INDEX)
    return folder


def scorer(folder: Path) -> Path:
    """An estimator's folder, with every file that any of them needs."""
    safetensors(folder / "model.safetensors")
    (folder / "vocab.txt").write_text("[PAD]\n")
    written(folder / "config.json", {})
    written(folder / "tokenizer.json", {})
    return folder


def written(file: Path, data: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(data))
    return file


def of_the_factories(models: Path) -> Path:
    """What the arms of `tests.factories` name."""
    pipeline(models / "teacher")
    pipeline(models / "student")
    scorer(models / "scorer")
    return models


def of_the_paper(models: Path) -> Path:
    """What the presets on SD1.5 name."""
    pipeline(models / "stable-diffusion-v1-5" / "stable-diffusion-v1-5")
    safetensors(models / "cd_sd_v1.5_bs512_w8_ema0.9999.safetensors")
    scorer(models / "THUDM" / "ImageReward")
    return models
