"""The report as PDF: headline, figures, tables, methods, on A4, without system libraries.

It must not compute or read a clock: equal reports give equal bytes.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from fpdf import FPDF
from fpdf.enums import MethodReturnValue, XPos, YPos

from annotate.reports.canvas import Svg
from annotate.reports.pdf_drawing import add_fonts, draw, size_of
from annotate.reports.plates import Plate, Section
from annotate.reports.tables import Cell, Table

MARGIN, WIDTH, HEIGHT = 18.0, 174.0, 297.0
INK, SOFT, RULE, FAINT = "#1a1a1a", "#4d4d4d", "#8d8d8d", "#636363"
# A drawing's unit in millimetres: 720 of them are a page's width.
UNIT = WIDTH / 720
_SMALLEST = 5.0
_HALF = WIDTH / 2 - 4


class _Pdf(FPDF):
    """A4 with the study's name and the page's number at the foot of every page."""

    def __init__(self, foot: str) -> None:
        super().__init__(format="A4", unit="mm")
        self.foot = foot
        self.set_margins(MARGIN, MARGIN, MARGIN)
        self.set_auto_page_break(auto=True, margin=20)
        add_fonts(self)

    def normalize_text(self, text: str) -> str:
        """The fonts have no sign of infinity; a threshold that refines all stood blank."""
        return str(super().normalize_text(text.replace("∞", "inf")))

    def footer(self) -> None:
        self.set_y(-13)
        self.set_font("sans", "", 7)
        self.set_text_color(FAINT)
        self.cell(WIDTH - 20, 4, self.foot)
        self.cell(20, 4, f"{self.page_no()}", align="R")

    def room(self) -> float:
        """Millimetres left above the foot."""
        return HEIGHT - 20 - self.get_y()


def report_pdf(
    *,
    title: str,
    standfirst: str,
    warning: str,
    facts: Sequence[tuple[str, str]],
    sections: Sequence[Section],
    bibtex: str,
    foot: str,
    made_at: datetime,
) -> bytes:
    """The whole report.

    Args:
        warning: said in a frame below the headline (simulated votes); empty for none.
        foot: at the foot of every page.
        made_at: stands in the file's properties; of the data, never of the clock.
    """
    pdf = _Pdf(foot)
    pdf.set_title(title)
    pdf.set_creator("Triptych")
    pdf.set_producer("fpdf2")
    pdf.set_creation_date(made_at.astimezone(UTC))
    pdf.add_page()
    _words(pdf, title, "serif", 17, line=8.2)
    pdf.ln(1.5)
    if standfirst:
        _words(pdf, standfirst, "serif", 10.5, colour=SOFT, line=5.4)
    if warning:
        pdf.ln(2)
        pdf.set_draw_color(RULE)
        pdf.set_font("sans", "B", 8.5)
        pdf.set_text_color(INK)
        pdf.multi_cell(WIDTH, 4.8, warning, border=1, padding=2, new_x=XPos.LMARGIN)
    pdf.ln(3)
    for name, value in facts:
        pdf.set_font("sans", "", 8)
        pdf.set_text_color(FAINT)
        pdf.cell(26, 4.6, name)
        pdf.set_font("sans", "B", 8)
        pdf.set_text_color(INK)
        pdf.multi_cell(WIDTH - 26, 4.6, value, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    for section in sections:
        _section(pdf, section)
    _heading(pdf, "BibTeX", needs=90)
    pdf.set_font("mono", "", 7)
    pdf.set_text_color(INK)
    pdf.multi_cell(WIDTH, 3.6, bibtex, align="L", new_x=XPos.LMARGIN)
    return bytes(pdf.output())


def figure_pdf(drawing: Svg, *, title: str, note: str, made_at: datetime) -> bytes:
    """One figure on a page of its own size, in points as large as its drawing units.

    Args:
        note: written below it (simulated votes); empty for none.
    """
    width, height = size_of(drawing)
    pdf = FPDF(unit="pt", format=(width + 16, height + (34 if note else 16)))
    add_fonts(pdf, reading=False)
    pdf.set_auto_page_break(auto=False)
    pdf.set_title(title)
    pdf.set_creation_date(made_at.astimezone(UTC))
    pdf.add_page()
    draw(pdf, drawing, x=8, y=8, scale=1)
    if note:
        pdf.set_font("sans", "", 10)
        pdf.set_text_color(FAINT)
        pdf.text(width + 8 - pdf.get_string_width(note), height + 26, note)
    return bytes(pdf.output())


def _section(pdf: _Pdf, section: Section) -> None:
    beside = section.half and len(section.plates) == 2
    if beside:
        tall = _tall(pdf, section.plates, _HALF)
    else:
        tall = _tall(pdf, section.plates[:1], WIDTH) if section.plates else 40.0
    _heading(pdf, section.title, needs=min(tall, 200))
    if beside:
        _beside(pdf, section.plates)
    else:
        for plate in section.plates:
            _plate(pdf, plate)
    for paragraph in section.paragraphs:
        tall = _lines(pdf, paragraph, "serif", 9.5, line=5)
        if pdf.room() < tall < 60:
            pdf.add_page()
        _words(pdf, paragraph, "serif", 9.5, line=5)
        pdf.ln(1.5)
    for table in section.tables:
        _table(pdf, table)
    for note in section.notes:
        _words(pdf, note, "sans", 7.5, colour=SOFT, line=4)
        pdf.ln(0.8)


def _heading(pdf: _Pdf, words: str, *, needs: float) -> None:
    if pdf.room() < needs + 16:
        pdf.add_page()
    else:
        pdf.ln(6)
    pdf.set_draw_color(INK)
    pdf.set_line_width(0.4)
    pdf.set_dash_pattern()
    pdf.line(MARGIN, pdf.get_y(), MARGIN + WIDTH, pdf.get_y())
    pdf.ln(2.5)
    _words(pdf, words, "sans", 12, bold=True, line=6)
    pdf.ln(1.5)


def _words(
    pdf: FPDF,
    words: str,
    face: str,
    size: float,
    *,
    bold: bool = False,
    colour: str = INK,
    line: float,
    width: float = WIDTH,
) -> None:
    pdf.set_font(face, "B" if bold else "", size)
    pdf.set_text_color(colour)
    pdf.multi_cell(width, line, words, align="L", new_x=XPos.LEFT, new_y=YPos.NEXT)


def _lines(
    pdf: FPDF,
    words: str,
    face: str,
    size: float,
    *,
    bold: bool = False,
    line: float,
    width: float = WIDTH,
) -> float:
    """Millimetres that `_words` takes, without writing them."""
    pdf.set_font(face, "B" if bold else "", size)
    lines = pdf.multi_cell(
        width, line, words, dry_run=True, output=MethodReturnValue.LINES, align="L"
    )
    assert isinstance(lines, list)
    return line * len(lines)


def _head(pdf: FPDF, plate: Plate, width: float) -> float:
    """Millimetres of a figure's title and subtitle."""
    across = max(width, 80.0)
    title = _lines(pdf, plate.title, "sans", 9, bold=True, line=4.6, width=across)
    return title + _lines(pdf, plate.subtitle, "sans", 7.5, line=4, width=across)


