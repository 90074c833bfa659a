"""The reference world in words: scenes of coloured shapes, their captions, and the prompt sets.

Must not know how a scene is drawn, judged or stored; no torch.
"""

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal, NamedTuple, TypeVar

import numpy as np

from generation.errors import CaptionError, SceneError

MAX_COUNT = 6
MAX_GROUPS = 2
_Option = TypeVar("_Option")
_COUNT_WORDS = ("", "a", "two", "three", "four", "five", "six")


class Colour(StrEnum):
    """In the order of the colour circle: `defects` picks a wrong colour by distance along it."""

    RED = "red"
    ORANGE = "orange"
    YELLOW = "yellow"
    GREEN = "green"
    BLUE = "blue"
    PURPLE = "purple"


class Shape(StrEnum):
    CIRCLE = "circle"
    SQUARE = "square"
    TRIANGLE = "triangle"
    STAR = "star"
    HEART = "heart"


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Place(StrEnum):
    """A ninth of the floor, never named in a caption: layout stays open, so variety can be seen."""

    CENTRE = "centre"
    LEFT = "left"
    RIGHT = "right"
    TOP = "top"
    BOTTOM = "bottom"


class Background(StrEnum):
    """The value is what the caption says."""

    WHITE = "on a white background"
    GREY = "on a grey background"
    BLACK = "on a black background"
    MEADOW = "on a green meadow"
    BEACH = "on a sandy beach"
    SNOW = "in the snow"
    SUNSET = "at sunset"
    NIGHT = "under a night sky"


@dataclass(frozen=True)
class Thing:
    """One coloured shape. A size or place of None is left open: each picture decides for itself."""

    colour: Colour
    shape: Shape
    size: Size | None = None
    place: Place | None = None


@dataclass(frozen=True)
class Group:
    """`count` equal things, the unit of which a caption speaks ("three small red circles")."""

    count: int
    thing: Thing

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MAX_COUNT:
            raise SceneError(
                f"a group of {self.count} things; 1 to {MAX_COUNT} can be named and drawn, "
                "make more groups or fewer things"
            )


@dataclass(frozen=True)
class Scene:
    """What a caption asks for, or, once `settle` has filled what was open, what a picture shows."""

    groups: tuple[Group, ...]
    background: Background | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.groups) <= MAX_GROUPS:
            raise SceneError(
                f"a scene of {len(self.groups)} groups; 1 to {MAX_GROUPS} are allowed, "
                "join equal things into one group"
            )
        kinds = {(group.thing.colour, group.thing.shape) for group in self.groups}
        if len(kinds) < len(self.groups):
            raise SceneError(
                "two groups have the same colour and shape, so nobody could count them apart; "
                "join them or change one"
            )

    @property
    def things(self) -> tuple[Thing, ...]:
        """Every single thing, in the order of the caption."""
        return tuple(group.thing for group in self.groups for _ in range(group.count))


@dataclass(frozen=True)
class Grammar:
    """What a world can speak of, and how often a caption leaves size and background open."""

    colours: tuple[Colour, ...] = tuple(Colour)
    shapes: tuple[Shape, ...] = tuple(Shape)
    sizes: tuple[Size, ...] = tuple(Size)
    backgrounds: tuple[Background, ...] = tuple(Background)
    max_count: int = 5
    max_things: int = 6
    two_groups: float = 0.5
    tells_size: float = 0.5
    tells_background: float = 0.6

    def __post_init__(self) -> None:
        if not (self.colours and self.shapes and self.sizes and self.backgrounds):
            raise SceneError("a grammar needs at least one colour, shape, size and background each")
        if not 1 <= self.max_count <= min(MAX_COUNT, self.max_things):
            raise SceneError(
                f"max_count={self.max_count}; choose 1 to {MAX_COUNT} and at most "
                f"max_things={self.max_things}"
            )
        for name in ("two_groups", "tells_size", "tells_background"):
            if not 0 <= getattr(self, name) <= 1:
                raise SceneError(f"{name}={getattr(self, name)}; a probability lies in [0, 1]")
        if self.two_groups and (self.max_things < 2 or len(self.colours) * len(self.shapes) < 2):
            raise SceneError("two groups need two things of different kinds; set two_groups=0")


DEMO = Grammar()
# World S1: small enough that a small model learns it on two cores.
S1 = Grammar(
    colours=(Colour.RED, Colour.GREEN, Colour.BLUE, Colour.YELLOW),
    shapes=(Shape.CIRCLE, Shape.SQUARE, Shape.TRIANGLE),
    backgrounds=(Background.WHITE, Background.BLACK, Background.GREY),
    max_count=1,
    two_groups=0.0,
)


