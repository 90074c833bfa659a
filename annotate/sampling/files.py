"""Which weights a study's arms need, and whether this machine has them.

It must not open them: `sampling.weights` says what is wrong with what is there.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from generation.errors import WeightsMissingError, WeightsRefusedError
from generation.spec import Adaptive, Student, Teacher, Weights
from generation.weights import locate

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
    here = Path(path).expanduser()
    return here if here.exists() else Path(settings.MODELS_DIR) / path


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
                # Only the pipeline has a field for its commit; the others carry it behind an @.
                if path:
                    commit = weights.revision if what == "pipeline" else ""
                    found.setdefault(
                        (path, what), _needed(path, what, commit, sha256=weights.sha256)
                    )
        if isinstance(arm, Adaptive) and arm.estimator.name != "random":
            estimator = arm.estimator
            what = f"estimator, {estimator.name}"
            found.setdefault(
                (estimator.path, what),
                _needed(estimator.path, what, estimator.revision, sha256=estimator.sha256),
            )
    return list(found.values())


def _weights(arm: Arm) -> list[Weights]:
    if isinstance(arm, Adaptive):
        return [arm.student.model, arm.teacher.model]
    return [arm.model]


def _needed(path: str, what: str, revision: str, *, sha256: str) -> Needed:
    name, _, commit = path.partition("@")
    # A digest of the whole pins the pipeline's id; parts beside it have their commits.
    pinned = sha256 if what not in ("UNet", "LoRA") else ""
    try:
        found: Path | None = locate(
            name, revision=commit or revision, sha256=pinned, folder_of=folder_of
        )
    except (WeightsMissingError, WeightsRefusedError, PermissionError):
        found = None  # why, `sampling.weights` says
    return Needed(path, what, revision, found)
