"""Published networks are told from others by the header of their file alone."""

import json
import math
from pathlib import Path

import pytest

from generation.architectures import (
    PIPELINES,
    SCORERS,
    SD15,
    UNETS,
    Architecture,
    refuse_other,
    shapes_of,
)
from generation.errors import WeightsRefusedError
from generation.published import ADD_XL, CD_SD15, CD_SDXL, REFINER
from generation.published import IMAGEREWARD as IMAGEREWARD_PATH
from generation.published import SD15 as SD15_PATH
from generation.published import SDXL as SDXL_PATH

SMALL = Architecture("small UNet", 8, {"a.weight": (2, 3)})


def safetensors(path: Path, shapes: dict[str, tuple[int, ...]]) -> Path:
    """A file of that format whose tensors are zeros."""
    at, header = 0, {}
    for name, shape in shapes.items():
        size = 2 * math.prod(shape)
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    told = json.dumps(header).encode()
    path.write_bytes(len(told).to_bytes(8, "little") + told + bytes(at))
    return path


def test_the_right_network_passes_and_positions_are_no_part_of_its_size(tmp_path):
    shapes = {"a.weight": (2, 3), "b": (2,), "embeddings.position_ids": (1, 77)}
    found = shapes_of([safetensors(tmp_path / "model.safetensors", shapes)])
    assert found == shapes
    refuse_other(found, SMALL, place=tmp_path)


@pytest.mark.parametrize("shapes", [{"a.weight": (3, 2), "b": (2,)}, {"a.weight": (2, 3)}, {}])
def test_another_network_is_refused_by_name_and_size(tmp_path, shapes):
    found = shapes_of([safetensors(tmp_path / "model.safetensors", shapes)])
    with pytest.raises(WeightsRefusedError, match="does not hold the small UNet"):
        refuse_other(found, SMALL, place=tmp_path)


def test_every_published_model_is_known():
    for weights in (SD15_PATH, CD_SD15, SDXL_PATH, CD_SDXL, REFINER, ADD_XL):
        assert {"unet", "vae"} <= PIPELINES[weights["path"]].keys()
        assert "unet" not in weights or weights["unet"] in UNETS
    assert IMAGEREWARD_PATH["path"] in SCORERS
    assert SD15.parameters == 859_520_964
