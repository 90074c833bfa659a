"""Pairs that the reference world's judge has answered: samples, and true pictures spoiled.

Must not know networks or losses; every picture is judged once, before training begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.reference.judge import cascade, overall
from generation.reference.s1 import draw, judge, words
from generation.reference.s1.pictures import to_bytes

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

# How likely the first of a pair is better, by what was answered.
_SHARE = {"first": 1.0, "tie": 0.5, "second": 0.0}
# Of a batch: pairs of samples for their own prompt, and for any; the rest is spoiled pictures.
_OWN, _OTHER = 0.5, 0.25


@dataclass(frozen=True)
class Parts:
    """What the judge saw in n pairs: the pieces its answer is made of.

    Attributes:
        looks: (n, 2, 4) as `judge.Seen.looks`.
        measures: (n, 2, 2) crispness and purity, in [0, 1].
    """

    looks: Ints
    measures: Floats


@dataclass(frozen=True)
class Batch:
    """n pairs: pictures (n, 16, 16, 3) in [0, 1] and the share of votes for the first.

    `worth` (n, 2) is each picture's own, and `parts` what it is made of; None where only votes are
    known.
    """

    prompts: list[str]
    first: Floats
    second: Floats
    share: Floats
    worth: Floats | None = None
    parts: Parts | None = None


class JudgedPairs:
    """Two samples of one training prompt at a time; and true pictures against spoiled ones.

    A part of the samples is compared for another prompt than they were made for: what a picture
    shows does not change with the prompt, so that the judge's answer costs nothing. Pictures come
    mirrored as often as not, which shows the same.
    """

    def __init__(
        self,
        samples: Sequence[tuple[Sequence[str], NDArray[np.uint8]]],
        *,
        spoiled: int = 4000,
        seed: int = 0,
    ) -> None:
        """
        Args:
            samples: sets of p training prompts and pictures (p, k, 16, 16, 3), k samples of each
                prompt by different networks and settings; p and k differ between sets.
            spoiled: how many true pictures are spoiled, each in two ways.
            seed: of the spoiled ones.
        """
        row = {text: number for number, text in enumerate(words.book().captions)}
        rng = np.random.default_rng([seed, 0x59011])
        sets = [(np.array([row[text] for text in texts]), each) for texts, each in samples]
        sets += [(said, _moved(each, rng)) for said, each in sets]
        sets.append(_spoiled(spoiled, rng))
        # Groups of pictures for one caption: its row in the book, their number, the first of them.
        self._said = np.concatenate([said for said, _ in sets])
        self._per = np.concatenate([np.full(len(each), each.shape[1]) for _, each in sets])
        self._start = np.cumsum(self._per) - self._per
        self._samples = len(self._said) - spoiled
        self._pictures = np.concatenate([each.reshape(-1, *each.shape[2:]) for _, each in sets])
        seen = judge.see(self._pictures)
        self._looks = seen.looks
        verdict = judge.compare(words.book().asked[np.zeros(len(seen.looks), dtype=int)], seen)
        self._measures = np.stack([verdict.crispness, verdict.purity], axis=1)

    def draw(self, size: int, rng: np.random.Generator) -> Batch:
        own, other = int(size * _OWN), int(size * _OTHER)
        group = np.concatenate(
            [
                rng.integers(self._samples, size=own + other),
                rng.integers(self._samples, len(self._said), size=size - own - other),
            ]
        )
        said = self._said[group]
        rows, chance = words.said_in_training()
        said[own : own + other] = rng.choice(rows, size=other, p=chance)
        a = rng.integers(self._per[group])
        b = (a + rng.integers(1, self._per[group])) % self._per[group]
        pairs = self._start[group][:, None] + np.stack([a, b], axis=1)
        return self._compared(said, pairs, mirrored=rng.random((size, 2)) < 0.5)

    def _compared(self, said: Ints, pairs: Ints, *, mirrored: NDArray[np.bool_]) -> Batch:
        """Pairs (n, 2) of pictures for the captions at `said`."""
        book = words.book()
        looks, measures = self._looks[pairs], self._measures[pairs]
        asked = book.asked[said][:, None, :]
        told = asked != words.OPEN
        alignment = (told & (asked == looks)).sum(axis=2) / told.sum(axis=2)
        truths = np.concatenate([alignment[:, :, None], measures], axis=2)
        pictures = (self._pictures[pairs] / 255).astype(np.float32)
        pictures = np.where(mirrored[:, :, None, None, None], pictures[:, :, :, ::-1], pictures)
        return Batch(
            [book.captions[row] for row in said],
            pictures[:, 0],
            pictures[:, 1],
            np.array([_answered(a, b) for a, b in truths], dtype=np.float32),
            worth(truths),
            Parts(looks, measures.astype(np.float32)),
        )


def _answered(a: NDArray[Any], b: NDArray[Any]) -> float:
    first, second = (
        dict(zip(("alignment", "quality", "aesthetics"), truth, strict=True)) for truth in (a, b)
    )
    return _SHARE[overall(cascade(first, second))]


def worth(truths: NDArray[Any]) -> Floats:
    """One number for alignment, quality and aesthetics (..., 3), in the judge's order: the least
    difference in alignment, a fourth, outweighs all of quality, and that most of aesthetics."""
    weighed: Floats = (truths @ np.array([1.0, 0.25, 0.05])).astype(np.float32)
    return weighed


def _moved(pictures: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Samples (p, k, 16, 16, 3) once more, moved by up to two pixels each, to be judged anew: that
    costs less than to sample anew. What comes in from outside is what stood at the edge."""
    form = pictures.shape
    flat = pictures.reshape(-1, *form[2:])
    moved = rng.integers(-2, 3, size=(2, len(flat), 1))
    y, x = np.clip(np.arange(draw.SIDE) + moved, 0, draw.SIDE - 1)
    each = np.arange(len(flat))[:, None, None]
    shifted: NDArray[np.uint8] = flat[each, y[:, :, None], x[:, None, :]].reshape(form)
    return shifted


