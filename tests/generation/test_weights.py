"""Finding and pinning weights: hub ids from the local cache only, digests of what a load reads."""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.errors import WeightsMissingError, WeightsRefusedError
from generation.estimators import load_scorer
from generation.pipelines import _CLASSES, load_bundle, weights_digest
from generation.preflight import estimator_faults, weights_faults
from generation.spec import Estimator, Weights
from generation.tiny import KINDS, Kind, save_tiny, save_tiny_lora, save_tiny_unet
from generation.tiny_scorers import Name, save_tiny_scorer
from generation.weights import CLASS_NAMES, component_digests, locate, sha256_of, together
from tests.generation.tiny_models import bundle, weights

pytestmark = pytest.mark.torch

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub cache with one pipeline at one commit, laid out as the hub's client lays it out."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    repo = tmp_path / "models--someone--tiny-sd"
    save_tiny(repo / "snapshots" / COMMIT, "sd", seed=3)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(COMMIT)
    return tmp_path


def test_finding_and_hashing_needs_no_torch() -> None:
    script = "import sys, generation.weights; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_a_pinned_hub_id_loads_from_the_local_cache(cache: Path) -> None:
    loaded = load_bundle(Weights(path="someone/tiny-sd", revision=COMMIT))
    assert loaded.digest == bundle("sd").digest
    assert loaded.revision == COMMIT


def test_a_sha256_pins_a_hub_id_as_well_as_a_commit_does(cache: Path) -> None:
    digest = bundle("sd").digest
    assert load_bundle(Weights(path="someone/tiny-sd", sha256=digest)).digest == digest


@pytest.mark.parametrize("revision", ["", "main", COMMIT[:8]])
@pytest.mark.parametrize("repo", ["someone/tiny-sd", "someone/not-here"])
def test_a_hub_id_that_nothing_pins_is_refused(cache: Path, repo: str, revision: str) -> None:
    with pytest.raises(WeightsRefusedError, match=rf"'{repo}' is a hub id.*Give the commit"):
        load_bundle(Weights(path=repo, revision=revision))


def test_a_hub_id_that_is_not_in_the_cache_says_where_it_looked_and_what_to_do(cache: Path) -> None:
    with pytest.raises(WeightsMissingError) as raised:
        load_bundle(Weights(path="someone/not-here", revision=COMMIT))
    said = str(raised.value)
    assert f"'someone/not-here' at revision {COMMIT}" in said
    assert str(cache) in said
    assert f"hf download someone/not-here --revision {COMMIT}" in said


def test_another_commit_than_the_one_in_the_cache_is_missing(cache: Path) -> None:
    with pytest.raises(WeightsMissingError, match="at revision ffff"):
        load_bundle(Weights(path="someone/tiny-sd", revision="f" * 40))


def test_a_student_s_unet_is_a_hub_id_with_its_commit_behind_an_at(cache: Path) -> None:
    commit = "a" * 40
    folder = save_tiny_unet(cache / "models--someone--lcm" / "snapshots" / commit, "lcm", seed=9)
    loaded = load_bundle(Weights(path=weights("sd").path, unet=f"someone/lcm@{commit}"))
    assert loaded.guidance_dim == 32
    assert folder.is_dir()
    with pytest.raises(WeightsRefusedError, match="'someone/lcm' is a hub id"):
        load_bundle(Weights(path=weights("sd").path, unet="someone/lcm"))


def test_an_absent_folder_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError, match=rf"looked at {tmp_path}/nothing"):
        load_bundle(Weights(path=f"{tmp_path}/nothing"))
    with pytest.raises(WeightsMissingError, match=rf"/a/b/c and {tmp_path}/a/b/c\. Put"):
        locate("a/b/c", folder_of=lambda path: tmp_path / path)
    with pytest.raises(WeightsMissingError, match=rf"looked at {tmp_path}/nothing\. Put"):
        locate(f"{tmp_path}/nothing", folder_of=Path)


def test_an_installation_s_own_folder_is_looked_into(tmp_path: Path) -> None:
    (tmp_path / "sd15").mkdir()
    assert locate("sd15", folder_of=lambda path: tmp_path / path) == tmp_path / "sd15"


