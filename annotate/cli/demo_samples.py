"""The demo's pictures: scenes drawn by simulated methods into a folder with manifest and truth.

It must know no database and no study: a folder is what a researcher would bring.
"""

import csv
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from annotate.sampling.images import content_digest
from generation.reference.defects import MethodProfile, produce
from generation.reference.scenes import Scene, caption

MANIFEST, TRUTH = "manifest.csv", "truth.json"
SIZE = 512


def render_samples(
    folder: Path,
    scenes: Sequence[Scene],
    methods: Sequence[MethodProfile],
    *,
    seed: int,
    size: int = SIZE,
    step: Callable[[], object] = lambda: None,
) -> None:
    """Draw every scene by every method; equal arguments give equal bytes.

    `manifest.csv` names the pictures as an import wants them, with the planted defect as free
    metadata; `truth.json` maps each picture's content digest to what it is worth by each
    criterion. Both are written last and whole: where they are, all pictures are.
    `step` is called after each picture.
    """
    rows, truth = [], {}
    for number, scene in enumerate(scenes, start=1):
        for method in methods:
            made = produce(scene, method, seed=seed, size=size)
            file = Path(method.name) / f"{number:03d}.png"
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            pixels = Image.fromarray(made.image)
            pixels.save(folder / file, compress_level=1)
            rows.append((f"s{number:03d}", caption(scene), method.name, file, made.defect))
            truth[content_digest(pixels)] = made.truth
            step()
    _write(folder / TRUTH, lambda file: json.dump(truth, file, indent=1))
    head = ("prompt_id", "prompt", "method", "file", "planted")
    _write(folder / MANIFEST, lambda file: csv.writer(file).writerows([head, *rows]))


def is_rendered(folder: Path) -> bool:
    return (folder / MANIFEST).is_file() and (folder / TRUTH).is_file()


def _write(path: Path, fill: Callable[..., object]) -> None:
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        fill(file)
    os.replace(part, path)
