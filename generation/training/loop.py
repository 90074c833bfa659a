"""The training loop all trainings share: accumulation, processes, checkpoints, curve, progress.

Must not know what is trained; a `Task` says what the loss of a micro batch is.
"""

import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import GradScalerKwargs
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from tqdm import tqdm

from generation.errors import TrainingError
from generation.training import curve as curves
from generation.training import states
from generation.training.course import Course

CURVE, STATE, RECORD = "curve.jsonl", "state.safetensors", "record.json"
PICTURE = "curve.svg"


class Task(Protocol):
    """What is trained. Randomness comes from (course.seed, step, part) alone, so that a run can
    stop anywhere and go on, and processes can share a batch, without any change of the result."""

    network: nn.Module

    def loss(self, network: nn.Module, *, step: int, part: int, size: int) -> Tensor:
        """Mean loss over micro batch `part` of a step by `network`, the possibly wrapped one."""
        ...

    def after_step(self, step: int) -> None:
        """Called after each change of the weights (averages)."""
        ...

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds besides the network and the optimiser: tensors and numbers."""
        ...

    def load_state(self, state: dict[str, Any]) -> None: ...

    def preview(self, folder: Path, step: int) -> None:
        """Write something to look at."""
        ...

    def recipe(self) -> dict[str, Any]:
        """All settings, as JSON; a run goes on only under the settings it began with."""
        ...


@dataclass(frozen=True)
class Pace:
    """How often a run leaves something behind; changes nothing in its result.

    `stop_after` ends the call after so many steps in all, with a checkpoint.
    """

    checkpoint_every: int = 200
    preview_every: int | None = None
    stop_after: int | None = None
    progress: bool = True


def accelerator(course: Course, *, cpu: bool = False) -> Accelerator:
    """One process, or as many as `accelerate launch` (on CPUs `torchrun`) started."""
    # accelerate remembers the first precision of a process; courses may follow each other in one.
    AcceleratorState._reset_state()
    # The scale at which the paper's code starts half precision.
    scaler = [GradScalerKwargs(init_scale=2.0**14)] if course.precision == "fp16" else []
    return Accelerator(cpu=cpu, mixed_precision=course.precision, kwargs_handlers=scaler)


def train(
    task: Task, course: Course, folder: Path, *, pace: Pace = Pace(), cpu: bool = False
) -> int:
    """Run a course, or go on with one that was stopped; returns the number of steps done.

    Raises:
        TrainingError: the folder holds a run with other settings, the batch cannot be shared among
            the processes, or the loss is no longer a number.
    """
    run = accelerator(course, cpu=cpu)
    task.network.to(run.device)
    kind = torch.optim.RAdam if course.optimiser == "radam" else torch.optim.AdamW
    fused = {"fused": True} if course.optimiser == "adamw" else {}
    optimiser = kind(
        [weight for weight in task.network.parameters() if weight.requires_grad],
        lr=course.rate,
        betas=course.betas,
        weight_decay=course.weight_decay,
        **fused,
    )
    network, optimiser = run.prepare(task.network, optimiser)
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"course": course.model_dump(mode="json"), **task.recipe()}
    first, spent = _resume(task, optimiser, folder, settings=settings, run=run)
    last = min(course.steps, pace.stop_after or course.steps)
    # Each process has loaded before the first writes anew.
    run.wait_for_everyone()
    shown = pace.progress and run.is_main_process
    begun = time.monotonic()
    bar = tqdm(
        range(first, last), initial=first, total=course.steps, disable=not shown, mininterval=5
    )
    curve = (folder / CURVE).open("a") if run.is_main_process else None
    with _exact_attention(run.device):
        for step in bar:
            loss = _step(task, network, optimiser, course=course, step=step, run=run)
            task.after_step(step)
            bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)
            if curve:
                rate = course.rate_at(step)
                curve.write(json.dumps({"step": step, "loss": loss, "rate": rate}) + "\n")
            done = step + 1
            if run.is_main_process and (done % pace.checkpoint_every == 0 or done == last):
                assert curve
                curve.flush()
                _save(
                    task,
                    optimiser,
                    folder,
                    settings=settings,
                    step=done,
                    spent=spent + time.monotonic() - begun,
                    run=run,
                )
                title = f"{folder.name}: loss, {done} of {course.steps} steps"
                curves.save(folder / CURVE, folder / PICTURE, title=title)
            looks = pace.preview_every
            if run.is_main_process and looks and (done % looks == 0 or done == course.steps):
                task.preview(folder, done)
    if curve:
        curve.close()
    run.wait_for_everyone()
    return max(first, last)


def _step(
    task: Task, network: nn.Module, optimiser: Any, *, course: Course, step: int, run: Accelerator
) -> float:
    for group in optimiser.param_groups:
        group["lr"] = course.rate_at(step)
    parts = range(run.process_index, course.parts_at(step), run.num_processes)
    if course.parts_at(step) % run.num_processes:
        raise TrainingError(
            f"{course.parts_at(step)} micro batches cannot be shared evenly by "
            f"{run.num_processes} processes; choose batch and micro so that they can"
        )
    total = torch.zeros((), device=run.device)
    for number, part in enumerate(parts, start=1):
        # Gradients travel between processes once per step, with the last micro batch.
        with nullcontext() if number == len(parts) else run.no_sync(network):
            with run.autocast():
                loss = task.loss(network, step=step, part=part, size=course.micro)
            run.backward(loss / len(parts))
        total += loss.detach() / len(parts)
    if course.clip is not None:
        run.clip_grad_norm_(network.parameters(), course.clip)
    optimiser.step()
    optimiser.zero_grad()
    mean = float(run.reduce(total, reduction="mean"))
    if mean != mean:
        raise TrainingError(
            f"the loss of step {step} is not a number; lower the rate or choose precision 'no'"
        )
    return mean


@contextmanager
def _exact_attention(device: torch.device) -> Iterator[None]:
    """On a CPU the plain attention is the fastest for small networks."""
    with sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext():
        yield


def _save(
    task: Task,
    optimiser: Any,
    folder: Path,
    *,
    settings: dict[str, Any],
    step: int,
    spent: float,
    run: Accelerator,
) -> None:
    state = {
        "settings": json.dumps(settings, sort_keys=True),
        "step": step,
        "seconds": spent,
        "network": task.network.state_dict(),
        "optimiser": optimiser.state_dict(),
        "scaler": run.scaler.state_dict() if run.scaler is not None else {},
        "task": task.state(),
    }
    part = folder / f"{STATE}.part"
    states.save(state, part)
    os.replace(part, folder / STATE)
    record = {
        "settings": settings,
        "steps": step,
        "seconds": round(spent, 1),
        "processes": run.num_processes,
        "threads": torch.get_num_threads(),
        "device": str(run.device.type),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "packages": {
            name: version(name)
            for name in ("torch", "diffusers", "transformers", "accelerate", "numpy")
        },
    }
    (folder / RECORD).write_text(json.dumps(record, indent=1) + "\n")


def _resume(
    task: Task, optimiser: Any, folder: Path, *, settings: dict[str, Any], run: Accelerator
) -> tuple[int, float]:
    """Steps done and seconds spent; the curve is cut back to the checkpoint."""
    if not (folder / STATE).is_file():
        if run.is_main_process:
            (folder / CURVE).write_text("")
        return 0, 0.0
    state = states.load(folder / STATE, run.device)
    if state["settings"] != json.dumps(settings, sort_keys=True):
        raise TrainingError(
            f"{folder} holds a run with other settings:\n{state['settings']}\nasked:\n"
            f"{json.dumps(settings, sort_keys=True)}\nGo on with those or choose another folder."
        )
    task.network.load_state_dict(state["network"])
    optimiser.load_state_dict(state["optimiser"])
    if run.scaler is not None:
        run.scaler.load_state_dict(state["scaler"])
    task.load_state(state["task"])
    if run.is_main_process:
        lines = (folder / CURVE).read_text().splitlines(keepends=True)
        (folder / CURVE).write_text("".join(lines[: state["step"]]))
    return state["step"], state["seconds"]
