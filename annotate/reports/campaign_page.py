"""A campaign laid out: the bars of all its studies, their win rates, one table, and its files.

It must not compute a number or know HTTP.
"""

from collections.abc import Callable, Mapping

from annotate.reports.bars import bar_row, cost_note, cost_words
from annotate.reports.campaigning import CampaignReport, Joined
from annotate.reports.figures import Interval, forest, preference_bars
from annotate.reports.latex import latex_document
from annotate.reports.peeking import why_early
from annotate.reports.plates import Plate, Section
from annotate.reports.report_files import table_csv
from annotate.reports.standalone import standalone
from annotate.reports.tables import Cell, Table, make_table
from annotate.reports.words import (
    confidence,
    counted,
    listed,
    number,
    p_value,
    percent,
    span,
    typeset,
)


def campaign_section(found: CampaignReport) -> Section:
    """Both figures and the table, with what the correction is over."""
    decided = [row for row in found.rows if row.lead.decided]
    return Section(
        "campaign",
        found.name,
        plates=_plates(found, decided) if decided else (),
        tables=(campaign_table(found),),
        notes=_notes(found),
    )


def _plates(found: CampaignReport, decided: list[Joined]) -> tuple[Plate, Plate]:
    level = _levels(found)
    programs = ". Simulated votes" if found.simulated else ""
    names = [_name(found, row) for row in decided]
    rates = "; ".join(
        f"{name} {percent(row.lead.shown[0])}" for name, row in zip(names, decided, strict=True)
    )
    bars = [bar_row(row.lead, row.report.arms, label=_bar_label(found, row)) for row in decided]
    told = "; ".join(
        f"{name}: {bar.wins} wins, {bar.ties} ties, {bar.losses} losses{cost_words(bar)}"
        for name, bar in zip(names, bars, strict=True)
    )
    return (
        Plate(
            title=typeset(_title(found)),
            subtitle=f"% of verdicts of each study’s primary comparison{programs}",
            figure=preference_bars(bars, alt=f"Stacked bars. {told}"),
            note=f"Undecided pairs are left out; the table counts them.{cost_note(bars)}",
        ),
        Plate(
            title="Win rates of all studies",
            subtitle=typeset(f"Ties dropped; {level} intervals{programs}"),
            figure=forest(
                [Interval(name, *row.lead.shown) for name, row in zip(names, decided, strict=True)],
                toward_a="First",
                toward_b="Second",
                measure=f"Win rate, % [{level} CI]",
                alt=f"Forest plot of win rates. {rates}",
            ),
            note="Intervals are not corrected for their number; the p-values of the table are.",
        ),
    )


def campaign_table(found: CampaignReport) -> Table:
    """A row of each study, with p-values before and after Holm's correction."""
    rows = [
        (
            Cell(_name(found, row), numeric=False),
            Cell(number(row.lead.wins)),
            Cell(number(row.lead.ties)),
            Cell(number(row.lead.losses)),
            Cell(number(row.lead.undecided)),
            Cell(percent(row.lead.shown[0]), strong=True),
            Cell(span(row.lead.shown[1], row.lead.shown[2])),
            Cell(p_value(row.p_value)),
            Cell(p_value(row.holm), strong=True),
        )
        for row in found.rows
    ]
    level = _levels(found)
    titles = ("Win", "Tie", "Lose", "Undecided", "Win rate", f"{level} CI, %", "p", "p, Holm")
    label = f"Primary comparisons of {counted(found.family, 'study', 'studies')}" + (
        ", simulated votes" if found.simulated else ""
    )
    return make_table(label, "Study", titles, rows)


def _levels(found: CampaignReport) -> str:
    """Each study's intervals are its protocol's; a confidence sequence has a level of its own."""
    levels = {(row.lead.monitoring or row.report.protocol).confidence for row in found.rows}
    return listed([confidence(level) for level in sorted(levels)])


def _name(found: CampaignReport, row: Joined) -> str:
    """Begins with the row's number: figures shorten long names, and two studies may share one."""
    return f"{_place(found, row)}. {row.report.name}: {row.lead.a_label} against {row.lead.b_label}"


def _bar_label(found: CampaignReport, row: Joined) -> str:
    return f"{_place(found, row)}. {row.lead.a_label} ({row.report.name})"


def _place(found: CampaignReport, row: Joined) -> int:
    return next(place for place, other in enumerate(found.rows, 1) if other is row)


def _title(found: CampaignReport) -> str:
    clear = [
        row
        for row in found.rows
        if row.holm is not None and row.holm < 1 - row.report.protocol.confidence
    ]
    if not clear:
        return f"None of {found.family} comparisons is resolved after correction"
    return f"{len(clear)} of {found.family} comparisons have a clear winner after correction"


def _notes(found: CampaignReport) -> tuple[str, ...]:
    notes = [
        f"One family: Holm’s correction is over the primary comparisons of all {found.family} "
        "studies. Choose the studies before their results are known.",
        "Tests are exact two-sided sign tests of verdicts with ties dropped; of studies with "
        "declared early stopping the anytime p-value and the confidence sequence stand here.",
    ]
    if found.running:
        notes.append("Some studies still run: their numbers hold for a look at the end.")
    if any(row.report.tests_withheld and not row.lead.monitoring for row in found.rows):
        notes.append(
            "A running study without declared early stopping has no p-value here until all its "
            "pairs are decided or it is closed; the correction counts it with p = 1."
        )
    notes += [
        f"{row.report.name}: {why_early(row.report)}"
        for row in found.rows
        if row.report.closed_early
    ]
    return tuple(typeset(note) for note in notes)


def _svg(found: CampaignReport, place: int) -> bytes:
    drawing = campaign_section(found).plates[place].figure.wide
    return standalone(drawing, note="Simulated votes" if found.simulated else "").encode()


def _pdf(found: CampaignReport, place: int) -> bytes:
    # fpdf2 loads fontTools: half a second that a web process should not pay at start.
    from annotate.reports.pdf import figure_pdf

    plate = campaign_section(found).plates[place]
    note = "Simulated votes" if found.simulated else ""
    return figure_pdf(plate.figure.wide, title=plate.title, note=note, made_at=found.made_at)


def _tex(found: CampaignReport) -> bytes:
    opening = ["Simulated votes."] if found.simulated else []
    return latex_document(found.name, opening, (campaign_section(found),), "").encode()


# Figures exist from the first decided pair on.
FIGURES: Mapping[str, Callable[[CampaignReport], bytes]] = {
    "bars.svg": lambda found: _svg(found, 0),
    "bars.pdf": lambda found: _pdf(found, 0),
    "rates.svg": lambda found: _svg(found, 1),
    "rates.pdf": lambda found: _pdf(found, 1),
}
FILES: Mapping[str, Callable[[CampaignReport], bytes]] = {
    "table.csv": lambda found: table_csv(campaign_table(found)).encode(),
    "table.tex": _tex,
    **FIGURES,
}
