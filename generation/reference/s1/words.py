"""World S1 in words: every caption it can say, what each asks for, and the three prompt sets.

Must not know how a scene is drawn or judged; no torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.errors import CaptionError, SceneError
from generation.reference.scenes import (
    S1,
    Background,
    Group,
    Part,
    Scene,
    Size,
    Thing,
    part_of,
)

Ints = NDArray[np.int64]

COLOURS, SHAPES, SIZES, BACKGROUNDS = S1.colours, S1.shapes, S1.sizes, S1.backgrounds
ATTRIBUTES = ("colour", "shape", "size", "background")
# Left to the picture: the caption does not say it.
OPEN = -1
# A fifth of all captions each: calibration and estimator want as many prompts as the test does.
VALIDATION = TEST = 0.2

# One scene in several wordings, so that the world has thousands of prompts and not 144. The first
# of each line is the wording of `scenes.caption`.
_OPENINGS = ("", "a picture of ", "a drawing of ", "there is ", "look at ")
_SIZE_WORDS = {Size.SMALL: ("small", "little"), Size.LARGE: ("large", "big")}
_GROUNDS = {
    Background.WHITE: "white",
    Background.GREY: "grey",
    Background.BLACK: "black",
}
_GROUND_WORDINGS = (" on a {} background", " in front of a {} wall", " on {}")


@dataclass(frozen=True)
class Book:
    """All captions of the world with what they ask for.

    Attributes:
        captions: each once, in a fixed order.
        asked: (n, 4) indices into COLOURS, SHAPES, SIZES, BACKGROUNDS; OPEN where nothing is said.
        chance: (n,) how often each is said; size in half of all captions, background in 60 %.
        part: (n,) "train", "validation" or "test", by the caption's own hash.
    """

    captions: tuple[str, ...]
    asked: Ints
    chance: NDArray[np.float64]
    part: NDArray[np.str_]


@lru_cache(maxsize=1)
def book() -> Book:
    """The whole language, made once."""
    sizes: list[tuple[int, str, float]] = [(OPEN, "", 1 - S1.tells_size)]
    for number, size in enumerate(SIZES):
        words = _SIZE_WORDS[size]
        share = S1.tells_size / len(SIZES) / len(words)
        sizes += [(number, f"{word} ", share) for word in words]
    grounds: list[tuple[int, str, float]] = [(OPEN, "", 1 - S1.tells_background)]
    for number, ground in enumerate(BACKGROUNDS):
        share = S1.tells_background / len(BACKGROUNDS) / len(_GROUND_WORDINGS)
        grounds += [
            (number, wording.format(_GROUNDS[ground]), share) for wording in _GROUND_WORDINGS
        ]
    captions, asked, chance = [], [], []
    for opening, size_, (c, colour), (s, shape), ground_ in product(
        _OPENINGS, sizes, enumerate(COLOURS), enumerate(SHAPES), grounds
    ):
        captions.append(f"{opening}a {size_[1]}{colour} {shape}{ground_[1]}")
        asked.append((c, s, size_[0], ground_[0]))
        chance.append(size_[2] * ground_[2])
    weight = np.array(chance)
    return Book(
        captions=tuple(captions),
        asked=np.array(asked),
        chance=weight / weight.sum(),
        part=np.array([part_of(text, validation=VALIDATION, test=TEST) for text in captions]),
    )


@lru_cache(maxsize=1)
def _rows() -> dict[str, int]:
    return {text: row for row, text in enumerate(book().captions)}


def asked_by(prompts: Sequence[str]) -> Ints:
    """What each prompt asks for: (n, 4) as `Book.asked`.

    Raises:
        CaptionError: a prompt is no caption of this world.
    """
    rows = _rows()
    try:
        return book().asked[[rows[text] for text in prompts]].reshape(-1, len(ATTRIBUTES))
    except KeyError as error:
        raise CaptionError(
            f"{error.args[0]!r} is no caption of world S1; write like 'a small red circle on a "
            "white background' (generation.reference.s1.words)"
        ) from error


def scene_of(prompt: str) -> Scene:
    """The scene a prompt asks for, in the terms that all worlds share.

    Raises:
        CaptionError: the prompt is no caption of this world.
    """
    return scene(asked_by([prompt])[0])


def scene(looks: NDArray[np.integer[Any]]) -> Scene:
    """Four indices as `Book.asked` as a scene; OPEN leaves size and background open."""
    colour, shape, size, ground = (int(index) for index in looks)
    thing = Thing(COLOURS[colour], SHAPES[shape], SIZES[size] if size >= 0 else None)
    return Scene((Group(1, thing),), BACKGROUNDS[ground] if ground >= 0 else None)


def prompts(part: Part, n: int, *, seed: int) -> list[str]:
    """n distinct prompts of one part; no prompt of one part is ever in another.

    They are drawn as often as they are said. Every scene they describe occurs in training too, in
    other words: what is held out is the wording.

    Raises:
        SceneError: the part has fewer prompts than asked.
    """
    language = book()
    (rows,) = np.nonzero(language.part == part)
    if not 0 <= n <= len(rows):
        raise SceneError(f"{n} prompts of part {part!r} asked; choose 0 to {len(rows)}")
    weight = language.chance[rows] / language.chance[rows].sum()
    drawn = np.random.default_rng([seed, 0x5E7]).choice(rows, size=n, replace=False, p=weight)
    return [language.captions[row] for row in drawn]


@lru_cache(maxsize=1)
def said_in_training() -> tuple[Ints, NDArray[np.float64]]:
    """Rows of the book that training may say, and how often each."""
    language = book()
    (rows,) = np.nonzero(language.part == "train")
    return rows, language.chance[rows] / language.chance[rows].sum()