def _scale(plate: Plate, width: float) -> float:
    return min(width / size_of(plate.figure.wide)[0], UNIT * 1.05)


def _tall(pdf: FPDF, plates: Sequence[Plate], width: float) -> float:
    """Millimetres of figures side by side, with all their words."""
    below = []
    for plate in plates:
        note = _lines(pdf, plate.note, "sans", 7, line=3.7, width=max(width, 80.0))
        below.append(size_of(plate.figure.wide)[1] * _scale(plate, width) + 2 + note)
    return max(_head(pdf, plate, width) for plate in plates) + 2 + max(below)


def _plate(pdf: _Pdf, plate: Plate) -> None:
    width = min(WIDTH, size_of(plate.figure.wide)[0] * UNIT)
    if pdf.room() < min(_tall(pdf, [plate], width), 220):
        pdf.add_page()
    _one(pdf, plate, x=MARGIN, width=width, head=_head(pdf, plate, width))
    pdf.ln(3)


def _beside(pdf: _Pdf, plates: Sequence[Plate]) -> None:
    if pdf.room() < _tall(pdf, plates, _HALF):
        pdf.add_page()
    top = pdf.get_y()
    # Drawings begin side by side, however many lines their titles have.
    head = max(_head(pdf, plate, _HALF) for plate in plates)
    ends = []
    for place, plate in enumerate(plates):
        x = MARGIN + place * (_HALF + 8)
        pdf.set_xy(x, top)
        _one(pdf, plate, x=x, width=_HALF, head=head)
        ends.append(pdf.get_y())
    pdf.set_xy(MARGIN, max(ends) + 3)


