"""World S1's models as they are kept in the repository: where, under which hashes, how to sample.

Must not know torch: a study names these recipes before anything loads them.
"""

import json
from functools import lru_cache
from typing import Any

from generation.errors import WeightsMissingError
from generation.spec import Estimator, Student, Teacher, Weights
from generation.weights import PACKAGED

_WORLD = "triptych-s1"
PINNED = PACKAGED / _WORLD / "pinned.json"


@lru_cache(maxsize=1)
def pinned() -> dict[str, Any]:
    """Hashes of teacher, student and estimator, and the guidance tuned on validation prompts.

    Raises:
        WeightsMissingError: this copy of the repository has no weights of the world.
    """
    if not PINNED.is_file():
        raise WeightsMissingError(
            f"{PINNED} is not there: this copy has no reference models. Train them "
            "(docs/results/reference-world.md) or take the repository whole."
        )
    read: dict[str, Any] = json.loads(PINNED.read_text(encoding="utf-8"))
    return read


def teacher_weights() -> Weights:
    return Weights(path=f"{_WORLD}/teacher", sha256=pinned()["sha256"]["teacher"])


def student_weights() -> Weights:
    """The teacher's pipeline with the distilled UNet in its place."""
    return Weights(
        path=f"{_WORLD}/teacher",
        unet=f"{_WORLD}/student",
        sha256=pinned()["sha256"]["student"],
    )


def estimator() -> Estimator:
    return Estimator(
        name="reference", path=f"{_WORLD}/estimator", sha256=pinned()["sha256"]["estimator"]
    )


def teacher(steps: int = 50, *, scheduler: str = "ddim", noise: str = "") -> Teacher:
    """The teacher at its own tuned guidance, that of the nearest number of steps tuned."""
    tuned = {int(n): w for n, w in pinned()["guidance"][scheduler].items()}
    nearest = min(tuned, key=lambda n: (abs(n - steps), n))
    return Teacher.model_validate(
        {
            "model": teacher_weights(),
            "scheduler": scheduler,
            "steps": steps,
            "guidance": tuned[nearest],
            "noise": noise,
        }
    )


def student(steps: int = 2) -> Student:
    """The student; its guidance is baked in, so it is run without."""
    return Student(model=student_weights(), steps=steps, guidance=1.0)


def control(steps: int = 2) -> Student:
    """The undistilled teacher in the student's sampler, at its own tuned guidance."""
    guidance = pinned()["guidance"]["control"][str(steps)]
    return Student(model=teacher_weights(), steps=steps, guidance=guidance)
