"""The re-examination's tables. It must not compute or judge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from annotate.analysis.ceiling import Ceiling
from annotate.analysis.diversity import Attribute
from annotate.analysis.oracle_state import Estimate
from annotate.reports.reexamined.claims import points
from annotate.reports.reexamined.findings import Findings, Preference
from annotate.reports.reexamined.names import label, short
from annotate.reports.reexamined.replicas import STANDS_FOR
from annotate.reports.tables import Cell, Column, Table
from annotate.reports.words import NONE, bracket, coefficient, number, p_value, percent


def preferences_table(found: Sequence[Preference], title: str) -> Table:
    """Win, tie and lose of each pair of arms, with the simulated annotators' majority beside."""
    one = len({each.opponent for each in found}) == 1
    rows = []
    for each in found:
        rate, half, people = each.rate, each.half, each.annotators
        rows.append(
            (
                short(each.arm) if one else f"{short(each.arm)} against {short(each.opponent)}",
                number(rate.wins),
                number(rate.ties),
                number(rate.losses),
                percent(rate.estimate),
                bracket(rate.low, rate.high),
                p_value(each.adjusted_p),
                percent(half.estimate),
                f"{percent(people.estimate)} {bracket(people.low, people.high)}",
            )
        )
    titles = (
        "Win",
        "Tie",
        "Lose",
        "Win rate",
        "95 % CI, %",
        "p, Holm",
        "Score, ties half",
        "Majority of 3 simulated",
    )
    return _table(title, "Methods", titles, rows)


def arms_table(found: Findings) -> Table:
    """Every arm by itself: fully right, and what a picture took beside its plan."""
    rows = [
        (
            each.label,
            percent(each.right),
            bracket(each.low, each.high),
            f"{each.steps:.2f}",
            f"{each.planned_steps:g}",
            f"{each.forwards:.2f}",
            f"{each.planned_forwards:g}",
            NONE if each.kept is None else percent(each.kept),
        )
        for each in found.arms
    ]
    titles = (
        "Fully right",
        "95 % CI, %",
        "Steps",
        "Planned",
        "UNet forwards",
        "Planned",
        "Kept from the student",
    )
    return _table("Every arm: how often right, and the mean cost as executed", "Arm", titles, rows)


def chosen_table(found: Findings) -> Table:
    """The estimator's choice beside lots and better oracles; scores against the teacher."""
    rows = [
        (
            label(f"{each.strategy}-{each.budget}"),
            _interval(each.estimator),
            f"{percent(each.lots.value)} ({_ends(each.lots)})",
            points(each.over_lots),
            percent(each.accuracy.value),
            percent(each.kept),
            points(each.oracle_75_gain),
            _interval(each.oracle_1),
        )
        for each in found.chosen
    ]
    titles = (
        "Score, S1 estimator",
        f"Lots, {found.chosen[0].seeds} seeds (range)",
        "Estimator minus lots",
        "Decisions right",
        "Kept",
        "Right on 75 % minus estimator",
        "Always right",
    )
    return _table("Choice of what to improve, score = win + tie / 2", "Arm", titles, rows)


def ceilings_table(found: Sequence[Ceiling]) -> Table:
    """D.4's question: agreement on pairs beside decisions without a reference."""
    rows = [
        (
            each.name,
            _interval(each.agreement),
            _interval(each.at_k),
            percent(each.reach),
            _interval(each.best),
            f"{each.best_k:.0f}",
            percent(each.usual),
            NONE
            if each.auc is None
            else f"{coefficient(each.auc.value)} {_plain(each.auc.low, each.auc.high)}",
            number(each.seeds),
        )
        for each in found
    ]
    k = f"{found[0].percentile:g}" if found else "50"
    titles = (
        "Agreement on pairs",
        f"Decisions right, k = {k}",
        "Most possible there",
        "Decisions right, best k",
        "Best k",
        "Always the commoner answer",
        "AUC",
        "Seeds",
    )
    return _table("Agreement on pairs and decisions without a reference", "Score", titles, rows)


def convergence_table(found: Findings) -> Table:
    rows = [
        (
            number(row.prompts),
            f"{row.threshold:.3f}",
            f"{row.spread_prompts:.3f}",
            NONE if row.spread_noise is None else f"{row.spread_noise:.3f}",
            f"{row.spread_prompts / found.score_deviation:.2f}" if found.score_deviation else NONE,
        )
        for row in found.convergence
    ]
    titles = ("tau", "± over prompts", "± over noise", "± prompts / SD of scores")
    return _table("Threshold by number of tuning prompts", "Prompts", titles, rows)


def distances_table(found: Findings) -> Table:
    rows = []
    for each in found.distances:
        for row in each.bins:
            rows.append(
                (
                    f"{each.name}: {row.lowest:.3f} to {row.highest:.3f}",
                    number(row.wins),
                    number(row.ties),
                    number(row.losses),
                    percent(row.win_share),
                    bracket(row.low, row.high),
                )
            )
    titles = ("Win", "Tie", "Lose", "Share of wins", "95 % CI, %")
    return _table("Verdicts by distance from the teacher's picture", "Distance", titles, rows)


def diversity_table(found: Findings) -> Table:
    """Scores by attribute; what stands for the paper's attribute is in the heading."""
    shown = [a for a in Attribute if a in found.diversity_chance]
    methods = list(dict.fromkeys(each.method for each in found.diversity))
    by = {(each.method, each.attribute): each for each in found.diversity}
    rows = []
    for method in methods:
        cells = [method]
        for attribute in shown:
            each = by[method, str(attribute)]
            cells += [coefficient(each.estimate), _plain(each.low, each.high), number(each.prompts)]
        rows.append(tuple(cells))
    rows.append(
        (
            "Two scenes drawn by the renderer",
            *(text for a in shown for text in (coefficient(found.diversity_chance[a]), "", "")),
        )
    )
    titles = tuple(
        text for a in shown for text in (STANDS_FOR[a].split(",")[0].capitalize(), "95 % CI", "n")
    )
    return _table("Diversity by attribute, 0 alike to 1 different", "Method", titles, rows)


def tables_text(found: Iterable[Table]) -> str:
    """The tables one below the other in Markdown, as a results file takes them."""
    lines = []
    for table in found:
        rows = [[cell.text for cell in row] for row in table.rows]
        lines += [f"## {table.label}", "", _line(column.title for column in table.columns)]
        lines += [_line("---" for _ in table.columns), *map(_line, rows), ""]
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    # A bar in a name would end its cell.
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _interval(each: Estimate) -> str:
    return f"{percent(each.value)} {bracket(each.low, each.high)}"


def _ends(each: Estimate) -> str:
    return f"{100 * each.low:.1f} to {100 * each.high:.1f}"


def _plain(low: float | None, high: float | None) -> str:
    return NONE if low is None or high is None else f"[{low:.2f}, {high:.2f}]"


def _table(
    title: str, corner: str, titles: Sequence[str], rows: Sequence[tuple[str, ...]]
) -> Table:
    columns = (Column(corner, numeric=False), *(Column(each) for each in titles))
    cells = tuple(
        tuple(Cell(text, numeric=place > 0) for place, text in enumerate(row)) for row in rows
    )
    return Table(title, columns, cells)
