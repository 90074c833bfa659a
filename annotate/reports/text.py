"""A study's table for a terminal. It must not know colours or widths of any terminal."""

from annotate.analysis.diversity import OVERALL, DiversityScore
from annotate.reports.contrast_report import ContrastReport
from annotate.reports.diversity_page import WORDS, score_words
from annotate.reports.diversity_page import headline as diversity_headline
from annotate.reports.diversity_page import why_withheld as diversity_why
from annotate.reports.diversity_report import DiversityReport
from annotate.reports.method_words import stopping_declared
from annotate.reports.peeking import why_early, why_withheld
from annotate.reports.report import Report
from annotate.reports.sentences import headline
from annotate.reports.words import bracket, confidence, counted, number, p_value, percent


def win_rate_table(report: Report) -> str:
    """The headline and a line for each contrast, ties dropped; says SIMULATED where it is so."""
    level = confidence(report.protocol.confidence)
    withheld = report.tests_withheld
    head = ("contrast", "win", "tie", "lose", "win rate", f"{level} CI", "p", "n")
    rows = [head, *(_row(c, report.p_shown(c)) for c in report.contrasts)]
    anytime = stopping_declared(report)
    lines = _aligned([(*row[:-2], row[-1]) for row in rows] if withheld and not anytime else rows)
    if report.simulated:
        lines.insert(0, _by_programs(report.counts.simulated, report.counts.votes))
    note = (
        "Win rate over verdicts, ties dropped; n = wins + losses; Wilson interval; exact sign test."
    )
    if withheld:
        note = f"{note.removesuffix('; exact sign test.')} of a running study. "
        note += why_withheld(report)
    elif report.closed_early:
        note += f" {why_early(report)}"
    if anytime:
        note += " Early stopping: the primary contrast has a confidence sequence and an anytime p."
    return "\n".join([headline(report), "", *lines, "", note, *_arms(report)])


def diversity_table(found: DiversityReport, report: Report) -> str:
    """The headline and a line for each method, its score on each attribute; SIMULATED as above.

    Args:
        found: the scores.
        report: of the same study, for what the images took.
    """
    said = {(s.method, s.attribute): s for s in found.scores}
    rows = [("method", *(words.lower() for words in WORDS.values()))]
    for method, label in found.labels.items():
        cells = (_diversity(said.get((method, str(name)))) for name in WORDS)
        rows.append((label, *cells))
    lines = _aligned(rows)
    if found.simulated:
        lines.insert(0, _by_programs(found.simulated, found.votes))
    for anchors in found.anchors:
        sort = "a picture beside itself" if anchors.identical else "pictures of two prompts"
        mean = "n/a" if anchors.mean is None else f"{anchors.mean:.2f}"
        lines.append(f"controls, {sort}: {mean} in {counted(anchors.votes, 'vote')}")
    note = "0: all pairs look the same; 1: all differ clearly. Bootstrap over prompts. "
    if found.tests_withheld:
        note += f"Intervals of the attributes are on the report's page. {diversity_why(found)}"
    else:
        note += "Intervals of the attributes and tests are on the report's page."
    return "\n".join([diversity_headline(found), "", *lines, "", note, *_arms(report)])


def _diversity(score: DiversityScore | None) -> str:
    if score is None or score.estimate is None:
        return "n/a"
    return score_words(score) if score.attribute == OVERALL else f"{score.estimate:.2f}"


def _by_programs(simulated: int, votes: int) -> str:
    return (
        f"SIMULATED: {number(simulated)} of {number(votes)} votes were cast by programs, not by "
        "people."
    )


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """Lines of a table whose first row is its head."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(_cells(row, widths)).rstrip() for row in rows]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def _arms(report: Report) -> list[str]:
    """What an image of each generated arm took, as executed."""
    lines = [
        f"{arm.label}: {arm.steps:.2f} steps and {arm.forwards:.2f} UNet forwards an image"
        + ("" if arm.accepted is None else f", {percent(arm.accepted)} kept from the student")
        for arm in report.arms
        if arm.steps is not None and arm.forwards is not None
    ]
    return ["", "As executed, on average:", *lines] if lines else []


def _row(contrast: ContrastReport, p: float | None) -> tuple[str, ...]:
    share, low, high, n = contrast.shown
    return (
        f"{contrast.a_label} against {contrast.b_label}",
        number(contrast.wins),
        number(contrast.ties),
        number(contrast.losses),
        percent(share),
        bracket(low, high),
        p_value(p),
        number(n),
    )


def _cells(row: tuple[str, ...], widths: list[int]) -> list[str]:
    first, *rest = row
    return [
        first.ljust(widths[0]),
        *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)),
    ]
