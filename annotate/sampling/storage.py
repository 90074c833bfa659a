"""The content-addressed store: every picture once, lossless, without metadata, under its digest.
It must know no study, and nothing of where the bytes came from."""

import contextlib
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from django.conf import settings
from numpy.typing import NDArray
from PIL import Image as Pixels

from annotate.sampling.images import BACKDROP, MAX_SIDE, content_digest
from annotate.sampling.models import Image, ImageVariant
from generation.provenance import latents_digest

# Measured on the real samples at 512 and 1024 pixels: level 1 writes in 25 and 100 ms; level 3
# takes 1.4 times and level 6 four times as long, for files 4 and 8 percent smaller.
COMPRESS_LEVEL = 1
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Stored(NamedTuple):
    """A picture's file, before it has a row."""

    digest: str
    width: int
    height: int
    bytes: int


def path_of(digest: str, width: int | None = None, height: int | None = None) -> Path:
    """Where the picture lies, or its variant fitted into width x height."""
    _check_digest(digest, what="a picture")
    if (width is None) != (height is None):
        raise ValueError(f"width {width} and height {height}: give both for a variant, or neither.")
    box = "" if width is None else f"-{width:d}x{height:d}"
    return Path(settings.STORE_DIR) / digest[:2] / digest[2:4] / f"{digest}{box}.png"


def latents_path(digest: str) -> Path:
    """Where a student's latents lie."""
    _check_digest(digest, what="a sample of latents")
    return Path(settings.STORE_DIR) / "latents" / digest[:2] / digest[2:4] / f"{digest}.npy"


def _check_digest(digest: str, *, what: str) -> None:
    if not _DIGEST.fullmatch(digest):
        raise ValueError(f"{digest[:80]!r} is not {what}'s digest: 64 hexadecimal digits.")


def write(pixels: Pixels.Image) -> Stored:
    """Keep RGB pixels under their digest; a picture that is there already is not written again."""
    digest = content_digest(pixels)
    size = _write_png(pixels, path_of(digest))
    return Stored(digest, pixels.width, pixels.height, size)


def put(pixels: Pixels.Image) -> Image:
    """Keep RGB pixels (from `images.decode`) and give their row; equal pixels give the same row."""
    stored = write(pixels)
    image, _ = Image.objects.get_or_create(
        digest=stored.digest,
        defaults={"width": stored.width, "height": stored.height, "bytes": stored.bytes},
    )
    return image


def pixels_of(digest: str) -> NDArray[np.uint8]:
    """The stored picture as (height, width, 3)."""
    with Pixels.open(path_of(digest), formats=("PNG",)) as picture:
        return np.asarray(picture.convert("RGB"))


def put_latents(latents: NDArray[np.float32]) -> str:
    """Keep latents as .npy under the digest that their record gives them, and give it."""
    digest = latents_digest(latents)
    whole = np.ascontiguousarray(latents)
    _keep(latents_path(digest), lambda file: np.save(file, whole, allow_pickle=False))
    return digest


def latents_of(digest: str) -> NDArray[np.float32]:
    """Latents kept by `put_latents`.

    Raises:
        FileNotFoundError: they are gone. ValueError: the file is not what was written.
    """
    latents: NDArray[np.float32] = np.load(latents_path(digest), allow_pickle=False)
    if latents_digest(latents) != digest:
        raise ValueError(
            f"the latents {digest[:12]}… are not what was stored: the file has changed. "
            "Delete it and make the student's sample again."
        )
    return latents


def fit(image: Image, width: int, height: int) -> ImageVariant:
    """The picture scaled to fit a box (Lanczos, aspect kept), centred on the screen's mid grey.

    Any number of processes may ask for the same variant at once: they write the same bytes, the
    last rename wins, and the constraint keeps one row.
    """
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise ValueError(
            f"a box of {width} x {height} pixels; each side must be 1 to {MAX_SIDE}. Change it."
        )
    variant = ImageVariant.objects.filter(image=image, width=width, height=height).first()
    path = path_of(image.digest, width, height)
    if variant is not None and path.exists():
        return variant
    with Pixels.open(path_of(image.digest), formats=("PNG",)) as picture:
        size = _write_png(_into_box(picture, width, height), path)
    variant, _ = ImageVariant.objects.update_or_create(
        image=image, width=width, height=height, defaults={"bytes": size}
    )
    return variant


def _into_box(picture: Pixels.Image, width: int, height: int) -> Pixels.Image:
    scale = min(width / picture.width, height / picture.height)
    # A very thin picture still keeps one row of pixels.
    inner = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    scaled = picture if inner == picture.size else picture.resize(inner, Pixels.Resampling.LANCZOS)
    box = Pixels.new("RGB", (width, height), BACKDROP)
    box.paste(scaled, ((width - inner[0]) // 2, (height - inner[1]) // 2))
    return box


def _write_png(pixels: Pixels.Image, path: Path) -> int:
    return _keep(path, lambda file: pixels.save(file, "PNG", compress_level=COMPRESS_LEVEL))


def _keep(path: Path, write_to: Callable[[IO[bytes]], Any]) -> int:
    """Write whole or not at all: a reader never sees half a file, a full disk leaves none.

    A file that is there is made young again, so that the orphan collector leaves it alone until
    the caller's row says that it is wanted.
    """
    with contextlib.suppress(FileNotFoundError):
        if size := path.stat().st_size:
            os.utime(path)
            return size
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            write_to(file)
            file.flush()
            # Before the rename: else a power cut can leave the name with nothing behind it.
            os.fsync(file.fileno())
            size = file.tell()
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return size
