"""Where a study's weights lie on this machine, said before it is launched."""

from pathlib import Path
from typing import Any

import pytest

from annotate.sampling.files import folder_of, needed
from generation.spec import Student, Weights

COMMIT = "a" * 40


@pytest.fixture(autouse=True)
def models(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation's folder of models, and a hub cache beside it."""
    settings.MODELS_DIR = tmp_path / "models"
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "models" / "sd").mkdir(parents=True)
    return tmp_path / "models"


def found(weights: Weights) -> list[Path | None]:
    return [file.found for file in needed([Student(model=weights)])]


def test_a_name_means_a_place_in_the_installation_s_folder(models: Path) -> None:
    assert found(Weights(path="sd", unet="cd")) == [models / "sd", None]


def test_what_is_looked_for_in_vain_is_looked_for_in_that_folder(models: Path) -> None:
    assert folder_of("cd") == models / "cd"
    assert folder_of("/srv/cd") == Path("/srv/cd")


def test_a_commit_in_the_hub_s_cache_is_there(tmp_path: Path) -> None:
    kept = tmp_path / "hub" / "models--someone--sd" / "snapshots" / COMMIT
    kept.mkdir(parents=True)
    assert found(Weights(path="someone/sd", revision=COMMIT)) == [kept]
    assert found(Weights(path="sd", unet=f"someone/sd@{COMMIT}"))[1] == kept
    assert found(Weights(path="someone/sd", revision="b" * 40)) == [None]


def test_a_hub_id_that_nothing_pins_is_not_there_though_the_cache_has_it(tmp_path: Path) -> None:
    (tmp_path / "hub" / "models--someone--sd" / "snapshots" / COMMIT).mkdir(parents=True)
    assert found(Weights(path="someone/sd")) == [None]


def test_weights_that_come_with_the_program_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "packaged" / "world").mkdir(parents=True)
    monkeypatch.setattr("generation.weights.PACKAGED", tmp_path / "packaged")
    assert found(Weights(path="world")) == [tmp_path / "packaged" / "world"]
