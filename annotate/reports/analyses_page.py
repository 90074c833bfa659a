"""The sections of a report that come from its analyses: figures, titles, tables.

It must not compute a number or know HTTP; a section without anything to say is left out.
"""

import math
from collections.abc import Iterator
from itertools import pairwise

from annotate.reports.analyses import SECONDS, Analyses
from annotate.reports.analyses_tables import (
    MOST_IN_MATRIX,
    axes_table,
    compute_table,
    crossed_table,
    estimators_table,
    intervals_table,
    matrix_table,
    method_labels,
    models_table,
    paired_tables,
    published_table,
    ranking_table,
    slices_table,
)
from annotate.reports.compute_figures import CostPoint, compute_figure
from annotate.reports.figures import Interval, count_bars, forest
from annotate.reports.plates import Plate, Section
from annotate.reports.report import Report
from annotate.reports.tables import Table
from annotate.reports.words import (
    coefficient,
    confidence,
    counted,
    listed,
    number,
    p_equation,
    percent,
    signed,
    span,
    typeset,
)

# More arms than this are named in the table alone.
MOST_DRAWN = 12


def analysis_sections(report: Report) -> tuple[Section, ...]:
    """Every section with something to say, in reading order."""
    found = report.analyses
    if found is None or report.lead is None or not report.lead.decided:
        return ()
    made = (
        _intervals(report, found),
        _published(found),
        _paired(report, found),
        _ranking(report, found),
        _compute(report, found),
        _slices(report, found),
        _models(report, found),
        _sides(report, found),
        _people(report, found),
        _estimators(report, found),
    )
    return tuple(section for section in made if section is not None)


def _of(report: Report) -> str:
    return ". Simulated votes" if report.simulated else ""


def _intervals(report: Report, found: Analyses) -> Section:
    told = [c for c in found.contrasts if c.holm is not None]
    kept = [c for c in told if (c.holm or 0.0) < 1 - report.protocol.confidence]
    notes = [
        "Wilson’s interval takes verdicts one by one; the bootstrap draws groups of prompts. The "
        "two-way interval speaks about other prompts and other annotators at once.",
    ]
    if found.family > 1:
        notes.append(
            f"All {found.family} comparisons were written before launch: Holm’s correction is over "
            f"these. {len(kept)} of {len(told)} stay below "
            f"{1 - report.protocol.confidence:.2g} with it."
        )
    warning = found.contrasts[0].crossed.warning
    if warning:
        notes.append(f"Two-way: {warning}.")
    notes.append(
        "A vote share is another estimand than a win rate of verdicts: a majority of three "
        "amplifies it."
    )
    return Section(
        "intervals",
        "Intervals and tests",
        tables=(intervals_table(report, found), crossed_table(report, found)),
        notes=_typeset(notes),
    )


def _published(found: Analyses) -> Section | None:
    if not found.published:
        return None
    sentences = dict.fromkeys(
        f"Figure {p.figure}, {p.prompts_from}. {p.bars.sentence}"
        + (f" Careful: {p.bars.warning}." if p.bars.warning else "")
        for p in found.published
    )
    return Section(
        "published",
        "Beside the published bars",
        tables=(published_table(found),),
        paragraphs=_typeset(list(sentences)),
        notes=_typeset(
            [
                "Printed labels are rounded: p is given for all counts that they could stand for. "
                "The paper’s prompts, pictures and annotators are not ours.",
            ]
        ),
    )


def _paired(report: Report, found: Analyses) -> Section | None:
    tables = paired_tables(report, found)
    if not tables:
        return None
    labels = method_labels(report)
    notes = [
        "The same prompts were judged for both arms, so that a test of their pairs sees smaller "
        "differences than two intervals side by side. Points are the first arm’s share less the "
        "second’s."
    ]
    for family in found.paired:
        test = family.cochran
        if test is not None:
            notes.append(
                f"Against {labels[family.opponent]}: do {len(test.arms)} arms win equally often? "
                f"Cochran’s Q = {test.statistic:.1f}, {test.df} degrees of freedom, "
                f"{p_equation(test.p_value)}, {counted(test.n, 'prompt')}."
                + (f" {test.warning.capitalize()}." if test.warning else "")
            )
    return Section("paired", "Arms on the same prompts", tables=tables, notes=_typeset(notes))


