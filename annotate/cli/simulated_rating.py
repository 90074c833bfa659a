"""How a simulated annotator rates the pictures of a diversity study.

It must not vote: `SimulatedAnnotator` does.
"""

from typing import Any

import numpy as np

from generation.reference.judge import Truth


def rate(
    left: Truth, right: Truth, *, config: dict[str, Any], accuracy: float, rng: np.random.Generator
) -> dict[str, str]:
    """How much two pictures differ on each attribute, as a level of the study's scale.

    The distance of their truths is rounded to the nearest level; pictures of other scenes (truth
    `scene`, where there is one) differ as much as can be. With probability 1 - accuracy the answer
    is a level next to it, where there is one; a picture beside itself is always the same.
    """
    known = [level["value"] for level in config["levels"] if level["digit"]]
    elsewhere = left.get("scene") != right.get("scene")
    said = {}
    for row in config["attributes"]:
        near, where = left.get(row["key"], 0.0), right.get(row["key"], 0.0)
        apart = 1.0 if elsewhere else min(1.0, abs(near - where))
        place = round(apart * (len(known) - 1))
        slip, way = rng.random(2)
        if slip >= accuracy and left != right:
            place = min(max(place + (1 if way < 0.5 else -1), 0), len(known) - 1)
        said[row["key"]] = known[place]
    return said
