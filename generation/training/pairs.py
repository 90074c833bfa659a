"""Where distillation takes pictures and texts from: a folder, tar shards, the reference world.

Must not know networks' losses. Each source gives the same batch for the same numbers, whatever was
asked before, so that a training can be stopped, resumed and shared.
"""

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from generation.bundle import Bundle
from generation.conditioning import Conditioning
from generation.errors import TrainingError
from generation.reference.s1 import draw, models, words

PICTURES = (".jpg", ".jpeg", ".png", ".webp")


class Source(Protocol):
    """Clean latents (n, c, h, w) of unit variance, with what the network is told of them."""

    def batch(
        self, *, first: int, size: int, rng: np.random.Generator
    ) -> tuple[Tensor, Conditioning]:
        """Examples `first` to `first + size - 1` of an endless stream; random crops by `rng`."""
        ...

    def texts(self, count: int) -> tuple[str, ...]:
        """Up to so many different texts to watch a training by, the same ones each time."""
        ...


class WorldSource:
    """World S1, drawn as it is needed: training captions only. `first` plays no part."""

    def __init__(self, bundle: Bundle) -> None:
        self._device = bundle.device
        texts = words.book().captions
        reader, encoder = bundle.tokenizers[0], bundle.text_encoders[0]
        with torch.no_grad():
            told = encoder(models.tokens(reader, [*texts, ""]).to(bundle.device))
        self._told: Tensor = told.last_hidden_state

    def batch(
        self,
        *,
        first: int,  # noqa: ARG002  # the world is endless
        size: int,
        rng: np.random.Generator,
    ) -> tuple[Tensor, Conditioning]:
        rows, chance = words.said_in_training()
        said = rng.choice(rows, size=size, p=chance)
        pictures = draw.draw(draw.settle(words.book().asked[said], rng=rng))
        latents = models.pixels_to_latents(torch.from_numpy(pictures)).to(self._device)
        nothing = Conditioning(self._told[-1:].expand(size, -1, -1))
        return latents, Conditioning(self._told[said], uncond=nothing)

    def texts(self, count: int) -> tuple[str, ...]:
        """Captions that training never says."""
        return tuple(words.prompts("validation", count, seed=0))


@dataclass(frozen=True)
class _Place:
    """Where one picture and its text lie: in files of their own, or in a tar from an offset on."""

    picture: Path
    text: str
    offset: int = -1
    length: int = 0


class ImageTextSource:
    """Pictures with a text each, from a folder (`a.jpg` beside `a.txt`) or its tar shards.

    Every epoch has an order of its own. Pictures are resized to `size` pixels on the shorter side
    and cropped at random, without flips, as the paper's code does.

    Raises:
        TrainingError: no pair is there.
    """

    def __init__(self, folder: Path, bundle: Bundle, *, size: int | None = None, seed: int) -> None:
        self._places = [*_in_folder(folder), *_in_shards(folder)]
        if not self._places:
            raise TrainingError(
                f"{folder} holds no picture ({', '.join(PICTURES)}) with a .txt of the same name, "
                "neither as files nor in .tar shards"
            )
        self._bundle = bundle
        self._size = size or bundle.native_size
        self._seed = seed
        self._order: tuple[int, NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        return len(self._places)

    def batch(
        self, *, first: int, size: int, rng: np.random.Generator
    ) -> tuple[Tensor, Conditioning]:
        places = [self._places[self._at(first + i)] for i in range(size)]
        pictures = np.stack([self._crop(_read(place), rng) for place in places])
        shape = (size, *self._bundle.latent_shape(self._size, self._size))
        posterior = torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))
        latents = self._bundle.encode(pictures, noise=posterior)
        texts = [place.text for place in places]
        told = self._bundle.encode_prompts(texts, guided=True, height=self._size, width=self._size)
        return latents, told

    def texts(self, count: int) -> tuple[str, ...]:
        """The first of the data, by file name."""
        told = dict.fromkeys(place.text for place in self._places)
        return tuple(islice(told, count))

    def _at(self, number: int) -> int:
        epoch, place = divmod(number, len(self._places))
        if self._order is None or self._order[0] != epoch:
            shuffled = np.random.default_rng([self._seed, 0x0D3, epoch])
            self._order = epoch, shuffled.permutation(len(self._places))
        return int(self._order[1][place])

    def _crop(self, picture: Image.Image, rng: np.random.Generator) -> NDArray[np.uint8]:
        scale = self._size / min(picture.size)
        wide, high = (max(self._size, round(edge * scale)) for edge in picture.size)
        resized = picture.resize((wide, high), Image.Resampling.BICUBIC)
        left, top = (int(rng.integers(edge - self._size + 1)) for edge in (wide, high))
        cut = resized.crop((left, top, left + self._size, top + self._size))
        return np.asarray(cut, dtype=np.uint8)


def _in_folder(folder: Path) -> Iterator[_Place]:
    for file in sorted(folder.rglob("*")):
        text = file.with_suffix(".txt")
        if file.suffix.lower() in PICTURES and text.is_file():
            yield _Place(file, text.read_text(encoding="utf-8").strip())


def _in_shards(folder: Path) -> Iterator[_Place]:
    for shard in sorted(folder.rglob("*.tar")):
        texts: dict[str, str] = {}
        pictures: dict[str, tuple[int, int]] = {}
        with tarfile.open(shard) as opened:
            for member in opened:
                stem, dot, suffix = member.name.rpartition(".")
                if f"{dot}{suffix}".lower() in PICTURES:
                    pictures[stem] = member.offset_data, member.size
                elif suffix == "txt" and (file := opened.extractfile(member)):
                    texts[stem] = file.read().decode("utf-8").strip()
        for stem, (offset, length) in pictures.items():
            if stem in texts:
                yield _Place(shard, texts[stem], offset, length)


def _read(place: _Place) -> Image.Image:
    with place.picture.open("rb") as file:
        if place.offset >= 0:
            file.seek(place.offset)
        data = file.read(place.length) if place.offset >= 0 else file.read()
    return Image.open(io.BytesIO(data)).convert("RGB")
