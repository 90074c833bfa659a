"""Simulated methods: pictures with planted defects, each with the truth about what is wrong.

Must not know who judges or stores them; no torch.
"""

import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from generation.errors import ProfileError, SceneError
from generation.reference.judge import alignment
from generation.reference.render import Picture, render
from generation.reference.scenes import (
    MAX_COUNT,
    Colour,
    Group,
    Scene,
    Shape,
    caption,
    settle,
)


class Defect(StrEnum):
    NONE = "none"
    WRONG_COLOUR = "wrong colour"
    WRONG_COUNT = "wrong count"
    WRONG_SHAPE = "wrong shape"
    BLUR = "blur"
    NOISE = "noise"
    WASHED_OUT = "washed out"


# The first three change what is shown (alignment), the rest how it looks.
SCENE_DEFECTS = frozenset({Defect.WRONG_COLOUR, Defect.WRONG_COUNT, Defect.WRONG_SHAPE})
IMAGE_DEFECTS = {
    Defect.BLUR: "quality",
    Defect.NOISE: "quality",
    Defect.WASHED_OUT: "aesthetics",
}


def spoil_scene(scene: Scene, defect: Defect, *, seed: int) -> Scene:
    """The scene with one group changed in one attribute; untouched for defects of the image.

    A wrong colour lies at least two steps away on the colour circle, a wrong count one or two
    things off, and the changed group never becomes equal to another one of the scene.
    """
    if defect not in SCENE_DEFECTS:
        return scene
    rng = np.random.default_rng([seed, 0xDEFEC7])
    at = int(rng.integers(len(scene.groups)))
    others = scene.groups[:at] + scene.groups[at + 1 :]
    taken = {(group.thing.colour, group.thing.shape) for group in others}
    options = [
        option
        for option in _wrong(scene.groups[at], defect)
        if (option.thing.colour, option.thing.shape) not in taken
    ]
    changed = options[int(rng.integers(len(options)))]
    return replace(scene, groups=(*scene.groups[:at], changed, *scene.groups[at + 1 :]))


def _wrong(group: Group, defect: Defect) -> list[Group]:
    if defect is Defect.WRONG_COLOUR:
        circle = list(Colour)
        at = circle.index(group.thing.colour)
        colours = (circle[(at + step) % len(circle)] for step in (2, 3, 4))
        return [replace(group, thing=replace(group.thing, colour=colour)) for colour in colours]
    if defect is Defect.WRONG_SHAPE:
        shapes = (shape for shape in Shape if shape != group.thing.shape)
        return [replace(group, thing=replace(group.thing, shape=shape)) for shape in shapes]
    counts = (group.count + step for step in (-2, -1, 1, 2))
    return [replace(group, count=count) for count in counts if 1 <= count <= MAX_COUNT]


def spoil_image(image: Picture, defect: Defect, *, strength: float, seed: int) -> Picture:
    """The picture blurred, noisy or washed out; untouched for defects of the scene.

    Args:
        image: (height, width, 3), uint8.
        defect: what to plant.
        strength: in [0, 1]; 0 is just visible. Blur and noise do not depend on the picture's size.
        seed: for the noise.

    Raises:
        SceneError: another shape or type, or a strength outside [0, 1].
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise SceneError(
            f"an image of shape {image.shape} and type {image.dtype}; "
            "give (height, width, 3) as uint8"
        )
    if not 0 <= strength <= 1:
        raise SceneError(f"strength={strength}; choose 0 to 1")
    if defect is Defect.BLUR:
        radius = (0.006 + 0.010 * strength) * max(image.shape[:2])
        return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))
    if defect is Defect.NOISE:
        return _noisy(image, 16 + 34 * strength, np.random.default_rng([seed, 0x4015E]))
    if defect is Defect.WASHED_OUT:
        return _washed_out(image, 0.50 + 0.28 * strength)
    return image


def _noisy(image: Picture, sigma: float, rng: np.random.Generator) -> Picture:
    # Grains of a 256th of the edge, so that the picture looks as noisy at any size.
    height, width = image.shape[:2]
    step = max(1, round(max(height, width) / 256))
    grains = rng.standard_normal((-(-height // step), -(-width // step), 3), dtype=np.float32)
    noise: NDArray[np.float32] = grains.repeat(step, axis=0).repeat(step, axis=1)
    return np.clip(image + sigma * noise[:height, :width] + 0.5, 0, 255).astype(np.uint8)


def _washed_out(image: Picture, share: float) -> Picture:
    light = image.astype(np.float32) @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    # Towards a flat light grey that keeps a trace of the picture's own light and dark.
    veil = 168 + 0.22 * (light[..., None] - 128)
    return (image + np.float32(share) * (veil - image) + 0.5).astype(np.uint8)


@dataclass(frozen=True)
class MethodProfile:
    """A simulated text-to-image method: how often it makes which mistake.

    Attributes:
        name: enters every draw, so that two methods with equal rates err on different prompts.
        rates: defect → probability per picture; what they leave to 1 is the share without defect.
    """

    name: str
    rates: Mapping[Defect, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if Defect.NONE in self.rates:
            raise ProfileError(
                f"method {self.name!r} gives a rate for {Defect.NONE!r}; leave it out, "
                "it is what the other rates leave to 1"
            )
        total = sum(self.rates.values())
        if any(rate < 0 for rate in self.rates.values()) or total > 1 + 1e-9:
            raise ProfileError(
                f"method {self.name!r} has rates that sum to {total:g}, the smallest "
                f"{min(self.rates.values()):g}; each must be 0 or more and their sum at most 1"
            )

    def draw(self, scene: Scene, *, seed: int) -> tuple[Defect, float]:
        """The defect this method plants for a prompt and how strong it is, fixed by all three."""
        rng = np.random.default_rng([self.stream(scene, seed=seed), 0xD4A3])
        at, strength = rng.random(2).tolist()
        # In the order of the enum, so that the order of `rates` changes nothing.
        for defect in Defect:
            at -= self.rates.get(defect, 0.0)
            if at < 0:
                return defect, strength
        return Defect.NONE, 0.0

    def stream(self, scene: Scene, *, seed: int) -> int:
        """A 63-bit seed of this method's picture for a prompt."""
        text = unicodedata.normalize("NFC", f"{self.name}\0{caption(scene)}\0{seed}")
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


@dataclass(frozen=True)
class Produced:
    """A picture with the truth about it; `truth` maps each criterion to a number in [0, 1]."""

    image: Picture
    truth: dict[str, float]
    defect: Defect
    strength: float
    asked: Scene
    shown: Scene


def produce(scene: Scene, profile: MethodProfile, *, seed: int, size: int = 512) -> Produced:
    """What a simulated method makes of a prompt; equal arguments give equal bytes and truth.

    Alignment is what the shown scene keeps of the caption. Quality falls with blur and noise and
    aesthetics with washing out, each to 0.7 at the weakest and 0.2 at the strongest. A picture
    without defect has 1 throughout, so two such pictures are truly equal.
    """
    defect, strength = profile.draw(scene, seed=seed)
    stream = profile.stream(scene, seed=seed)
    # Settled before the defect: a wrong count must not change the background with it.
    shown = spoil_scene(settle(scene, seed=stream), defect, seed=stream)
    image = spoil_image(
        render(shown, size=size, seed=stream), defect, strength=strength, seed=stream
    )
    truth = {"alignment": alignment(scene, shown), "quality": 1.0, "aesthetics": 1.0}
    if defect in IMAGE_DEFECTS:
        truth[IMAGE_DEFECTS[defect]] = 0.7 - 0.5 * strength
    return Produced(image, truth, defect, strength, scene, shown)
