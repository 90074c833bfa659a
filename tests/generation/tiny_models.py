"""Tiny pipelines, written and loaded once for all sampler tests; ours as bundles, theirs whole."""

import functools
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline
from safetensors.torch import load_file, save_file

from generation.bundle import Bundle
from generation.pipelines import load_bundle
from generation.spec import Weights
from generation.tiny import Kind, save_tiny

UNET = "unet/diffusion_pytorch_model.safetensors"
PROMPTS = ["a red cube", "two dogs on a beach", "night", "snow", "a cat", "b", "c c c", "the sea"]

_folder = tempfile.TemporaryDirectory(prefix="tiny-")


@functools.cache
def weights(kind: Kind, prediction: str = "epsilon") -> Weights:
    place = Path(_folder.name) / f"{kind}-{prediction}"
    return Weights(path=str(save_tiny(place, kind, seed=3, prediction_type=prediction)))


@functools.cache
def bundle(kind: Kind, prediction: str = "epsilon") -> Bundle:
    return load_bundle(weights(kind, prediction))


@functools.cache
def pipeline(kind: Kind, prediction: str = "epsilon") -> Any:
    """The same weights as diffusers loads them."""
    loaded = DiffusionPipeline.from_pretrained(weights(kind, prediction).path)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def with_scheduler(pipe: Any, scheduler: Any) -> Any:
    """The pipeline with its scheduler exchanged, everything else of its config kept."""
    exchanged = type(pipe).from_pipe(pipe, scheduler=scheduler)
    exchanged.set_progress_bar_config(disable=True)
    return exchanged


def nobody_watches(_: int) -> None:
    """An on_step for those who do not want to stop."""


def change(file: Path, by: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    """Rewrite a file of weights in place."""
    state = load_file(file)
    by(state)
    save_file(state, file, metadata={"format": "pt"})


def edit(file: Path, **values: Any) -> None:
    """Set values of a JSON file."""
    file.write_text(json.dumps(json.loads(file.read_text()) | values))