def _ranking(report: Report, found: Analyses) -> Section | None:
    ranked = found.rankings
    if not ranked.found:
        if not ranked.warning:
            return None
        said = f"No common scale: {ranked.warning}."
        return Section("ranking", "One scale for all methods", paragraphs=(typeset(said),))
    first = ranked.found[0]
    labels = method_labels(report)
    rows = [
        Interval(
            labels[s.method],
            _share(s.log_strength),
            _share(s.low),
            _share(s.high),
            round(s.wins + s.losses + s.ties),
            main=False,
        )
        for s in first.strengths[:MOST_DRAWN]
    ]
    best, second = first.strengths[0], first.strengths[1]
    apart = best.low > second.high
    title = (
        f"{labels[best.method]} stands first"
        if apart
        else f"{labels[best.method]} and {labels[second.method]} are not told apart"
    )
    level = confidence(first.confidence)
    told = "; ".join(f"{r.label} {percent(r.estimate)}, {span(r.low, r.high)}" for r in rows)
    plate = Plate(
        title=typeset(title),
        subtitle=typeset(
            f"Chance to beat the mean method, Bradley-Terry; {level} over prompts{_of(report)}"
        ),
        figure=forest(
            rows,
            toward_a="Stronger",
            toward_b="Weaker",
            verb="",
            measure=f"% [{level} CI]",
            alt=f"Strengths of the methods. {told}",
        ),
        note=typeset(
            f"{counted(first.n, 'verdict')} on {counted(first.units, 'prompt group')}; "
            f"{number(first.resamples)} resamples of the groups. Squares grow with verdicts."
        ),
    )
    notes = ["One scale stands beside the comparisons, never instead of them."]
    if len(ranked.found) > 1 and ranked.found[1].tie_strength is not None:
        nu = ranked.found[1].tie_strength
        notes.append(
            "Under Bradley-Terry a tie is half a win each way; Newman’s model gives ties a "
            f"strength of their own, ν = {nu:.2f}."
        )
    if ranked.warning:
        notes.append(f"Careful: {ranked.warning}")
    return Section(
        "ranking",
        "One scale for all methods",
        plates=(plate,),
        tables=(ranking_table(report, found),),
        notes=_typeset(notes),
    )


def _share(log_strength: float) -> float:
    return 1 / (1 + math.exp(-log_strength))


def _compute(report: Report, found: Analyses) -> Section | None:
    points = found.compute
    if not points:
        return None
    labels = method_labels(report)
    opponent = labels[points[0].opponent]

    def drawn(axis: str, *, forwards: bool) -> Plate:
        best = [p for p in points if (p.pareto_forwards if forwards else p.pareto_steps)]
        names = listed([p.label for p in sorted(best, key=lambda p: p.steps)])
        what = "UNet forwards" if forwards else "steps"
        told = "; ".join(
            f"{p.label}: {p.forwards if forwards else p.steps:.1f} {what}, {percent(p.score)}"
            for p in points
        )
        return Plate(
            title=typeset(f"None beats {names} for the {what}"),
            subtitle=typeset(f"Win rate against {opponent}, ties half, %{_of(report)}"),
            figure=compute_figure(
                [
                    CostPoint(
                        p.label,
                        p.forwards if forwards else p.steps,
                        p.score,
                        p.rate.low if p.rate else None,
                        p.rate.high if p.rate else None,
                        p.pareto_forwards if forwards else p.pareto_steps,
                    )
                    for p in points[:MOST_DRAWN]
                ],
                axis=axis,
                alt=f"Win rate against cost. {told}",
            ),
            note="Dashed: methods that no other is both as cheap as and better than.",
        )

    return Section(
        "compute",
        "Quality and compute",
        plates=(
            drawn("Mean steps of an image", forwards=False),
            drawn("Mean UNet forwards of an image", forwards=True),
        ),
        half=True,
        tables=(compute_table(report, found),),
        notes=_typeset(
            [
                f"{opponent} is the common opponent and stands at 50 % by definition. Costs are "
                "means as executed, the student’s share included."
            ]
        ),
    )