def sample_scenes(
    n: int, *, seed: int, grammar: Grammar = DEMO, distinct: bool = False
) -> list[Scene]:
    """Draw n scenes; equal seeds give equal scenes, and a longer list begins with the shorter one.

    Args:
        n: how many.
        seed: non-negative integer.
        grammar: the world to speak of.
        distinct: no caption twice (for a prompt set; training wants repeats).

    Raises:
        SceneError: the grammar ran out of distinct captions.
    """
    rng = np.random.default_rng(seed)
    if not distinct:
        return [_draw(rng, grammar) for _ in range(n)]
    drawn: dict[Scene, None] = {}
    misses = 0
    while len(drawn) < n:
        before = len(drawn)
        drawn[_draw(rng, grammar)] = None
        misses = misses + 1 if len(drawn) == before else 0
        if misses > 2000:
            raise SceneError(
                f"{n} distinct captions asked, the grammar seems to have about {len(drawn)}; "
                "ask for fewer or widen the grammar"
            )
    return list(drawn)


def _draw(rng: np.random.Generator, grammar: Grammar) -> Scene:
    room = grammar.max_things
    paired = rng.random() < grammar.two_groups
    groups: list[Group] = []
    while len(groups) < 1 + paired:
        still_to_come = int(paired and not groups)
        count = int(rng.integers(1, min(grammar.max_count, room - still_to_come) + 1))
        told = rng.random() < grammar.tells_size
        size = _pick(rng, grammar.sizes)
        thing = Thing(
            _pick(rng, grammar.colours), _pick(rng, grammar.shapes), size if told else None
        )
        if any(
            thing.colour == group.thing.colour and thing.shape == group.thing.shape
            for group in groups
        ):
            continue
        groups.append(Group(count, thing))
        room -= count
    told = rng.random() < grammar.tells_background
    background = _pick(rng, grammar.backgrounds)
    return Scene(tuple(groups), background if told else None)


def _pick(rng: np.random.Generator, options: Sequence[_Option]) -> _Option:
    return options[int(rng.integers(len(options)))]


def settle(scene: Scene, *, seed: int, grammar: Grammar = DEMO) -> Scene:
    """The scene one picture shows: every size and the background that the caption left open drawn.

    What the caption says is kept; place stays open (the layout decides).
    """
    rng = np.random.default_rng([seed, 0x5E771E])
    background = _pick(rng, grammar.backgrounds)
    groups = []
    for group in scene.groups:
        # Drawn even where the caption tells: adding a word must not reshuffle the rest.
        size = _pick(rng, grammar.sizes)
        groups.append(replace(group, thing=replace(group.thing, size=group.thing.size or size)))
    return Scene(tuple(groups), scene.background or background)


def caption(scene: Scene) -> str:
    """The scene in words: "three small red circles and a blue square on a sandy beach"."""
    words = " and ".join(_group_words(group) for group in scene.groups)
    return f"{words} {scene.background}" if scene.background else words


def _group_words(group: Group) -> str:
    thing = group.thing
    kind = f"{thing.size} {thing.colour}" if thing.size else str(thing.colour)
    if group.count > 1:
        return f"{_COUNT_WORDS[group.count]} {kind} {thing.shape}s"
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind} {thing.shape}"


def parse(text: str) -> Scene:
    """The scene a caption asks for: `parse(caption(scene)) == scene` wherever no place is set.

    Raises:
        CaptionError: the text is not exactly a caption of this world.
    """
    rest, background = text, None
    for candidate in Background:
        if text.endswith(f" {candidate}"):
            rest, background = text.removesuffix(f" {candidate}"), candidate
    try:
        scene = Scene(tuple(_parse_group(part) for part in rest.split(" and ")), background)
    except ValueError as error:
        raise CaptionError(f"{text!r} is no caption of the reference world: {error}") from error
    if caption(scene) != text:
        raise CaptionError(f"{text!r} would have to read {caption(scene)!r}")
    return scene


def _parse_group(words: str) -> Group:
    number, *middle, noun = words.replace("an ", "a ", 1).split(" ")
    if len(middle) not in (1, 2):
        raise CaptionError(f'{words!r} should read like "two small red circles"')
    count = _COUNT_WORDS.index(number)
    size = Size(middle[0]) if len(middle) == 2 else None
    shape = Shape(noun if count == 1 else noun.removesuffix("s"))
    return Group(count, Thing(Colour(middle[-1]), shape, size))


Part = Literal["train", "validation", "test"]


class Split(NamedTuple):
    train: list[str]
    validation: list[str]
    test: list[str]


def part_of(prompt: str, *, validation: float = 0.1, test: float = 0.1) -> Part:
    """Where a caption belongs, by its own hash: no list, order or seed can move it."""
    if not (validation >= 0 and test >= 0 and validation + test <= 1):
        raise SceneError(
            f"shares validation={validation} and test={test}; "
            "both must be 0 or more and leave at most 1 together"
        )
    digest = hashlib.sha256(unicodedata.normalize("NFC", prompt).encode()).digest()
    position = int.from_bytes(digest[:8]) / 2**64
    if position < test:
        return "test"
    return "validation" if position < test + validation else "train"


def split(prompts: Iterable[str], *, validation: float = 0.1, test: float = 0.1) -> Split:
    """Part prompts into disjoint lists that keep their order; equal captions stay together."""
    parts = Split([], [], [])
    for prompt in prompts:
        getattr(parts, part_of(prompt, validation=validation, test=test)).append(prompt)
    return parts
