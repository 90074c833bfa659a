"""Pictures for the browser tests: smooth, colourful, different for every seed, quick to make."""

import numpy as np
from PIL import Image


def scene(seed: int, *, width: int = 320, height: int = 320) -> Image.Image:
    """A sky over a ground with three discs; a few per cent of noise keeps files life-sized."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    sky, ground = rng.uniform(60, 230, (2, 3))
    share = (y / height)[..., None]
    pixels = sky * (1 - share) + ground * share
    for _ in range(3):
        cx, cy = rng.uniform(0.15, 0.85, 2) * (width, height)
        inside = (x - cx) ** 2 + (y - cy) ** 2 < (rng.uniform(0.06, 0.2) * width) ** 2
        pixels[inside] = rng.uniform(20, 250, 3)
    pixels += rng.normal(0, 2, pixels.shape)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
