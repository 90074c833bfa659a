"""The ends of a study's oracle curve and the point between them, as lines for a terminal.

It must not compute: `reports.laboratory` does.
"""

from collections.abc import Sequence

from annotate.analysis.contrast import Result
from annotate.reports.branch_rows import branch_pairs
from annotate.reports.branches import SHARE_REFINED, Settings
from annotate.reports.laboratory import investigate
from annotate.reports.laboratory_study import read_branches
from annotate.reports.words import bracket, percent
from annotate.studies.models import Study

Row = tuple[str, ...]


def oracle_ends(study: Study, *, settings: Settings) -> list[str]:
    """No oracle (all kept, all refined), the study's own estimator, and one that never errs.

    Empty where the study has no two branches against one teacher.
    """
    pairs = [pair for pair in branch_pairs(study) if pair.certain]
    if not pairs:
        return []
    branches = read_branches(study, pairs[0])
    lab = investigate(branches, settings)
    cost = branches.cost or SHARE_REFINED
    all_refined = cost.student_steps + cost.refine_steps
    rows: list[Row] = [
        ("all kept (the student alone)", *_branch(branches.student), f"{cost.student_steps:.1f}"),
        ("all refined", *_branch(branches.refined), f"{all_refined:.1f}"),
    ]
    for report in lab.estimators:
        for made in report.made:
            state = made.state
            results = (state.win.value, state.tie.value, state.lose.value)
            name = f"current state: {report.name} at its tau"
            rows.append((name, *map(percent, results), f"{state.steps:.1f}"))
    rates, last = lab.curve.rates, len(lab.x) - 1
    best = (rates.win[last], rates.tie[last], rates.lose[last])
    rows.append(
        (
            "an oracle that never errs",
            *(percent(float(value)) for value in best),
            f"{float(rates.steps[last]):.1f}",
        )
    )
    told = [
        f"accuracy of the current state {percent(made.state.accuracy.value)} "
        f"{bracket(made.state.accuracy.low, made.state.accuracy.high)}"
        for report in lab.estimators
        for made in report.made
    ]
    head = (f"against {branches.teacher_label}", "win", "tie", "lose", "mean steps")
    title = f"The oracle's curve at its ends, over {lab.curve.n} prompts with both verdicts:"
    return [title, *_aligned([head, *rows]), *told]


def _branch(results: Sequence[Result | None]) -> Row:
    known = [result for result in results if result is not None]
    return tuple(
        percent(sum(result == wanted for result in known) / len(known))
        for wanted in (Result.WIN, Result.TIE, Result.LOSS)
    )


def _aligned(rows: list[Row]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in rows
    ]
