"""What is wrong with weights is said from their files alone, in the words of a load."""

from collections.abc import Callable
from pathlib import Path

import pytest

from generation.preflight import Fault, estimator_faults, pair_faults, weights_faults
from generation.reference.s1.kept import S1
from generation.spec import Adaptive, Estimator, Student, Teacher, Weights
from generation.weights import sha256_of, weights_digest
from tests import stand_ins

UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return stand_ins.of_the_factories(tmp_path)


def faults(models: Path, **named: str) -> list[Fault]:
    weights = Weights.model_validate({"path": "teacher"} | named)
    return list(weights_faults(weights, folder_of=models.joinpath, hash_of=sha256_of))


def scorer_faults(models: Path, **named: str) -> list[Fault]:
    spec = Estimator.model_validate({"path": "scorer"} | named)
    return list(estimator_faults(spec, folder_of=models.joinpath, hash_of=sha256_of))


def as_pickle(file: Path) -> None:
    file.rename(file.with_suffix(".bin"))


def pickle_under_the_name(file: Path) -> None:
    file.write_bytes(b"\x80\x04\x95" + b"x" * 40)


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def first_of_two(file: Path) -> None:
    file.rename(file.with_name("diffusion_pytorch_model-00001-of-00002.safetensors"))


def of_another_class(file: Path) -> None:
    stand_ins.written(file, stand_ins.INDEX | {"unet": ["custom", "Mine"]})


def naming(said: object) -> Callable[[Path], object]:
    return lambda file: stand_ins.written(file, stand_ins.INDEX | {"unet": said})


@pytest.mark.parametrize(
    ("harm", "file", "kind", "said"),
    [
        (as_pickle, UNET, "refused", "diffusion_pytorch_model.bin is a pickle"),
        (pickle_under_the_name, UNET, "refused", "is not a whole safetensors file (no header"),
        (cut_short, UNET, "refused", "its header says"),
        (first_of_two, UNET, "missing", "has 1 of 2 parts of its weights; number 2"),
        (of_another_class, "model_index.json", "refused", "'Mine'] as its unet; allowed are"),
        (naming(None), "model_index.json", "refused", "names only vae, text_encoder, tokenizer;"),
        (naming([]), "model_index.json", "refused", "names only vae, text_encoder, tokenizer;"),
        (naming({"unet": 1}), "model_index.json", "refused", "{'unet': 1} as its unet; allowed"),
        (naming(7), "model_index.json", "refused", "names 7 as its unet; allowed are"),
        (Path.unlink, "model_index.json", "missing", "model_index.json is not there"),
        (Path.unlink, "vae/config.json", "missing", "vae/config.json is not there"),
        (Path.unlink, "tokenizer/tokenizer.json", "missing", "tokenizer is not there"),
    ],
)
def test_a_pipeline_that_a_load_would_refuse_is_refused_by_its_files(
    models: Path, harm: Callable[[Path], object], file: str, kind: str, said: str
) -> None:
    assert faults(models) == []
    harm(models / "teacher" / file)
    [fault] = faults(models)
    assert fault.kind == kind
    assert said in fault.said


@pytest.mark.parametrize(
    ("named", "kind", "said"),
    [
        ({"path": "gone"}, "missing", "no weights at 'gone': looked at "),
        ({"path": "someone/gone"}, "refused", "'someone/gone' is a hub id"),
        ({"unet": "gone"}, "missing", "no weights at 'gone'"),
        ({"lora": "gone"}, "missing", "no weights at 'gone'"),
        ({"lora": "lora.pt"}, "refused", "lora.pt is not a safetensors file"),
        ({"unet": "teacher/unet/config.json"}, "refused", "is not a safetensors file"),
        ({"variant": "fp16"}, "missing", "Set `variant` to what is there"),
        ({"sha256": "0" * 64}, "refused", f"the arm asks for {'0' * 64}"),
    ],
)
def test_what_an_arm_names_beside_and_on_top_is_looked_at(
    models: Path, named: dict[str, str], kind: str, said: str
) -> None:
    (models / "lora.pt").write_bytes(b"pickle")
    [fault] = faults(models, **named)
    assert fault.kind == kind
    assert said in fault.said


def test_the_digest_that_pins_a_pipeline_is_the_one_that_a_load_counts(models: Path) -> None:
    assert faults(models, sha256=weights_digest(models / "teacher")) == []


@pytest.mark.parametrize(
    ("named", "lost", "kind", "said"),
    [
        ({}, "vocab.txt", "missing", "has no vocab.txt. Put it beside the weights."),
        ({"name": "clip"}, "config.json", "missing", "has no config.json. Put it beside"),
        ({}, "model.safetensors", "missing", "has no weights"),
        ({"sha256": "0" * 64}, "", "refused", "calibrate again: thresholds do not carry over"),
        ({"path": "gone"}, "", "missing", "no weights at 'gone'"),
    ],
)
def test_an_estimator_lacks_nothing_that_it_reads(
    models: Path, named: dict[str, str], lost: str, kind: str, said: str
) -> None:
    assert scorer_faults(models) == []
    if lost:
        (models / "scorer" / lost).unlink()
    [fault] = scorer_faults(models, **named)
    assert fault.kind == kind
    assert said in fault.said


@pytest.mark.parametrize("vae", [b"longer", b"none"[::-1]])
def test_latents_are_not_handed_to_another_vae(models: Path, vae: bytes) -> None:
    def said(**more: str) -> list[str]:
        arm = Adaptive.model_validate(
            {
                "student": Student(model=Weights(path="student")),
                "teacher": Teacher(model=Weights(path="teacher")),
                "estimator": Estimator(path="scorer"),
                "threshold": 0.0,
            }
            | more
        )
        found = pair_faults(arm, folder_of=models.joinpath, hash_of=sha256_of)
        return [fault.said for fault in found]

    assert said() == []
    stand_ins.pipeline(models / "student", vae=vae)
    [line] = said()
    assert line.endswith("Set rollback_from='image'.")
    assert said(rollback_from="image") == said(strategy="regenerate") == []


def test_a_digest_that_may_not_be_read_now_is_said_to_be_open(models: Path) -> None:
    pinned = Weights(path="teacher", sha256="0" * 64)
    [fault] = weights_faults(pinned, folder_of=models.joinpath, hash_of=lambda _: None)
    assert fault.kind == "unhashed"


def test_files_that_may_not_be_read_are_missing_to_who_looks(models: Path) -> None:
    def denied(file: Path) -> str:
        raise PermissionError(13, "Permission denied", str(file))

    pinned = Weights(path="teacher", sha256="0" * 64)
    [fault] = weights_faults(pinned, folder_of=models.joinpath, hash_of=denied)
    assert fault.kind == "missing"
    assert "model_index.json may not be read by this process" in fault.said


def test_the_reference_world_s_own_weights_are_in_order_and_pinned() -> None:
    for weights in (S1.teacher_weights(), S1.student_weights()):
        assert weights.sha256
        assert not list(weights_faults(weights, folder_of=None, hash_of=sha256_of))
    arm = Adaptive(
        student=S1.student(), teacher=S1.teacher(), estimator=S1.estimator(), threshold=0
    )
    assert not list(estimator_faults(arm.estimator, folder_of=None, hash_of=sha256_of))
    assert not list(pair_faults(arm, folder_of=None, hash_of=sha256_of))
