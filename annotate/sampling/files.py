"""Which weights a study's arms need, and whether this machine has them.

It must not open them: that is for workers, which check digests, keys and shapes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from generation.spec import Adaptive, Student, Teacher, Weights

Arm = Teacher | Student | Adaptive


@dataclass(frozen=True)
class Needed:
    """A folder or file of weights. `found` is where it lies here, None where it is missing."""

    path: str
    what: str
    revision: str
    found: Path | None


def folder_of(path: str) -> Path:
    """A path as it stands, else inside the installation's folder of models."""
    kept = Path(settings.MODELS_DIR) / path
    return kept if not Path(path).exists() and kept.exists() else Path(path)


def needed(arms: Iterable[Arm]) -> list[Needed]:
    """Every file the arms need, once, in the order in which they need it."""
    found: dict[tuple[str, str], Needed] = {}
    for arm in arms:
        for weights in _weights(arm):
            for path, what in (
                (weights.path, "pipeline"),
                (weights.unet, "UNet"),
                (weights.lora, "LoRA"),
            ):
                if path:
                    found.setdefault((path, what), _needed(path, what, weights.revision))
        if isinstance(arm, Adaptive) and arm.estimator.name != "random":
            estimator = arm.estimator
            what = f"estimator, {estimator.name}"
            found.setdefault(
                (estimator.path, what), _needed(estimator.path, what, estimator.revision)
            )
    return list(found.values())


def _weights(arm: Arm) -> list[Weights]:
    if isinstance(arm, Adaptive):
        return [arm.student.model, arm.teacher.model]
    return [arm.model]


def _needed(path: str, what: str, revision: str) -> Needed:
    lies = folder_of(path)
    return Needed(path, what, revision, lies if lies.exists() else None)