def _one(pdf: FPDF, plate: Plate, *, x: float, width: float, head: float) -> None:
    drawing = plate.figure.wide
    across = max(width, 80.0)
    start = pdf.get_y()
    pdf.set_x(x)
    _words(pdf, plate.title, "sans", 9, bold=True, line=4.6, width=across)
    pdf.set_x(x)
    _words(pdf, plate.subtitle, "sans", 7.5, colour=FAINT, line=4, width=across)
    high, scale = size_of(drawing)[1], _scale(plate, width)
    top = start + head + 2
    draw(pdf, drawing, x=x, y=top, scale=scale)
    pdf.set_xy(x, top + high * scale + 2)
    _words(pdf, plate.note, "sans", 7, colour=SOFT, line=3.7, width=across)
    pdf.set_x(MARGIN)


def _table(pdf: _Pdf, table: Table) -> None:
    """Columns as wide as their words; type shrinks on a narrow page, then words wrap."""
    if not table.rows:
        return
    size, widths = _fit(pdf, table)
    line = 0.53 * size
    # The label, the head and three rows stay together.
    if pdf.room() < 10 + 6 * line * 1.8:
        pdf.add_page()
    pdf.ln(2.5)
    _words(pdf, table.label, "sans", 8.5, bold=True, line=5)
    head = [Cell(c.title, numeric=c.numeric, strong=True) for c in table.columns]
    _line(pdf, head, table, widths, size=size, line=line)
    _rule(pdf, INK)
    for place, row in enumerate(table.rows):
        needs = _height(pdf, row, widths, size=size, line=line) + 2
        if place == len(table.rows) - 2:
            # The last row never stands on a page alone.
            needs += _height(pdf, table.rows[-1], widths, size=size, line=line)
        if pdf.room() < needs:
            pdf.add_page()
            _line(pdf, head, table, widths, size=size, line=line)
            _rule(pdf, INK)
        _line(pdf, row, table, widths, size=size, line=line)
        _rule(pdf, "#dcdcdc")
    pdf.ln(3)


