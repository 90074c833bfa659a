"""The win-rate table for a terminal. It must not know colours or widths of any terminal."""

from annotate.reports.contrast_report import ContrastReport
from annotate.reports.report import Report
from annotate.reports.sentences import headline
from annotate.reports.words import bracket, confidence, number, p_value, percent


def win_rate_table(report: Report) -> str:
    """The headline and a line for each contrast, ties dropped; says SIMULATED where it is so."""
    level = confidence(report.protocol.confidence)
    head = ("contrast", "win", "tie", "lose", "win rate", f"{level} CI", "p", "n")
    rows = [head, *(_row(c) for c in report.contrasts)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = ["  ".join(_cells(row, widths)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    if report.simulated:
        votes = f"{number(report.counts.simulated)} of {number(report.counts.votes)} votes"
        lines.insert(0, f"SIMULATED: {votes} were cast by programs, not by people.")
    note = (
        "Win rate over verdicts, ties dropped; n = wins + losses; Wilson interval; exact sign test."
    )
    return "\n".join([headline(report), "", *lines, "", note, *_arms(report)])


def _arms(report: Report) -> list[str]:
    """What an image of each generated arm took, as executed."""
    lines = [
        f"{arm.label}: {arm.steps:.2f} steps and {arm.forwards:.2f} UNet forwards an image"
        + ("" if arm.accepted is None else f", {percent(arm.accepted)} kept from the student")
        for arm in report.arms
        if arm.steps is not None and arm.forwards is not None
    ]
    return ["", "As executed, on average:", *lines] if lines else []


def _row(contrast: ContrastReport) -> tuple[str, ...]:
    rate = contrast.headline
    return (
        f"{contrast.a_label} against {contrast.b_label}",
        number(contrast.wins),
        number(contrast.ties),
        number(contrast.losses),
        percent(rate.estimate),
        bracket(rate.low, rate.high),
        p_value(rate.p_value),
        number(rate.n),
    )


def _cells(row: tuple[str, ...], widths: list[int]) -> list[str]:
    first, *rest = row
    return [
        first.ljust(widths[0]),
        *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)),
    ]
