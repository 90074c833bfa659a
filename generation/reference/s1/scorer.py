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

# What `ScoringNetwork.look` tells of a picture.
FEATURES = 128
_WORDS, _FINE, _COARSE, _PATTERNS = 64, 64, 96, 768
_BATCH = 256


def vocabulary() -> list[str]:
    """The words of the language; number 0 of the network's table is any other word."""
    return sorted({word for text in book().captions for word in text.split()})


class ScoringNetwork(nn.Module):
    """.73 M parameters: patterns and convolutions read the picture, and only then does the prompt
    weigh what they found, so that what a picture shows is learned once and not for every prompt."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__()
        self.words = list(words)
        self._number = {word: number for number, word in enumerate(self.words, start=1)}
        self.embed = nn.EmbeddingBag(len(self.words) + 1, _WORDS, mode="sum")
        self.tell = nn.Sequential(nn.Linear(_WORDS, 96), nn.SiLU(), nn.Linear(96, 2 * FEATURES))
        self.patterns = nn.Linear(SIDE * SIDE, _PATTERNS, bias=False)
        self.mix = nn.Linear(_PATTERNS + 2, FEATURES)
        self.first = _convolution(12, _FINE)
        self.second = _convolution(_FINE, _FINE)
        self.third = _convolution(_FINE, _COARSE, stride=2)
        self.fourth = _convolution(_COARSE, _COARSE)
        self.flat = nn.Linear(_COARSE * 16, FEATURES)
        self.norm = nn.BatchNorm1d(FEATURES)
        self.join = nn.Linear(FEATURES, FEATURES)
        self.head = nn.Sequential(nn.Linear(FEATURES, 64), nn.SiLU(), nn.Linear(64, 1))

    def look(self, pictures: Tensor) -> Tensor:
        """(n, FEATURES) of (n, 3, 16, 16) pictures in [0, 1], whatever they are for."""
        x = nn.functional.pixel_unshuffle(pictures * 2 - 1, 2)
        x = nn.functional.silu(self.first(x))
        x = nn.functional.silu(x + self.second(x))
        x = nn.functional.silu(self.third(x))
        x = nn.functional.silu(x + self.fourth(x))
        seen = self.flat(x.flatten(1)) + self.mix(self._explained(pictures))
        seen = nn.functional.silu(self.norm(seen))
        return nn.functional.silu(seen + cast(Tensor, self.join(seen)))

    def _explained(self, pictures: Tensor) -> Tensor:
        """How much of a picture's contrast each pattern explains, in whatever colours, and how much
        contrast there is: (n, _PATTERNS + 2)."""
        spread = pictures - pictures.mean((2, 3), keepdim=True)
        whole = (spread**2).sum((1, 2, 3))[:, None]
        share = (self.patterns(spread.flatten(2)) ** 2).sum(1) / (whole + 0.1) * 8
        mean = whole / pictures[0].numel()
        return torch.cat([share, mean.sqrt(), (mean + 1e-3).log()], dim=1)

    def weigh(self, prompts: Sequence[str], features: Tensor) -> Tensor:
        """(n,) scores of what `look` found for n prompts."""
        device = features.device
        numbers = [[self._number.get(word, 0) for word in text.split()] or [0] for text in prompts]
        flat = torch.tensor([number for text in numbers for number in text], device=device)
        starts = np.cumsum([0, *(len(text) for text in numbers[:-1])])
        told = self.tell(self.embed(flat, torch.from_numpy(starts).to(device)))
        scale, shift = told.chunk(2, dim=1)
        told_features = nn.functional.silu(features * (1 + scale) + shift)
        return cast(Tensor, self.head(told_features)[:, 0])

    def forward(self, prompts: Sequence[str], pictures: Tensor) -> Tensor:
        """(n,) scores of (n, 3, 16, 16) pictures in [0, 1] for n prompts."""
        return self.weigh(prompts, self.look(pictures))


def _convolution(wide: int, out: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(wide, out, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(out)
    )


def save(network: ScoringNetwork, folder: Path) -> Path:
    """Write the folder that `load` reads: words and half-precision safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in network.state_dict().items()
    }
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
    return ReferenceScorer(network.eval(), digest=folder.digest_of(spec), device=device)
