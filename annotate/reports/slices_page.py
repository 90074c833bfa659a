"""The section of a report about slices of prompts: the first contrast drawn, every contrast told.

It must not compute a number or know HTTP.
"""

from collections.abc import Iterator

from annotate.analysis.slices import SliceTable
from annotate.reports.analyses import Analyses
from annotate.reports.analyses_plates import of_programs
from annotate.reports.analyses_tables import contrast_name, method_labels
from annotate.reports.figures import Interval, forest
from annotate.reports.plates import Plate, Section
from annotate.reports.prompt_analyses import ContrastSlices
from annotate.reports.report import Report
from annotate.reports.tables import Cell, Table, make_table
from annotate.reports.words import (
    NONE,
    confidence,
    counted,
    listed,
    number,
    p_value,
    percent,
    span,
    typeset,
)


def slices_section(report: Report, found: Analyses) -> Section | None:
    """The first contrast with slices as a figure, its table open; those of the others folded."""
    if not found.slices:
        return None
    first, *others = found.slices
    names = _names(report)
    several = len(report.contrasts) > 1
    plate = _drawn(report, first, _title(report, found, names))
    return Section(
        "slices",
        "Slices of prompts",
        plates=() if plate is None else (plate,),
        tables=(
            slices_table(first.table, of=names[first.a, first.b] if several else ""),
            axes_table(found, names if several else None),
            *(slices_table(o.table, of=names[o.a, o.b], folded=True) for o in others),
        ),
        notes=()
        if report.tests_withheld
        else (
            typeset(
                "That an axis matters is what the test of the axis says, not that one slice is "
                "significant and another is not."
            ),
            typeset(
                "p-values are corrected after Benjamini and Hochberg, slices over all slices, axes "
                f"over all axes{' of all comparisons' if several else ''}."
            ),
        ),
    )


def _names(report: Report) -> dict[tuple[str, str], str]:
    return {(c.a, c.b): contrast_name(c) for c in report.contrasts}


def _title(report: Report, found: Analyses, names: dict[tuple[str, str], str]) -> str:
    """What is resolved in any contrast, as the correction is over all of them."""
    if report.tests_withheld:
        return "Slices so far"
    matter = {
        (each.a, each.b): [
            axis.axis
            for axis in each.table.axes
            if axis.adjusted_p is not None and axis.adjusted_p < 1 - each.table.confidence
        ]
        for each in found.slices
    }
    resolved = {key: axes for key, axes in matter.items() if axes}
    if not resolved:
        return "No difference between slices is resolved"
    if len(report.contrasts) == 1:
        return f"The win rate differs by {listed(next(iter(resolved.values())))}"
    if len(resolved) > 1:
        told = f"{len(resolved)} of {len(found.slices)} comparisons"
        return f"The win rate differs between slices in {told}"
    ((key, axes),) = resolved.items()
    return f"The win rate of {names[key]} differs by {listed(axes)}"


def _drawn(report: Report, first: ContrastSlices, title: str) -> Plate | None:
    table, labels = first.table, method_labels(report)
    rows = [
        Interval(
            f"{piece.axis}: {piece.label}",
            piece.rate.estimate,
            piece.rate.low,
            piece.rate.high,
            piece.rate.n,
            main=False,
        )
        for piece in table.slices
        if not piece.too_small
    ]
    if not rows:
        return None
    told = "; ".join(f"{r.label} {percent(r.estimate)}, {span(r.low, r.high)}" for r in rows)
    level = confidence(table.confidence)
    a, b = labels[first.a], labels[first.b]
    return Plate(
        title=typeset(title),
        subtitle=typeset(
            f"Win rate of {a} against {b}, ties dropped; {level} Wilson intervals"
            f"{of_programs(report)}"
        ),
        figure=forest(
            rows,
            toward_a=a,
            toward_b=b,
            measure=f"Win rate, % [{level} CI]",
            alt=f"Win rates by slices of prompts. {told}",
        ),
        note=typeset(
            f"Exploratory. {counted(table.too_small, 'slice')} with fewer than "
            f"{table.minimum} decided prompts not drawn; the table has their counts."
            if table.too_small
            else "Exploratory: nobody said before the study where to look."
        ),
    )


def slices_table(table: SliceTable, *, of: str, folded: bool = False) -> Table:
    """Every slice of every axis, those too small to test as counts alone.

    Args:
        of: the contrast, where the study has several.
        folded: the page shows it on request.
    """
    rows = []
    for piece in table.slices:
        rate = piece.rate
        small = piece.too_small
        rows.append(
            (
                Cell(f"{piece.axis}: {piece.label}", numeric=False),
                Cell(number(rate.wins)),
                Cell(number(rate.ties), faint=True),
                Cell(number(rate.losses)),
                Cell(NONE if small else percent(rate.estimate), faint=small),
                Cell(NONE if small else span(rate.low, rate.high), faint=small),
                Cell(NONE if small else p_value(rate.p_value), faint=small),
                Cell(p_value(piece.adjusted_p), faint=small),
            )
        )
    level = confidence(table.confidence)
    titles = ("Win", "Tie", "Lose", "Win rate", f"{level} CI, %", "p, exact", "p, BH")
    label = f"Win rate by slices of prompts{f': {of}' if of else ''}"
    return make_table(label, "Prompts", titles, rows, folded=folded)


def axes_table(found: Analyses, names: dict[tuple[str, str], str] | None) -> Table:
    """Whether an axis matters at all: that, not a slice being significant, says so.

    Args:
        names: of the contrasts, where the study has several.
    """
    rows = list(_axes_rows(found, names))
    titles = ("Slices", "Prompts", "Unknown", "χ²", "p", "p, BH")
    return make_table("Does the win rate differ between slices", "Axis", titles, rows)


def _axes_rows(
    found: Analyses, names: dict[tuple[str, str], str] | None
) -> Iterator[tuple[Cell, ...]]:
    for each in found.slices:
        for axis in each.table.axes:
            named = f"{names[each.a, each.b]}: {axis.axis}" if names else axis.axis
            yield (
                Cell(named, numeric=False),
                Cell(number(axis.slices)),
                Cell(number(axis.n)),
                Cell(number(axis.unknown)),
                Cell(NONE if axis.statistic is None else f"{axis.statistic:.2f}"),
                Cell(p_value(axis.p_value)),
                Cell(p_value(axis.adjusted_p)),
            )
