"""Tiny estimators and pairs to score, in one line; and what the published packages answered."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from generation.estimators import Scorer, load_scorer
from generation.spec import Estimator
from generation.tiny_scorers import Name, random_picture, save_tiny_scorer

NAMES: tuple[Name, ...] = ("imagereward", "pickscore", "clip", "hpsv2")
GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[2] / "golden" / "estimators.json").read_text("utf-8")
)
PROMPTS = ["a cat", "a dog", "the sea at night", "", "two cats!", "red", "a boat", "12 birds"]


def tiny(folder: Path, name: Name, *, seed: int = 5, **spec: Any) -> Scorer:
    if not (folder / "model.safetensors").is_file():
        save_tiny_scorer(folder, name, seed=seed)
    return load_scorer(Estimator(name=name, path=str(folder), **spec), device="cpu")


def pictures(number: int) -> list[NDArray[np.uint8]]:
    return [random_picture(40 + 7 * i, 64 - 3 * i, seed=i) for i in range(number)]


def rewrite(folder: Path, change: Callable[[dict[str, Tensor]], None]) -> None:
    """Damage the weights in `folder`."""
    state = {name: value.clone() for name, value in load_file(folder / "model.safetensors").items()}
    change(state)
    save_file(state, folder / "model.safetensors")


def golden_pairs() -> tuple[list[str], list[NDArray[np.uint8]]]:
    """Every prompt with every picture of the golden cases, prompt by prompt."""
    images = [random_picture(*shape, seed=i) for i, shape in enumerate(GOLDEN["shapes"])]
    pairs = [(prompt, image) for prompt in GOLDEN["prompts"] for image in images]
    return [prompt for prompt, _ in pairs], [image for _, image in pairs]
