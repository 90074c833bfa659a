"""Training of estimators on preferences: pairs from the judge of the reference world, or votes.

Must not know accelerate or checkpoints (`loop`), nor samplers: samples come judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from generation.reference.judge import cascade, overall
from generation.reference.s1 import draw, judge, words
from generation.reference.s1.scorer import ScoringNetwork, vocabulary
from generation.spec import Recipe
from generation.training.average import Average
from generation.training.course import Course

# How likely the first of a pair is better, by what was answered.
_SHARE = {"first": 1.0, "tie": 0.5, "second": 0.0}


@dataclass(frozen=True)
class Pair:
    """Two pictures (h, w, 3) for one prompt, and the share of votes for the first (ties half)."""

    prompt: str
    first: NDArray[np.uint8]
    second: NDArray[np.uint8]
    share: float


class Pairs(Protocol):
    """Where preferences come from."""

    def draw(self, size: int, rng: np.random.Generator) -> "Batch": ...


@dataclass(frozen=True)
class Batch:
    """n pairs: pictures (n, 16, 16, 3) in [0, 1]; worth (n, 2) where known, else nan."""

    prompts: list[str]
    first: NDArray[np.float32]
    second: NDArray[np.float32]
    share: NDArray[np.float32]
    worth: NDArray[np.float32]


class Votes:
    """A study's votes: the share of annotators for the first picture of each pair."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        from generation.reference.s1.pictures import shrink

        if not pairs:
            raise ValueError("no votes to fit an estimator to; give at least one pair")
        self._prompts = [pair.prompt for pair in pairs]
        self._first, self._second = (
            np.concatenate([shrink(getattr(pair, side)[None], side=draw.SIDE) for pair in pairs])
            for side in ("first", "second")
        )
        self._share = np.array([pair.share for pair in pairs], dtype=np.float32)

    def draw(self, size: int, rng: np.random.Generator) -> Batch:
        rows = rng.integers(len(self._share), size=size)
        return Batch(
            [self._prompts[row] for row in rows],
            self._first[rows],
            self._second[rows],
            self._share[rows],
            np.full((size, 2), np.nan, dtype=np.float32),
        )


