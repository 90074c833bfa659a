"""What is said of a study's weights before it is launched: in whose way it stands, what is read."""

import os
from pathlib import Path
from typing import Any

import pytest

from annotate.sampling.hashes import Hashes
from annotate.sampling.weights import WeightsSaid, look_at
from generation.spec import Student, Teacher, Weights
from generation.weights import weights_digest
from tests import stand_ins

REDIS = "redis://elsewhere:6379/0"


@pytest.fixture(autouse=True)
def models(tmp_path: Path, settings: Any) -> Path:
    settings.MODELS_DIR, settings.DATA_DIR = tmp_path / "models", tmp_path
    return stand_ins.of_the_factories(tmp_path / "models")


def said_of(*, most_read: int | None = None, **named: str) -> WeightsSaid:
    weights = Weights.model_validate({"path": "teacher"} | named)
    arms = {"teacher": [Teacher(model=weights)], "student": [Student(model=weights)]}
    return look_at(arms, most_read=most_read)


def test_one_sentence_names_every_method_that_it_is_about() -> None:
    [line] = said_of(path="gone").refusals
    assert line.startswith("Methods 'teacher', 'student': no weights at 'gone': looked at ")


def test_what_is_missing_is_a_warning_where_workers_may_be_elsewhere(settings: Any) -> None:
    assert said_of(path="gone").warnings == ()
    settings.BROKER_URL = REDIS
    said = said_of(path="gone")
    assert said.refusals == ()
    assert "no weights at 'gone'" in said.warnings[0]
    assert said.warnings[0].endswith("where none has, its pictures fail.")


def test_what_is_here_and_wrong_is_refused_wherever_the_workers_are(
    settings: Any, models: Path
) -> None:
    settings.BROKER_URL = REDIS
    file = models / "teacher" / "vae" / "diffusion_pytorch_model.safetensors"
    file.rename(file.with_suffix(".bin"))
    assert "is a pickle" in said_of().refusals[0]
    assert "is a hub id" in said_of(path="owner/name").refusals[0]


def test_an_unpinned_id_says_what_to_write_with_the_commits_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    [line] = said_of(path="owner/name").refusals
    assert '`--pin owner/name=COMMIT` for a launch, `pins."owner/name" = "COMMIT"`' in line
    assert "`hf download owner/name`" in line
    stand_ins.pipeline(tmp_path / "hub" / "models--owner--name" / "snapshots" / ("c" * 40))
    [line] = said_of(path="owner/name").refusals
    assert f"`--pin owner/name={'c' * 40}`" in line
    assert said_of(path="owner/name", revision="c" * 40) == WeightsSaid()


def test_a_page_reads_no_more_than_it_may_and_says_what_it_left(models: Path) -> None:
    right = weights_digest(models / "teacher")
    said = said_of(sha256=right, most_read=10)
    assert said.refusals == ()
    assert (
        "has not been compared yet. `launch_study ID --dry-run` reads it once" in (said.warnings[0])
    )
    assert said_of(sha256=right) == WeightsSaid()
    # Now every digest is kept, and nothing has to be read for it.
    assert said_of(sha256=right, most_read=0) == WeightsSaid()
    assert "the arm asks for 000" in said_of(sha256="0" * 64, most_read=0).refusals[0]


def test_a_file_that_was_changed_is_read_again(tmp_path: Path) -> None:
    file, kept = tmp_path / "weights", tmp_path / "kept.json"
    file.write_bytes(b"one")
    with Hashes(kept, most=None) as hash_of:
        first = hash_of(file)
    file.write_bytes(b"two")
    os.utime(file, ns=(1, 1))
    with Hashes(kept, most=0) as hash_of:
        assert hash_of(file) is None
    with Hashes(kept, most=3) as hash_of:
        assert hash_of(file) not in (None, first)
