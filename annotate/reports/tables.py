"""The report's tables: each figure's numbers in rows, ready for a page or a paper.

It must not compute or draw anything but the small plot inside a cell.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from annotate.analysis.annotators import SideBalance
from annotate.analysis.winrate import WinRate
from annotate.reports.annotator_report import AnnotatorReport
from annotate.reports.canvas import Svg
from annotate.reports.contrast_report import ContrastReport
from annotate.reports.figures import micro_interval
from annotate.reports.report import Report
from annotate.reports.sentences import CRITERIA
from annotate.reports.words import (
    NONE,
    bracket,
    coefficient,
    confidence,
    number,
    p_value,
    percent,
    span,
)


@dataclass(frozen=True)
class Column:
    title: str
    numeric: bool = True


@dataclass(frozen=True)
class Cell:
    """What stands in a cell; `strong` marks the headline's number, `faint` what it leaves out."""

    text: str
    plot: Svg | None = None
    numeric: bool = True
    strong: bool = False
    faint: bool = False


@dataclass(frozen=True)
class Table:
    """The first cell of a row is its header. A page shows one that is `folded` on request."""

    label: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    folded: bool = False


def conventions_table(contrast: ContrastReport) -> Table:
    """Three ways to count ties, the headline first."""
    names = ("Dropped, primary", "Half a win", f"Losses for {contrast.a_label}")
    rows = []
    for place, (name, rate) in enumerate(zip(names, contrast.conventions, strict=True)):
        first = place == 0
        rows.append(
            (
                Cell(name, numeric=False),
                Cell(number(rate.wins)),
                Cell(number(rate.ties), faint=first),
                Cell(number(rate.losses)),
                Cell(number(rate.n)),
                Cell(percent(rate.estimate), strong=first),
                Cell(span(rate.low, rate.high)),
                Cell(p_value(rate.p_value)),
            )
        )
    level = confidence(contrast.headline.confidence)
    titles = ("Win", "Tie", "Lose", "n", "Win rate", f"{level} CI, %", "p, exact")
    return make_table("Three ways to count ties", "Ties are", titles, rows)


def contrasts_table(report: Report) -> Table:
    """Every contrast's verdicts; they add up to its items."""
    rows = [
        (
            Cell(f"{c.a_label} against {c.b_label}", numeric=False),
            Cell(number(c.wins)),
            Cell(number(c.ties)),
            Cell(number(c.losses)),
            Cell(number(c.undecided)),
            Cell(number(c.items)),
            Cell(number(c.identical)),
            Cell(number(c.split)),
        )
        for c in report.contrasts
    ]
    titles = ("Win", "Tie", "Lose", "Undecided", "All", "Ties: identical", "Ties: all differ")
    return make_table("Verdicts of every comparison", "Verdicts", titles, rows)


def forest_table(report: Report, lead: ContrastReport) -> Table:
    """Win rates of all contrasts, then the first one's by deciding criterion."""
    rows = [_rate_row(f"{c.a_label} against {c.b_label}", c.headline) for c in report.contrasts]
    decided = lead.wins + lead.losses
    for row in lead.criteria:
        share = f"{percent(row.rate.n / decided, digits=0)} of verdicts"
        rows.append(_rate_row(f"Decided on {CRITERIA[row.criterion]}, {share}", row.rate))
    level = confidence(report.protocol.confidence)
    titles = ("Win", "Lose", "n", "Win rate", f"{level} CI, %", "p, exact")
    return make_table("Win rates, ties dropped", "Verdicts", titles, rows)


def _rate_row(name: str, rate: WinRate) -> tuple[Cell, ...]:
    return (
        Cell(name, numeric=False),
        Cell(number(rate.wins)),
        Cell(number(rate.losses)),
        Cell(number(rate.n)),
        Cell(percent(rate.estimate)),
        Cell(span(rate.low, rate.high)),
        Cell(p_value(rate.p_value)),
    )


def shares_table(report: Report) -> Table:
    """Vote shares: single votes, never in one column with win rates."""
    rows = [
        (
            Cell(f"{c.a_label} against {c.b_label}", numeric=False),
            Cell(number(c.share.wins)),
            Cell(number(c.share.ties), faint=True),
            Cell(number(c.share.losses)),
            Cell(percent(c.share.estimate)),
            Cell(span(c.share.low, c.share.high)),
        )
        for c in report.contrasts
    ]
    level = confidence(report.protocol.confidence)
    titles = ("For", "Tie", "Against", "Vote share", f"{level} CI, %")
    return make_table("Vote share, tied votes dropped", "Single votes", titles, rows)


def agreement_table(report: Report) -> Table:
    """Chance-corrected and plain agreement of every contrast."""
    rows = []
    for c in report.contrasts:
        found = c.agreement
        rows.append(
            (
                Cell(f"{c.a_label} against {c.b_label}", numeric=False),
                Cell(number(found.units)),
                Cell(percent(found.percent, digits=0)),
                Cell(coefficient(found.alpha)),
                Cell(coefficient(found.ac1)),
                Cell(number(found.split.unanimous)),
                Cell(number(found.split.two_of_three)),
                Cell(number(found.split.all_different)),
                Cell(number(found.split.other)),
            )
        )
    titles = (
        "Pairs",
        "Equal votes",
        "α, nominal",
        "AC1",
        "3–0",
        "2–1",
        "All differ",
        "Not three votes",
    )
    return make_table("Agreement between annotators", "Annotators on", titles, rows)


