"""Images per second of the adaptive engine, beside one prompt at a time and beside the UNets alone.
The ratios are of one run on one machine; a CPU runs a small version and says so."""

import hashlib
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.sampling.networks import (
    Utilisation,
    bundle,
    describe,
    on_gpu,
    scorer,
    verdict,
)
from generation.adaptive import improvement_task, keeps, student_task
from generation.batches import Source, run
from generation.budget import forwards_per_step
from generation.engine import Models
from generation.finishing import finish, score
from generation.images import to_png
from generation.produce import Made, Wanted, produce
from generation.spec import Adaptive, Estimator, Student, Teacher, Weights

# Prompts, those of them that go one at a time, batch, repeats.
GPU, CPU = (512, 16, 64, 3), (24, 6, 8, 3)
GOAL_OF_LIMIT, GOAL_OF_SINGLE = 0.9, 3.0


def arms(tau: float) -> Adaptive:
    """table4/adaptive-10: five guided student steps, ten refining steps for half of the images."""
    weights = Weights(path="random", dtype="bfloat16" if on_gpu() else "float32")
    return Adaptive(
        student=Student(model=weights, steps=5),
        teacher=Teacher(model=weights, scheduler="unipc", steps=10),
        estimator=Estimator(path="random"),
        threshold=tau,
    )


def loaded_models(batch: int) -> Models:
    return Models(
        device="cuda" if on_gpu() else "cpu",
        batch=batch,
        load=lambda weights, **_: bundle(torch.bfloat16),
        load_scorer=lambda spec, **_: scorer("bfloat16"),
    )


def rows(arm: Adaptive | Student, prompts: int, *, first: int = 0) -> list[Wanted]:
    texts = [f"{number} animals near a house" for number in range(first, first + prompts)]
    return [
        Wanted(i, arm.digest(), text, hashlib.sha256(text.encode()).hexdigest(), 1, 0)
        for i, text in enumerate(texts)
    ]


def by_engine(models: Models, arm: Adaptive | Student, wanted: list[Wanted]) -> list[Made]:
    """Everything that a worker does for its images, up to the PNG file."""
    made: list[Made] = []

    def sink(each: Made) -> None:
        to_png(each.image)
        made.append(each)

    produce(
        {arm.digest(): arm},
        wanted,
        models=models,
        known={},
        sink=sink,
        progress=lambda done, total: None,
        stop=lambda: None,
        score_with=[arms(0).estimator],
    )
    return made


def one_at_a_time(models: Models, arm: Adaptive, wanted: list[Wanted]) -> None:
    """As the released code goes: a prompt, its student's image, its score, its refinement.

    The sample goes to the teacher as an image, and each network encodes the prompt for itself.
    """
    arm = arm.model_copy(update={"rollback_from": "image"})
    encoded = models.bundle(arm.student.model).prompts._kept
    for each in wanted:
        encoded.clear()
        setting, task = student_task(arm.student, each.row)
        ran = run(models, setting, [task], sources=[None], size=1, on_step=lambda _: None)
        (shown,) = finish(ran)
        score(models, arm.estimator, [shown], [each.prompt])
        if not keeps(shown.scores[arm.estimator.digest()], arm.threshold):
            encoded.clear()
            setting, task = improvement_task(arm, each.row)
            own = Source(shown.latents, shown.image)
            ran = run(models, setting, [task], sources=[own], size=1, on_step=lambda _: None)
            (shown,) = finish(ran)
        to_png(shown.image)


def unets_alone(models: Models, arm: Adaptive, batch: int, students: int, refined: int) -> None:
    """The forwards that these images need, in full batches, and nothing else: the limit."""
    network = models.bundle(arm.student.model)
    shape = network.latent_shape()
    width = network.unet.config.cross_attention_dim
    at = torch.tensor(500, device=network.device)
    with torch.inference_mode():
        for images, spec in ((students, arm.student), (refined, arm.teacher)):
            for first in range(0, images, batch):
                count = min(batch, images - first) * forwards_per_step(spec)
                like: dict[str, Any] = {"device": network.device, "dtype": network.dtype}
                latents = torch.randn(count, *shape, **like)
                text = torch.randn(count, 77, width, **like)
                for _ in range(spec.steps):
                    network.unet(latents, at, encoder_hidden_states=text, return_dict=False)
    if on_gpu():
        torch.cuda.synchronize()


def timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _said(figure: float, goal: float) -> str:
    """The goals are for networks of true size; tiny ones on a CPU meet or miss nothing."""
    return f"{goal:g} on a GPU{f': {verdict(figure, goal=goal)}' if on_gpu() else ''}"


def main() -> int:
    prompts, single, batch, repeats = GPU if on_gpu() else CPU
    print(describe())
    if not on_gpu():
        print("No GPU: tiny networks, where Python costs more than the networks do.")
    models = loaded_models(batch)
    student = arms(0).student
    own = by_engine(models, student, rows(student, batch, first=10_000))
    tau = statistics.median(next(iter(each.scores.values())) for each in own)
    arm = arms(tau)
    one_at_a_time(models, arm, rows(arm, 2))
    by_engine(models, arm, rows(arm, batch))

    shares, ratios = [], []
    for repeat in range(repeats):
        wanted = rows(arm, prompts, first=1000 * repeat)
        made: list[Made] = []
        with Utilisation() as used:
            took = timed(lambda: made.extend(by_engine(models, arm, wanted)))  # noqa: B023
        refined = sum(each.decision == "refined" for each in made)
        limit = timed(lambda: unets_alone(models, arm, batch, prompts, refined))  # noqa: B023
        alone = timed(lambda: one_at_a_time(models, arm, wanted[:single])) / single  # noqa: B023
        shares.append(limit / took)
        ratios.append(alone * prompts / took)
        print(
            f"{prompts} images, {refined / prompts:.0%} refined, batch {batch}: engine "
            f"{prompts / took:.2f} images/s ({used}); UNets alone {prompts / limit:.2f} images/s; "
            f"one at a time {1 / alone:.2f} images/s"
        )
    if max(shares) > 1:
        print("More than the limit cannot be: the machine had other work. None of this counts.")
    share, ratio = statistics.median(shares), statistics.median(ratios)
    print(
        f"median of {repeats}: {share:.0%} of the limit (goal {_said(share, GOAL_OF_LIMIT)}), "
        f"{ratio:.1f} times one at a time (goal {_said(ratio, GOAL_OF_SINGLE)})"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
