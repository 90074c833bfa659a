"""Training of estimators on preferences: pairs from the judge of the reference world, or votes.

Must not know accelerate or checkpoints (`loop`), nor samplers or the judge: pairs come answered.
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

from generation.reference.judge import TIE_WIDTH
from generation.reference.s1 import draw, words
from generation.reference.s1.pictures import shrink
from generation.reference.s1.scorer import FEATURES, ScoringNetwork, vocabulary
from generation.spec import Recipe
from generation.training.average import Average
from generation.training.course import Course
from generation.training.judged import Batch, Parts


@dataclass(frozen=True)
class Pair:
    """Two pictures (h, w, 3) for one prompt, and the share of votes for the first (ties half)."""

    prompt: str
    first: NDArray[np.uint8]
    second: NDArray[np.uint8]
    share: float


class Pairs(Protocol):
    """Where preferences come from."""

    def draw(self, size: int, rng: np.random.Generator) -> Batch: ...


class Votes:
    """A study's votes: the share of annotators for the first picture of each pair."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
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
        )


class EstimatorTraining(Recipe):
    """Settings beside the course."""

    # Steepness of the logistic curve that turns a difference of scores into a share of votes: the
    # least difference in quality that counts (.05, worth .0125) is then half a logit.
    steepness: Annotated[float, Field(gt=0)] = 40.0
    # Weight of getting the worth itself right, without which scores of two prompts do not compare.
    level: Annotated[float, Field(ge=0)] = 10.0
    # Weight of telling what the judge saw: attributes, crispness and purity.
    parts: Annotated[float, Field(ge=0)] = 1.0
    average: Annotated[float, Field(ge=0, le=1)] = 0.998


def course(steps: int = 5000, *, seed: int = 0) -> Course:
    return Course(
        seed=seed,
        steps=steps,
        batch=64,
        micro=64,
        rate=2e-3,
        weight_decay=0.01,
        warmup=100,
        hold=0.1,
        floor=0.02,
        clip=1.0,
    )


class Taught(nn.Module):
    """The scorer while it learns: it must also tell what the judge saw, from the same features."""

    def __init__(self) -> None:
        super().__init__()
        self.scorer = ScoringNetwork(vocabulary())
        # One more than the options of each attribute: what cannot be told.
        kinds = (words.COLOURS, words.SHAPES, words.SIZES, words.BACKGROUNDS)
        self.looks = nn.ModuleList(nn.Linear(FEATURES, len(kind) + 1) for kind in kinds)
        self.measures = nn.Linear(FEATURES, 2)

    def forward(
        self, prompts: Sequence[str], pictures: Tensor
    ) -> tuple[Tensor, list[Tensor], Tensor]:
        """Scores (n,), logits of each attribute (n, options + 1), crispness and purity (n, 2)."""
        features = self.scorer.look(pictures)
        looks = [tell(features) for tell in self.looks]
        return self.scorer.weigh(prompts, features), looks, self.measures(features)


class EstimatorTask:
    """See `loop.Task`."""

    def __init__(
        self, course: Course, pairs: Pairs, settings: EstimatorTraining | None = None
    ) -> None:
        self._course, self._pairs = course, pairs
        self.settings = settings or EstimatorTraining()
        torch.manual_seed(course.seed)
        self.network: nn.Module = Taught()
        self.average = Average(self.network, Taught())

    @property
    def scorer(self) -> ScoringNetwork:
        """What is kept: the averaged network without what only served to teach it."""
        taught = self.average.network
        assert isinstance(taught, Taught)
        return taught.scorer

    def loss(self, network: nn.Module, *, step: int, part: int, size: int) -> Tensor:
        """Cross entropy of the share of votes; where known, squared error of the worth and the
        parts it is made of."""
        rng = np.random.default_rng([self._course.seed, 0xE57, step, part])
        batch = self._pairs.draw(size, rng)
        device = next(network.parameters()).device
        both = torch.from_numpy(np.concatenate([batch.first, batch.second])).permute(0, 3, 1, 2)
        scores, looks, measures = network(batch.prompts * 2, both.to(device))
        first, second = scores.float().chunk(2)
        loss: Tensor = nn.functional.binary_cross_entropy_with_logits(
            self.settings.steepness * (first - second), torch.from_numpy(batch.share).to(device)
        )
        if batch.worth is not None:
            worth = torch.from_numpy(batch.worth.T.reshape(-1)).to(device)
            loss = loss + self.settings.level * ((scores.float() - worth) ** 2).mean()
        if batch.parts is not None:
            loss = loss + self.settings.parts * _parts_loss(looks, measures, batch.parts)
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


def _parts_loss(looks: list[Tensor], measures: Tensor, parts: Parts) -> Tensor:
    """Cross entropy of each attribute, and squared error of crispness and purity in ties."""
    device = measures.device
    seen = torch.from_numpy(parts.looks).transpose(0, 1).reshape(-1, len(looks)).to(device)
    true = torch.from_numpy(parts.measures).transpose(0, 1).reshape(-1, 2).to(device)
    wrong = [
        nn.functional.cross_entropy(logits.float(), seen[:, number] + 1)
        for number, logits in enumerate(looks)
    ]
    off: Tensor = ((measures.float() - true) / TIE_WIDTH) ** 2
    return torch.stack(wrong).sum() + 0.1 * off.mean()
