"""`python -m generation.training distil`: any SD-family pipeline with pictures and texts."""

import sys

import pytest
from PIL import Image

from generation.errors import TrainingError, WeightsMissingError
from generation.pipelines import load_bundle
from generation.reference.s1 import trial
from generation.spec import Student, Weights
from generation.tiny import save_tiny
from generation.training import loop
from generation.training.__main__ import main
from generation.training.options import changed, processes_told
from generation.training.presets import preset
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
    # A row each of samples in 1, 2 and 4 steps of the six texts of the data, a pixel apart.
    assert Image.open(run / "preview-000002.png").size == (6 * 65 - 1, 3 * 65 - 1)
    assert "2 of 2 steps" in (run / loop.PICTURE).read_text()


def test_a_dry_run_reads_everything_and_writes_nothing(tmp_path, monkeypatch, capsys):
    teacher = save_tiny(tmp_path / "teacher", "sd", seed=1)
    words = ("--teacher", teacher, "--data", pictures(tmp_path / "data"), "--dry-run")
    distil(monkeypatch, tmp_path / "run", *words)
    assert "200000 steps of 512" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


def test_every_setting_of_the_preset_can_be_told_otherwise_and_stays_the_papers_if_not(
    tmp_path, monkeypatch, capsys
):
    teacher = save_tiny(tmp_path / "teacher", "sd", seed=1)
    told = changed(
        preset("cd-sd15", teacher=str(teacher)),
        {"guidance": [2.0, 14.0], "points": 64, "distance": "l1", "rate": 2e-5, "batch": None},
    )
    assert told.settings.guidance == (2, 14)
    assert (told.settings.points, told.settings.distance) == (64, "l1")
    assert (told.course.rate, told.course.batch, told.settings.target_decay) == (2e-5, 512, 0.95)
    data = pictures(tmp_path / "data")
    words = ("--teacher", teacher, "--data", data, "--dry-run", "--guidance", 3, 4)
    distil(monkeypatch, tmp_path / "run", *words)
    said = capsys.readouterr().out
    assert "WARNING: 1 of 8 processes planned" in said
    assert "batch of 512 is 1 x 32 forwards of 16" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--guidance", 8, 1), "give lowest and highest w"),
        (("--guidance", 1, "inf"), "--guidance 1.0 inf: give finite numbers"),
        (("--points", 1), "--points 1: .* greater than or equal to 2"),
        (("--distance", "lpips"), "--distance lpips: .*'l2', 'l1' or 'pseudo-huber'"),
        (("--rate", 0), "--rate 0.0: .* greater than 0"),
        (("--steps", 0), "--steps 0: .* greater than or equal to 1"),
        (("--batch", 500), "no multiple of micro=16"),
        (("--averages", 0.9, 1.5), "--averages 0.9 1.5: .* less than or equal to 1"),
        (("--preview-every", -1), "0 for no grids"),
        (("--preview", "nowhere.txt"), "nowhere.txt"),
    ],
)
def test_a_setting_without_sense_is_refused_by_its_option(tmp_path, monkeypatch, words, said):
    with pytest.raises(TrainingError, match=said):
        distil(monkeypatch, tmp_path / "run", "--teacher", "unread", *words)
    assert not (tmp_path / "run").exists()


def test_processes_that_cannot_share_a_batch_are_refused_before_the_first_step():
    paper = preset("cd-sd15", teacher="any")
    assert processes_told(paper, running=8).startswith("8 of 8 processes planned")
    with pytest.raises(TrainingError, match="run 1, 2, 4, 8, 16, 32 of them"):
        processes_told(paper, running=3)


def test_what_is_missing_is_named_before_anything_is_trained(tmp_path, monkeypatch):
    teacher = save_tiny(tmp_path / "teacher", "sd", seed=1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrainingError, match="holds no picture"):
        distil(monkeypatch, tmp_path / "run", "--teacher", teacher, "--data", tmp_path / "empty")
    with pytest.raises(WeightsMissingError, match="nowhere"):
        distil(monkeypatch, tmp_path / "run", "--teacher", tmp_path / "nowhere")


def test_no_0_is_taken_for_what_was_not_given(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["training", "world", "folder", "--images=0"])
    with pytest.raises(SystemExit):
        main()
    assert "--images: '0'; give a whole number of 1 or more." in capsys.readouterr().err
