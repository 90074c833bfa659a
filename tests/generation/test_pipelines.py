"""Loading: what was saved comes back; what is not what was asked for is refused in a sentence."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import pytest
import torch
from safetensors.torch import load_file, save_file

from generation.errors import WeightsMissingError, WeightsRefusedError
from generation.pipelines import load_bundle
from generation.spec import Weights
from generation.tiny import Kind, save_tiny, save_tiny_lora, save_tiny_unet
from tests.generation.tiny_models import UNET, bundle, change, edit, pipeline, weights

pytestmark = pytest.mark.torch

QUERY = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"


@pytest.mark.parametrize("kind", ["sd", "sdxl", "refiner", "lcm", "controlnet", "pixel"])
def test_every_weight_comes_back_as_diffusers_reads_it(kind: Kind) -> None:
    ours, other = bundle(kind), pipeline(kind)
    pairs = [(ours.unet, other.unet), (ours.vae, other.vae)]
    theirs = [getattr(other, name, None) for name in ("text_encoder", "text_encoder_2")]
    pairs += list(zip(ours.text_encoders, [each for each in theirs if each], strict=True))
    if kind == "controlnet":
        pairs.append((ours.controlnet, other.controlnet))
    for mine, yours in pairs:
        expected = yours.state_dict()
        state = mine.state_dict()
        assert state.keys() == expected.keys()
        assert all(torch.equal(state[name], expected[name]) for name in expected)
        assert not mine.training
        assert not any(parameter.requires_grad for parameter in mine.parameters())


@pytest.mark.parametrize(
    ("kind", "family", "size", "factor", "scaling", "guidance_dim", "encoders"),
    [
        ("sd", "sd", 64, 8, 0.18215, None, 1),
        ("lcm", "sd", 64, 8, 0.18215, 32, 1),
        ("controlnet", "sd", 64, 8, 0.18215, None, 1),
        ("sdxl", "sdxl", 64, 8, 0.13025, None, 2),
        ("refiner", "refiner", 64, 8, 0.13025, None, 1),
        ("pixel", "pixel", 16, 2, 1.0, None, 1),
    ],
)
def test_the_family_and_its_numbers_are_read_off_the_pipeline(
    kind: Kind,
    family: str,
    size: int,
    factor: int,
    scaling: float,
    guidance_dim: int | None,
    encoders: int,
) -> None:
    read = bundle(kind)
    assert (read.family, read.native_size, read.vae_factor) == (family, size, factor)
    assert (read.scaling, read.guidance_dim) == (scaling, guidance_dim)
    assert len(read.text_encoders) == len(read.tokenizers) == encoders
    assert read.requires_aesthetics == (kind == "refiner")
    assert (read.controlnet is not None) == (kind == "controlnet")


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_the_prediction_type_is_the_scheduler_s(prediction: str) -> None:
    assert bundle("sd", prediction).prediction_type == prediction


def test_a_side_that_the_codec_cannot_make_is_refused() -> None:
    assert bundle("sd").latent_shape(32, 128) == (4, 4, 16)
    with pytest.raises(ValueError, match=r"a side of 60 pixels.*multiples of 8.*own size is 64"):
        bundle("sd").latent_shape(60)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_networks_take_the_dtype_asked_for_and_sdxl_s_vae_never_overflows(dtype: str) -> None:
    asked = getattr(torch, dtype)
    sd = load_bundle(Weights(path=weights("sd").path, dtype=dtype))  # type: ignore[arg-type]
    xl = load_bundle(Weights(path=weights("sdxl").path, dtype=dtype))  # type: ignore[arg-type]
    assert {sd.unet.dtype, sd.vae.dtype, sd.text_encoders[0].dtype, xl.unet.dtype} == {asked}
    assert xl.vae.dtype == (torch.float32 if dtype == "float16" else torch.bfloat16)
    told = xl.encode_prompts(["a"], guided=True)
    assert {told.embeds.dtype, told.pooled.dtype, told.time_ids.dtype} == {asked}  # type: ignore[union-attr]
    assert xl.decode(torch.randn(1, 4, 8, 8)).shape == (1, 64, 64, 3)


def test_an_sdxl_vae_that_was_mended_for_fp16_stays_in_it(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(weights("sdxl").path, tmp_path / "xl"))
    edit(folder / "vae" / "config.json", force_upcast=False)
    assert load_bundle(Weights(path=str(folder), dtype="float16")).vae.dtype == torch.float16


def test_weights_lie_in_memory_of_their_own_whatever_becomes_of_the_file(sd: Path) -> None:
    read = load_bundle(Weights(path=str(sd)))
    networks = [read.unet, read.vae, *read.text_encoders]
    assert {value.data_ptr() % 64 for net in networks for value in net.parameters()} == {0}
    before = {name: value.clone() for name, value in read.unet.state_dict().items()}
    size = (sd / UNET).stat().st_size
    with (sd / UNET).open("r+b") as file:
        file.seek(size // 2)
        file.write(bytes(size - size // 2))
    assert all(torch.equal(value, before[k]) for k, value in read.unet.state_dict().items())


def test_bundles_of_one_base_share_its_text_encoders_and_vae(tmp_path: Path) -> None:
    student = save_tiny_unet(tmp_path / "student", "sd", seed=9)
    shared: WeakValueDictionary[str, Any] = WeakValueDictionary()
    teacher = load_bundle(weights("sd"), shared=shared)
    second = load_bundle(Weights(path=weights("sd").path, unet=str(student)), shared=shared)
    assert second.vae is teacher.vae
    assert second.text_encoders[0] is teacher.text_encoders[0]
    assert second.unet is not teacher.unet
    half = load_bundle(Weights(path=weights("sd").path, dtype="float16"), shared=shared)
    assert half.vae is not teacher.vae
    del teacher, second, half
    assert len(shared) == 0


# A student's UNet in the pipeline's place


@pytest.mark.parametrize("form", ["folder", "file"])
def test_a_student_s_unet_takes_the_place_of_the_pipeline_s(tmp_path: Path, form: str) -> None:
    folder = save_tiny_unet(tmp_path / "student", "sd", seed=9)
    file = folder / "diffusion_pytorch_model.safetensors"
    named = folder if form == "folder" else file
    student = load_bundle(Weights(path=weights("sd").path, unet=str(named)))
    expected = load_file(file)
    state = student.unet.state_dict()
    assert all(torch.equal(state[name], expected[name]) for name in state)
    assert student.weights["unet"] != bundle("sd").weights["unet"]
    assert student.weights["vae"] == bundle("sd").weights["vae"]


def test_a_student_s_folder_brings_its_own_config(tmp_path: Path) -> None:
    folder = save_tiny_unet(tmp_path / "student", "lcm", seed=9)
    assert load_bundle(Weights(path=weights("sd").path, unet=str(folder))).guidance_dim == 32


def test_the_pipeline_s_own_unet_need_not_be_there_then(tmp_path: Path, sd: Path) -> None:
    folder = save_tiny_unet(tmp_path / "student", "sd", seed=9)
    shutil.rmtree(sd / "unet")
    assert load_bundle(Weights(path=str(sd), unet=str(folder))).family == "sd"


# LoRA


def test_merged_adapters_are_w_plus_b_a(tmp_path: Path) -> None:
    folder = save_tiny_lora(tmp_path / "lora", "sd", seed=9, rank=4)
    student = load_bundle(Weights(path=weights("sd").path, lora=str(folder)))
    adapters = load_file(folder / "pytorch_lora_weights.safetensors")
    before, after = bundle("sd").unet.state_dict(), student.unet.state_dict()
    assert before.keys() == after.keys()
    adapted = {key.removeprefix("unet.").split(".lora_")[0] for key in adapters}
    assert QUERY in adapted
    for name in before:
        module = name.removesuffix(".weight")
        expected = before[name]
        if module in adapted:
            a, b = (adapters[f"unet.{module}.lora_{side}.weight"] for side in "AB")
            expected = expected + b @ a
            assert not torch.equal(after[name], before[name])
        assert torch.allclose(after[name], expected, atol=1e-6)


def test_adapters_are_rounded_once_after_merging(tmp_path: Path) -> None:
    folder = save_tiny_lora(tmp_path / "lora", "sd", seed=9)
    full = load_bundle(Weights(path=weights("sd").path, lora=str(folder)))
    half = load_bundle(Weights(path=weights("sd").path, lora=str(folder), dtype="bfloat16"))
    merged = full.unet.state_dict()
    assert all(torch.equal(v, merged[k].bfloat16()) for k, v in half.unet.state_dict().items())


def test_adapters_of_kohya_s_naming_carry_their_alpha(tmp_path: Path) -> None:
    """As the published LCM-LoRA names them: lora_unet_…, with an alpha beside each pair."""
    up, down = torch.randn(64, 4) / 10, torch.randn(4, 64) / 10
    name = "lora_unet_" + QUERY.replace(".", "_")
    save_file(
        {
            f"{name}.lora_up.weight": up,
            f"{name}.lora_down.weight": down,
            f"{name}.alpha": torch.tensor(8.0),
        },
        tmp_path / "kohya.safetensors",
    )
    student = load_bundle(
        Weights(path=weights("sd").path, lora=str(tmp_path / "kohya.safetensors"))
    )
    delta = (
        student.unet.state_dict()[f"{QUERY}.weight"]
        - bundle("sd").unet.state_dict()[f"{QUERY}.weight"]
    )
    assert torch.allclose(delta, 8.0 / 4 * up @ down, atol=1e-6)


@pytest.mark.parametrize(
    ("by", "says"),
    [
        (
            lambda s: s.update({"unet.mid_block.nothing.lora_A.weight": torch.ones(4, 64)}),
            "1 unknown",
        ),
        (
            lambda s: s.update({"text_encoder.layers.0.lora_A.weight": torch.ones(4, 32)}),
            "1 unknown",
        ),
        (lambda s: s.pop(f"unet.{QUERY}.lora_B.weight"), f"1 missing .*{QUERY}.lora_B"),
        (
            lambda s: s.update({f"unet.{QUERY}.lora_A.weight": torch.ones(4, 63)}),
            f"1 of the wrong shape .*{QUERY}",
        ),
        (lambda s: s.clear(), "1 missing .any adapter."),
    ],
)
def test_an_adapter_that_does_not_fit_key_by_key_is_refused(
    tmp_path: Path, by: Callable[[dict[str, torch.Tensor]], Any], says: str
) -> None:
    folder = save_tiny_lora(tmp_path / "lora", "sd", seed=9)
    change(folder / "pytorch_lora_weights.safetensors", by)
    with pytest.raises(WeightsRefusedError, match=says):
        load_bundle(Weights(path=weights("sd").path, lora=str(folder)))


def test_adapters_of_another_architecture_are_refused(tmp_path: Path) -> None:
    folder = save_tiny_lora(tmp_path / "lora", "sdxl", seed=9)
    with pytest.raises(WeightsRefusedError, match=r"LoRA adapter in .* of the wrong shape"):
        load_bundle(Weights(path=weights("sd").path, lora=str(folder)))


# Refusals


@pytest.mark.parametrize(
    ("part", "by", "says"),
    [
        ("unet", lambda s: s.pop("conv_in.weight"), r"the UNet in .*1 missing \(conv_in.weight\)"),
        ("unet", lambda s: s.update(extra=torch.ones(1)), r"the UNet in .*1 unknown \(extra\)"),
        (
            "unet",
            lambda s: s.update({"conv_in.bias": torch.ones(3)}),
            r"1 of the wrong shape \(conv_in.bias \(3,\) for \(32,\)\)",
        ),
        ("vae", lambda s: s.pop("decoder.conv_in.weight"), r"the vae in .*1 missing"),
        ("vae", lambda s: s.update(extra=torch.ones(1)), r"the vae in .*1 unknown"),
        ("text_encoder", lambda s: s.popitem(), r"the text_encoder in .*1 missing"),
        (
            "text_encoder",
            lambda s: s.update(extra=torch.ones(1)),
            "the text_encoder in .*1 unknown",
        ),
    ],
)
def test_a_part_that_does_not_fit_key_by_key_is_refused(
    sd: Path, part: str, by: Callable[[dict[str, torch.Tensor]], Any], says: str
) -> None:
    (file,) = (sd / part).glob("*.safetensors")
    change(file, by)
    with pytest.raises(WeightsRefusedError, match=says):
        load_bundle(Weights(path=str(sd)))


@pytest.mark.parametrize(
    ("by", "says"),
    [
        (lambda s: s.pop("conv_in.weight"), r"1 missing \(conv_in.weight\)"),
        (lambda s: s.update(extra=torch.ones(1)), r"1 unknown \(extra\)"),
        (lambda s: s.update({"conv_in.bias": torch.ones(3)}), "1 of the wrong shape"),
    ],
)
@pytest.mark.parametrize("form", ["folder", "file"])
def test_a_student_s_unet_that_does_not_fit_is_refused(
    tmp_path: Path, form: str, by: Callable[[dict[str, torch.Tensor]], Any], says: str
) -> None:
    folder = save_tiny_unet(tmp_path / "student", "sd", seed=9)
    file = folder / "diffusion_pytorch_model.safetensors"
    change(file, by)
    named = folder if form == "folder" else file
    with pytest.raises(WeightsRefusedError, match=says):
        load_bundle(Weights(path=weights("sd").path, unet=str(named)))


def test_names_that_older_files_use_are_read(sd: Path) -> None:
    """The VAE of Stable Diffusion 1.5 as published calls its attention so."""
    older = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    (file,) = (sd / "vae").glob("*.safetensors")
    state = load_file(file)
    renamed = {}
    for name, value in state.items():
        for new, old in older.items():
            name = name.replace(f"mid_block.attentions.0.{new}.", f"mid_block.attentions.0.{old}.")
        renamed[name] = value
    assert sum("proj_attn" in name for name in renamed) == 4
    save_file(renamed, file, metadata={"format": "pt"})
    read = load_bundle(Weights(path=str(sd))).vae.state_dict()
    assert read.keys() == state.keys()
    assert all(torch.equal(read[name], state[name]) for name in state)


def test_a_base_unet_in_a_refiner_is_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(weights("refiner").path, tmp_path / "refiner"))
    edit(folder / "model_index.json", requires_aesthetics_score=False)
    with pytest.raises(WeightsRefusedError, match=r"hears 72 numbers .* tells it 80"):
        load_bundle(Weights(path=str(folder)))


@pytest.mark.parametrize(("kind", "part"), [("sd", "text_encoder"), ("sdxl", "text_encoder_2")])
def test_a_text_encoder_as_published_is_read(tmp_path: Path, kind: Kind, part: str) -> None:
    """With the prefix that transformers wrote until version 5, and position ids as weights."""
    folder = Path(shutil.copytree(weights(kind).path, tmp_path / kind))
    (file,) = (folder / part).glob("*.safetensors")
    inner = ("text_model.", "text_projection.")
    state = {
        name if name.startswith(inner) else f"text_model.{name}": value
        for name, value in load_file(file).items()
    }
    state["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    save_file(state, file, metadata={"format": "pt"})
    read = load_bundle(Weights(path=str(folder)))
    for mine, other in zip(read.text_encoders, bundle(kind).text_encoders, strict=True):
        expected = other.state_dict()
        assert mine.state_dict().keys() == expected.keys()
        assert all(torch.equal(value, expected[k]) for k, value in mine.state_dict().items())


def test_a_part_of_another_class_is_refused(sd: Path) -> None:
    edit(sd / "unet" / "config.json", _class_name="ControlNetModel")
    with pytest.raises(WeightsRefusedError, match="is a ControlNetModel; needed is a UNet2DCond"):
        load_bundle(Weights(path=str(sd)))


@pytest.mark.parametrize(
    ("gone", "says"),
    [
        (UNET, "unet has no weights: looked for"),
        ("vae", "vae is not there, though the pipeline names it"),
        ("text_encoder/config.json", "config.json is not there"),
        ("model_index.json", "model_index.json is not there"),
        ("scheduler/scheduler_config.json", "scheduler_config.json is not there"),
        ("tokenizer", "tokenizer is not there"),
    ],
)
def test_what_is_missing_is_named(sd: Path, gone: str, says: str) -> None:
    place = sd / gone
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink()
    with pytest.raises(WeightsMissingError, match=says):
        load_bundle(Weights(path=str(sd)))


def test_an_absent_variant_names_what_is_there(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "sd", "sd", seed=3)
    with pytest.raises(
        WeightsMissingError, match="no weights of variant 'fp16'; it has diffusion_"
    ):
        load_bundle(Weights(path=str(folder), variant="fp16"))


def test_a_variant_is_read_by_its_name(tmp_path: Path, sd: Path) -> None:
    for file in list(sd.rglob("*.safetensors")):
        file.rename(file.with_name(file.name.replace(".safetensors", ".fp16.safetensors")))
    read = load_bundle(Weights(path=str(sd), variant="fp16"))
    expected = bundle("sd").unet.state_dict()
    assert all(torch.equal(v, expected[k]) for k, v in read.unet.state_dict().items())