def _slices(report: Report, found: Analyses) -> Section | None:
    table = found.slices
    if table is None:
        return None
    lead = report.lead
    assert lead is not None
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
    alpha = 1 - table.confidence
    matter = [axis.axis for axis in table.axes if (axis.adjusted_p or 1.0) < alpha]
    title = (
        f"The win rate differs by {listed(matter)}"
        if matter
        else "No difference between slices is resolved"
    )
    plates: tuple[Plate, ...] = ()
    if rows:
        told = "; ".join(f"{r.label} {percent(r.estimate)}, {span(r.low, r.high)}" for r in rows)
        level = confidence(table.confidence)
        plates = (
            Plate(
                title=typeset(title),
                subtitle=typeset(
                    f"Win rate of {lead.a_label} against {lead.b_label}, ties dropped; {level} "
                    f"Wilson intervals{_of(report)}"
                ),
                figure=forest(
                    rows,
                    toward_a=lead.a_label,
                    toward_b=lead.b_label,
                    measure=f"Win rate, % [{level} CI]",
                    alt=f"Win rates by slices of prompts. {told}",
                ),
                note=typeset(
                    f"Exploratory. {counted(table.too_small, 'slice')} with fewer than "
                    f"{table.minimum} decided prompts not drawn; the table has their counts."
                    if table.too_small
                    else "Exploratory: nobody said before the study where to look."
                ),
            ),
        )
    return Section(
        "slices",
        "Slices of prompts",
        plates=plates,
        tables=(slices_table(found, level=table.confidence), axes_table(found)),
        notes=_typeset(
            [
                "That an axis matters is what the test of the axis says, not that one slice is "
                "significant and another is not.",
                "p-values are corrected after Benjamini and Hochberg, slices over all slices, axes "
                "over all axes.",
            ]
        ),
    )


def _models(report: Report, found: Analyses) -> Section | None:
    if not any(c.models for c in found.contrasts):
        return None
    warnings = dict.fromkeys(
        f"{model.model}: {model.warning}."
        for c in found.contrasts
        for model in c.models
        if model.warning
    )
    return Section(
        "robustness",
        "Other ways to join votes",
        tables=(models_table(report, found),),
        notes=_typeset(
            [
                "Verdicts are majorities. One coin gives every annotator an accuracy, Dawid and "
                "Skene a table of confusions; both stand here to see what depends on the choice, "
                "and replace nothing. “Changed” counts verdicts that the model labels otherwise.",
                *warnings,
            ]
        ),
    )


