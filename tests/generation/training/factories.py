"""Small trainings in one line."""

from pathlib import Path

import numpy as np
from PIL import Image

from generation.bundle import Bundle
from generation.pipelines import load_bundle
from generation.spec import Weights
from generation.tiny import save_tiny
from generation.training.course import Course
from generation.training.distill import DistillTask
from generation.training.distillation import Distillation
from generation.training.loop import Pace
from generation.training.pairs import ImageTextSource

SILENT = Pace(checkpoint_every=2, progress=False)


def pictures(folder: Path, *, n: int = 6, seed: int = 0) -> Path:
    """A folder of pictures of several shapes with a text each."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(n):
        wide, high = (int(edge) for edge in rng.integers(64, 100, size=2))
        pixels = rng.integers(0, 256, size=(high, wide, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")
        (folder / f"{number:02d}.txt").write_text(f"picture {number}\n")
    return folder


def course(**changes: object) -> Course:
    settings = {"steps": 4, "batch": 4, "micro": 2, "rate": 1e-3, "optimiser": "radam"} | changes
    return Course.model_validate(settings)


def teacher(folder: Path, *, kind: str = "sd", prediction: str = "epsilon") -> Bundle:
    save_tiny(folder, kind, seed=3, prediction_type=prediction)
    return load_bundle(Weights(path=str(folder)), device="cpu")


def distilling(folder: Path, course: Course, *, bundle: Bundle, **changes: object) -> DistillTask:
    """A tiny SD pipeline being distilled on six pictures."""
    settings = Distillation.model_validate({"teacher": Weights(path="tiny")} | changes)
    source = ImageTextSource(pictures(folder), bundle, seed=course.seed)
    return DistillTask(course, settings, teacher=bundle, source=source)
