"""A laboratory laid out for reading: findings as titles, figures, notes, tables.

It must not compute or know addresses.
"""

from __future__ import annotations

from dataclasses import dataclass

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
from annotate.reports.laboratory_words import ends, lab_methods
from annotate.reports.plates import Plate
from annotate.reports.tables import Table
from annotate.reports.withheld import without_tests
from annotate.reports.words import counted, number, percent, typeset


@dataclass(frozen=True)
class LabPage:
    """Everything on the laboratory's page that comes from its numbers."""

    headline: str
    standfirst: str
    simulated: str
    facts: tuple[tuple[str, str], ...]
    curve: Plate
    curve_notes: tuple[str, ...]
    curve_table: Table
    score: Plate
    score_notes: tuple[str, ...]
    states: Table | None
    arms: Table | None
    policy: Plate | None
    policy_notes: tuple[str, ...]
    policy_table: Table | None
    chosen: Table | None
    accuracy: Plate | None
    roc: Plate | None
    reliability: Plate | None
    estimators: Table | None
    comparisons: Table | None
    estimator_notes: tuple[str, ...]
    method: tuple[str, ...]


def lay_out_laboratory(lab: Laboratory) -> LabPage:
    """The page of a laboratory; without scores it has no estimators' sections.

    Of a running study it has no p-values, as its report has none.
    """
    some = bool(lab.estimators)
    page = LabPage(
        headline=typeset(_headline(lab)),
        standfirst=typeset(_standfirst(lab)),
        simulated=_simulated(lab),
        facts=_facts(lab),
        curve=curve_plate(lab),
        curve_notes=curve_notes(lab),
        curve_table=curve_table(lab),
        score=score_plate(lab),
        score_notes=score_notes(lab),
        states=states_table(lab) if some else None,
        arms=arms_table(lab) if some else None,
        policy=policy_plate(lab) if some else None,
        policy_notes=policy_notes(lab) if some else (),
        policy_table=policy_table(lab) if some else None,
        chosen=chosen_table(lab) if some else None,
        accuracy=accuracy_plate(lab) if some else None,
        roc=roc_plate(lab) if some else None,
        reliability=reliability_plate(lab) if some else None,
        estimators=estimators_table(lab) if some else None,
        comparisons=comparisons_table(lab) if some else None,
        estimator_notes=estimator_notes(lab) if some else (),
        method=tuple(typeset(words) for words in lab_methods(lab)),
    )
    return without_tests(page) if lab.branches.tests_withheld else page


def _headline(lab: Laboratory) -> str:
    rates = lab.curve.rates
    first, last = ends(lab)
    best = {"M3": "the best decisions this budget allows", "M3-skill": "the best skill"}.get(
        lab.settings.model, "every decision right"
    )
    return (
        f"With {best}, the adaptive method would win {percent(float(rates.win[last]))} and lose "
        f"{percent(float(rates.lose[last]))} of {counted(lab.curve.n, 'prompt')}; "
        f"{_start(lab)} it wins {percent(float(rates.win[first]))} and loses "
        f"{percent(float(rates.lose[first]))}."
    )


def _start(lab: Laboratory) -> str:
    return {"M1": "decided by a coin,", "M3-skill": "by lots,"}.get(
        lab.settings.model, "decided by lots,"
    )


def _standfirst(lab: Laboratory) -> str:
    b = lab.branches
    words = (
        f"{b.student_label} and {b.refined_label} were both judged against {b.teacher_label}, "
        "prompt by prompt. So the result of any decision to keep or refine follows without new "
        "votes."
    )
    if lab.fair is not None:
        words += (
            " The right end is an upper bound: label and result come from the same votes. "
            f"Cross-fitted, it is a score of {percent(float(lab.fair.rates.score[-1]))} instead "
            f"of {percent(float(lab.curve.rates.score[-1]))}."
        )
    return words


def _simulated(lab: Laboratory) -> str:
    b = lab.branches
    if not b.simulated:
        return ""
    return (
        f"{number(b.simulated)} of {counted(b.votes, 'vote')} were cast by programs, not by "
        "people. The numbers show that the laboratory works; they say nothing about the methods."
    )


def _facts(lab: Laboratory) -> tuple[tuple[str, str], ...]:
    c, b = lab.curve, lab.branches
    cost = b.cost
    steps = f"{cost.student_steps} + {cost.refine_steps}" if cost else "not given"
    return (
        ("Prompts with both verdicts", number(c.n)),
        ("Left out, undecided", number(c.excluded)),
        ("Votes on them", number(b.votes) if b.votes else "not given"),
        ("Annotators", number(lab.annotators) if lab.annotators else "not given"),
        ("Ideal label is to keep", percent(c.label_share)),
        ("Steps, student + refinement", steps),
        ("Estimators", number(len(lab.estimators))),
    )
