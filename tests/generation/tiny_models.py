"""Tiny pipelines, written and loaded once for all sampler tests; ours as bundles, theirs whole."""

import functools
import tempfile
from pathlib import Path
from typing import Any

from diffusers import DiffusionPipeline

from generation.bundle import Bundle
from generation.pipelines import load_bundle
from generation.spec import Weights
from generation.tiny import Kind, save_tiny

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
