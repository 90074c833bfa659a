"""Pixels on their way in and out: latents to uint8 pictures in slices, pictures to latents, PNG.

Must not know prompts, samplers or where a picture is kept.
"""

import io
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

Pixels = NDArray[np.uint8]

# Level 1 costs a quarter of level 6 for files 8 percent larger (measured at 512 and 1024 pixels).
PNG_LEVEL = 1
# Decoding needs far more memory than sampling: this many pixels at once, at least one picture.
SLICE_PIXELS = 8 * 512 * 512


def rows_per_slice(height: int, width: int) -> int:
    """How many pictures of this size go through the VAE together."""
    return max(1, SLICE_PIXELS // (height * width))


@torch.no_grad()
def decode(vae: Any, latents: Tensor, *, scaling: float, factor: int) -> Pixels:
    """Pictures (n, h, w, 3) from scaled latents (n, channels, h / factor, w / factor), any dtype.

    Rounded as the pipelines of diffusers round, so that the bytes are the same.
    """
    latents = _shifted_back(vae, latents, scaling=scaling)
    rows = rows_per_slice(latents.shape[-2] * factor, latents.shape[-1] * factor)
    done = []
    for part in torch.split(latents, rows):
        image = vae.decode(part.to(dtype=vae.dtype, device=vae.device), return_dict=False)[0]
        unit = (image * 0.5 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)
        done.append((unit.float() * 255).round().to(torch.uint8).cpu())
    return np.ascontiguousarray(torch.cat(done).numpy())


@torch.no_grad()
def encode(
    vae: Any, images: Pixels, *, scaling: float, factor: int, noise: Tensor | None = None
) -> Tensor:
    """Scaled latents (n, channels, h / factor, w / factor), fp32, from pictures (n, h, w, 3).

    Without noise the mean of the VAE's posterior, which is one and the same for a picture; with
    standard normal noise of the latents' shape a draw from it, as the img2img pipelines take.

    Raises:
        ValueError: not uint8 RGB, or the sides are not multiples of `factor`.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
        raise ValueError(
            f"images of shape {images.shape} and type {images.dtype}; give uint8 (n, h, w, 3)."
        )
    height, width = images.shape[1:3]
    if height % factor or width % factor:
        raise ValueError(
            f"images of {width} x {height} pixels cannot be encoded: sides must be multiples of "
            f"{factor}. Resize them first."
        )
    rows = rows_per_slice(height, width)
    done = []
    for start in range(0, len(images), rows):
        part = torch.from_numpy(np.ascontiguousarray(images[start : start + rows]))
        unit = part.permute(0, 3, 1, 2).float() / 255
        encoded = vae.encode((2 * unit - 1).to(dtype=vae.dtype, device=vae.device))
        drawn = None if noise is None else noise[start : start + rows]
        done.append(_latents_of(encoded, drawn).float())
    return _shifted(vae, torch.cat(done), scaling=scaling)


def _latents_of(encoded: Any, drawn: Tensor | None) -> Tensor:
    if not hasattr(encoded, "latent_dist"):  # a codec without a posterior: one answer
        latents: Tensor = encoded.latents
        return latents
    mean: Tensor = encoded.latent_dist.mean
    return mean if drawn is None else mean + encoded.latent_dist.std * drawn.to(mean)


def _statistics(vae: Any, like: Tensor) -> tuple[Tensor, Tensor] | None:
    """Means and deviations per channel, which a few VAEs of SDXL's kind carry in their config."""
    mean, std = getattr(vae.config, "latents_mean", None), getattr(vae.config, "latents_std", None)
    if mean is None or std is None:
        return None
    shape = (1, -1, 1, 1)
    return torch.tensor(mean).view(shape).to(like), torch.tensor(std).view(shape).to(like)


def _shifted_back(vae: Any, latents: Tensor, *, scaling: float) -> Tensor:
    if statistics := _statistics(vae, latents):
        mean, std = statistics
        return latents * std / scaling + mean
    return latents / scaling


def _shifted(vae: Any, latents: Tensor, *, scaling: float) -> Tensor:
    if statistics := _statistics(vae, latents):
        mean, std = statistics
        return (latents - mean) * scaling / std
    return latents * scaling


def resize(images: Pixels, *, height: int, width: int) -> Pixels:
    """The pictures at another size, bicubic, as the released code resizes the student's."""
    if images.shape[1:3] == (height, width):
        return images
    return np.stack(
        [
            np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))
            for image in images
        ]
    )


def to_png(image: Pixels) -> bytes:
    """One picture (h, w, 3) as a PNG file without metadata."""
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG", compress_level=PNG_LEVEL)
    return out.getvalue()


def to_pngs(images: Iterable[Pixels], *, threads: int = 4) -> Iterator[bytes]:
    """PNG files in the pictures' order, compressed beside each other.

    zlib gives the interpreter free while it works, so threads suffice. At most twice as many
    pictures as threads wait at a time, however long `images` is.
    """
    with ThreadPoolExecutor(threads, thread_name_prefix="png") as pool:
        waiting: list[Future[bytes]] = []
        for image in images:
            waiting.append(pool.submit(to_png, image))
            if len(waiting) >= 2 * threads:
                yield waiting.pop(0).result()
        for each in waiting:
            yield each.result()
