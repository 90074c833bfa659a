"""Tiny pipelines: in the real format, the same from the same seed, and no one else's randomness."""

import json
from pathlib import Path
from typing import get_args

import pytest
import torch
from diffusers import DiffusionPipeline

from generation.pipelines import weights_digest
from generation.tiny import KINDS, Kind, save_tiny, save_tiny_lora, save_tiny_unet
from tests.generation.tiny_models import weights

pytestmark = pytest.mark.torch


@pytest.mark.parametrize("kind", KINDS)
def test_diffusers_loads_a_tiny_pipeline_as_the_class_that_its_index_names(kind: Kind) -> None:
    folder = Path(weights(kind).path)
    loaded = DiffusionPipeline.from_pretrained(folder, local_files_only=True)
    assert (
        type(loaded).__name__
        == json.loads((folder / "model_index.json").read_text())["_class_name"]
    )


def test_the_kinds_listed_are_the_kinds_typed() -> None:
    assert set(KINDS) == set(get_args(Kind))


def test_equal_seeds_give_equal_bytes_and_others_do_not(tmp_path: Path) -> None:
    first, again, other = (
        weights_digest(save_tiny(tmp_path / name, "sdxl", seed=seed))
        for name, seed in (("a", 5), ("b", 5), ("c", 6))
    )
    assert first == again != other


def test_saving_leaves_the_random_numbers_of_the_process_alone(tmp_path: Path) -> None:
    torch.manual_seed(1)
    expected = torch.randn(4)
    torch.manual_seed(1)
    save_tiny(tmp_path / "sd", "sd", seed=3)
    save_tiny_unet(tmp_path / "unet", "sd", seed=3)
    save_tiny_lora(tmp_path / "lora", "sd", seed=3)
    assert torch.equal(torch.randn(4), expected)


def test_no_tiny_pipeline_comes_as_a_pickle(tmp_path: Path) -> None:
    for kind in KINDS:
        save_tiny(tmp_path / kind, kind, seed=3)
    assert {file.suffix for file in tmp_path.rglob("*") if file.is_file()} == {
        ".json",
        ".safetensors",
    }


def test_another_kind_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'sd3' is no tiny pipeline; allowed: sd, sdxl"):
        save_tiny(tmp_path, "sd3", seed=1)  # type: ignore[arg-type]
