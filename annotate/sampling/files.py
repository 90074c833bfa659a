"""Which weights a study's arms need, and whether this machine has them.

It must not open them: that is for workers, which check digests, keys and shapes.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from generation.reference.packaged import PACKAGED
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
                    found.setdefault((path, what), _needed(path, what, commit))
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
    name, _, commit = path.partition("@")
    places = [folder_of(path), PACKAGED / path, _cached(name, commit or revision)]
    found = next((place for place in places if place is not None and place.exists()), None)
    return Needed(path, what, revision, found)


def _cached(name: str, commit: str) -> Path | None:
    """Where the hub's client keeps a commit; its library is with torch, apart from this process."""
    if not commit or name.count("/") != 1:
        return None
    home = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
    hub = os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME", home)) / "hub"
    folder = "models--" + name.replace("/", "--")
    return Path(hub).expanduser() / folder / "snapshots" / commit
