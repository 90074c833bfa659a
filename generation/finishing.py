"""A batch that ran, brought to an end: decoded, recorded, scored, or found to be unusable.

Must not know which arms want the images nor what is decided about them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from generation.batches import Ran
from generation.engine import Models, free_memory
from generation.errors import CANNOT, DoesNotFit, NonFiniteScoreError
from generation.provenance import Json, batch_record, run_record, stored_run
from generation.samples import Known
from generation.spec import Estimator, Student

# Pictures that go through a scorer together; the scorer's network is small beside a UNet.
SCORED_AT_ONCE = 64


@dataclass(eq=False)
class Finished:
    """One image with all that was found out about it. `faults` says why it cannot be used."""

    image: NDArray[np.uint8]
    latents: NDArray[np.float32] | None
    run: Json
    scores: dict[str, float] = field(default_factory=dict)
    # Digest of the loaded scorer by the estimator's.
    scorers: dict[str, str] = field(default_factory=dict)
    # By estimator digest; "" is the image itself.
    faults: dict[str, str] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return float(self.run.get("seconds", 0.0))


def from_store(student: Student, known: Known) -> Finished:
    """A stored sample with the record of its own making, as far as it is known."""
    runs = known.record.get("runs") or [
        stored_run(student, image=known.image, latents=known.latents)
    ]
    found = Finished(known.image, known.latents, runs[0], scores=dict(known.scores))
    found.scorers.update(known.record.get("scorers", {}))
    found.faults.update(
        (key, f"the stored score {value} is not finite. Make the student's sample again.")
        for key, value in known.scores.items()
        if not math.isfinite(value)
    )
    return found


def finish(ran: Ran) -> list[Finished]:
    """Decode a batch: waits for the device once, beside whatever another thread issues."""
    if ran.bundle.device.type == "cuda":
        stream = torch.cuda.current_stream(ran.bundle.device)
        ran.timer.wait_on(stream)
        ran.sampled.latents.record_stream(stream)
    return _decoded(ran)


def score(
    models: Models,
    estimator: Estimator,
    finished: Sequence[Finished],
    prompts: Sequence[str],
) -> None:
    """Put an estimator's score, or the reason why there is none, into each of these images."""
    key = estimator.digest()
    try:
        scorer = models.scorer(estimator)
    except CANNOT as error:
        for each in finished:
            each.faults[key] = str(error)
        return
    for first in range(0, len(finished), SCORED_AT_ONCE):
        part = slice(first, first + SCORED_AT_ONCE)
        rows, texts = list(finished[part]), list(prompts[part])
        while rows:
            try:
                values = _halving(
                    lambda at, rows=rows, texts=texts: scorer.score(  # type: ignore[misc]
                        texts[at], [row.image for row in rows[at]]
                    ),
                    len(rows),
                    models.device,
                    too_large=lambda: DoesNotFit.at_all(
                        f"one image that the estimator {estimator.name} scores",
                        device=str(models.device),
                        dtype=estimator.dtype,
                        size=False,
                    ),
                )
            except DoesNotFit as error:
                for each in rows:
                    each.faults[key] = str(error)
                break
            except NonFiniteScoreError as fault:
                for at in fault.rows:
                    rows[at].faults[key] = (
                        f"the estimator {estimator.name} gave no finite score for this image. "
                        "Look at it; if it is sound, score in float32."
                    )
                sound = [at for at in range(len(rows)) if at not in fault.rows]
                rows, texts = [rows[at] for at in sound], [texts[at] for at in sound]
                continue
            for each, value in zip(rows, values, strict=True):
                each.scores[key] = float(value)
                each.scorers[key] = scorer.digest
            break


def _decoded(ran: Ran) -> list[Finished]:
    rows = len(ran.tasks)
    device = ran.bundle.device
    latents = ran.sampled.latents.float().cpu().numpy()[:rows]
    # Padding is decoded too: the VAE then sees one shape, as the UNet does.
    images = _halving(
        lambda at: ran.bundle.decode(ran.sampled.latents[at]),
        ran.size,
        device,
        too_large=lambda: DoesNotFit.at_all(
            f"one image that the VAE of {ran.bundle.path} decodes",
            device=str(device),
            dtype=str(ran.bundle.dtype).removeprefix("torch."),
        ),
    )
    seconds = ran.timer.seconds() / rows
    finite = np.isfinite(latents).all(axis=(1, 2, 3))
    model = {
        "path": ran.bundle.path,
        "revision": ran.bundle.revision,
        "sha256": ran.bundle.digest,
        "weights": dict(ran.bundle.weights),
        "dtype": str(ran.bundle.dtype).removeprefix("torch."),
    }
    done = []
    for position, task in enumerate(ran.tasks):
        image, own = images[position], latents[position]
        made = run_record(
            task,
            ran.setting,
            model=model,
            batch=batch_record(ran.tasks, position, size=ran.size),
            timesteps=ran.sampled.timesteps,
            start=ran.start,
            forwards=ran.sampled.forwards,
            seconds=seconds,
            image=image,
            latents=own,
        )
        faults = {} if finite[position] else {"": _overflown(ran)}
        done.append(Finished(image, own, made, faults=faults))
    return done


def _overflown(ran: Ran) -> str:
    return (
        f"the {ran.setting.role} {ran.setting.network.model.path} left numbers that are not "
        f"finite in this sample ({str(ran.bundle.dtype).removeprefix('torch.')}). "
        "Use dtype bfloat16 or float32."
    )


def _halving(
    call: Callable[[slice], NDArray[Any]],
    rows: int,
    device: torch.device,
    *,
    too_large: Callable[[], DoesNotFit],
) -> NDArray[Any]:
    """The rows' results together, in as few parts as fit the device's memory.

    Raises:
        DoesNotFit: `too_large`'s, where one row alone does not fit.
    """
    parts, done = [slice(0, rows)], []
    while parts:
        part = parts.pop(0)
        try:
            done.append(call(part))
            continue
        except torch.OutOfMemoryError:
            if part.stop - part.start == 1:
                raise too_large() from None
        free_memory(device)
        middle = (part.start + part.stop) // 2
        parts[:0] = [slice(part.start, middle), slice(middle, part.stop)]
    return np.concatenate(done)
