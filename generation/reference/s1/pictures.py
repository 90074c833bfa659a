"""Small pictures as people can look at them: enlarged by whole factors, side by side.

Must not know what they show; no torch.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def to_bytes(pictures: NDArray[Any]) -> NDArray[np.uint8]:
    """Floats in [0, 1] as uint8, rounded and clipped."""
    whole: NDArray[np.uint8] = np.clip(pictures * 255 + 0.5, 0, 255).astype(np.uint8)
    return whole


def enlarge(picture: NDArray[np.uint8], *, at_least: int = 256) -> NDArray[np.uint8]:
    """(h, w, 3) enlarged by the smallest whole factor that makes both edges `at_least` pixels."""
    factor = max(1, -(-at_least // min(picture.shape[:2])))
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)


def save_grid(
    pictures: NDArray[Any],
    path: Path,
    *,
    columns: int,
    factor: int = 6,
    gap: int = 1,
) -> None:
    """Write (n, h, w, 3) pictures as one PNG, row by row, `gap` small pixels apart."""
    small = pictures if pictures.dtype == np.uint8 else to_bytes(pictures)
    n, high, wide, _ = small.shape
    rows = -(-n // columns)
    sheet = np.full((rows * (high + gap) - gap, columns * (wide + gap) - gap, 3), 220, np.uint8)
    for number, picture in enumerate(small):
        top, left = number // columns * (high + gap), number % columns * (wide + gap)
        sheet[top : top + high, left : left + wide] = picture
    Image.fromarray(sheet.repeat(factor, axis=0).repeat(factor, axis=1)).save(path)
