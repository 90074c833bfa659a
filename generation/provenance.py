"""The record of an image: everything it takes to make it again and to see whether it is the same.

Must not know torch: records are written, read and compared as plain JSON.
"""

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.adaptive import Row, Setting, Task
from generation.budget import forwards_per_step, steps_of
from generation.noise import stage_seed, student_stage
from generation.spec import Adaptive, Student, Teacher

Json = dict[str, Any]
FORMAT = 1
PACKAGES = ("torch", "diffusers", "transformers", "peft", "numpy", "pillow", "safetensors")


def image_digest(image: NDArray[np.uint8]) -> str:
    """SHA-256 over decoded pixels (h, w, 3), as the store of pictures counts it."""
    height, width = image.shape[:2]
    seen = hashlib.sha256(f"RGB {width}x{height}\n".encode())
    seen.update(np.ascontiguousarray(image).tobytes())
    return seen.hexdigest()


def latents_digest(latents: NDArray[np.float32]) -> str:
    """SHA-256 over a sample's latents (channels, rows, columns), their shape included."""
    seen = hashlib.sha256(f"{latents.dtype} {latents.shape}\n".encode())
    seen.update(np.ascontiguousarray(latents).tobytes())
    return seen.hexdigest()


@cache
def versions() -> dict[str, str]:
    """What the image depends on beside weights: packages, the interpreter, this very code."""
    found = {"python": platform.python_version(), "code": _code()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = ""
    return found


def _code() -> str:
    seen = hashlib.sha256()
    folder = Path(__file__).parent
    for path in sorted(folder.rglob("*.py")):
        seen.update(f"{path.relative_to(folder)}\n".encode() + path.read_bytes())
    return seen.hexdigest()


def seeds_of(task: Task, setting: Setting) -> dict[str, int]:
    """The seed of every random number of a task, by its stage."""
    stages = [task.stage]
    if isinstance(setting.recipe, Student):
        stages += [student_stage(i) for i in range(setting.recipe.steps - 1)]
    row = task.row
    return {
        stage: stage_seed(row.seed, row.prompt_digest, replica=row.replica, stage=stage)
        for stage in stages
    }


def batch_record(tasks: Sequence[Task], position: int, *, size: int) -> dict[str, int | list[str]]:
    """Where in which batch an image was made. Rows past the tasks were padding."""
    return {
        "size": size,
        "position": position,
        "members": [
            f"{task.row.prompt_digest}:{task.row.seed}:{task.row.replica}" for task in tasks
        ],
    }


def run_record(
    task: Task,
    setting: Setting,
    *,
    model: Mapping[str, Any],
    batch: Mapping[str, Any],
    timesteps: Sequence[int],
    start: Mapping[str, Any] | None,
    forwards: int,
    seconds: float,
    image: NDArray[np.uint8],
    latents: NDArray[np.float32],
) -> Json:
    """One network's share of an image: what ran, from which noise, and what came out.

    Args:
        model: path, revision, weights by component and dtype, as loaded.
        timesteps: the points at which the network was evaluated.
        start: where a refinement began: sigma, its kind, timestep, variance.
        forwards: UNet forwards executed for this image.
        seconds: the batch's time divided by its rows.
    """
    network = setting.network
    found: Json = {
        "role": setting.role,
        "recipe": network.model_dump(mode="json"),
        "model": dict(model),
        "seeds": seeds_of(task, setting),
        "timesteps": list(timesteps),
        "steps": len(timesteps),
        "forwards": forwards,
        "seconds": round(seconds, 6),
        "batch": dict(batch),
        "image_sha256": image_digest(image),
        "latents_sha256": latents_digest(latents),
    }
    if start is not None:
        found["start"] = dict(start)
    return found


def decision_record(arm: Adaptive, outcome: str, *, score: float | None, scorer: str) -> Json:
    """What was decided about the student's sample, never to be decided again.

    `score` is None where tau is infinite and nothing was scored for it; `scorer` is the digest of
    the estimator as loaded.
    """
    return {
        "outcome": outcome,
        "score": score,
        "threshold": arm.model_dump(mode="json")["threshold"],
        "margin": score - arm.threshold if score is not None and isfinite(arm.threshold) else None,
        "strategy": arm.strategy,
        "estimator": arm.estimator.digest(),
        "scorer": scorer,
    }


def sample_record(
    arm: Teacher | Student | Adaptive,
    row: Row,
    *,
    runs: Sequence[Json],
    image: NDArray[np.uint8],
    scores: Mapping[str, float],
    scorers: Mapping[str, str],
    decision: Json | None,
    parent: str,
    host: Mapping[str, Any],
    about: Mapping[str, Any],
) -> Json:
    """The whole record of one sample.

    Args:
        runs: the student's, then the teacher's, each from `run_record`. A student's sample that
            was taken from the store brings its own run, or {} where it has none.
        scores, scorers: by estimator digest, the scores of this image and the digests of the
            estimators as loaded.
        parent: digest of the student's image that a kept or improved one came from, else "".
        host: device, threads and the like.
        about: what the study wants to be kept with it, e.g. the calibration.
    """
    return {
        "format": FORMAT,
        "versions": versions(),
        "host": dict(host),
        "arm": arm.model_dump(mode="json"),
        "arm_digest": arm.digest(),
        "prompt": row.prompt,
        "prompt_digest": row.prompt_digest,
        "seed": row.seed,
        "replica": row.replica,
        "runs": [dict(run) for run in runs],
        "decision": decision,
        "parent_image_sha256": parent,
        "scores": dict(scores),
        "scorers": dict(scorers),
        "steps": sum(run.get("steps", 0) for run in runs),
        "forwards": sum(run.get("forwards", 0) for run in runs),
        "image_sha256": image_digest(image),
        "about": dict(about),
    }


def row_of(record: Mapping[str, Any]) -> Row:
    """Whose image a record describes."""
    return Row(record["prompt"], record["prompt_digest"], record["seed"], record["replica"])


@dataclass(frozen=True)
class Recorded:
    """The model of a run, as its record names it."""

    path: str
    weights: Mapping[str, str]


def recorded_model(record: Mapping[str, Any]) -> Recorded | None:
    """The model of a record's first run, the student's; None where the record names none."""
    runs = record.get("runs") or [{}]
    model = runs[0].get("model", {})
    return Recorded(model["path"], model["weights"]) if "weights" in model else None


def stored_run(
    student: Student, *, image: NDArray[np.uint8], latents: NDArray[np.float32] | None
) -> Json:
    """What can be said of a student's run whose own record is not at hand."""
    steps = steps_of(student)
    return {
        "role": "student",
        "recipe": student.model_dump(mode="json"),
        "stored": True,
        "steps": steps,
        "forwards": steps * forwards_per_step(student),
        "seconds": 0.0,
        "image_sha256": image_digest(image),
        "latents_sha256": "" if latents is None else latents_digest(latents),
    }