def sides_table(report: Report) -> Table:
    """Choices by side: over all votes, and of each contrast's method a."""
    rows = [_side_row("Left, whichever method", report.sides)]
    for c in report.contrasts:
        rows.append(_arm_row(f"{c.a_label} on the left, against {c.b_label}", c.a_on_left))
        rows.append(_arm_row(f"{c.a_label} on the right, against {c.b_label}", c.a_on_right))
    level = confidence(report.protocol.confidence)
    titles = ("Chosen", "Not", "Share", f"{level} CI, %", "p, exact")
    return make_table("Choices by side, tied votes left out", "Votes for", titles, rows)


def _side_row(name: str, sides: SideBalance) -> tuple[Cell, ...]:
    return (
        Cell(name, numeric=False),
        Cell(number(sides.left)),
        Cell(number(sides.right)),
        Cell(percent(sides.estimate)),
        Cell(span(sides.low, sides.high)),
        Cell(p_value(sides.p_value)),
    )


def _arm_row(name: str, rate: WinRate) -> tuple[Cell, ...]:
    return (
        Cell(name, numeric=False),
        Cell(number(rate.wins)),
        Cell(number(rate.losses)),
        Cell(percent(rate.estimate)),
        Cell(span(rate.low, rate.high)),
        # One half is not what an arm is held against: the two arms are held against each other.
        Cell("–", faint=True),
    )


def annotators_table(report: Report) -> Table:
    """One row for each annotator, by pseudonym."""
    rows = [_annotator_row(person) for person in report.annotators]
    titles = ("Votes", "Median s", "Left, %", "Ties, %", "Agrees with others, %")
    return make_table("How each annotator worked", "Annotator", titles, rows)


def _annotator_row(person: AnnotatorReport) -> tuple[Cell, ...]:
    name = f"{person.pseudonym}, simulated" if person.simulated else person.pseudonym
    seconds = person.median_seconds
    return (
        Cell(name, numeric=False),
        Cell(number(person.votes)),
        Cell(NONE if seconds is None else f"{seconds:.1f}"),
        _share_cell(person.sides.estimate, person.sides.low, person.sides.high, reference=0.5),
        _share_cell(person.ties.estimate, person.ties.low, person.ties.high),
        _share_cell(person.others.estimate, person.others.low, person.others.high),
    )


def fixed_effects_table(report: Report, lead: ContrastReport) -> Table:
    """Few annotators: each one's votes, and the vote share with each one left out."""
    rows = []
    for person in report.annotators:
        without = person.share_without
        rows.append(
            (
                Cell(person.pseudonym, numeric=False),
                Cell(number(person.for_a.wins)),
                Cell(number(person.for_a.losses)),
                Cell(percent(person.for_a.estimate)),
                Cell(span(person.for_a.low, person.for_a.high)),
                Cell(percent(without.estimate if without else None)),
            )
        )
    level = confidence(report.protocol.confidence)
    label = f"Votes for {lead.a_label} by annotator"
    titles = ("For", "Against", "Vote share", f"{level} CI, %", "Share without them")
    return make_table(label, "Annotator", titles, rows)


def arms_table(report: Report) -> Table:
    """Generated arms as executed: mean steps and UNet forwards of an image, beside the plan."""
    rows = [
        (
            Cell(arm.label, numeric=False),
            Cell(number(arm.done)),
            Cell(_mean(arm.steps), strong=True),
            Cell(_planned(arm.steps_planned, at_most=arm.at_most)),
            Cell(_mean(arm.forwards)),
            Cell(_planned(arm.forwards_planned, at_most=arm.at_most)),
            Cell(NONE if arm.accepted is None else percent(arm.accepted)),
        )
        for arm in report.arms
    ]
    titles = ("Images", "Steps", "Planned", "Forwards", "Planned", "Kept from the student")
    return make_table("Mean cost of an image, as executed", "Method", titles, rows)


def _mean(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}"


def _planned(value: float, *, at_most: bool) -> str:
    return f"≤ {value:g}" if at_most else f"{value:g}"


def _share_cell(
    estimate: float | None,
    low: float | None,
    high: float | None,
    *,
    reference: float | None = None,
) -> Cell:
    if estimate is None or low is None or high is None:
        return Cell(NONE, faint=True)
    # Only where there is something to lean from does a drawing say more than the numbers.
    plot = micro_interval(estimate, low, high, reference=reference) if reference else None
    return Cell(f"{100 * estimate:.0f} {bracket(low, high)}", plot=plot)


def make_table(
    label: str,
    corner: str,
    titles: Sequence[str],
    rows: Sequence[tuple[Cell, ...]],
    *,
    numeric: bool = True,
    folded: bool = False,
) -> Table:
    """A table from its label, the first column's title, the others' and the rows."""
    columns = (Column(corner, numeric=False), *(Column(title, numeric) for title in titles))
    return Table(label, columns, tuple(rows), folded=folded)
