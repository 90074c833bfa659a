"""The laboratory inside a report: Figure 16, every cut-off with its cost, estimators.

It must not compute or know HTTP: plates, tables and notes are those of the laboratory's own page.
"""

from annotate.reports.laboratory_page import LabPage
from annotate.reports.plates import Plate, Section
from annotate.reports.tables import Table
from annotate.reports.words import typeset


def oracle_section(page: LabPage) -> Section:
    """Win, tie and lose by the oracle's accuracy, and the score with every real estimator."""
    return Section(
        "figure-16",
        "What a better oracle would bring",
        plates=(page.curve, page.score),
        tables=_there(page.curve_table, page.states, page.arms),
        notes=tuple(typeset(words) for words in (*page.curve_notes, *page.score_notes)),
        paragraphs=page.method,
    )


def policy_section(page: LabPage) -> Section | None:
    """Every cut-off of every scored estimator: win rate by cost, with the Pareto line."""
    if page.policy is None:
        return None
    return Section(
        "policy",
        "Every cut-off and its cost",
        plates=(page.policy,),
        tables=_there(page.chosen, page.policy_table),
        notes=tuple(typeset(words) for words in page.policy_notes),
    )


def decisions_sections(page: LabPage) -> tuple[Section, ...]:
    """How often estimators decide right without a reference, and how they rank."""
    if page.accuracy is None:
        return ()
    ranks: tuple[Plate | None, ...] = (page.roc, page.reliability)
    return (
        Section(
            "decisions",
            "Decisions without a reference",
            plates=(page.accuracy,),
            tables=_there(page.estimators, page.comparisons),
            notes=tuple(typeset(words) for words in page.estimator_notes),
        ),
        Section(
            "score-ranks",
            "How scores rank samples",
            plates=tuple(plate for plate in ranks if plate is not None),
            half=True,
        ),
    )


def _there(*tables: Table | None) -> tuple[Table, ...]:
    return tuple(table for table in tables if table is not None)
