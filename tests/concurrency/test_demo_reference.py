"""`manage.py demo` whole, on a real worker: stopped and gone on, and on weights of noise."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from generation.reference.packaged import PACKAGED
from generation.reference.s1.kept import PINNED, S1
from generation.weights import weights_digest
from tests.concurrency.site import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.torch, pytest.mark.timeout(600)]

FEW = ("--port=0", "--once", "--prompts=8")


def start(data: Path, *more: str) -> subprocess.Popen[str]:
    env = {**os.environ, "TRIPTYCH_DATA_DIR": str(data)}
    env["DJANGO_SETTINGS_MODULE"] = "annotate.config.settings"
    for name in ("TRIPTYCH_PLAIN_STATIC", "DATABASE_URL", "CELERY_BROKER_URL"):
        env.pop(name, None)
    return subprocess.Popen(
        [sys.executable, "manage.py", "demo", *FEW, *more],
        env=env,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def rows(data: Path, sql: str) -> list[tuple]:
    with sqlite3.connect(f"file:{data / 'triptych.sqlite3'}?mode=ro", uri=True) as database:
        return database.execute(sql).fetchall()


def test_a_demo_that_was_stopped_goes_on_to_votes_report_and_a_study_for_a_person(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    with start(data) as stopped:
        assert stopped.stdout is not None
        for line in stopped.stdout:
            if line.startswith("launched"):
                stopped.send_signal(signal.SIGINT)
                break
        rest = stopped.stdout.read()
    assert stopped.returncode == 130, rest
    assert "the next start goes on" in rest
    with start(data) as going_on:
        said, _ = going_on.communicate(timeout=500)
    assert going_on.returncode == 0, said
    votes = rows(data, "select count(*), min(simulated) from judging_vote")[0]
    assert f"SIMULATED: {votes[0]} of {votes[0]} votes were cast by programs" in said
    assert votes[0] > 0
    assert votes[1] == 1
    assert re.search(r"50-step teacher: \d+ % of 8 pictures fully right", said)
    assert re.search(r"Adaptive refinement against 50-step teacher +\d+ +\d+ +\d+ ", said)
    for end in ("all kept (the student alone)", "all refined", "current state: Reference"):
        assert end in said
    # One of each, the first closed, the second for a person; nothing was made twice.
    states = rows(data, "select state from studies_study order by id")
    assert states == [("closed",), ("open",)]
    made = rows(data, "select state, count(*) from sampling_sample group by state")
    # 5 arms x 8 judged, the student's 64 tuning samples, 3 arms x 12 for a person.
    assert made == [("done", 40 + 64 + 36)]
    hashes = set(S1.pinned["sha256"].values())
    used = rows(data, "select record from sampling_sample where decision = ''")
    assert {json.loads(one)["runs"][0]["model"]["sha256"] for [one] in used} <= hashes


def noisy(folder: Path) -> Path:
    """A world of the same shapes whose UNets were never trained, under hashes of its own."""
    shutil.copytree(PACKAGED / S1.path, folder)
    generator = torch.Generator().manual_seed(0)
    for unet in (folder / "teacher" / "unet", folder / "student"):
        file = unet / "diffusion_pytorch_model.safetensors"
        state = load_file(file)
        noise = {
            name: 0.02 * torch.randn(value.shape, generator=generator).to(value.dtype)
            for name, value in state.items()
        }
        save_file(noise, file, metadata={"format": "pt"})
    pinned = json.loads((folder / PINNED).read_text())
    pinned["sha256"]["teacher"] = weights_digest(folder / "teacher")
    pinned["sha256"]["student"] = weights_digest(folder / "teacher", unet=folder / "student")
    (folder / PINNED).write_text(json.dumps(pinned))
    return folder


def test_pictures_of_untrained_weights_are_put_before_nobody(tmp_path: Path) -> None:
    data = tmp_path / "data"
    world = noisy(tmp_path / "world")
    with start(data, f"--world={world}") as run:
        said, _ = run.communicate(timeout=500)
    assert run.returncode == 1, said
    assert "the pictures do not come from a trained model: 50-step teacher: 0 % of 8" in said
    assert rows(data, "select count(*) from judging_vote") == [(0,)]
