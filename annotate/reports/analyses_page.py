"""The sections of a report that come from its analyses: figures, titles, tables.

It must not compute a number or know HTTP; a section without anything to say is left out.
"""

from collections.abc import Iterator
from itertools import pairwise

from annotate.analysis.annotator_models import GLAD_NEEDS
from annotate.reports.analyses import SECONDS, Analyses
from annotate.reports.analyses_plates import (
    compute_section,
    of_programs,
    ranking_section,
    typeset_all,
)
from annotate.reports.analyses_tables import (
    MOST_IN_MATRIX,
    crossed_table,
    estimator_pairs_table,
    estimators_table,
    intervals_table,
    matrix_table,
    method_labels,
    models_table,
    paired_tables,
    published_table,
)
from annotate.reports.figures import count_bars
from annotate.reports.laboratory_page import lay_out_laboratory
from annotate.reports.laboratory_sections import (
    decisions_sections,
    oracle_section,
    policy_section,
)
from annotate.reports.method_words import fixed
from annotate.reports.plates import Plate, Section
from annotate.reports.report import Report
from annotate.reports.sides_page import sides_section
from annotate.reports.slices_page import slices_section
from annotate.reports.tables import Table
from annotate.reports.words import (
    coefficient,
    counted,
    listed,
    p_equation,
    typeset,
)


def analysis_sections(report: Report) -> tuple[Section, ...]:
    """Every section with something to say, in reading order."""
    found = report.analyses
    if found is None or report.lead is None or not report.lead.decided:
        return ()
    lab = lay_out_laboratory(report.laboratory) if report.laboratory else None
    made = (
        _intervals(report, found),
        _published(found),
        _paired(report, found),
        ranking_section(report, found),
        oracle_section(lab) if lab else None,
        compute_section(report, found),
        policy_section(lab) if lab else None,
        slices_section(report, found),
        _models(report, found),
        sides_section(report, found),
        _people(report, found),
        _estimators(report, found),
        *(decisions_sections(lab) if lab else ()),
    )
    return tuple(section for section in made if section is not None)


def _intervals(report: Report, found: Analyses) -> Section:
    told = [c for c in found.contrasts if c.holm is not None]
    kept = [c for c in told if (c.holm or 0.0) < 1 - report.protocol.confidence]
    notes = [
        "Wilson’s interval takes verdicts one by one; the bootstrap draws groups of prompts. Both "
        "are for these annotators and new prompts; the third is for new annotators too. The "
        "two-way interval speaks about other prompts and other annotators at once; resampled, both "
        "are drawn, with the two-way spread.",
    ]
    if found.family > 1 and not report.tests_withheld:
        notes.append(
            f"All {found.family} comparisons {fixed(report)}: Holm’s correction is over these. "
            f"{len(kept)} of {len(told)} stay below "
            f"{1 - report.protocol.confidence:.2g} with it."
        )
    renewed = found.contrasts[0].renewed.warning
    if renewed:
        notes.append(f"Win rate for new annotators: {renewed}.")
    warning = found.contrasts[0].crossed.warning
    if warning:
        notes.append(f"Two-way: {warning}.")
    notes.append(
        "A vote share is another estimand than a win rate of verdicts: a majority of three "
        "amplifies it."
    )
    return Section(
        "intervals",
        "Intervals" if report.tests_withheld else "Intervals and tests",
        tables=(intervals_table(report, found), crossed_table(report, found)),
        notes=typeset_all(notes),
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
        paragraphs=typeset_all(list(sentences)),
        notes=typeset_all(
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
        if test is not None and not report.tests_withheld:
            notes.append(
                f"Against {labels[family.opponent]}: do {len(test.arms)} arms win equally often? "
                f"Cochran’s Q = {test.statistic:.1f}, {test.df} degrees of freedom, "
                f"{p_equation(test.p_value)}, {counted(test.n, 'prompt')}."
                + (f" {test.warning.capitalize()}." if test.warning else "")
            )
    return Section("paired", "Arms on the same prompts", tables=tables, notes=typeset_all(notes))


def _models(report: Report, found: Analyses) -> Section | None:
    if not any(c.models for c in found.contrasts):
        return None
    warnings = dict.fromkeys(
        f"{model.model}: {model.warning}."
        for c in found.contrasts
        for model in c.models
        if model.warning
    )
    if any(name == "crowd-kit" for name, _ in found.software):
        of_glad = "GLAD also gives every pair an ease."
    else:
        of_glad = f"A third model is left out. {GLAD_NEEDS}."
    return Section(
        "robustness",
        "Other ways to join votes",
        tables=(models_table(report, found),),
        notes=typeset_all(
            [
                "Verdicts are majorities. One coin gives every annotator an accuracy, Dawid and "
                "Skene a table of confusions; both stand here to see what depends on the choice, "
                "and replace nothing. “Changed” counts verdicts that the model labels otherwise.",
                of_glad,
                *warnings,
            ]
        ),
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
                subtitle=typeset(f"Votes by seconds with the pair in view{of_programs(report)}"),
                figure=count_bars(rows, alt=f"Bars of votes by time: {told}"),
                note="Bins widen, as times do.",
            ),
        ),
        half=True,
        tables=tables,
        notes=typeset_all(notes),
    )


def _estimators(report: Report, found: Analyses) -> Section | None:
    if not found.estimators:
        return None
    pairs = []
    if found.estimator_pairs:
        pairs.append(
            "Two scorers are compared on the pairs that both scored: the difference of their "
            "agreement with a paired bootstrap over prompts"
            + (
                "."
                if report.tests_withheld
                else ", McNemar’s exact test (of prompts with several pairs or equal scores its "
                "extension that flips whole prompts), and "
                f"Holm’s correction over {counted(len(found.estimator_pairs), 'comparison')}."
            )
        )
    return Section(
        "estimators",
        "Scores and annotators",
        tables=(
            estimators_table(report, found),
            *((estimator_pairs_table(report, found),) if found.estimator_pairs else ()),
        ),
        notes=typeset_all(
            [
                "How often the picture with the higher score is the one that annotators preferred; "
                "their ties are left out, equal scores count half. AUC is of the score difference.",
                *pairs,
                "This is agreement with a reference beside the picture. Deciding without one, as "
                "the adaptive method does, is another question: see the oracle laboratory.",
            ]
        ),
    )


def matrix_of(found: Analyses) -> Iterator[Table]:
    """The whole matrix, for files."""
    if len(found.matrix.annotators) > MOST_IN_MATRIX:
        yield matrix_table(found, most=len(found.matrix.annotators))