def _sides(report: Report, found: Analyses) -> Section | None:
    deep = found.contrasts[0]
    lead = report.lead
    assert lead is not None
    side, share = deep.side, deep.adjusted
    if side.estimate is None:
        return None
    level = confidence(report.protocol.confidence)
    interval = (
        f", {level} interval {signed(side.low)} to {signed(side.high)}, {p_equation(side.p_value)}"
        if side.low is not None
        else ""
    )
    said = [
        f"Standing on the left changes a picture’s share of votes by {signed(side.estimate)} "
        f"percentage points{interval} ({counted(side.n, 'vote')} on {lead.a_label} against "
        f"{lead.b_label}, ties left out)."
    ]
    if share.estimate is not None and share.raw is not None:
        said.append(
            f"With both sides weighing equally {lead.a_label} has {percent(share.estimate)} of the "
            f"votes, {level} interval {span(share.low, share.high)}; as counted it is "
            f"{percent(share.raw)}."
        )
    effects = deep.effects
    notes = [f"Interval and test: {side.method}."]
    if side.warning:
        notes.append(f"{side.warning.capitalize()}.")
    if effects is not None and effects.challenger is not None and effects.side is not None:
        one, two = effects.challenger, effects.side
        said.append(
            f"A marginal model of votes by annotator and side (GEE) gives {lead.a_label} log odds "
            f"of {signed(one.estimate, scale=1, digits=2)} "
            f"[{signed(one.low, scale=1, digits=2)}, {signed(one.high, scale=1, digits=2)}], "
            f"{p_equation(one.p_value)}, and the left side "
            f"{signed(two.estimate, scale=1, digits=2)} "
            f"[{signed(two.low, scale=1, digits=2)}, {signed(two.high, scale=1, digits=2)}], "
            f"{p_equation(two.p_value)}."
        )
        if effects.annotators_p is not None:
            said.append(
                f"Whether annotators differ in whom they prefer: {p_equation(effects.annotators_p)}"
                + (
                    f" ({effects.pooled} with few votes taken as one)."
                    if effects.pooled > 1
                    else "."
                )
            )
        notes.append(f"{effects.method}; marginal log odds, not comparable with a mixed model’s.")
    elif effects is not None and effects.warning:
        notes.append(f"No model of annotators and sides: {effects.warning}.")
    return Section(
        "side-bias",
        "What the side of a picture changes",
        paragraphs=_typeset([" ".join(said)]),
        notes=_typeset(notes),
    )


def _people(report: Report, found: Analyses) -> Section | None:
    if not found.matrix.annotators:
        return None
    bins = [f"under {SECONDS[0]} s"]
    bins += [f"{low} to {high} s" for low, high in pairwise(SECONDS)]
    bins.append(f"over {SECONDS[-1]} s")
    rows = [(name, count) for name, count in zip(bins, found.seconds, strict=True)]
    while len(rows) > 1 and not rows[-1][1]:
        rows.pop()
    while len(rows) > 1 and not rows[0][1]:
        rows.pop(0)
    told = "; ".join(f"{name} {count}" for name, count in rows)
    middle = max(rows, key=lambda row: row[1])[0]
    fleiss = [
        f"{c.a_label} against {c.b_label} κ = {coefficient(deep.fleiss)}"
        for c, deep in zip(report.contrasts, found.contrasts, strict=True)
        if deep.fleiss is not None
    ]
    notes = []
    if fleiss:
        notes.append(f"Fleiss’ kappa, pairs with all their votes: {listed(fleiss)}.")
    tables: tuple[Table, ...] = ()
    if 1 < len(found.matrix.annotators) <= MOST_IN_MATRIX:
        tables = (matrix_table(found),)
    elif len(found.matrix.annotators) > 1:
        notes.append(
            f"The matrix of {len(found.matrix.annotators)} annotators is in the exported files."
        )
    return Section(
        "time",
        "Time and pairs of annotators",
        plates=(
            Plate(
                title=typeset(f"Most votes took {middle}"),
                subtitle=typeset(f"Votes by seconds with the pair in view{_of(report)}"),
                figure=count_bars(rows, alt=f"Bars of votes by time: {told}"),
                note="Bins widen, as times do.",
            ),
        ),
        half=True,
        tables=tables,
        notes=_typeset(notes),
    )


def _estimators(report: Report, found: Analyses) -> Section | None:
    if not found.estimators:
        return None
    return Section(
        "estimators",
        "Scores and annotators",
        tables=(estimators_table(report, found),),
        notes=_typeset(
            [
                "How often the picture with the higher score is the one that annotators preferred; "
                "their ties are left out, equal scores count half. AUC is of the score difference.",
                "This is agreement with a reference beside the picture. Deciding without one, as "
                "the adaptive method does, is another question: see the oracle laboratory.",
            ]
        ),
    )


def _typeset(words: list[str]) -> tuple[str, ...]:
    return tuple(typeset(each) for each in words)


def matrix_of(found: Analyses) -> Iterator[Table]:
    """The whole matrix, for files."""
    if len(found.matrix.annotators) > MOST_IN_MATRIX:
        yield matrix_table(found, most=len(found.matrix.annotators))
