"""Pipelines refused before anything of them runs: pickles, cut files, code, wrong hashes."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from generation.errors import WeightsRefusedError
from generation.pipelines import load_bundle, weights_digest
from generation.spec import Weights
from tests.generation.tiny_models import UNET, bundle, change, edit, weights

pytestmark = pytest.mark.torch


class Touch:
    """Unpickled, it makes a file: whoever opens the pickle can be seen to have."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.canary,))


def test_the_canary_sings_when_its_pickle_is_opened(tmp_path: Path) -> None:
    """Else the tests below would prove nothing."""
    code = pickle.dumps(Touch(tmp_path / "canary"))
    pickle.loads(code)
    assert (tmp_path / "canary").exists()


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
@pytest.mark.parametrize("name", ["diffusion_pytorch_model.bin", "model.pt", "pytorch_model.ckpt"])
def test_a_pipeline_with_a_pickle_is_refused_unopened(
    tmp_path: Path, sd: Path, part: str, name: str
) -> None:
    (file,) = (sd / part).glob("*.safetensors")
    file.unlink()
    torch.save({"weight": Touch(tmp_path / "canary")}, sd / part / name)
    with pytest.raises(WeightsRefusedError, match=rf"{name} is a pickle.*convert_checkpoint"):
        load_bundle(Weights(path=str(sd)))
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("field", ["unet", "lora"])
@pytest.mark.parametrize("name", ["student.bin", "student.pt", "student.safetensors"])
def test_a_pickle_on_top_is_refused_unopened_under_any_name(
    tmp_path: Path, field: str, name: str
) -> None:
    torch.save({"conv_in.weight": Touch(tmp_path / "canary")}, tmp_path / name)
    says = (
        "not a whole safetensors file" if name.endswith("safetensors") else "not a safetensors file"
    )
    with pytest.raises(WeightsRefusedError, match=says):
        load_bundle(Weights(path=weights("sd").path, **{field: str(tmp_path / name)}))
    assert not (tmp_path / "canary").exists()


def test_a_pickle_beside_the_weights_is_left_alone(tmp_path: Path, sd: Path) -> None:
    torch.save(Touch(tmp_path / "canary"), sd / "unet" / "diffusion_pytorch_model.bin")
    assert load_bundle(Weights(path=str(sd))).digest == bundle("sd").digest
    assert not (tmp_path / "canary").exists()


def test_a_file_cut_short_is_refused(sd: Path) -> None:
    whole = (sd / UNET).read_bytes()
    (sd / UNET).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsRefusedError, match="not a whole safetensors file"):
        load_bundle(Weights(path=str(sd)))


def test_code_named_by_an_index_is_never_imported(tmp_path: Path, sd: Path) -> None:
    (sd / "evil.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')\nclass Evil: ...\n")
    edit(sd / "model_index.json", unet=["evil", "Evil"])
    with pytest.raises(WeightsRefusedError, match=r"names \['evil', 'Evil'\] as its unet; allowed"):
        load_bundle(Weights(path=str(sd)))
    assert not (tmp_path / "canary").exists()


def test_a_wrong_sha256_is_refused_before_anything_is_loaded(sd: Path) -> None:
    pinned = weights_digest(sd)
    assert load_bundle(Weights(path=str(sd), sha256=pinned)).digest == pinned
    change(sd / UNET, lambda s: s["conv_in.bias"].add_(1e-3))
    with pytest.raises(WeightsRefusedError, match=rf"have sha256 {weights_digest(sd)}.*{pinned}"):
        load_bundle(Weights(path=str(sd), sha256=pinned))


def test_an_index_without_the_parts_of_a_pipeline_is_refused(sd: Path) -> None:
    edit(sd / "model_index.json", vae=[None, None])
    with pytest.raises(WeightsRefusedError, match=r"names only unet, text_encoder.*needed are"):
        load_bundle(Weights(path=str(sd)))