def _fit(pdf: FPDF, table: Table) -> tuple[float, list[float]]:
    # Long heads rather take a third line than make all the numbers small.
    tries = [(size, False) for size in (8.0, 7.5, 7.0, 6.5)]
    tries += [(size, True) for size in (7.0, 6.5, 6.0, 5.5, _SMALLEST)]
    for size, broken in tries:
        widths = _natural(pdf, table, size, broken=broken)
        if sum(widths) <= WIDTH:
            more = (WIDTH - sum(widths)) / len(widths)
            return size, [width + more for width in widths]
    # Numbers keep their room, words wrap in what is left.
    wordy = [i for i, column in enumerate(table.columns) if not column.numeric]
    size = 7.0 if len(wordy) == len(table.columns) else 6.5
    widths = _natural(pdf, table, size)
    fixed = sum(w for i, w in enumerate(widths) if i not in wordy)
    if len(wordy) == len(widths) > 5:
        return size, _shared(widths)
    if fixed > WIDTH - 30 * len(wordy):
        size = _SMALLEST
        widths = _natural(pdf, table, size)
        share = WIDTH / sum(widths)
        return size, [w * share for w in widths]
    natural = sum(widths[i] for i in wordy)
    # A first column of questions stays readable beside long answers.
    room = WIDTH - fixed
    if len(wordy) > 1:
        first = min(widths[wordy[0]], room * 0.34)
        widths[wordy[0]] = first
        rest = sum(widths[i] for i in wordy[1:])
        for i in wordy[1:]:
            widths[i] *= (room - first) / rest
    else:
        widths[wordy[0]] *= room / natural
    return size, widths


def _shared(widths: list[float]) -> list[float]:
    """Short words keep their line; columns wider than their share of the rest are cut to it."""
    room, left = WIDTH, len(widths)
    for width in sorted(widths):
        if width * left > room:
            break
        room, left = room - width, left - 1
    return [min(width, room / left) for width in widths] if left else widths


def _natural(pdf: FPDF, table: Table, size: float, *, broken: bool = False) -> list[float]:
    widths = []
    for i, column in enumerate(table.columns):
        pdf.set_font("sans", "B", size)
        pieces = _pieces(column.title, broken=broken)
        words = max(pdf.get_string_width(piece) for piece in pieces)
        bold = i == 0
        for row in table.rows:
            pdf.set_font("sans", "B" if bold or row[i].strong else "", size)
            words = max(words, pdf.get_string_width(row[i].text))
        widths.append(words + 3.4)
    return widths


def _pieces(title: str, *, broken: bool) -> list[str]:
    """A head may break between its words: into two lines, where `broken` after every word."""
    words = title.split(" ")
    if len(words) == 1 or broken:
        return words
    cuts = [(" ".join(words[:i]), " ".join(words[i:])) for i in range(1, len(words))]
    return list(min(cuts, key=lambda two: max(map(len, two))))


def _height(
    pdf: FPDF, row: Sequence[Cell], widths: Sequence[float], *, size: float, line: float
) -> float:
    tall = line
    for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
        pdf.set_font("sans", "B" if cell.strong or place == 0 else "", size)
        if pdf.get_string_width(cell.text) < width - 2.1:
            continue
        lines = pdf.multi_cell(
            width, line, cell.text, dry_run=True, output=MethodReturnValue.LINES, align="L"
        )
        assert isinstance(lines, list)
        tall = max(tall, line * len(lines))
    return tall + 1.6


def _line(
    pdf: FPDF,
    row: Sequence[Cell],
    table: Table,
    widths: Sequence[float],
    *,
    size: float,
    line: float,
) -> None:
    top, x = pdf.get_y(), MARGIN
    tall = _height(pdf, row, widths, size=size, line=line)
    for place, (cell, column, width) in enumerate(zip(row, table.columns, widths, strict=True)):
        pdf.set_xy(x, top + 0.8)
        pdf.set_font("sans", "B" if cell.strong or place == 0 else "", size)
        pdf.set_text_color(FAINT if cell.faint else INK)
        align = "R" if column.numeric else "L"
        if pdf.get_string_width(cell.text) < width - 2.1:
            pdf.cell(width, line, cell.text, align=align)
        else:
            pdf.multi_cell(width, line, cell.text, align=align)
        x += width
    pdf.set_xy(MARGIN, top + tall)


def _rule(pdf: FPDF, colour: str) -> None:
    pdf.set_draw_color(colour)
    pdf.set_line_width(0.2)
    pdf.set_dash_pattern()
    pdf.line(MARGIN, pdf.get_y(), MARGIN + WIDTH, pdf.get_y())
