"""Make an image again from its record alone, and say whether it is the same.

Must not know jobs or stores: a record goes in, pixels and a comparison come out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.adaptive import Setting, Task, improvement_task, student_task, teacher_task
from generation.batches import Source, run
from generation.engine import Models
from generation.errors import SamplingError
from generation.finishing import Finished, finish
from generation.provenance import FORMAT, image_digest, row_of, versions
from generation.spec import Adaptive, Student, read_arm


@dataclass(frozen=True)
class Remade:
    """An image made again. `differs` names what is not as it was recorded."""

    image: NDArray[np.uint8]
    same: bool
    differs: tuple[str, ...]


def remake(
    record: Mapping[str, Any],
    *,
    models: Models,
    stop: Callable[[], None],
    student: Source | None = None,
) -> Remade:
    """The image that a record describes, in a batch of the recorded size, at the recorded place.

    A row's numbers depend on the shape of its batch and its place in it, not on its neighbours:
    the image itself stands in for them. On the same device with the same threads, packages and
    weights the bytes are the same.

    Args:
        record: as `Made.record` holds it.
        models: the device.
        stop: called at every denoising step; what it raises ends the run.
        student: the stored student's sample, for a refinement whose student was made elsewhere;
            without it the student's sample is made again first.

    Raises:
        SamplingError: a record of another format, or of a refinement whose student's run it lacks.
    """
    if record.get("format") != FORMAT:
        raise SamplingError(
            f"this record has format {record.get('format')!r}, this version reads {FORMAT}. Make "
            "it again with the version that wrote it."
        )
    arm, row = read_arm(record["arm"]), row_of(record)
    runs = record["runs"]

    def again(
        asked: tuple[Setting, Task], made: Mapping[str, Any], source: Source | None
    ) -> Finished:
        return _again(models, asked, made, source=source, stop=stop)

    if isinstance(arm, Student):
        finished = again(student_task(arm, row), runs[0], None)
    elif not isinstance(arm, Adaptive):
        finished = again(teacher_task(arm, row), runs[0], None)
    elif record["decision"]["outcome"] == "kept":
        finished = again(student_task(arm.student, row), runs[0], None)
    else:
        source = None
        if arm.strategy == "refine":
            source = student
            if source is None:
                own = again(student_task(arm.student, row), runs[0], None)
                source = Source(own.latents, own.image)
        finished = again(improvement_task(arm, row), runs[-1], source)
    differs = _differences(record, models, finished)
    same = image_digest(finished.image) == record["image_sha256"]
    return Remade(finished.image, same, differs)


def _again(
    models: Models,
    asked: tuple[Setting, Task],
    made: Mapping[str, Any],
    *,
    source: Source | None,
    stop: Callable[[], None],
) -> Finished:
    if "batch" not in made:
        raise SamplingError(
            "the record does not say in which batch the student's sample was made. Give the "
            "stored student's sample, or the record of the student's own arm."
        )
    setting, task = asked
    size, position = int(made["batch"]["size"]), int(made["batch"]["position"])
    ran = run(
        models,
        setting,
        [task] * size,
        sources=[source] * size,
        size=size,
        on_step=lambda _: stop(),
    )
    return finish(ran)[position]


def _differences(record: Mapping[str, Any], models: Models, finished: Finished) -> tuple[str, ...]:
    """What is not as it was when the image was first made, weights first."""
    found = []
    before, now = record["runs"][-1].get("model", {}), finished.run["model"]
    found += [
        f"weights of {part}: {digest[:12]}, now {now['weights'].get(part, 'none')[:12]}"
        for part, digest in before.get("weights", {}).items()
        if now["weights"].get(part) != digest
    ]
    for then, today in ((record["versions"], versions()), (record["host"], models.host())):
        found += [
            f"{name}: {value}, now {today.get(name)}"
            for name, value in then.items()
            if today.get(name) != value
        ]
    return tuple(found)
