"""From a picture to the pixels a CLIP-like encoder was trained on, by Pillow and numpy alone.

Must not know torch or torchvision; equals the published packages' torchvision to the last bit.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# OpenAI's CLIP, and with it every estimator here.
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)

# How half a pixel falls when the longer side is cropped: torchvision (ImageReward, open_clip)
# rounds, transformers' image processor (PickScore) cuts off.
Crop = Literal["round", "floor"]


def checked(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image itself, or a ValueError that says why no scorer can read it."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(
            f"an image to score has shape {image.shape} and type {image.dtype}; allowed is "
            "(height, width, 3) of uint8 in RGB. Convert it first."
        )
    return image


def resized_side(longer: int, *, shorter: int, size: int) -> int:
    """The longer side after the shorter one became `size` (cut off, as torchvision does)."""
    return int(size * longer / shorter)


def crop_start(side: int, *, size: int, crop: Crop) -> int:
    """Where the central `size` pixels of a side begin."""
    return round((side - size) / 2) if crop == "round" else (side - size) // 2


def pixels(
    images: Sequence[NDArray[np.uint8]],
    size: int,
    *,
    crop: Crop = "round",
    mean: tuple[float, ...] = MEAN,
    std: tuple[float, ...] = STD,
) -> NDArray[np.float32]:
    """Shorter side to `size` (bicubic), central square, to [0, 1], minus `mean`, over `std`.

    Args:
        images: (height, width, 3) of uint8 each.
        size: side of the square in pixels.

    Returns:
        (len(images), 3, size, size).
    """
    out = np.empty((len(images), 3, size, size), np.float32)
    offset = np.asarray(mean, np.float32)[:, None, None]
    scale = np.asarray(std, np.float32)[:, None, None]
    for row, image in zip(out, images, strict=True):
        square = np.asarray(_square(checked(image), size, crop=crop), np.float32)
        row[:] = (square.transpose(2, 0, 1) / np.float32(255) - offset) / scale
    return out


def _square(image: NDArray[np.uint8], size: int, *, crop: Crop) -> Image.Image:
    height, width = image.shape[:2]
    shorter = min(height, width)
    sides = (
        resized_side(width, shorter=shorter, size=size),
        resized_side(height, shorter=shorter, size=size),
    )
    whole = Image.fromarray(image).resize(sides, Image.Resampling.BICUBIC)
    left = crop_start(sides[0], size=size, crop=crop)
    top = crop_start(sides[1], size=size, crop=crop)
    return whole.crop((left, top, left + size, top + size))
