"""Sections of a report whose analyses are drawn: the common scale, quality by cost, slices.

It must not compute a number or know HTTP.
"""

import math

from annotate.reports.analyses import Analyses
from annotate.reports.analyses_tables import (
    compute_table,
    method_labels,
    ranking_table,
)
from annotate.reports.compute_figures import CostPoint, compute_figure
from annotate.reports.figures import Interval, forest
from annotate.reports.peeking import of_running
from annotate.reports.plates import Plate, Section
from annotate.reports.report import Report
from annotate.reports.words import confidence, counted, listed, number, percent, span, typeset

# More arms than this are named in the table alone.
MOST_DRAWN = 12


def ranking_section(report: Report, found: Analyses) -> Section | None:
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
    if report.tests_withheld:
        title = "The methods so far"
    level = confidence(first.confidence)
    told = "; ".join(f"{r.label} {percent(r.estimate)}, {span(r.low, r.high)}" for r in rows)
    plate = Plate(
        title=typeset(title),
        subtitle=typeset(
            f"Chance to beat the mean method, Bradley-Terry; {level} over prompts"
            + of_programs(report)
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
        notes=typeset_all(notes),
    )


def _share(log_strength: float) -> float:
    return 1 / (1 + math.exp(-log_strength))


def compute_section(report: Report, found: Analyses) -> Section | None:
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
            subtitle=typeset(f"Win rate against {opponent}, ties half, %{of_programs(report)}"),
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
        notes=typeset_all(
            [
                f"{opponent} is the common opponent and stands at 50 % by definition. Costs are "
                "means as executed, the student’s share included."
            ]
        ),
    )


def of_programs(report: Report) -> str:
    """Ends a subtitle where votes come from programs, or the study is running."""
    return of_running(report) + (". Simulated votes" if report.simulated else "")


def typeset_all(words: list[str]) -> tuple[str, ...]:
    """Every paragraph or note, typeset."""
    return tuple(typeset(each) for each in words)
