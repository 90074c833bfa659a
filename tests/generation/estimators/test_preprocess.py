"""The pixels are those of the published packages."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from generation.estimators.preprocess import MEAN, STD, crop_start, pixels
from generation.tiny_scorers import random_picture
from tests.generation.estimators.arrange import GOLDEN

pytestmark = pytest.mark.torch

sides = st.integers(8, 90)


@given(height=sides, width=sides, seed=st.integers(0, 9))
def test_cutting_off_equals_the_image_processor_of_transformers(
    height: int, width: int, seed: int
) -> None:
    picture = random_picture(height, width, seed=seed)
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    )
    theirs = processor(Image.fromarray(picture), return_tensors="np")["pixel_values"]
    np.testing.assert_allclose(pixels([picture], 32, crop="floor"), theirs, atol=1e-6)


def test_half_a_pixel_goes_to_the_even_side_or_is_cut_off() -> None:
    assert [crop_start(32 + n, size=32, crop="round") for n in range(8)] == [0, 0, 1, 2, 2, 2, 3, 4]
    assert [crop_start(32 + n, size=32, crop="floor") for n in range(8)] == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_picture_of_the_right_size_is_only_scaled() -> None:
    picture = random_picture(32, 32, seed=0)
    wanted = (picture / 255 - np.array(MEAN)) / np.array(STD)
    got = pixels([picture], 32)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got[0].transpose(1, 2, 0), wanted, atol=1e-6)


def test_mirroring_a_square_picture_mirrors_its_pixels() -> None:
    picture = random_picture(50, 50, seed=2)
    np.testing.assert_array_equal(pixels([picture[:, ::-1]], 32), pixels([picture], 32)[..., ::-1])


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["1.webp", "2.webp", "3.webp", "4.webp"])
def test_a_real_picture_has_the_very_pixels_of_the_imagereward_package(
    name: str, real_data: Path
) -> None:
    picture = Image.open(real_data / "t2i_images_imagereward_example" / name).convert("RGB")
    (got,) = pixels([np.asarray(picture)], 224)
    assert hashlib.sha256(got.tobytes()).hexdigest() == GOLDEN["pixels_sha256"][name]
