"""Every training is reproducible, can stop anywhere, and can be shared among processes."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from generation.errors import TrainingError
from generation.training import loop, states
from generation.training.teacher import TeacherTask
from tests.generation.training.factories import SILENT, course, distilling, teacher

pytestmark = pytest.mark.torch


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / loop.CURVE).read_text().splitlines()]


def weights(task) -> list[torch.Tensor]:
    return [weight.detach().clone() for weight in task.network.parameters()]


def equal(a, b) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


TEACHING = {"optimiser": "adamw", "batch": 4, "micro": 4, "doubled_at": 2, "clip": 1.0, "seed": 2}


def taught(folder: Path, *, stop_after: int | None = None, **changes) -> TeacherTask:
    rule = course(**(TEACHING | changes))
    task = TeacherTask(rule)
    loop.train(task, rule, folder, pace=replace(SILENT, stop_after=stop_after), cpu=True)
    return task


def test_one_seed_gives_one_loss_curve_and_another_seed_another(tmp_path):
    first, second = (taught(tmp_path / name) for name in ("a", "b"))
    assert losses(tmp_path / "a") == losses(tmp_path / "b")
    assert equal(weights(first), weights(second))
    taught(tmp_path / "c", seed=3)
    assert losses(tmp_path / "c") != losses(tmp_path / "a")


@pytest.mark.parametrize("stop_after", [1, 3])
def test_a_stopped_and_resumed_teacher_is_the_uninterrupted_one(tmp_path, stop_after):
    whole = taught(tmp_path / "whole", precision="bf16")
    taught(tmp_path / "halted", precision="bf16", stop_after=stop_after)
    assert len(losses(tmp_path / "halted")) == stop_after
    resumed = taught(tmp_path / "halted", precision="bf16")
    assert equal(weights(whole), weights(resumed))
    assert equal(whole.average.network.parameters(), resumed.average.network.parameters())
    assert losses(tmp_path / "halted") == losses(tmp_path / "whole")


def test_a_stopped_and_resumed_distillation_is_the_uninterrupted_one(tmp_path):
    bundle, rule = teacher(tmp_path / "teacher"), course()
    tasks = []
    for name, stops in (("whole", [None]), ("halted", [2, None])):
        for stop in stops:
            task = distilling(tmp_path / "data", rule, bundle=bundle)
            pace = replace(SILENT, stop_after=stop)
            loop.train(task, rule, tmp_path / name, pace=pace, cpu=True)
        tasks.append(task)
    assert equal(weights(tasks[0]), weights(tasks[1]))
    for kept in ("target", "averages"):
        a, b = ([task.target, *task.averages] for task in tasks)
        assert all(
            equal(x.network.parameters(), y.network.parameters()) for x, y in zip(a, b, strict=True)
        ), kept
    assert losses(tmp_path / "halted") == losses(tmp_path / "whole")


def test_a_killed_run_goes_on_from_its_last_checkpoint(tmp_path):
    taught(tmp_path / "whole")
    taught(tmp_path / "killed", stop_after=2)
    # What a kill leaves: lines of the curve that no checkpoint covers.
    with (tmp_path / "killed" / loop.CURVE).open("a") as curve:
        curve.write('{"step": 2, "loss": 99.0, "rate": 1.0}\n{"step": 3, "lo')
    taught(tmp_path / "killed")
    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")


def test_a_run_with_other_settings_does_not_go_on_in_the_same_folder(tmp_path):
    taught(tmp_path / "run", stop_after=1)
    with pytest.raises(TrainingError, match="other settings"):
        taught(tmp_path / "run", rate=5e-3)


def test_the_loss_of_a_teacher_falls(tmp_path):
    taught(tmp_path / "run", steps=24, batch=16, micro=16, doubled_at=None, warmup=4)
    curve = losses(tmp_path / "run")
    assert sum(curve[-5:]) < 0.6 * sum(curve[:5])


def test_the_record_says_what_it_was_made_with(tmp_path):
    taught(tmp_path / "run", stop_after=1)
    record = json.loads((tmp_path / "run" / loop.RECORD).read_text())
    assert record["settings"]["course"]["seed"] == 2
    assert record["packages"]["torch"] == version("torch")
    assert record["steps"] == 1
    assert record["processes"] == 1


def test_a_loss_that_is_no_number_ends_the_run(tmp_path):
    rule = course(optimiser="adamw")
    task = TeacherTask(rule)
    with torch.no_grad():
        next(iter(task.network.parameters())).fill_(float("nan"))
    with pytest.raises(TrainingError, match="not a number"):
        loop.train(task, rule, tmp_path / "run", pace=SILENT, cpu=True)


_SCRIPT = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from generation.training import loop
from tests.generation.training.factories import SILENT, course, distilling, teacher

here, name = Path(sys.argv[1]), sys.argv[2]
rule = course(steps=3, batch=4, micro=1)
task = distilling(here / "data", rule, bundle=teacher(here / "teacher"))
loop.train(task, rule, here / name, pace=SILENT, cpu=True)
"""


@pytest.mark.server
def test_two_processes_are_one_with_accumulation(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(_SCRIPT)
    root = Path(__file__).parents[3]
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    # accelerate's own launcher starts several processes for GPUs only; on CPUs torch's does.
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node"]
    for name, n in (("one", 1), ("two", 2)):
        subprocess.run(
            [sys.executable, *launch, str(n), str(script), str(tmp_path), name],
            env=environment,
            cwd=root,
            check=True,
            timeout=250,
        )
    one, two = (states.load(tmp_path / name / loop.STATE) for name in ("one", "two"))
    records = [json.loads((tmp_path / n / loop.RECORD).read_text()) for n in ("one", "two")]
    assert [record["processes"] for record in records] == [1, 2]
    assert losses(tmp_path / "one") == pytest.approx(losses(tmp_path / "two"), rel=1e-5)
    for kept in ("network",):
        for key, value in one[kept].items():
            assert torch.allclose(value, two[kept][key], rtol=1e-4, atol=1e-6), key
    for key, value in one["task"]["target"].items():
        assert torch.allclose(value, two["task"]["target"][key], rtol=1e-4, atol=1e-6), key
