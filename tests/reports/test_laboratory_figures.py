"""The laboratory's drawings: free of inline style, inside their frames, whole as files."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from annotate.reports.branches import MODELS, Settings
from annotate.reports.canvas import Svg
from annotate.reports.charts import LABEL_GAP, round_ticks, spread
from annotate.reports.laboratory import investigate
from annotate.reports.laboratory_page import LabPage, lay_out_laboratory
from annotate.reports.planner import Question, plan_study, power_figure
from annotate.reports.standalone import TOKENS, standalone
from tests.reports.test_laboratory import COST, of, scored_csv

pytestmark = pytest.mark.whole

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def page() -> LabPage:
    return laid_out("M3")


def laid_out(model) -> LabPage:
    asked = Settings(model=model, percentile=30, resamples=40)
    return lay_out_laboratory(investigate(of(scored_csv(60), cost=COST), asked))


def drawings(page: LabPage) -> list[Svg]:
    plates = (page.curve, page.score, page.policy, page.accuracy, page.roc, page.reliability)
    figures = [plate.figure for plate in plates if plate is not None]
    figures.append(power_figure(plan_study(Question(prompts=450)), alt="power"))
    return [svg for figure in figures for svg in (figure.wide, figure.narrow)]


def test_looks_come_from_the_style_sheet_alone(page):
    for drawing in drawings(page):
        for element in ET.fromstring(drawing).iter():
            assert not {"style", "fill", "stroke", "font-size", "onclick"} & set(element.attrib)
            assert "class" in element.attrib


@pytest.mark.parametrize("model", MODELS)
def test_everything_stands_inside_its_frame(model):
    for drawing in drawings(laid_out(model)):
        root = ET.fromstring(drawing)
        width, height = float(root.attrib["width"]), float(root.attrib["height"])
        for element in root.iter():
            if "x" in element.attrib:
                assert 0 <= float(element.attrib["x"]) <= width, ET.tostring(element)
                assert 0 <= float(element.attrib["y"]) <= height, ET.tostring(element)
            for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", element.attrib.get("d", "")):
                assert 0 <= float(x) <= width, ET.tostring(element)
                assert 0 <= float(y) <= height, ET.tostring(element)
        assert "nan" not in drawing


def test_every_class_has_a_look_on_the_page_and_in_a_file(page):
    static = ROOT / "annotate" / "web" / "static" / "triptych"
    sheets = "".join(
        (static / name).read_text() for name in ("base.css", "report.css", "laboratory.css")
    )
    alone = standalone(page.curve.figure.wide)
    for drawing in drawings(page):
        for names in re.findall(r'class="([^"]*)"', drawing):
            for name in set(names.split()) - {"plot", "t-m", "t-n", "line-1", "mark-1"}:
                assert f".{name}" in sheets, name
                if not name.startswith("plot"):
                    assert f".{name}" in alone or "line-ink" in names, name


def test_a_file_has_the_colours_of_the_light_theme():
    tokens = (ROOT / "annotate" / "web" / "static" / "triptych" / "tokens.css").read_text()
    light = tokens[: tokens.index("@media")]
    for name, value in TOKENS.items():
        assert re.search(rf"--{name}: {value};", light), name


def test_a_file_stands_alone_and_says_that_votes_are_simulated(page):
    root = ET.fromstring(standalone(page.curve.figure.wide, note="Simulated votes & more"))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert [e.text for e in root.iter() if e.tag.endswith("text")][-1] == "Simulated votes & more"
    style = next(e.text for e in root.iter() if e.tag.endswith("style"))
    assert "$" not in style
    with pytest.raises(ValueError, match="no drawing"):
        standalone("<p>words</p>")


def test_labels_are_moved_apart_and_stay_inside():
    asked = [(10.0, "a", ""), (12.0, "b", ""), (99.0, "c", ""), (98.0, "d", "")]
    placed = [y for y, _, _ in spread(asked, low=0, high=100)]
    assert [b - a >= LABEL_GAP for a, b in pairwise(placed)] == [True] * 3
    assert min(placed) >= 0
    assert max(placed) <= 100


@pytest.mark.parametrize(("low", "high"), [(0.36, 0.51), (0, 1), (5, 24.7), (0.5, 0.5), (-2, 3)])
def test_ticks_are_few_and_hold_the_values_between_them(low, high):
    ticks = round_ticks(low, high)
    assert ticks[0] <= low + 1e-9
    assert ticks[-1] >= high - 1e-9
    assert 2 <= len(ticks) <= 7
