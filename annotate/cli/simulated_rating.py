"""How a simulated annotator rates the pictures of a diversity study.

It must not vote: `SimulatedAnnotator` does.
"""

import math
from typing import Any

import numpy as np

from annotate.analysis.habits import Habit, press
from annotate.judging.answers import CANNOT
from generation.reference.judge import Truth


def rate(
    left: Truth, right: Truth, *, config: dict[str, Any], accuracy: float, rng: np.random.Generator
) -> dict[str, str]:
    """How much two pictures differ on each attribute, as a level of the study's scale.

    The distance of their truths is rounded to the nearest level; pictures of other scenes (truth
    `scene`, where there is one) differ as much as can be, and of what is not a number nobody can
    tell. With probability 1 - accuracy the answer is a level next to it, where there is one; a
    picture beside itself is always the same.
    """
    known = levels_of(config)
    elsewhere = left.get("scene") != right.get("scene")
    said = {}
    for row in config["attributes"]:
        near, where = left.get(row["key"], 0.0), right.get(row["key"], 0.0)
        apart = 1.0 if elsewhere else min(1.0, abs(near - where))
        slip, way = rng.random(2)
        if math.isnan(apart):
            said[row["key"]] = CANNOT
            continue
        place = round(apart * (len(known) - 1))
        if slip >= accuracy and left != right:
            place = min(max(place + (1 if way < 0.5 else -1), 0), len(known) - 1)
        said[row["key"]] = known[place]
    return said


def levels_of(config: dict[str, Any]) -> list[str]:
    """The levels of a study's scale, from the same; without "cannot judge"."""
    return [level["value"] for level in config["levels"] if level["digit"]]


def press_levels(
    habit: Habit, *, config: dict[str, Any], before: dict[str, str] | None, rng: np.random.Generator
) -> dict[str, str] | None:
    """What a spammer answers without looking; None for whoever looks.

    At random on every line, always the first level, or as on the pair before.
    """
    known, pressed = levels_of(config), press(habit, rng=rng)
    if pressed is None:
        return None
    if pressed.copied and before is not None:
        return before
    drawn = rng.integers(len(known), size=len(config["attributes"]))
    first = habit == "left" and pressed.side == "left"
    return {
        row["key"]: known[0 if first else int(place)]
        for row, place in zip(config["attributes"], drawn, strict=True)
    }
