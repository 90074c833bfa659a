"""Pixels in and out: the bytes that diffusers gives, whatever the slices; PNG that reads back."""

import io

import numpy as np
import pytest
import torch
from diffusers.image_processor import VaeImageProcessor
from PIL import Image

from generation import images
from generation.images import Pixels
from generation.tiny import Kind
from tests.generation.tiny_models import bundle, pipeline

pytestmark = pytest.mark.torch


def latents(kind: Kind, rows: int, *, seed: int = 0) -> torch.Tensor:
    return torch.randn(
        rows, *bundle(kind).latent_shape(), generator=torch.Generator().manual_seed(seed)
    )


def pictures(rows: int, side: int = 64, *, seed: int = 0) -> Pixels:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (rows, side, side, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["sd", "sdxl", "lcm", "pixel"])
def test_decoding_gives_the_bytes_of_the_pipeline(kind: Kind) -> None:
    made = {}
    for output in ("latent", "pil"):
        made[output] = pipeline(kind)(
            "a red circle",
            num_inference_steps=2,
            height=bundle(kind).native_size,
            width=bundle(kind).native_size,
            generator=torch.Generator().manual_seed(4),
            output_type=output,
        ).images
    ours = bundle(kind).decode(made["latent"])
    assert ours.dtype == np.uint8
    assert ours.std() > 10  # not a grey nothing
    assert np.array_equal(ours[0], np.asarray(made["pil"][0]))


@pytest.mark.parametrize("kind", ["sd", "sdxl"])
def test_encoding_with_noise_draws_as_img2img_does(kind: Kind) -> None:
    picture = pictures(1)
    prepared = VaeImageProcessor().preprocess(Image.fromarray(picture[0]))
    drawn = pipeline(kind).vae.encode(prepared).latent_dist
    expected = drawn.sample(torch.Generator().manual_seed(8)) * bundle(kind).scaling
    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(8))
    assert torch.allclose(bundle(kind).encode(picture, noise=noise), expected, atol=1e-6)


def test_encoding_without_noise_is_the_mean_and_does_not_change() -> None:
    picture = pictures(2)
    first, again = bundle("sd").encode(picture), bundle("sd").encode(picture)
    zero = bundle("sd").encode(picture, noise=torch.zeros(2, 4, 8, 8))
    assert first.dtype == torch.float32
    assert torch.equal(first, again)
    assert torch.allclose(first, zero, atol=1e-6)


def test_the_pixel_codec_loses_nothing() -> None:
    picture = pictures(3, 16)
    assert np.array_equal(bundle("pixel").decode(bundle("pixel").encode(picture)), picture)


def test_latent_statistics_of_a_vae_are_used_both_ways() -> None:
    """A few VAEs of SDXL's kind say means and deviations per channel."""
    whole = bundle("sdxl")
    plain = whole.encode(pictures(1))
    whole.vae.register_to_config(latents_mean=[1.0, 2.0, 3.0, 4.0], latents_std=[2.0] * 4)
    try:
        told = whole.encode(pictures(1))
        mean = torch.tensor([1.0, 2.0, 3.0, 4.0]).view(1, 4, 1, 1)
        expected = (plain / whole.scaling - mean) * whole.scaling / 2
        assert torch.allclose(told, expected, atol=1e-5)
        decoded = whole.decode(told)
    finally:
        whole.vae.register_to_config(latents_mean=None, latents_std=None)
    assert np.abs(decoded.astype(int) - whole.decode(plain).astype(int)).max() <= 1


def test_slices_change_no_more_than_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    z = latents("sd", 5)
    whole = bundle("sd").decode(z)
    monkeypatch.setattr(images, "SLICE_PIXELS", 2 * 64 * 64)
    assert images.rows_per_slice(64, 64) == 2
    sliced = bundle("sd").decode(z)
    assert sliced.shape == (5, 64, 64, 3)
    assert np.abs(whole.astype(int) - sliced.astype(int)).max() <= 1
    picture = pictures(5)
    encoded = bundle("sd").encode(picture)
    assert torch.allclose(
        torch.cat([bundle("sd").encode(picture[i : i + 1]) for i in range(5)]), encoded, atol=1e-5
    )


def test_a_slice_holds_at_least_one_picture_and_more_of_small_ones() -> None:
    assert images.rows_per_slice(4096, 4096) == 1
    assert images.rows_per_slice(1024, 1024) == 2
    assert images.rows_per_slice(512, 512) == 8


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (np.zeros((1, 60, 64, 3), np.uint8), "64 x 60 pixels cannot be encoded.*multiples of 8"),
        (np.zeros((1, 64, 64, 3), np.float32), "float32; give uint8"),
        (np.zeros((64, 64, 3), np.uint8), r"shape \(64, 64, 3\)"),
        (np.zeros((1, 64, 64, 4), np.uint8), r"shape \(1, 64, 64, 4\)"),
    ],
)
def test_what_is_no_batch_of_rgb_pictures_is_not_encoded(wrong: Pixels, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        bundle("sd").encode(wrong)


def test_resizing_is_pillow_s_bicubic_as_in_the_released_code() -> None:
    picture = pictures(2)
    larger = images.resize(picture, height=96, width=128)
    expected = Image.fromarray(picture[1]).resize((128, 96))  # Pillow's default is bicubic
    assert np.array_equal(larger[1], np.asarray(expected))
    assert images.resize(picture, height=64, width=64) is picture


def test_png_files_read_back_in_order_without_metadata() -> None:
    made = pictures(11, 8)
    files = list(images.to_pngs(iter(made), threads=2))
    read = [Image.open(io.BytesIO(file)) for file in files]
    assert all(np.array_equal(np.asarray(r), p) for r, p in zip(read, made, strict=True))
    assert all(r.info == {} for r in read)
    assert files[3] == images.to_png(made[3])


def test_pictures_wait_for_their_turn_instead_of_filling_the_memory() -> None:
    taken = []

    def many() -> object:
        for i in range(1000):
            taken.append(i)
            yield pictures(1, 8)[0]

    files = images.to_pngs(many(), threads=2)  # type: ignore[arg-type]
    next(files)
    assert len(taken) == 4
    files.close()  # type: ignore[attr-defined]
