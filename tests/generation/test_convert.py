"""Published pickles: converted once, key by key and by hash; one that holds code is not run."""

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from generation.convert import convert
from generation.errors import WeightsMissingError, WeightsRefusedError
from generation.pipelines import load_bundle
from generation.spec import Weights
from generation.tiny import Kind, save_tiny_unet
from generation.weights import sha256_of
from tests.generation.tiny_models import weights

pytestmark = pytest.mark.torch


class Touch:
    """Unpickled by an ordinary unpickler, it makes a file."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, (f"touch {self.canary}",))


def published(tmp_path: Path, *, kind: Kind = "sd") -> tuple[Path, dict[str, torch.Tensor]]:
    """A student's UNet as training code saves it: under state_dict, beside other things."""
    folder = save_tiny_unet(tmp_path / "trained", kind, seed=9)
    state = load_file(folder / "diffusion_pytorch_model.safetensors")
    file = tmp_path / "cd_sd_v1.5.pt"
    torch.save({"state_dict": {f"unet.{k}": v for k, v in state.items()}, "step": 200_000}, file)
    return file, state


def test_a_published_student_becomes_a_unet_that_loads_strictly(tmp_path: Path) -> None:
    source, state = published(tmp_path)
    target = tmp_path / "students" / "cd.safetensors"
    record = convert(
        source,
        target,
        sha256=sha256_of(source),
        prefix="unet.",
        like=Path(weights("sd").path) / "unet",
    )
    converted = load_file(target)
    assert converted.keys() == state.keys()
    assert all(torch.equal(converted[name], state[name]) for name in state)
    student = load_bundle(Weights(path=weights("sd").path, unet=str(target)))
    assert torch.equal(student.unet.state_dict()["conv_in.weight"], state["conv_in.weight"])
    written = json.loads((tmp_path / "students" / "cd.safetensors.json").read_text())
    assert written["source_sha256"] == record.source_sha256 == sha256_of(source)
    assert written["sha256"] == record.sha256 == sha256_of(target)
    assert (record.key, record.prefix, record.tensors) == ("state_dict", "unet.", len(state))
    assert record.parameters == sum(value.numel() for value in state.values())
    assert sorted(file.name for file in target.parent.iterdir()) == [
        "cd.safetensors",
        "cd.safetensors.json",
    ]


def test_the_older_file_format_of_torch_and_shared_memory_convert(tmp_path: Path) -> None:
    shared = torch.arange(6.0)
    state = {"a": shared, "b": shared.view(2, 3), "half": torch.ones(2, dtype=torch.float16)}
    torch.save(state, tmp_path / "a.bin", _use_new_zipfile_serialization=False)
    record = convert(tmp_path / "a.bin", tmp_path / "a.safetensors")
    back = load_file(tmp_path / "a.safetensors")
    assert all(torch.equal(back[name], state[name]) for name in state)
    assert record.dtypes == ("float16", "float32")


@pytest.mark.parametrize("form", ["torch", "plain"])
def test_a_malicious_pickle_is_refused_and_its_canary_not_made(tmp_path: Path, form: str) -> None:
    canary, source = tmp_path / "canary", tmp_path / "evil.ckpt"
    evil = {"state_dict": {"a": torch.ones(1)}, "callbacks": Touch(canary)}
    if form == "plain":
        source.write_bytes(pickle.dumps(evil))
    else:
        torch.save(evil, source)
    with pytest.raises(WeightsRefusedError, match="Nothing in it was run"):
        convert(source, tmp_path / "a.safetensors")
    assert not canary.exists()
    assert [file.name for file in tmp_path.iterdir()] == ["evil.ckpt"]
    # The canary does sing for an ordinary unpickler, so its silence means something.
    if form == "plain":
        pickle.loads(source.read_bytes())
        assert canary.exists()


def test_a_wrong_hash_is_refused_without_opening_the_file(tmp_path: Path) -> None:
    source = tmp_path / "a.pt"
    source.write_bytes(b"no checkpoint at all")
    with pytest.raises(WeightsRefusedError, match=r"expected was 0000.*It was not opened"):
        convert(source, tmp_path / "a.safetensors", sha256="0" * 64)


def test_weights_of_another_network_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    source, _ = published(tmp_path, kind="lcm")
    like = Path(weights("sd").path) / "unet"
    with pytest.raises(WeightsRefusedError, match=r"cd_sd_v1\.5\.pt does not hold .*1 unknown"):
        convert(source, tmp_path / "a.safetensors", prefix="unet.", like=like)
    assert not (tmp_path / "a.safetensors").exists()


def test_what_is_no_checkpoint_or_never_ends_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"hello" * 100)
    with pytest.raises(WeightsRefusedError, match="cannot be read as a checkpoint of torch"):
        convert(tmp_path / "a.pt", tmp_path / "a.safetensors")
    with pytest.raises(WeightsRefusedError, match="not converted within 0 s"):
        convert(tmp_path / "a.pt", tmp_path / "a.safetensors", seconds=0.01)


def test_names_are_checked_before_anything_is_opened(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"")
    (tmp_path / "there.safetensors").write_bytes(b"")
    with pytest.raises(WeightsMissingError, match=r"no file at .*nothing\.pt"):
        convert(tmp_path / "nothing.pt", tmp_path / "a.safetensors")
    with pytest.raises(WeightsRefusedError, match=r"must end in \.safetensors"):
        convert(tmp_path / "a.pt", tmp_path / "a.bin")
    with pytest.raises(WeightsRefusedError, match="is there already"):
        convert(tmp_path / "a.pt", tmp_path / "there.safetensors")
