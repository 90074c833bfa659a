"""A study whose two methods could hardly be less alike in all but what annotators may see.

Method A: small, smooth, 512 pixels. Method B: large, noisy, 1024 pixels. Names, ids, files and
metadata all tell. It must not know how answers are observed.
"""

import csv
import uuid
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

METHODS = ("zzteacher-fifty-steps", "zzstudent-four-steps")
STUDY = "zzstudy: fifty steps against four"
KEY, GROUP = "zzkey", "zzgroup"
# Nothing of this may reach an annotator, whatever its case.
TELLING = ["teacher", "student", "fifty", "four-steps", "zzstudy", KEY, GROUP, "seed=", "guidance"]
PICTURES = 24


def smooth(seed: int) -> Image.Image:
    """A picture that packs into a few kilobytes."""
    rng = np.random.default_rng(seed)
    rows = np.linspace(*rng.integers(30, 220, (2, 3)), 512)[:, None, :]
    return Image.fromarray(np.broadcast_to(rows, (512, 512, 3)).astype(np.uint8))


def noisy(seed: int) -> Image.Image:
    """A picture of four times the pixels that hardly packs at all over a third of its rows."""
    rng = np.random.default_rng(1000 + seed)
    pixels = np.full((1024, 1024, 3), rng.integers(60, 180, 3), dtype=np.uint8)
    pixels[300:640] = rng.integers(0, 256, (340, 1024, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def write_package(folder: Path, pairs: int) -> Path:
    """The manifest of `pairs` prompts, all different; pictures recur in other combinations."""
    here = folder / f"zz-{uuid.uuid4().hex}"
    here.mkdir(parents=True)
    for n in range(PICTURES):
        for method, draw in zip(METHODS, (smooth, noisy), strict=True):
            told = PngInfo()
            told.add_text("Software", f"{method} seed={n} guidance=7.5")
            exif = Image.Exif()
            exif[0x0131] = method
            path = here / f"{method}-{n:04d}.png"
            draw(n).save(path, pnginfo=told, exif=exif, compress_level=1)
    with (here / "manifest.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["prompt_id", "prompt", "method", "file", "group", "seed"])
        for n in range(pairs):
            numbers = (n % PICTURES, (n // PICTURES + 5 * n) % PICTURES)
            for method, number in zip(METHODS, numbers, strict=True):
                prompt = f"the harbour at low tide, view {n}"
                name = f"{method}-{number:04d}.png"
                out.writerow([f"{KEY}-{n}", prompt, method, name, f"{GROUP}-{n}", number])
    return here / "manifest.csv"
