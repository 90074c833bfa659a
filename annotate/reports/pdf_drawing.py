"""Draws the report's figures into a PDF: the same drawing as on screen, element by element.

It must not know what is drawn; looks come from `standalone`, which holds the light theme.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree.ElementTree import Element, fromstring

from fpdf import FPDF
from fpdf.enums import PathPaintRule, TextMode

from annotate.reports.canvas import Svg
from annotate.reports.standalone import looks

FONTS = Path(__file__).parent / "fonts"
_STEP = re.compile(r"([A-Za-z])|(-?\d+(?:\.\d+)?)")
Style = Literal["", "B"]


@dataclass(frozen=True)
class _Place:
    """Where the drawing's origin stands on the page, and how large its unit is there."""

    x: float
    y: float
    scale: float

    def at(self, x: float, y: float) -> tuple[float, float]:
        return self.x + self.scale * x, self.y + self.scale * y


def add_fonts(pdf: FPDF, *, reading: bool = True) -> None:
    """The faces that come with the software; `reading` for those of texts, drawings need none."""
    pdf.add_font("sans", "", FONTS / "DejaVuSans.ttf")
    pdf.add_font("sans", "B", FONTS / "DejaVuSans-Bold.ttf")
    if reading:
        pdf.add_font("serif", "", FONTS / "DejaVuSerif.ttf")
        pdf.add_font("mono", "", FONTS / "DejaVuSansMono.ttf")


def size_of(drawing: Svg) -> tuple[float, float]:
    """Width and height in drawing units."""
    root = _read(drawing)
    return float(root.attrib["width"]), float(root.attrib["height"])


def draw(pdf: FPDF, drawing: Svg, *, x: float, y: float, scale: float) -> None:
    """Draw with its upper left corner at (x, y) of the page; `scale` page units a drawing unit.

    Raises:
        ValueError: the drawing holds an element or a path step that `canvas` does not make.
    """
    place, rules = _Place(x, y, scale), looks()
    for element in _read(drawing):
        style: dict[str, str] = {}
        for name in element.attrib.get("class", "").split():
            style |= rules.get(name, {})
        tag = element.tag
        if tag == "text":
            _text(pdf, element, style, place)
        elif tag == "rect":
            _rect(pdf, element, style, place)
        elif tag == "circle":
            _circle(pdf, element, style, place)
        elif tag == "path":
            _path(pdf, element, style, place)
        else:
            raise ValueError(f"a drawing has a <{tag}>; canvas makes text, rect, circle and path")


def _read(drawing: Svg) -> Element:
    return fromstring(drawing)  # noqa: S314 (our own drawing, never a file from outside)


def _text(pdf: FPDF, element: Element, style: dict[str, str], place: _Place) -> None:
    size = float(style.get("font-size", "13px").removesuffix("px"))
    bold: Style = "B" if float(style.get("font-weight", "400")) >= 600 else ""
    # Screen faces are narrower than the PDF's: a little smaller keeps every word in its room.
    pdf.set_font("sans", bold, 0.88 * size * place.scale * pdf.k)
    pdf.set_text_color(style.get("fill", "#1a1a1a"))
    words = element.text or ""
    x, y = place.at(float(element.attrib["x"]), float(element.attrib["y"]))
    anchor = element.attrib.get("text-anchor", "start")
    x -= {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor] * pdf.get_string_width(words)
    if words:
        if style.get("paint-order") == "stroke":
            # The halo first, as on screen: words stay legible on lines and bands. fpdf2 writes
            # this width in points, whatever the page's unit.
            width = pdf.k * place.scale * float(style["stroke-width"].removesuffix("px"))
            with pdf.local_context(
                text_mode=TextMode.STROKE, draw_color=style["stroke"], line_width=width
            ):
                pdf.text(x, y, words)
        pdf.text(x, y, words)


def _rect(pdf: FPDF, element: Element, style: dict[str, str], place: _Place) -> None:
    x, y = place.at(float(element.attrib["x"]), float(element.attrib["y"]))
    width, height = (place.scale * float(element.attrib[k]) for k in ("width", "height"))
    if width > 0 and height > 0 and style.get("fill", "none") != "none":
        pdf.set_fill_color(style["fill"])
        pdf.rect(x, y, width, height, style="F")


def _circle(pdf: FPDF, element: Element, style: dict[str, str], place: _Place) -> None:
    x, y = place.at(float(element.attrib["cx"]), float(element.attrib["cy"]))
    stroked = _pen(pdf, style, place)
    pdf.set_fill_color(style.get("fill", "#1a1a1a"))
    radius = place.scale * float(element.attrib["r"])
    pdf.circle(x, y, radius, style="DF" if stroked else "F")


def _pen(pdf: FPDF, style: dict[str, str], place: _Place) -> bool:
    """Set colour, width and dashes; whether there is a stroke at all."""
    colour = style.get("stroke", "none")
    if colour == "none":
        return False
    pdf.set_draw_color(colour)
    pdf.set_line_width(place.scale * float(style.get("stroke-width", "1").removesuffix("px")))
    dashes = [place.scale * float(d) for d in style.get("stroke-dasharray", "").split()]
    pdf.set_dash_pattern(*dashes[:2]) if dashes else pdf.set_dash_pattern()
    return True


def _path(pdf: FPDF, element: Element, style: dict[str, str], place: _Place) -> None:
    filled = style.get("fill", "none") != "none" and not _line(element)
    stroked = _pen(pdf, style, place)
    if not (filled or stroked):
        return
    with pdf.new_path() as path:
        path.style.auto_close = False
        path.style.fill_color = style["fill"] if filled else None
        path.style.stroke_color = style["stroke"] if stroked else None
        path.style.stroke_width = place.scale * float(style.get("stroke-width", "1"))
        dashes = [place.scale * float(d) for d in style.get("stroke-dasharray", "").split()]
        if dashes:
            path.style.stroke_dash_pattern = dashes
            path.style.stroke_dash_phase = 0
        path.style.paint_rule = {
            (False, True): PathPaintRule.STROKE,
            (True, False): PathPaintRule.FILL_NONZERO,
            (True, True): PathPaintRule.STROKE_FILL_NONZERO,
        }[filled, stroked]
        for kind, x, y in _steps(element.attrib["d"]):
            if kind == "z":
                path.close()
            elif kind == "M":
                path.move_to(*place.at(x, y))
            else:
                path.line_to(*place.at(x, y))


def _line(element: Element) -> bool:
    kinds = element.attrib.get("class", "").split()
    return any(kind.startswith(("s-", "line-")) for kind in kinds)


def _steps(d: str) -> list[tuple[str, float, float]]:
    """Absolute moves (M), lines (L) and closings (z) of a path of `canvas`."""
    found: list[tuple[str, float, float]] = []
    kind, numbers, x, y = "", [], 0.0, 0.0
    for letter, number in _STEP.findall(d):
        if letter:
            kind = letter
            if letter not in "MLlz":
                raise ValueError(f"a path has the step {letter!r}; canvas makes M, L, l and z")
            if letter == "z":
                found.append(("z", x, y))
            continue
        numbers.append(float(number))
        if len(numbers) == 2:
            one, two = numbers
            x, y = (x + one, y + two) if kind == "l" else (one, two)
            found.append(("M" if kind == "M" else "L", x, y))
            numbers = []
    return found
