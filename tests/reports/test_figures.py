"""The drawings: equal to the stored ones, free of inline style, within their frames."""

from __future__ import annotations

import os
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from annotate.reports.canvas import Figure, Svg
from annotate.reports.figures import (
    BarRow,
    Interval,
    count_bars,
    forest,
    micro_interval,
    preference_bars,
    side_intervals,
    vote_squares,
)

GOLDEN = Path(__file__).parent / "golden"
ONE = [BarRow("Student", "Teacher", 276, 96, 228)]
LONG = "A method with a name as long as researchers like to make them, 50 steps"
COST = ("10.2 steps, 20.4 forwards", "10.2 steps")
COSTLY = [
    BarRow("Student", "Teacher", 276, 96, 228, a_cost=COST, b_cost=("50 steps", "50 steps")),
    BarRow("Student", "Imported", 276, 96, 228, (43, 16, 41), a_cost=COST),
]
MANY = [*ONE, BarRow("Student", LONG, 3, 1, 0), BarRow(LONG, "Teacher", 0, 0, 0)]
RATES = [
    Interval("All prompts", 0.548, 0.504, 0.591, 504),
    Interval("Decided on text match", 0.587, 0.526, 0.646, 240, main=False),
    Interval("Decided on aesthetics", 0.495, 0.396, 0.594, 90, main=False),
    Interval("Not one decided", None, None, None, 0, main=False),
]
SIDES = [
    Interval("When on the left", 0.548, 0.51, 0.59, 700),
    Interval("When on the right", 0.529, 0.49, 0.57, 766),
    Interval("Left, either method", None, None, None, 0),
]


def figures() -> dict[str, Figure]:
    toward = {"toward_a": "Student", "toward_b": "Teacher"}
    measure = "Win rate, % [95 % CI]"
    return {
        "bars_one": preference_bars(ONE, alt="one bar"),
        "bars_costs": preference_bars(COSTLY, alt="two bars with steps"),
        "bars_many": preference_bars(MANY, alt="three bars"),
        "forest": forest(RATES, **toward, measure=measure, alt="forest plot"),
        "agreement": count_bars([("Unanimous", 214), ("Two of three", 338)], alt="two bars"),
        "sides": side_intervals(SIDES, alt="three intervals"),
    }


def drawings() -> dict[str, Svg]:
    found = {
        "micro": micro_interval(0.51, 0.4, 0.62, reference=0.5),
        "votes": vote_squares(["win", "tie", "lose"]),
    }
    for name, figure in figures().items():
        found |= {f"{name}_wide": figure.wide, f"{name}_narrow": figure.narrow}
    return found


@pytest.mark.parametrize("name", sorted(drawings()))
def test_the_drawing_is_the_stored_one(name: str) -> None:
    path = GOLDEN / f"{name}.svg"
    drawn = drawings()[name]
    if os.environ.get("TRIPTYCH_WRITE_GOLDEN"):
        path.write_text(drawn + "\n", encoding="utf-8")
    assert drawn + "\n" == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(drawings()))
def test_looks_come_from_the_style_sheet_alone(name: str) -> None:
    for element in ET.fromstring(drawings()[name]).iter():
        assert not {"style", "fill", "stroke", "font-size", "onclick"} & set(element.attrib)
        assert "class" in element.attrib


@pytest.mark.parametrize("name", sorted(figures()))
def test_every_figure_has_a_text_alternative_and_two_widths(name: str) -> None:
    figure = figures()[name]
    for svg, kind in ((figure.wide, "plot plot-wide"), (figure.narrow, "plot plot-narrow")):
        root = ET.fromstring(svg)
        assert root.get("role") == "img"
        assert root.get("aria-label")
        assert root.get("class") == kind
    assert ET.fromstring(figure.narrow).get("width") == "342"


def extent(element: ET.Element) -> tuple[float, float]:
    """How far an element reaches to both sides; words by their widest likely face."""
    at = float(element.get("x") or element.get("cx") or 0)
    if element.tag == "text":
        size = 12 if "t-s" in str(element.get("class")).split() else 13
        width = sum(size * (0.4 if c in "il.,: ]['" else 0.62) for c in element.text or "")
        anchor = element.get("text-anchor", "start")
        left = at - {"start": 0, "middle": width / 2, "end": width}[anchor]
        return left, left + width
    if element.tag == "path":
        xs = [float(x) for x in re.findall(r"[ML]([-\d.]+) ", str(element.get("d")))]
        return min(xs), max(xs)
    return at, at + float(element.get("width") or 0)


@pytest.mark.parametrize("name", sorted(drawings()))
def test_nothing_reaches_out_of_its_drawing(name: str) -> None:
    root = ET.fromstring(drawings()[name])
    width = float(str(root.get("width")))
    for element in root:
        low, high = extent(element)
        assert low >= -1, element.attrib
        assert high <= width + 1, (element.attrib, element.text)


def test_the_pieces_of_a_bar_fill_it_in_proportion() -> None:
    root = ET.fromstring(preference_bars(ONE, alt="bar").wide)
    widths = [float(str(r.get("width"))) for r in root.iter("rect")]
    assert sum(widths) == pytest.approx(416, abs=0.2)
    assert [w / sum(widths) for w in widths] == pytest.approx([0.46, 0.16, 0.38], abs=0.001)


def test_what_an_image_takes_stands_whole_below_its_end_of_the_bar_however_narrow() -> None:
    figure = preference_bars(COSTLY, alt="two bars")
    for svg, words in ((figure.wide, COST[0]), (figure.narrow, COST[1])):
        said = [element.text for element in ET.fromstring(svg).iter("text")]
        assert said.count(words) == 2
        assert said.count("n = 600") == 2
        assert not any("…" in (line or "") for line in said)


def test_names_cannot_smuggle_markup_into_a_drawing() -> None:
    rows = [BarRow('<script>alert("1")</script>', "&quot; onload=", 1, 0, 1)]
    for svg in (
        preference_bars(rows, alt='"><img src=x>').narrow,
        preference_bars(rows, alt="b").wide,
    ):
        root = ET.fromstring(svg)
        assert {e.tag for e in root.iter()} <= {"svg", "text", "rect", "path"}


def test_templates_take_a_drawing_as_it_is_and_plain_text_not() -> None:
    from django.utils.html import conditional_escape

    drawn = vote_squares(["win"])
    assert conditional_escape(drawn) == drawn
    assert conditional_escape("<svg>" + "</svg>") == "&lt;svg&gt;&lt;/svg&gt;"
