"""Figure 17 in world S1: how far two pictures of one prompt by one method differ, as judged.

It must not know statistics. The world has three attributes that a caption can leave open; style is
none of them and is answered "cannot judge".
"""

from __future__ import annotations

from collections.abc import Iterator

from annotate.analysis.diversity import (
    Attribute,
    DiversityDifference,
    DiversityScore,
    DiversityVote,
    diversity_differences,
    diversity_scores,
)
from annotate.reports.reexamined.evidence import Evidence, Examined
from annotate.reports.reexamined.names import label
from generation.reference.s1.arms import BASELINE, NULL
from generation.reference.s1.draw import PLACES
from generation.reference.s1.judge import UNSEEN
from generation.reference.s1.words import ATTRIBUTES, BACKGROUNDS, SIZES

# What stands for the paper's attributes here. There is no camera: where the object stands is the
# nearest thing to an angle of view. An object's colour and shape are always told, its size is not.
STANDS_FOR = {
    Attribute.ANGLE: "position in the picture",
    Attribute.BACKGROUND: "background, where the caption leaves it open",
    Attribute.OBJECT: "size, where the caption leaves it open",
    Attribute.STYLE: "nothing: the world has one style",
}
_TOLD = {Attribute.BACKGROUND: "background", Attribute.OBJECT: "size"}


def votes(evidence: Evidence) -> Iterator[DiversityVote]:
    """One answer of the exact judge per method, prompt and attribute: 0 the same, 1 different."""
    pairs = {label(BASELINE): (evidence.arms[BASELINE], evidence.arms[NULL])}
    pairs |= {label(name): (evidence.arms[name], second) for name, second in evidence.again.items()}
    for method, (first, second) in pairs.items():
        for row, prompt in enumerate(evidence.prompts):
            for attribute in Attribute:
                yield DiversityVote(
                    method, prompt, attribute, _answer(first, second, attribute, row)
                )


def _answer(first: Examined, second: Examined, attribute: Attribute, row: int) -> float | None:
    """None where the caption tells it, where a picture shows nothing, or without such a thing."""
    if attribute is Attribute.STYLE:
        return None
    if attribute is Attribute.ANGLE:
        shown = [int(each.verdict.seen.place[row]) for each in (first, second)]
    else:
        column = ATTRIBUTES.index(_TOLD[attribute])
        if first.verdict.asked[row, column]:
            return None
        shown = [int(each.verdict.seen.looks[row, column]) for each in (first, second)]
    if UNSEEN in shown:
        return None
    return float(shown[0] != shown[1])


def scores(evidence: Evidence) -> tuple[DiversityScore, ...]:
    """Every method's diversity by attribute; without a style there is no overall score."""
    import numpy as np

    rng = np.random.default_rng([evidence.design.seed, 0xD5])
    return diversity_scores(list(votes(evidence)), rng=rng)


def differences(evidence: Evidence) -> tuple[DiversityDifference, ...]:
    """Methods against each other, paired by prompt, Holm over all."""
    import numpy as np

    rng = np.random.default_rng([evidence.design.seed, 0xD5D])
    return diversity_differences(list(votes(evidence)), rng=rng)


def chance_levels() -> dict[str, float]:
    """What two scenes drawn by the renderer for one caption would score."""
    return {
        Attribute.ANGLE: 1 - 1 / len(PLACES),
        Attribute.BACKGROUND: 1 - 1 / len(BACKGROUNDS),
        Attribute.OBJECT: 1 - 1 / len(SIZES),
    }
