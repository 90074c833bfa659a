"""World S1's learned estimator: a small network that scores a picture for a caption, and may err.

Must not know the judge, samplers or thresholds.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from generation.estimators.folders import Folder, fill
from generation.estimators.scoring import DTYPES, check_pairs, finite
from generation.reference.s1.draw import SIDE
from generation.reference.s1.pictures import shrink
from generation.reference.s1.words import book
from generation.spec import Estimator

_WIDTH = 64
_BATCH = 256


def vocabulary() -> list[str]:
    """The words of the language; number 0 of the network's table is any other word."""
    return sorted({word for text in book().captions for word in text.split()})


class ScoringNetwork(nn.Module):
    """.22 M parameters: a bag of words shifts and scales what three convolutions see."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__()
        self.words = list(words)
        self._number = {word: number for number, word in enumerate(self.words, start=1)}
        self.embed = nn.EmbeddingBag(len(self.words) + 1, _WIDTH, mode="mean")
        self.tell = nn.Sequential(nn.Linear(_WIDTH, 96), nn.SiLU(), nn.Linear(96, 4 * _WIDTH))
        self.first = nn.Conv2d(3, 32, 3, padding=1)
        self.second = nn.Conv2d(32, _WIDTH, 3, stride=2, padding=1)
        self.third = nn.Conv2d(_WIDTH, _WIDTH, 3, stride=2, padding=1)
        self.fourth = nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1)
        self.head = nn.Sequential(nn.Linear(_WIDTH * 16, 64), nn.SiLU(), nn.Linear(64, 1))

    def forward(self, prompts: Sequence[str], pictures: Tensor) -> Tensor:
        """(n,) scores of (n, 3, 16, 16) pictures in [0, 1] for n prompts."""
        device = pictures.device
        numbers = [[self._number.get(word, 0) for word in text.split()] or [0] for text in prompts]
        flat = torch.tensor([number for text in numbers for number in text], device=device)
        starts = np.cumsum([0, *(len(text) for text in numbers[:-1])])
        told = self.tell(self.embed(flat, torch.from_numpy(starts).to(device)))
        scale_a, shift_a, scale_b, shift_b = told[:, :, None, None].chunk(4, dim=1)
        x = nn.functional.silu(self.first(pictures * 2 - 1))
        x = nn.functional.silu(self.second(x) * (1 + scale_a) + shift_a)
        x = nn.functional.silu(self.third(x) * (1 + scale_b) + shift_b)
        x = nn.functional.silu(x + self.fourth(x))
        return cast(Tensor, self.head(x.flatten(1))[:, 0])


def save(network: ScoringNetwork, folder: Path) -> Path:
    """Write the folder that `load` reads: words and half-precision safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    config = {"kind": "s1-scorer", "words": network.words}
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    return folder


class ReferenceScorer:
    """See `generation.estimators.Scorer`."""

    def __init__(self, network: ScoringNetwork, *, digest: str, device: str) -> None:
        self.digest = digest
        self._network = network
        self._device = device

    @torch.inference_mode()
    def score(
        self, prompts: Sequence[str], images: Sequence[NDArray[np.uint8]]
    ) -> NDArray[np.float32]:
        """As `Scorer.score`; images as they are made or enlarged by a whole factor.

        Raises:
            SceneError: an image whose sides are not one multiple of 16.
        """
        check_pairs(prompts, images)
        if not len(images):
            return np.zeros(0, dtype=np.float32)
        small = np.concatenate([shrink(np.asarray(image)[None], side=SIDE) for image in images])
        pictures = torch.from_numpy(small).permute(0, 3, 1, 2).to(self._device)
        kind = next(self._network.parameters()).dtype
        parts = [
            self._network(prompts[at : at + _BATCH], pictures[at : at + _BATCH].to(kind))
            for at in range(0, len(images), _BATCH)
        ]
        return finite(torch.cat(parts), estimator="reference")


def load(spec: Estimator, folder: Folder, *, device: str) -> ReferenceScorer:
    """Read the folder that `save` wrote; strict in names and shapes."""
    words = json.loads(folder.file("config.json").read_text())["words"]
    with torch.device("meta"):
        network = ScoringNetwork(words)
    fill(network, folder.state(), dtype=DTYPES[spec.dtype], device=device)
    return ReferenceScorer(network, digest=folder.digest_of(spec), device=device)