def _spoiled(count: int, rng: np.random.Generator) -> tuple[Ints, NDArray[np.uint8]]:
    """True pictures, each followed by two that are spoiled: wrong in one attribute, or part way.

    Returns:
        (count,) rows of the book that they are for, and (count, 3, 16, 16, 3) pictures.
    """
    rows, chance = words.said_in_training()
    said = rng.choice(rows, size=count, p=chance)
    looks = draw.settle(words.book().asked[said], rng=rng)
    good = draw.draw(looks)
    both = [good, *(_towards_another(good, looks, rng) for _ in range(2))]
    return said, to_bytes(np.clip(np.stack(both, axis=1), 0, 1))


def _towards_another(
    good: Floats, looks: draw.Looks, rng: np.random.Generator
) -> NDArray[np.floating[Any]]:
    """Pictures moved towards the same scene with one attribute wrong: in half all the way, in half
    standing where the right one stands (then a blob between two shapes), with a little noise."""
    count = len(good)
    shown = looks.attributes().copy()
    kinds = (words.COLOURS, words.SHAPES, words.SIZES, words.BACKGROUNDS)
    options = np.array([len(kind) for kind in kinds])
    which = rng.integers(len(kinds), size=count)
    each = np.arange(count)
    step = 1 + rng.integers(np.iinfo(np.int32).max, size=count) % (options[which] - 1)
    shown[each, which] = (shown[each, which] + step) % options[which]
    wrong = draw.settle(shown, rng=rng)
    stays = rng.random(count) < 0.5
    wrong = replace(
        wrong,
        **{
            name: np.where(stays, getattr(looks, name), getattr(wrong, name)) for name in ("x", "y")
        },
    )
    far = np.where(rng.random(count) < 0.5, 1.0, rng.random(count))[:, None, None, None]
    noise = rng.random(count)[:, None, None, None] * rng.normal(0, 0.06, good.shape)
    spoiled: NDArray[np.floating[Any]] = good + far * (draw.draw(wrong) - good) + noise
    return spoiled
