"""`manage.py reproduce_paper` says what real models lack, before anybody waits for hours."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.generation.test_architectures import safetensors


def dry_run(preset: str) -> tuple[str, str]:
    out = StringIO()
    with pytest.raises(CommandError) as refused:
        call_command("reproduce_paper", preset=preset, dry_run=True, stdout=out)
    return out.getvalue(), str(refused.value)


@pytest.fixture(autouse=True)
def _nothing_here(settings: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MODELS_DIR = tmp_path / "models"  # type: ignore[attr-defined]
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


def test_a_dry_run_prices_every_arm_and_names_every_file_that_is_missing(tmp_path):
    said, refused = dry_run("table4/adaptive-10")
    assert "table4/adaptive-10" in said
    # 17 guided steps of 3 s for 200 pictures, 600 prompts.
    assert (
        "ddim-50                             50.00 steps  100.00 forwards a picture, 0.12 h" in said
    )
    for missing in ("stable-diffusion-v1-5", "cd_sd_v1.5_bs512", "THUDM/ImageReward"):
        assert f"{missing}" in said
    assert said.count("MISSING") == 3
    assert str(tmp_path / "models") in said
    assert refused == "3 things are missing or wrong, listed above."


def test_a_whole_table_brings_opponents_and_controls():
    said, _ = dry_run("table4")
    for arm in ("table4/adaptive-25", "dpm-15", "ddim-50-null", "table4/adaptive-10-random"):
        assert f"  {arm} " in said


def test_an_estimator_of_another_size_is_refused_by_its_header(tmp_path):
    folder = tmp_path / "models" / "THUDM" / "ImageReward"
    folder.mkdir(parents=True)
    safetensors(folder / "model.safetensors", {"mlp.layers.0.weight": (1024, 768)})
    (folder / "vocab.txt").touch()
    said, _ = dry_run("table4/adaptive-10")
    assert f"{folder} does not hold the ImageReward" in said
    assert "786,432 parameters, not 446,206,689" in said


def test_sdxl_has_no_published_step_cost_and_nothing_is_made_up():
    said, _ = dry_run("table5/cd-sdxl")
    assert "no step cost is published" in said
    assert "expected" not in said.replace("expects", "")


def test_an_unknown_preset_is_refused_with_the_names_there_are():
    with pytest.raises(CommandError, match=r"table4/adaptive-10"):
        call_command("reproduce_paper", preset="table9", dry_run=True)
