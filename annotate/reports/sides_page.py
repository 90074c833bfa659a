"""The section of a report about sides and annotators: the first contrast told, every one in rows.

It must not compute a number or know HTTP.
"""

from annotate.analysis.effects import Effect
from annotate.reports.analyses import Analyses
from annotate.reports.analyses_tables import contrast_name
from annotate.reports.contrast_analyses import ContrastAnalysis
from annotate.reports.contrast_report import ContrastReport
from annotate.reports.peeking import tested
from annotate.reports.plates import Section
from annotate.reports.report import Report
from annotate.reports.tables import Cell, Table, make_table
from annotate.reports.words import (
    NONE,
    coefficient,
    confidence,
    counted,
    number,
    p_equation,
    p_value,
    percent,
    signed,
    span,
    typeset,
)


def sides_section(report: Report, found: Analyses) -> Section | None:
    """Sentences about the first contrast that votes tell anything of; rows where there are more."""
    rows = list(zip(report.contrasts, found.contrasts, strict=True))
    known = [(c, deep) for c, deep in rows if deep.side.estimate is not None]
    if not known:
        return None
    contrast, deep = known[0]
    several = len(rows) > 1
    notes = [f"Interval and test: {deep.side.method}."]
    if deep.side.warning:
        notes.append(f"{deep.side.warning.capitalize()}.")
    said = [_of_side(report, contrast, deep)]
    effects = deep.effects
    if effects is not None and effects.challenger is not None and effects.side is not None:
        said.append(_of_effects(report, contrast, deep))
        notes.append(f"{effects.method}; marginal log odds, not comparable with a mixed model’s.")
    elif effects is not None and effects.warning:
        notes.append(f"No model of annotators and sides: {effects.warning}.")
    if several:
        unfitted = {
            d.effects.warning
            for _, d in known[1:]
            if d.effects is not None and d.effects.challenger is None and d.effects.warning
        }
        notes += [f"No model of annotators and sides: {why}." for why in sorted(unfitted)]
        if not report.tests_withheld:
            notes.append(
                "p, BH: after Benjamini and Hochberg over all comparisons, each column by itself; "
                "in the sentences p is uncorrected."
            )
    return Section(
        "side-bias",
        "What the side of a picture changes",
        paragraphs=(typeset(" ".join(said)),),
        tables=(sides_table(report, found), effects_table(report, found)) if several else (),
        notes=tuple(map(typeset, notes)),
    )


def _of_side(report: Report, contrast: ContrastReport, deep: ContrastAnalysis) -> str:
    side, share = deep.side, deep.adjusted
    level = confidence(report.protocol.confidence)
    interval = (
        f", {level} interval {signed(side.low)} to {signed(side.high)}"
        f"{tested(report, side.p_value)}"
        if side.low is not None
        else ""
    )
    said = (
        f"Standing on the left changes a picture’s share of votes by {signed(side.estimate)} "
        f"percentage points{interval} ({counted(side.n, 'vote')} on {contrast.a_label} against "
        f"{contrast.b_label}, ties left out)."
    )
    if share.estimate is None or share.raw is None:
        return said
    return (
        f"{said} With both sides weighing equally {contrast.a_label} has "
        f"{percent(share.estimate)} of the votes, {level} interval {span(share.low, share.high)}; "
        f"as counted it is {percent(share.raw)}."
    )


def _of_effects(report: Report, contrast: ContrastReport, deep: ContrastAnalysis) -> str:
    effects = deep.effects
    assert effects is not None
    one, two = effects.challenger, effects.side
    assert one is not None
    assert two is not None
    said = (
        f"A marginal model of votes by annotator and side (GEE) gives {contrast.a_label} log odds "
        f"of {_log_odds(one)}{tested(report, one.p_value)}, and the left side {_log_odds(two)}"
        f"{tested(report, two.p_value)}."
    )
    if effects.annotators_p is None or report.tests_withheld:
        return said
    pooled = f" ({effects.pooled} with few votes taken as one)" if effects.pooled > 1 else ""
    told = p_equation(effects.annotators_p)
    return f"{said} Whether annotators differ in whom they prefer: {told}{pooled}."


def _log_odds(effect: Effect) -> str:
    """ "+0.41 [+0.12, +0.70]"."""
    middle, low, high = (
        signed(value, scale=1, digits=2) for value in (effect.estimate, effect.low, effect.high)
    )
    return f"{middle} [{low}, {high}]"


def sides_table(report: Report, found: Analyses) -> Table:
    """What standing on the left changes, contrast by contrast."""
    rows = []
    for contrast, deep, tests in zip(report.contrasts, found.contrasts, found.sides, strict=True):
        side, share = deep.side, deep.adjusted
        ends = f"[{signed(side.low)}, {signed(side.high)}]"
        rows.append(
            (
                Cell(contrast_name(contrast), numeric=False),
                Cell(number(side.n)),
                Cell(signed(side.estimate)),
                Cell(NONE if side.low is None else ends, faint=side.low is None),
                Cell(p_value(side.p_value)),
                Cell(p_value(tests.side_p)),
                Cell(percent(share.raw)),
                Cell(percent(share.estimate)),
            )
        )
    level = confidence(report.protocol.confidence)
    titles = (
        "Votes",
        "Left, points",
        f"{level} CI",
        "p",
        "p, BH",
        "Vote share",
        "Sides balanced",
    )
    return make_table("What standing on the left changes", "Single votes", titles, rows)


def effects_table(report: Report, found: Analyses) -> Table:
    """The model of annotators and sides, contrast by contrast."""
    rows = []
    for contrast, deep, tests in zip(report.contrasts, found.contrasts, found.sides, strict=True):
        effects = deep.effects
        one, two = (effects.challenger, effects.side) if effects else (None, None)
        rows.append(
            (
                Cell(contrast_name(contrast), numeric=False),
                Cell(NONE if one is None else _log_odds(one), faint=one is None),
                Cell(p_value(tests.challenger_p)),
                Cell(NONE if two is None else _log_odds(two), faint=two is None),
                Cell(p_value(tests.left_p)),
                Cell(p_value(tests.annotators_p)),
                Cell(NONE if effects is None else coefficient(effects.correlation)),
            )
        )
    level = confidence(report.protocol.confidence)
    titles = (
        f"Challenger, log odds [{level} CI]",
        "p, BH",
        f"Left side [{level} CI]",
        "p, BH",
        "p, annotators alike, BH",
        "Correlation in groups",
    )
    return make_table("Votes by annotator and side (GEE)", "Single votes", titles, rows)
