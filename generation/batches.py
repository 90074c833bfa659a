"""One batch through one network: noise, conditioning and starts put together, calls issued.

Must not know which arms want the images, nor wait for the device.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generation import rollback, student, teacher
from generation.adaptive import Setting, Task
from generation.budget import forwards_per_step
from generation.conditioning import Conditioning
from generation.engine import Models
from generation.errors import SamplingError
from generation.guidance import OnStep, Sampled
from generation.noise import draw, stage_seed, student_stage
from generation.pipelines import Bundle
from generation.provenance import Json
from generation.spec import Adaptive, Student, Teacher


@dataclass(frozen=True)
class Source:
    """A student's sample that is to be refined: (c, h, w) latents and (height, width, 3) pixels."""

    latents: NDArray[np.float32] | None
    image: NDArray[np.uint8]


NO_LATENTS = (
    "a stored student's sample has no latents to refine from. Make the student's arm again, or set "
    "rollback_from='image'."
)


class Timer:
    """Seconds between two points of the device's own time, without waiting for it in between."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._cuda = device.type == "cuda"
        self._marks: list[Any] = []

    def mark(self) -> None:
        if self._cuda:
            event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            event.record(torch.cuda.current_stream(self._device))
            self._marks.append(event)
        else:
            self._marks.append(time.perf_counter())

    def wait_on(self, stream: "torch.cuda.Stream") -> None:
        """Let a stream go on only after the last mark."""
        stream.wait_event(self._marks[-1])

    def seconds(self) -> float:
        """Between the first and the last mark; on a GPU both must lie behind."""
        first, last = self._marks[0], self._marks[-1]
        return float(first.elapsed_time(last) / 1000 if self._cuda else last - first)


@dataclass(frozen=True, eq=False)
class Ran:
    """A batch whose network calls were issued; on a GPU they may still be running."""

    setting: Setting
    tasks: Sequence[Task]
    bundle: Bundle
    sampled: Sampled
    start: Json | None
    # Rows that the network saw, padding included.
    size: int
    timer: Timer


def run(
    models: Models,
    setting: Setting,
    tasks: Sequence[Task],
    *,
    sources: Sequence[Source | None],
    size: int,
    on_step: OnStep,
) -> Ran:
    """Send tasks of one setting through its network, padded to `size` rows by the last of them.

    Nothing here waits for the device.

    Args:
        sources: for refinements the samples to refine, else None.
        size: at least as many as tasks.

    Raises:
        torch.OutOfMemoryError: too many rows for the device.
        SamplingError: a sample that this teacher cannot refine.
    """
    network = setting.network
    bundle = models.bundle(network.model)
    padded = [*tasks, *[tasks[-1]] * (size - len(tasks))]
    filled = [*sources, *[sources[-1]] * (size - len(tasks))]
    timer = Timer(models.device)
    timer.mark()
    given, shape = _given(bundle, setting, filled)

    def noise(stages: Sequence[str]) -> Tensor:
        seeds = [
            stage_seed(task.row.seed, task.row.prompt_digest, replica=task.row.replica, stage=stage)
            for task, stage in zip(padded, stages, strict=True)
        ]
        return _sent(draw(seeds, shape), models.device)

    factor = bundle.vae_factor
    told = conditioning(
        bundle,
        network,
        [task.row.prompt for task in padded],
        size=(shape[1] * factor, shape[2] * factor),
    )
    initial = noise([task.stage for task in padded])
    start: Json | None = None
    recipe = setting.recipe
    if isinstance(recipe, Student):
        sampled = student.sample(
            bundle,
            recipe,
            told,
            initial,
            noise=lambda i: noise([student_stage(i)] * size),
            on_step=on_step,
        )
    elif isinstance(recipe, Teacher):
        sampled = teacher.sample(bundle, recipe, told, initial, on_step=on_step)
    else:
        sampled = rollback.refine(bundle, recipe, told, given, noise=initial, on_step=on_step)
        start = _start(bundle, recipe)
    timer.mark()
    return Ran(setting, tasks, bundle, sampled, start, size, timer)


def conditioning(
    bundle: Bundle, network: Student | Teacher, prompts: Sequence[str], *, size: tuple[int, int]
) -> Conditioning:
    """What the network is told of these prompts for pictures of (height, width) pixels."""
    more: dict[str, Any] = {}
    if isinstance(network, Teacher):
        more = {
            "negative": network.negative_prompt,
            "aesthetic_score": network.aesthetic_score,
            "negative_aesthetic_score": network.negative_aesthetic_score,
        }
    return bundle.encode_prompts(
        prompts,
        guided=forwards_per_step(network) == 2,
        height=size[0],
        width=size[1],
        **more,
    )


def _given(
    bundle: Bundle, setting: Setting, sources: Sequence[Source | None]
) -> tuple[Any, tuple[int, int, int]]:
    """What a refinement starts from, and the shape of the noise that the batch needs."""
    network = setting.network
    if not isinstance(setting.recipe, Adaptive):
        return None, bundle.latent_shape(network.height, network.width)
    samples = [source for source in sources if source is not None]
    if setting.recipe.rollback_from == "image":
        pictures = np.stack([source.image for source in samples])
        return pictures, bundle.latent_shape(network.height, network.width)
    latents = [source.latents for source in samples if source.latents is not None]
    if len(latents) < len(sources):
        raise SamplingError(NO_LATENTS)
    given = torch.from_numpy(np.stack(latents))
    channels, rows, columns = given.shape[1:]
    own = bundle.latent_shape(
        network.height or rows * bundle.vae_factor, network.width or columns * bundle.vae_factor
    )
    if own != (channels, rows, columns):
        raise SamplingError(
            f"the student's latents are {(channels, rows, columns)}, the teacher's "
            f"{network.model.path} {own}. Set rollback_from='image', or one size for both."
        )
    return _sent(given, bundle.device), own


def _start(bundle: Bundle, recipe: Adaptive) -> Json:
    start = rollback.refine_start(bundle.scheduler_config, recipe)
    return {
        "sigma": recipe.rollback,
        "kind": start.kind,
        "from": recipe.rollback_from,
        "timestep": start.t0,
        "variance": start.variance,
    }


def _sent(tensor: Tensor, device: torch.device) -> Tensor:
    """On the device, without waiting for what it is doing."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
