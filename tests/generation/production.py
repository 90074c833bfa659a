"""Tiny arms, wanted rows and one line to produce them; what the engine did is counted."""

import dataclasses
import functools
import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from generation.adaptive import student_key
from generation.engine import Models
from generation.estimators import load_scorer
from generation.pipelines import load_bundle
from generation.produce import Arm, Known, Made, Spent, Wanted, produce
from generation.spec import Adaptive, Estimator, Student, Teacher, Weights
from generation.tiny import save_tiny_unet
from generation.tiny_scorers import save_tiny_scorer
from tests.generation.tiny_models import PROMPTS, weights

_folder = tempfile.TemporaryDirectory(prefix="tiny-")


@functools.cache
def distilled() -> Weights:
    """A UNet of its own over the teacher's VAE and text encoder, as CD-SD1.5 is."""
    unet = save_tiny_unet(Path(_folder.name) / "unet", "sd", seed=11)
    return Weights(path=weights("sd").path, unet=str(unet))


@functools.cache
def estimator() -> Estimator:
    return Estimator(path=str(save_tiny_scorer(Path(_folder.name) / "ir", "imagereward", seed=4)))


def student(steps: int = 2, **more: Any) -> Student:
    return Student(model=distilled(), steps=steps, **more)


def teacher(steps: int = 3, **more: Any) -> Teacher:
    return Teacher(model=weights("sd"), scheduler="unipc", steps=steps, **more)


def adaptive(threshold: float = 0.0, **more: Any) -> Adaptive:
    recipe = {"student": student(), "teacher": teacher(), "estimator": estimator()}
    return Adaptive(threshold=threshold, **(recipe | more))


def rows(arms: Sequence[Arm], prompts: Sequence[str] = PROMPTS, *, seed: int = 5) -> list[Wanted]:
    """Every arm for every prompt; the sample's number is 100 x arm + prompt."""
    return [
        Wanted(
            100 * number + place,
            arm.digest(),
            prompt,
            hashlib.sha256(prompt.encode()).hexdigest(),
            seed,
            0,
        )
        for place, prompt in enumerate(prompts)
        for number, arm in enumerate(arms)
    ]


class Watched:
    """A UNet that counts its forwards by rows, and can be made to fail."""

    def __init__(self, unet: Any, before: Callable[[int], None], after: Callable[[Any], Any]):
        self._unet = unet
        self._before = before
        self._after = after
        self.config = unet.config

    def __call__(self, latents: Any, *given: Any, **more: Any) -> Any:
        self._before(len(latents))
        return self._after(self._unet(latents, *given, **more))


@functools.cache
def from_disk(weights: Weights) -> Any:
    return load_bundle(weights)


class WatchedModels(Models):
    """Models whose UNets are watched: `forwards` are rows through each network, by recipe path."""

    def __init__(
        self,
        *,
        before: Callable[[int], None] = lambda rows: None,
        after: Callable[[Any], Any] = lambda output: output,
        **more: Any,
    ):
        self.loaded: list[str] = []
        self.calls: list[int] = []

        def counted(rows: int) -> None:
            before(rows)
            self.calls.append(rows)

        def load(weights: Weights, **given: Any) -> Any:
            bundle = from_disk(weights)
            self.loaded.append(weights.digest())
            return dataclasses.replace(bundle, unet=Watched(bundle.unet, counted, after))

        super().__init__(load=load, **more)


class Scores:
    """A scorer that says what it is told to, and remembers what it was asked."""

    digest = "0" * 64

    def __init__(self, by_prompt: Mapping[str, float]):
        self._by_prompt = by_prompt
        self.asked: list[str] = []

    def score(self, prompts: Sequence[str], images: Sequence[Any]) -> Any:
        from generation.errors import NonFiniteScoreError

        self.asked += prompts
        values = np.array([self._by_prompt[prompt] for prompt in prompts], dtype=np.float32)
        wrong = tuple(int(row) for row in np.flatnonzero(~np.isfinite(values)))
        if wrong:
            raise NonFiniteScoreError(wrong, of=len(values), estimator="scores")
        return values


def scored(by_prompt: Mapping[str, float] | None = None, **more: Any) -> tuple[Models, Scores]:
    """Models whose only scorer gives these scores; prompts score 0, 1, 2, … by default."""
    told = Scores(by_prompt or {prompt: float(i) for i, prompt in enumerate(PROMPTS)})
    return WatchedModels(load_scorer=lambda spec, **given: told, **more), told


@functools.cache
def models(batch: int = 4) -> Models:
    """Real ones, loaded once for all tests of a process."""
    return Models(batch=batch, load_scorer=load_scorer)


@dataclasses.dataclass
class Outcome:
    spent: Spent
    made: dict[int, Made]
    told: list[tuple[int, int]]

    def of(self, arm: int) -> list[Made]:
        """An arm's samples in the order of the prompts."""
        return [self.made[n] for n in sorted(self.made) if n // 100 == arm]

    def images(self, arm: int) -> np.ndarray:
        return np.stack([each.image for each in self.of(arm)]).astype(int)


def made(
    arms: Sequence[Arm],
    wanted: Sequence[Wanted] | None = None,
    *,
    by: Models | None = None,
    known: Mapping[Any, Any] | None = None,
    stop: Callable[[], None] = lambda: None,
    **more: Any,
) -> Outcome:
    """Produce the arms' samples of all prompts (or those wanted)."""
    taken: list[Made] = []
    told: list[tuple[int, int]] = []
    spent = produce(
        {arm.digest(): arm for arm in arms},
        rows(arms) if wanted is None else wanted,
        models=by or models(),
        known=known or {},
        sink=taken.append,
        progress=lambda done, total: told.append((done, total)),
        stop=stop,
        **more,
    )
    assert len({each.sample for each in taken}) == len(taken)
    return Outcome(spent, {each.sample: each for each in taken}, told)


def stored(outcome: Outcome, arm: Student, number: int = 0) -> dict[Any, Known]:
    """The students' samples of an outcome as the store would give them back."""
    keys = [student_key(arm, wanted.row) for wanted in rows([arm])]
    return {
        key: Known(each.latents, each.image, each.scores, each.record)
        for key, each in zip(keys, outcome.of(number), strict=True)
    }
