"""A report's files for papers: PDF, LaTeX, every table as CSV, every figure as SVG and PDF.

It must not compute, read rows or clocks: one report, one sequence of bytes.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from datetime import datetime

from annotate.reports.citation import bibtex
from annotate.reports.document import sections
from annotate.reports.latex import latex_document, tabular
from annotate.reports.page import lay_out
from annotate.reports.plates import Section
from annotate.reports.report import Report
from annotate.reports.standalone import standalone
from annotate.reports.tables import Table

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def pdf_file(report: Report) -> bytes:
    """The report as PDF."""
    # fpdf2 loads fontTools: half a second that a web process should not pay at start.
    from annotate.reports.pdf import report_pdf

    page = lay_out(report)
    warning = f"Simulated votes. {page.simulated}" if page.simulated else ""
    short = f"{report.protocol_hash[:4]} {report.protocol_hash[4:8]}"
    foot = f"{report.name} · study {report.uid[:8]} · protocol {short}"
    return report_pdf(
        title=page.headline,
        standfirst=page.standfirst,
        warning=warning,
        facts=page.facts,
        sections=sections(report, page),
        bibtex=bibtex(report),
        foot=f"{foot} · simulated votes" if warning else foot,
        made_at=_moment(report),
    )


def tex_file(report: Report) -> str:
    """Every table with the sections' words, in one document that compiles."""
    page = lay_out(report)
    opening = [page.headline, page.standfirst]
    if page.simulated:
        opening.insert(0, f"Simulated votes. {page.simulated}")
    return latex_document(
        report.name, [w for w in opening if w], sections(report, page), bibtex(report)
    )


def tables_zip(report: Report) -> bytes:
    """Each table as CSV and as LaTeX."""
    files: dict[str, bytes] = {}
    for name, table in _tables(sections(report, lay_out(report), whole=True)):
        files[f"{name}.csv"] = table_csv(table).encode()
        files[f"{name}.tex"] = tabular(table).encode()
    return _zip(files)


def figures_zip(report: Report) -> bytes:
    """Each figure as SVG and as PDF, the drawing of the page."""
    from annotate.reports.pdf import figure_pdf

    files: dict[str, bytes] = {}
    note = "Simulated votes" if report.simulated else ""
    for section in sections(report, lay_out(report)):
        for place, plate in enumerate(section.plates, start=1):
            several = f"-{place}" if len(section.plates) > 1 else ""
            drawing = plate.figure.wide
            files[f"{section.name}{several}.svg"] = standalone(drawing, note=note).encode()
            files[f"{section.name}{several}.pdf"] = figure_pdf(
                drawing, title=plate.title, note=note, made_at=_moment(report)
            )
    return _zip(files)


def table_csv(table: Table) -> str:
    """A table as it is read, safe to open in a spreadsheet; the report's JSON has every digit."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([column.title for column in table.columns])
    for row in table.rows:
        writer.writerow([_cell(cell.text) for cell in row])
    return out.getvalue()


def _cell(words: str) -> str:
    plain = words.replace("−", "-").replace("\u00a0", " ")
    # A signed number is no formula.
    if re.fullmatch(r"[+-]?\d+(\.\d+)?", plain):
        return plain
    return f"'{plain}" if plain.startswith(FORMULA_STARTS) else plain


def _tables(made: tuple[Section, ...]) -> Iterator[tuple[str, Table]]:
    for section in made:
        for place, table in enumerate(section.tables, start=1):
            yield f"{section.name}-{place}", table


def _moment(report: Report) -> datetime:
    """Of the data, never of the clock."""
    return report.last_change or report.launched_at or report.generated_at


def _zip(files: Mapping[str, bytes]) -> bytes:
    """Without times, owners or modes: equal files, equal archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name])
    return out.getvalue()
