"""Small pictures as people can look at them: enlarged by whole factors, side by side.

Must not know what they show; no torch.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generation.errors import SceneError


def to_bytes(pictures: NDArray[Any]) -> NDArray[np.uint8]:
    """Floats in [0, 1] as uint8, rounded and clipped."""
    whole: NDArray[np.uint8] = np.clip(pictures * 255 + 0.5, 0, 255).astype(np.uint8)
    return whole


def enlarge(picture: NDArray[np.uint8], *, at_least: int = 256) -> NDArray[np.uint8]:
    """(h, w, 3) enlarged by the smallest whole factor that makes both edges `at_least` pixels."""
    factor = max(1, -(-at_least // min(picture.shape[:2])))
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)


def shrink(pictures: NDArray[Any], *, side: int) -> NDArray[np.float32]:
    """(n, s, s, 3) pictures averaged back to (n, side, side, 3) floats in [0, 1].

    Args:
        pictures: uint8, or floats in [0, 1]; s is a whole multiple of `side`.

    Raises:
        SceneError: another form.
    """
    form = pictures.shape
    if len(form) != 4 or form[1] != form[2] or form[3] != 3 or form[1] % side or not form[1]:
        raise SceneError(
            f"pictures of shape {form}; world S1 reads (n, s, s, 3), s a multiple of {side}"
        )
    scale = np.float32(1 / 255 if pictures.dtype == np.uint8 else 1)
    factor = form[1] // side
    cells = (pictures.astype(np.float32) * scale).reshape(-1, side, factor, side, factor, 3)
    small: NDArray[np.float32] = cells.mean(axis=(2, 4))
    return small


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