def test_a_single_file_is_no_pipeline(tmp_path: Path) -> None:
    (tmp_path / "sd.safetensors").write_bytes(b"")
    with pytest.raises(WeightsRefusedError, match="is a single file; a pipeline is a folder"):
        load_bundle(Weights(path=str(tmp_path / "sd.safetensors")))


def test_the_digest_is_over_what_a_load_reads_and_nothing_else(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "sd", "sd", seed=3)
    before = weights_digest(folder)
    (folder / "README.md").write_text("hello")
    (folder / "unet" / "diffusion_pytorch_model.fp16.safetensors").write_bytes(b"other variant")
    (folder / "safety_checker").mkdir()
    assert weights_digest(folder) == before
    for read in (
        "model_index.json",
        "unet/config.json",
        "vae/diffusion_pytorch_model.safetensors",
        "tokenizer/tokenizer.json",
        "scheduler/scheduler_config.json",
    ):
        old = (folder / read).read_bytes()
        (folder / read).write_bytes(old + b" ")
        assert weights_digest(folder) != before, read
        (folder / read).write_bytes(old)
    assert weights_digest(folder) == before


def test_what_stands_on_top_is_part_of_the_digest(tmp_path: Path) -> None:
    base = Path(weights("sd").path)
    unet = save_tiny_unet(tmp_path / "student", "sd", seed=9)
    lora = save_tiny_lora(tmp_path / "lora", "sd", seed=9)
    digests = [
        weights_digest(base),
        weights_digest(base, unet=unet),
        weights_digest(base, lora=lora),
        weights_digest(base, unet=unet, lora=lora),
    ]
    assert len(set(digests)) == 4
    assert load_bundle(Weights(path=str(base), unet=str(unet), lora=str(lora))).digest == digests[3]


def test_parts_are_named_as_the_pipeline_names_them() -> None:
    named = component_digests(Path(weights("refiner").path))
    expected = {"model_index", "unet", "vae", "text_encoder_2", "tokenizer_2", "scheduler"}
    assert named.keys() == expected
    assert bundle("refiner").weights == named


def test_a_launch_allows_the_classes_that_a_load_knows() -> None:
    assert set(CLASS_NAMES) == _CLASSES.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_a_launch_finds_nothing_wrong_with_what_loads(kind: Kind, tmp_path: Path) -> None:
    pinned = Weights(path=weights(kind).path, sha256=bundle(kind).digest)
    lora = save_tiny_lora(tmp_path, "sd", seed=9)
    for each in (pinned, Weights(path=weights(kind).path, lora=str(lora))):
        assert not list(weights_faults(each, folder_of=None, hash_of=sha256_of))


def test_a_launch_finds_nothing_wrong_with_estimators_that_load(tmp_path: Path) -> None:
    for name in get_args(Name):
        folder = save_tiny_scorer(tmp_path / name, name, seed=4)
        spec = Estimator(name=name, path=str(folder))
        load_scorer(spec, device="cpu")
        assert not list(estimator_faults(spec, folder_of=None, hash_of=sha256_of))


def test_a_launch_and_a_load_refuse_in_the_same_words(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "sd", "sd", seed=3)
    wrong = Weights(path=str(folder), sha256="0" * 64)
    unet = folder / "unet" / "diffusion_pytorch_model.safetensors"
    pickle = unet.with_suffix(".bin")
    for change in (lambda: None, lambda: unet.rename(pickle), pickle.unlink):
        change()
        [fault] = weights_faults(wrong, folder_of=None, hash_of=sha256_of)
        with pytest.raises((WeightsMissingError, WeightsRefusedError)) as raised:
            load_bundle(wrong)
        assert str(raised.value) == fault.said


def test_a_file_s_digest_is_the_usual_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=5), st.text("0123456789abcdef", min_size=64, max_size=64)
    )
)
def test_the_order_of_parts_does_not_matter(parts: dict[str, str]) -> None:
    assert together(parts) == together(dict(reversed(parts.items())))