class JudgedPairs:
    """Half pairs of judged samples of one prompt, half true pictures against spoiled ones."""

    def __init__(self, prompts: Sequence[str], pictures: NDArray[np.uint8]) -> None:
        """
        Args:
            prompts: p training prompts.
            pictures: (p, k, 16, 16, 3), k samples of each, by different networks and settings.
        """
        count, per = pictures.shape[:2]
        self._prompts = list(prompts)
        self._pictures = pictures
        flat = pictures.reshape(count * per, *pictures.shape[2:])
        verdict = judge.judge([text for text in prompts for _ in range(per)], flat)
        self._truths = np.array(verdict.truths(), dtype=object).reshape(count, per)

    def draw(self, size: int, rng: np.random.Generator) -> Batch:
        sampled, spoiled = self._of_samples(size // 2, rng), _spoiled(size - size // 2, rng)
        return Batch(
            sampled.prompts + spoiled.prompts,
            *(
                np.concatenate([getattr(sampled, name), getattr(spoiled, name)])
                for name in ("first", "second", "share", "worth")
            ),
        )

    def _of_samples(self, size: int, rng: np.random.Generator) -> Batch:
        rows = rng.integers(len(self._prompts), size=size)
        per = self._pictures.shape[1]
        a = rng.integers(per, size=size)
        b = (a + 1 + rng.integers(per - 1, size=size)) % per
        truths = [(self._truths[r, i], self._truths[r, j]) for r, i, j in zip(rows, a, b)]  # noqa: B905
        return Batch(
            [self._prompts[row] for row in rows],
            (self._pictures[rows, a] / 255).astype(np.float32),
            (self._pictures[rows, b] / 255).astype(np.float32),
            *_compared(truths),
        )


def _spoiled(size: int, rng: np.random.Generator) -> Batch:
    """True pictures against the same with one attribute wrong, or blurred towards another."""
    rows, chance = words.said_in_training()
    said = rng.choice(rows, size=size, p=chance)
    asked = words.book().asked[said]
    looks = draw.settle(asked, rng=rng)
    good = draw.draw(looks)
    shown = looks.attributes().copy()
    options = np.array(
        [len(x) for x in (words.COLOURS, words.SHAPES, words.SIZES, words.BACKGROUNDS)]
    )
    which = rng.integers(4, size=size)
    each = np.arange(size)
    step = 1 + rng.integers(np.iinfo(np.int32).max, size=size) % (options[which] - 1)
    shown[each, which] = (shown[each, which] + step) % options[which]
    wrong = draw.draw(draw.settle(shown, rng=rng))
    mild = np.where(rng.random(size) < 0.5, 1.0, rng.random(size))[:, None, None, None]
    bad = (good + mild * (wrong - good)).astype(np.float32)
    bad = np.clip(bad + rng.normal(0, 0.03, bad.shape), 0, 1).astype(np.float32)
    # Which of the two comes first says nothing.
    swap = rng.random(size) < 0.5
    first = np.where(swap[:, None, None, None], bad, good)
    second = np.where(swap[:, None, None, None], good, bad)
    texts = [words.book().captions[row] for row in said]
    truths = list(
        zip(*(judge.judge(texts, side).truths() for side in (first, second)), strict=True)
    )
    return Batch(texts, first, second, *_compared(truths))


def _compared(
    truths: Sequence[tuple[dict[str, float], dict[str, float]]],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    share = [_SHARE[overall(cascade(a, b))] for a, b in truths]
    return np.array(share, dtype=np.float32), np.array(
        [[worth(a), worth(b)] for a, b in truths], dtype=np.float32
    )


def worth(truth: dict[str, float]) -> float:
    """One number for a truth record: alignment first, then quality, then aesthetics."""
    return truth["alignment"] + 0.2 * truth["quality"] + 0.05 * truth["aesthetics"]


class EstimatorTraining(Recipe):
    """Settings beside the course."""

    # Steepness of the logistic curve that turns a difference of scores into a share of votes.
    steepness: Annotated[float, Field(gt=0)] = 8.0
    # Weight of getting the worth itself right, without which scores of two prompts do not compare.
    level: Annotated[float, Field(ge=0)] = 2.0
    average: Annotated[float, Field(ge=0, le=1)] = 0.998


def course(steps: int = 4000, *, seed: int = 0) -> Course:
    return Course(
        seed=seed,
        steps=steps,
        batch=64,
        micro=64,
        rate=1e-3,
        weight_decay=0.01,
        warmup=100,
        hold=0.4,
        floor=0.02,
        clip=1.0,
    )


class EstimatorTask:
    """See `loop.Task`."""

    def __init__(
        self, course: Course, pairs: Pairs, settings: EstimatorTraining | None = None
    ) -> None:
        self._course, self._pairs = course, pairs
        self.settings = settings or EstimatorTraining()
        torch.manual_seed(course.seed)
        self.network: nn.Module = ScoringNetwork(vocabulary())
        self.average = Average(self.network, ScoringNetwork(vocabulary()))

    def loss(self, network: nn.Module, *, step: int, part: int, size: int) -> Tensor:
        """Cross entropy of the share of votes, and squared error of the worth where it is known."""
        rng = np.random.default_rng([self._course.seed, 0xE57, step, part])
        batch = self._pairs.draw(size, rng)
        device = next(network.parameters()).device
        both = torch.from_numpy(np.concatenate([batch.first, batch.second])).permute(0, 3, 1, 2)
        scores = network(batch.prompts * 2, both.to(device)).float()
        first, second = scores.chunk(2)
        share = torch.from_numpy(batch.share).to(device)
        preferred = nn.functional.binary_cross_entropy_with_logits(
            self.settings.steepness * (first - second), share
        )
        worth = torch.from_numpy(batch.worth.T.reshape(-1)).to(device)
        known = ~worth.isnan()
        if not known.any():
            return preferred
        loss: Tensor = preferred + self.settings.level * ((scores - worth)[known] ** 2).mean()
        return loss

    def after_step(self, step: int) -> None:
        decay = min(self.settings.average, (step + 1) / (step + 10))
        self.average.update(self.network, decay=decay)

    def state(self) -> dict[str, Any]:
        return {"average": self.average.network.state_dict()}

    def load_state(self, state: dict[str, Any]) -> None:
        self.average.network.load_state_dict(state["average"])

    def preview(self, folder: Path, step: int) -> None:
        """Nothing to look at: the curve says how it goes."""

    def recipe(self) -> dict[str, Any]:
        return {"estimator": self.settings.model_dump(mode="json"), "world": "s1"}
