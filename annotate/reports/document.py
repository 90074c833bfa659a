"""The report as a list of sections, the same for every file: PDF, LaTeX, tables, figures.

It must not compute or know formats; the page of the site lays the same parts out for a screen.
"""

from annotate.reports.analyses_page import matrix_of
from annotate.reports.page import Page
from annotate.reports.plates import Plate, Section
from annotate.reports.recipe_tables import recipe_sections
from annotate.reports.report import Report
from annotate.reports.tables import Table


def sections(report: Report, page: Page, *, whole: bool = False) -> tuple[Section, ...]:
    """Every section in reading order; those without anything in them are left out.

    Args:
        whole: also what no page has room for: a matrix of many annotators, digests in full.
    """
    matrix = tuple(matrix_of(report.analyses)) if whole and report.analyses else ()
    full = {made.name: made for made in recipe_sections(report.recipes, whole=whole)}
    made = (
        _section(
            "preference",
            "Preference",
            [page.bars],
            [page.conventions, page.contrasts],
            page.bars_notes,
        ),
        _section("forest", "Where it holds", [page.forest], [page.forest_table], page.forest_notes),
        *(full.get(section.name, section) for section in page.analyses),
        _section("arms", "What the pictures took", [], [page.arms]),
        _section(
            "agreement",
            "Agreement and sides",
            [page.agreement, page.sides],
            [page.shares, page.agreement_table, page.sides_table],
            page.sides_notes,
            half=True,
        ),
        _section(
            "annotators",
            "Annotators",
            [],
            [page.annotators, page.fixed_effects, *matrix],
            page.people_notes,
        ),
        Section(
            "methods",
            "Methods",
            tables=(page.checklist,) if page.checklist else (),
            paragraphs=page.methods,
        ),
    )
    return tuple(s for s in made if s.plates or s.tables or s.paragraphs)


def _section(
    name: str,
    title: str,
    plates: list[Plate | None],
    tables: list[Table | None],
    notes: tuple[str, ...] = (),
    *,
    half: bool = False,
) -> Section:
    return Section(
        name=name,
        title=title,
        plates=tuple(plate for plate in plates if plate is not None),
        tables=tuple(table for table in tables if table is not None),
        notes=notes,
        half=half,
    )
