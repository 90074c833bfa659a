"""A report's files for papers: PDF, LaTeX, every table as CSV, every figure as SVG and PDF.

It must not compute, read rows or clocks: one report, one sequence of bytes.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from annotate.reports.citation import bibtex
from annotate.reports.document import sections
from annotate.reports.latex import latex_document, tabular
from annotate.reports.page import lay_out
from annotate.reports.plates import Section
from annotate.reports.report import Report
from annotate.reports.standalone import standalone
from annotate.reports.tables import Table
from annotate.reports.zipped import zipped

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Paper:
    """What every file of a report is made of, whatever its study asks."""

    name: str
    title: str
    standfirst: str
    # Said of simulated votes; empty for none.
    warning: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    bibtex: str
    foot: str
    made_at: datetime


def paper_of(report: Report, *, whole: bool = False) -> Paper:
    """A report laid out for files; `whole` also with tables that no page has room for."""
    page = lay_out(report)
    return Paper(
        name=report.name,
        title=page.headline,
        standfirst=page.standfirst,
        warning=f"Simulated votes. {page.simulated}" if page.simulated else "",
        facts=page.facts,
        sections=sections(report, page, whole=whole),
        bibtex=bibtex(report),
        foot=foot(report.name, report.uid, report.protocol_hash),
        # Of the data, never of the clock.
        made_at=report.last_change or report.launched_at or report.generated_at,
    )


def foot(name: str, uid: str, protocol_hash: str) -> str:
    """What stands at the foot of every page."""
    return f"{name} · study {uid[:8]} · protocol {protocol_hash[:4]} {protocol_hash[4:8]}"


def pdf_file(report: Report) -> bytes:
    """The report as PDF."""
    return pdf_of(paper_of(report))


def tex_file(report: Report) -> str:
    """Every table with the sections' words, in one document that compiles."""
    return tex_of(paper_of(report))


def tables_zip(report: Report) -> bytes:
    """Each table as CSV and as LaTeX."""
    return tables_of(paper_of(report, whole=True))


def figures_zip(report: Report) -> bytes:
    """Each figure as SVG and as PDF, the drawing of the page."""
    return figures_of(paper_of(report))


def pdf_of(paper: Paper) -> bytes:
    """A laid out report as PDF."""
    # fpdf2 loads fontTools: half a second that a web process should not pay at start.
    from annotate.reports.pdf import report_pdf

    return report_pdf(
        title=paper.title,
        standfirst=paper.standfirst,
        warning=paper.warning,
        facts=paper.facts,
        sections=paper.sections,
        bibtex=paper.bibtex,
        foot=f"{paper.foot} · simulated votes" if paper.warning else paper.foot,
        made_at=paper.made_at,
    )


def tex_of(paper: Paper) -> str:
    """A laid out report as one LaTeX document."""
    opening = [words for words in (paper.warning, paper.title, paper.standfirst) if words]
    return latex_document(paper.name, opening, paper.sections, paper.bibtex)


def tables_of(paper: Paper) -> bytes:
    """The tables of a laid out report, each as CSV and as LaTeX."""
    files: dict[str, bytes] = {}
    for name, table in _tables(paper.sections):
        files[f"{name}.csv"] = table_csv(table).encode()
        files[f"{name}.tex"] = tabular(table).encode()
    return zipped(files)


def figures_of(paper: Paper) -> bytes:
    """The figures of a laid out report, each as SVG and as PDF."""
    from annotate.reports.pdf import figure_pdf

    files: dict[str, bytes] = {}
    note = "Simulated votes" if paper.warning else ""
    for section in paper.sections:
        for place, plate in enumerate(section.plates, start=1):
            several = f"-{place}" if len(section.plates) > 1 else ""
            drawing = plate.figure.wide
            files[f"{section.name}{several}.svg"] = standalone(drawing, note=note).encode()
            files[f"{section.name}{several}.pdf"] = figure_pdf(
                drawing, title=plate.title, note=note, made_at=paper.made_at
            )
    return zipped(files)


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
