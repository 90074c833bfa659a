"""`python -m generation.training distil`: any SD-family pipeline with pictures and texts."""

import sys

import pytest

from generation.errors import TrainingError, WeightsMissingError
from generation.pipelines import load_bundle
from generation.reference.s1 import trial
from generation.spec import Student, Weights
from generation.tiny import save_tiny
from generation.training.__main__ import main
from tests.generation.training.factories import pictures

pytestmark = pytest.mark.torch


def distil(monkeypatch, *words) -> None:
    command = ["python -m generation.training", "distil", *map(str, words), "--cpu"]
    monkeypatch.setattr(sys, "argv", command)
    main()


@pytest.mark.parametrize("kind", ["sd", "sdxl"])
def test_a_pipeline_on_disk_is_distilled_into_a_unet_that_samples(tmp_path, monkeypatch, kind):
    teacher = save_tiny(tmp_path / "teacher", kind, seed=1)
    data = pictures(tmp_path / "data")
    run = tmp_path / "run"
    size = ("--steps", 2, "--batch", 2, "--micro", 1)
    distil(monkeypatch, run, "--teacher", teacher, "--data", data, *size)
    weights = Weights(path=str(teacher), unet=str(run / "unet"))
    bundle = load_bundle(weights, device="cpu")
    assert bundle.digest != load_bundle(Weights(path=str(teacher)), device="cpu").digest
    spec = Student(model=weights, steps=2, guidance=8.0)
    made = trial.sampled(bundle, spec, ["a red circle", "a dog"], seed=0)
    assert made.shape == (2, 64, 64, 3)


def test_a_dry_run_reads_everything_and_writes_nothing(tmp_path, monkeypatch, capsys):
    teacher = save_tiny(tmp_path / "teacher", "sd", seed=1)
    words = ("--teacher", teacher, "--data", pictures(tmp_path / "data"), "--dry-run")
    distil(monkeypatch, tmp_path / "run", *words)
    assert "200000 steps of 512" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


def test_what_is_missing_is_named_before_anything_is_trained(tmp_path, monkeypatch):
    teacher = save_tiny(tmp_path / "teacher", "sd", seed=1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrainingError, match="holds no picture"):
        distil(monkeypatch, tmp_path / "run", "--teacher", teacher, "--data", tmp_path / "empty")
    with pytest.raises(WeightsMissingError, match="nowhere"):
        distil(monkeypatch, tmp_path / "run", "--teacher", tmp_path / "nowhere")
