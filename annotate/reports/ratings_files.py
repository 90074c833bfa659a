"""The report on rated pictures as words, one HTML page that stands alone, JSON, CSV and figures.

It must not compute.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.template.loader import render_to_string

from annotate.analysis.estimator_pairs import AgreementDifference
from annotate.reports.estimators_table import difference_cells, difference_titles
from annotate.reports.figures import micro_interval
from annotate.reports.laboratory_files import lab_data, plain, plain_table, write_laboratory
from annotate.reports.laboratory_page import lay_out_laboratory
from annotate.reports.laboratory_sections import decisions_sections, oracle_section, policy_section
from annotate.reports.plates import Section
from annotate.reports.ratings_report import RatingsReport
from annotate.reports.sheets import stylesheets
from annotate.reports.tables import Cell, Table, make_table
from annotate.reports.words import NONE, bracket, confidence, counted, number, percent, typeset

PAGE, NUMBERS = "report.html", "report.json"


def sections(report: RatingsReport) -> tuple[Section, ...]:
    """Agreement on all pairs, then where roles were given decisions and what they bring."""
    made: list[Section | None] = [_agreement(report)]
    if report.laboratory is not None:
        page = lay_out_laboratory(report.laboratory)
        made += decisions_sections(page)
        if report.refined:
            made += [oracle_section(page), policy_section(page)]
    return tuple(section for section in made if section is not None)


def _agreement(report: RatingsReport) -> Section:
    tables: list[Table] = [agreements_table(report)]
    notes = [
        "How often the picture with the higher score is the one that people rated higher; pairs "
        "rated equally are left out, equal scores count half.",
        "Pairs share pictures, so that intervals draw whole prompts.",
    ]
    if report.differences:
        tables.append(differences_table(report))
        tested = counted(len(report.differences), "comparison")
        notes.append(
            "Two estimators are compared on the pairs that both scored. The test is McNemar’s "
            "exact one where every prompt has one pair and no score is tied, else its extension "
            "that flips the signs of whole prompts. “Only one right” counts prompts: on how many "
            "just one agreed, or agreed on more pairs. Holm’s "
            f"correction is over {tested}."
        )
    if report.laboratory is None:
        notes.append(
            "Decisions without a reference need a student and a teacher: name two methods."
        )
    return Section(
        "agreement",
        "Agreement on pairs",
        tables=tuple(tables),
        notes=tuple(map(typeset, notes)),
    )


def agreements_table(report: RatingsReport) -> Table:
    """Each estimator, and where raters are known one of them against the others."""
    rows: list[tuple[Cell, ...]] = []
    for found in report.agreements:
        plot = micro_interval(found.estimate, found.low, found.high, reference=0.5)
        rows.append(
            (
                Cell(found.estimator, numeric=False),
                Cell(number(found.n)),
                Cell(f"{found.agreed:g}"),
                Cell(f"{percent(found.estimate)} {bracket(found.low, found.high)}", plot=plot),
                Cell(number(found.score_ties)),
                Cell(number(found.human_ties)),
            )
        )
    people = report.ceiling
    if people is not None and people.estimate is not None:
        rows.append(
            (
                Cell("One rater and the others", numeric=False),
                Cell(number(people.n)),
                Cell(number(people.agreed)),
                Cell(f"{percent(people.estimate)} {bracket(people.low, people.high)}"),
                *[Cell(NONE, faint=True)] * 2,
            )
        )
    level = confidence(report.settings.confidence)
    titles = ("Pairs", "Agreed", f"Agree [{level} CI]", "Equal scores", "Equal ratings")
    return make_table("Estimators and ratings, all pairs of methods", "Estimator", titles, rows)


def differences_table(report: RatingsReport) -> Table:
    """Every two estimators on the same pairs."""
    rows = [
        (Cell(f"{d.first} and {d.second}", numeric=False), *difference_cells(d))
        for d in report.differences
    ]
    titles = difference_titles(report.settings.confidence)
    return make_table("Two estimators on the same pairs", "Estimators", titles, rows)


def standfirst(report: RatingsReport) -> str:
    """What the numbers rest on."""
    r = report.ratings
    pictures = sum(sample.human is not None for sample in r.samples.values())
    said = (
        f"{counted(pictures, 'rated picture')} of {counted(len(r.prompts), 'prompt')} by "
        f"{counted(len(r.methods), 'method')}: {counted(report.pairs, 'pair')}, "
        f"{number(report.ties)} rated equally."
    )
    lab = report.laboratory
    if lab is None:
        return said
    b = lab.branches
    instead = b.refined_label if report.refined else f"that of {b.teacher_label}"
    return (
        f"{said} Decisions: keep the picture of {b.student_label} or take {instead}; right by rule "
        f"{lab.curve.rule} against {b.teacher_label}, k = {report.settings.percentile:g}, "
        f"{counted(lab.curve.n, 'prompt')}."
    )


def ratings_text(report: RatingsReport) -> str:
    """Every table in plain columns."""
    lines = [f"{report.ratings.title}: {standfirst(report)}"]
    for section in sections(report):
        for table in section.tables:
            lines += ["", *plain_table(table)]
    return "\n".join(lines)


def ratings_html(report: RatingsReport) -> str:
    """The page with its style inside: it needs no server and no network."""
    return render_to_string(
        "reports/estimators.html",
        {
            "title": report.ratings.title,
            "standfirst": typeset(standfirst(report)),
            "sections": sections(report),
            "styles": stylesheets(),
        },
    )


def ratings_data(report: RatingsReport) -> dict[str, Any]:
    """Everything for machines: shares in [0, 1], None where there is no number."""
    r = report.ratings
    data = plain(
        {
            "title": r.title,
            "prompts": len(r.prompts),
            "methods": r.methods,
            "estimators": r.estimators,
            "raters": len(r.raters),
            "pairs": report.pairs,
            "equally_rated": report.ties,
            "seed": report.settings.seed,
            "resamples": report.settings.resamples,
            "agreement": [
                asdict(found) | {"estimand": found.estimand} for found in report.agreements
            ],
            "differences": [_told(found) for found in report.differences],
            "human_ceiling": asdict(report.ceiling) if report.ceiling else None,
        }
    )
    assert isinstance(data, dict)
    # Its numbers are plain already.
    data["decisions"] = lab_data(report.laboratory) if report.laboratory else None
    return data


def _told(found: AgreementDifference) -> dict[str, Any]:
    return asdict(found) | {"estimand": found.estimand, "method": found.method, "unit": found.unit}


def write_ratings(report: RatingsReport, folder: Path) -> list[Path]:
    """Page, numbers and, where decisions are reported, their figures; the page first."""
    folder.mkdir(parents=True, exist_ok=True)
    page, numbers = folder / PAGE, folder / NUMBERS
    page.write_text(ratings_html(report), encoding="utf-8")
    text = json.dumps(ratings_data(report), indent=2, ensure_ascii=False, allow_nan=False)
    numbers.write_text(text + "\n", encoding="utf-8")
    lab = report.laboratory
    files = write_laboratory(lab, lay_out_laboratory(lab), folder / "decisions") if lab else []
    return [page, numbers, *files]
