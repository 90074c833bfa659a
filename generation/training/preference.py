"""Fitting an estimator to annotators: a CLIP, or the reference world's scorer, on a study's votes.

Must not know annotate: votes come as a CSV with the pictures beside it.
"""

import copy
import csv
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, normalize

from generation.errors import TrainingError
from generation.estimators.clip import CROPS, ClipScorer, tokens
from generation.estimators.preprocess import pixels
from generation.training.average import Average
from generation.training.course import Course
from generation.training.estimator import Pair
from generation.weights import BESIDE_SCORER

COLUMNS = ("prompt", "first", "second", "share")


def read_votes(file: Path) -> list[Pair]:
    """Pairs from a CSV: prompt, first and second picture (files beside it), share of the first.

    Raises:
        TrainingError: a column or a picture is missing, or a share is no number in [0, 1].
    """
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
        missing = set(COLUMNS) - set(rows[0] if rows else COLUMNS)
    if missing or not rows:
        raise TrainingError(f"{file} needs rows with the columns {', '.join(COLUMNS)}")
    pairs = []
    for line, row in enumerate(rows, start=2):
        try:
            share = float(row["share"])
            first, second = (_picture(file.parent / row[side]) for side in ("first", "second"))
        except (ValueError, OSError) as error:
            raise TrainingError(f"{file}, line {line}: {error}") from error
        if not 0 <= share <= 1:
            raise TrainingError(f"{file}, line {line}: share={share:g}; give 0 to 1, ties as 0.5")
        pairs.append(Pair(row["prompt"], first, second, share))
    return pairs


def _picture(file: Path) -> NDArray[np.uint8]:
    with Image.open(file) as opened:
        return np.asarray(opened.convert("RGB"), dtype=np.uint8)


class _Scoring(nn.Module):
    """A CLIP as one function, so that processes can share it: (n,) scores."""

    def __init__(self, clip: nn.Module) -> None:
        super().__init__()
        self.clip: Any = clip

    def forward(self, ids: Tensor, pictures: Tensor) -> Tensor:
        read = self.clip.get_text_features(input_ids=ids).pooler_output
        seen = self.clip.get_image_features(pixel_values=pictures).pooler_output
        cosine = (normalize(read.float()) * normalize(seen.float())).sum(1)
        return cast(Tensor, cosine * self.clip.logit_scale.exp())


class PreferenceTask:
    """See `loop.Task`. PickScore's own loss: the softmax of both scores against the votes' share.

    Source: Kirstain et al. 2023, arXiv:2305.01569, equation 2.
    """

    def __init__(self, course: Course, pairs: Sequence[Pair], scorer: ClipScorer) -> None:
        if not pairs:
            raise TrainingError("no votes to fit an estimator to; give at least one pair")
        self._course, self._pairs, self._scorer = course, pairs, scorer
        self.network: nn.Module = _Scoring(copy.deepcopy(scorer.model)).float()
        self.network.requires_grad_(requires_grad=True).train()
        self.average = Average(self.network, copy.deepcopy(self.network))

    def loss(self, network: nn.Module, *, step: int, part: int, size: int) -> Tensor:
        rng = np.random.default_rng([self._course.seed, 0x707E, step, part])
        chosen = [self._pairs[row] for row in rng.integers(len(self._pairs), size=size)]
        device = next(network.parameters()).device
        config = self._scorer.model.config
        ids = tokens(self._scorer.tokenizer, [p.prompt for p in chosen], config.text_config)
        both = [p.first for p in chosen] + [p.second for p in chosen]
        crop = CROPS[self._scorer.like]
        seen = torch.from_numpy(pixels(both, config.vision_config.image_size, crop=crop))
        scores = network(torch.cat([ids, ids]).to(device), seen.to(device))
        first, second = scores.chunk(2)
        share = torch.tensor([p.share for p in chosen], device=device)
        return binary_cross_entropy_with_logits(first - second, share)

    def after_step(self, step: int) -> None:
        self.average.update(self.network, decay=min(0.999, (step + 1) / (step + 10)))

    def state(self) -> dict[str, Any]:
        return {"average": self.average.network.state_dict()}

    def load_state(self, state: dict[str, Any]) -> None:
        self.average.network.load_state_dict(state["average"])

    def preview(self, folder: Path, step: int) -> None:
        """Nothing to look at: the curve says how it goes."""

    def recipe(self) -> dict[str, Any]:
        return {"estimator": "clip", "start": self._scorer.digest, "pairs": len(self._pairs)}

    def save(self, folder: Path, *, start: Path) -> Path:
        """Write a folder that `Estimator(name="pickscore")` loads, beside `start`'s settings."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in BESIDE_SCORER:
            if (start / name).is_file():
                shutil.copyfile(start / name, folder / name)
        clip = cast(_Scoring, self.average.network).clip
        state = {name: value.contiguous() for name, value in clip.state_dict().items()}
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
        return folder
