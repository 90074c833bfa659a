"""The laboratory inside a report: Figure 16, every cut-off with its cost, estimators.

It must not compute or know HTTP; plates and tables are those of the laboratory's own page.
"""

from annotate.reports.laboratory import Laboratory
from annotate.reports.laboratory_plates import (
    accuracy_plate,
    curve_notes,
    curve_plate,
    estimator_notes,
    policy_notes,
    policy_plate,
    reliability_plate,
    roc_plate,
    score_notes,
    score_plate,
)
from annotate.reports.laboratory_tables import (
    arms_table,
    chosen_table,
    comparisons_table,
    curve_table,
    estimators_table,
    policy_table,
    states_table,
)
from annotate.reports.laboratory_words import lab_methods
from annotate.reports.plates import Section
from annotate.reports.tables import Table
from annotate.reports.words import typeset


def oracle_section(lab: Laboratory) -> Section:
    """Win, tie and lose by the oracle's accuracy, and the score with every real estimator."""
    told = [curve_table(lab), states_table(lab) if lab.estimators else None, arms_table(lab)]
    return Section(
        "figure-16",
        "What a better oracle would bring",
        plates=(curve_plate(lab), score_plate(lab)),
        tables=_there(told),
        notes=tuple(typeset(words) for words in (*curve_notes(lab), *score_notes(lab))),
        paragraphs=tuple(typeset(words) for words in lab_methods(lab)),
    )


def policy_section(lab: Laboratory | None) -> Section | None:
    """Every cut-off of every scored estimator: win rate by cost, with the Pareto line."""
    if lab is None or not lab.estimators:
        return None
    return Section(
        "policy",
        "Every cut-off and its cost",
        plates=(policy_plate(lab),),
        tables=_there([chosen_table(lab), policy_table(lab)]),
        notes=tuple(typeset(words) for words in policy_notes(lab)),
    )


def decisions_sections(lab: Laboratory | None) -> tuple[Section, ...]:
    """How often estimators decide right without a reference, and how they rank."""
    if lab is None or not lab.estimators:
        return ()
    return (
        Section(
            "decisions",
            "Decisions without a reference",
            plates=(accuracy_plate(lab),),
            tables=_there([estimators_table(lab), comparisons_table(lab)]),
            notes=tuple(typeset(words) for words in estimator_notes(lab)),
        ),
        Section(
            "score-ranks",
            "How scores rank samples",
            plates=(roc_plate(lab), reliability_plate(lab)),
            half=True,
        ),
    )


def _there(tables: list[Table | None]) -> tuple[Table, ...]:
    return tuple(table for table in tables if table is not None)
