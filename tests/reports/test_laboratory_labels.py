"""No word of the laboratory's curves stands on another word, or on a dot that is not its own."""

from __future__ import annotations

import itertools
from typing import NamedTuple
from xml.etree import ElementTree as ET

import pytest

from annotate.reports.branches import MODELS, Settings
from annotate.reports.canvas import Svg, text_width
from annotate.reports.laboratory import Laboratory, investigate
from annotate.reports.laboratory_plates import curve_plate, score_plate
from tests.reports.laboratory_arrange import of, plurality, scored_csv

pytestmark = pytest.mark.whole
VOTES = ["WWW", "WWT", "TTL", "LLL", "LLW", "LLT", "WWL", "TWL", "LTT", "WWW", "LLL", "TTT"]


class Box(NamedTuple):
    """Where something stands, and what it says."""

    left: float
    top: float
    right: float
    bottom: float
    words: str


def twelve_prompts() -> str:
    """Few prompts, so that lines run far apart and end anywhere; one good and one bad score."""
    lines = ["prompt,student,refined,student_votes,refined_votes,Estimator aaaaaa,Estimator bbbbbb"]
    for i, (s, r) in enumerate(zip(VOTES, VOTES[::-1], strict=True)):
        good = len(s) - s.count("L") + i / 50
        lines.append(f"p{i},{plurality(s)},{plurality(r)},{s},{r},{good},{(7 * i) % 12}")
    return "\n".join(lines)


def laboratory(text: str, model: str) -> Laboratory:
    return investigate(of(text), Settings(model=model, resamples=50))  # type: ignore[arg-type]


def words_of(drawing: Svg) -> list[Box]:
    """The box of every text: 12 units high, as wide as the narrower of fallback faces draws it."""
    found = []
    for element in ET.fromstring(drawing).iter("text"):
        x, y, words = float(element.attrib["x"]), float(element.attrib["y"]), element.text or ""
        # `text_width` is an upper estimate: four fifths of it are surely inked.
        wide = 0.8 * text_width(words, size=12)
        left = {"start": x, "middle": x - wide / 2, "end": x - wide}[
            element.attrib.get("text-anchor", "start")
        ]
        found.append(Box(left, y - 9, left + wide, y + 1, words))
    return found


def dots_of(drawing: Svg) -> list[Box]:
    dots = []
    for element in ET.fromstring(drawing).iter("circle"):
        x, y, r = (float(element.attrib[name]) for name in ("cx", "cy", "r"))
        dots.append(Box(x - r, y - r, x + r, y + r, "dot"))
    return dots


def touch(one: Box, other: Box) -> bool:
    return (
        one.left < other.right
        and other.left < one.right
        and one.top < other.bottom
        and other.top < one.bottom
    )


@pytest.mark.parametrize("text", [twelve_prompts(), scored_csv(60)], ids=["twelve", "sixty"])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("width", ["wide", "narrow"])
def test_no_word_stands_on_another_or_on_a_dot(text: str, model: str, width: str) -> None:
    lab = laboratory(text, model)
    for plate in (curve_plate(lab), score_plate(lab)):
        drawing = getattr(plate.figure, width)
        words = words_of(drawing)
        pairs = [*itertools.combinations(words, 2), *itertools.product(words, dots_of(drawing))]
        assert [(a.words, b.words) for a, b in pairs if touch(a, b)] == []


def test_every_line_of_a_narrow_curve_is_named_above_it() -> None:
    lab = laboratory(twelve_prompts(), "M1")
    for plate, names in (
        (curve_plate(lab), {"Adaptive wins", "Tie", "Teacher wins"}),
        (score_plate(lab), {"Same votes", "Cross-fitted"}),
    ):
        boxes = words_of(plate.figure.narrow)
        key = [box for box in boxes if box.words in names]
        assert {box.words for box in key} == names
        ticks = [box.top for box in boxes if box.words.endswith("%")]
        assert all(box.bottom < min(ticks) for box in key)
