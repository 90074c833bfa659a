"""The laboratory's tables: the numbers under its figures, ready for a page, a terminal or a file.

It must not compute.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from annotate.reports.laboratory import Laboratory
from annotate.reports.tables import Cell, Column, Table
from annotate.reports.words import NONE, bracket, coefficient, confidence, number, p_value, percent

SHOWN = (0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9, 1.0)
SKILLS = (0.0, 0.25, 0.5, 0.75, 1.0)
SETTING = {
    "M1": "Accuracy",
    "M2": "Accuracy",
    "M3": "Accuracy",
    "M3-skill": "Skill",
    "M4": "AUC",
}


def curve_places(lab: Laboratory) -> list[int]:
    """The settings that the table shows: round ones, and the ends of what is possible."""
    wanted = SKILLS if lab.settings.model == "M3-skill" else SHOWN
    places = {min(range(len(lab.x)), key=lambda i: abs(lab.x[i] - value)) for value in wanted}
    if lab.settings.model == "M3":
        ends = (lab.budget.random, lab.budget.best)
        places |= {min(range(len(lab.x)), key=lambda i: abs(lab.x[i] - end)) for end in ends}
    return sorted(places)


def curve_table(lab: Laboratory) -> Table:
    """Win, tie, lose, score, kept share and cost at round settings."""
    level = confidence(lab.settings.confidence)
    cost = "Mean steps" if lab.cost_known else "Refined"
    names = ["Win", "Tie", "Lose", "Score", f"Score {level} band"]
    names += ["Score, cross-fitted"] if lab.fair else []
    columns = (SETTING[lab.settings.model], *names, "Kept", cost)
    rates, band = lab.curve.rates, lab.curve.band
    rows = []
    for i in curve_places(lab):
        possible = bool(lab.curve.feasible[i])
        cells = [_percent(v[i]) for v in (rates.win, rates.tie, rates.lose, rates.score)]
        low_high = (
            bracket(float(band.low.score[i]), float(band.high.score[i]))
            if band is not None and possible
            else NONE
        )
        cells.append(low_high)
        if lab.fair:
            cells.append(_percent(lab.fair.rates.score[i]))
        steps = rates.steps[i]
        cells += [_percent(rates.kept[i]), f"{steps:.2f}" if lab.cost_known else _percent(steps)]
        if not possible:
            cells = ["not possible"] + ["–"] * (len(cells) - 1)
        rows.append((_setting(lab, i), *cells))
    return _table(f"By model {lab.curve.model}, rule {lab.settings.rule}", columns, rows)


def states_table(lab: Laboratory) -> Table:
    """Real estimators at k, and the real arms at their own tau: results and the gap to the line."""
    columns = (
        "Decided by",
        "Accuracy",
        "Interval",
        "Win / tie / lose",
        "Score",
        "Interval",
        "Off the line",
        "Interval",
        "Kept",
        "Skill",
    )
    rows = []
    for report in lab.estimators:
        named = [(f"{report.name}, k = {lab.settings.percentile:g}", report.state)]
        named += [(made.arm.label, made.state) for made in report.made]
        for name, state in named:
            results = (state.win.value, state.tie.value, state.lose.value)
            rows.append(
                (
                    name,
                    percent(state.accuracy.value),
                    bracket(state.accuracy.low, state.accuracy.high),
                    " / ".join(f"{100 * v:.1f}" for v in results),
                    percent(state.score.value),
                    bracket(state.score.low, state.score.high),
                    _points(state.gap.value),
                    _ends(state.gap.low, state.gap.high),
                    percent(state.kept.value),
                    coefficient(state.skill),
                )
            )
    return _table("Current state: what real decisions give", columns, rows)


def arms_table(lab: Laboratory) -> Table | None:
    """Real adaptive arms that were judged too: their verdicts beside those the branches give."""
    rows = []
    for report in lab.estimators:
        for made in report.made:
            if made.judged is None:
                continue
            total = sum(made.judged)
            derived = (made.state.win.value, made.state.tie.value, made.state.lose.value)
            rows.append(
                (
                    made.arm.label,
                    number(total),
                    " / ".join(f"{100 * v / total:.1f}" for v in made.judged),
                    " / ".join(f"{100 * v:.1f}" for v in derived),
                    number(made.differ or 0),
                )
            )
    columns = ("Arm", "n", "Judged, W / T / L", "From the branches", "Verdicts that differ")
    return _table("Adaptive arms, judged and derived", columns, rows) if rows else None


def policy_table(lab: Laboratory) -> Table:
    """Every tenth k of every estimator: cost, result, and the difference to both extremes."""
    columns = (
        "Estimator and k",
        "Mean steps" if lab.cost_known else "Refined",
        "Win / tie / lose",
        "Win rate, ties half",
        "Interval",
        "Over keeping all",
        "Interval",
        "Over refining all",
        "Interval",
        "Pareto",
    )
    rows = []
    for report in lab.estimators:
        p = report.policy
        for i, k in enumerate(p.percentiles):
            if k % 10 and k != lab.settings.percentile:
                continue
            rows.append(
                (
                    f"{report.name}, k = {k:g}",
                    f"{p.steps[i]:.2f}" if lab.cost_known else _percent(p.steps[i]),
                    " / ".join(f"{100 * v[i]:.1f}" for v in (p.win, p.tie, p.lose)),
                    _percent(p.score[i]),
                    bracket(float(p.low[i]), float(p.high[i])),
                    _points(float(p.over_student[i])),
                    _ends(float(p.over_student_low[i]), float(p.over_student_high[i])),
                    _points(float(p.over_refined[i])),
                    _ends(float(p.over_refined_low[i]), float(p.over_refined_high[i])),
                    "yes" if p.pareto[i] else "",
                )
            )
    return _table("Every cut-off, from the votes on both branches", columns, rows)


def chosen_table(lab: Laboratory) -> Table | None:
    """The k that cross-fitting chooses, with how much choosing on the same prompts flatters."""
    rows = []
    for report in lab.estimators:
        chosen = report.chosen
        if chosen is None:
            continue
        rows.append(
            (
                report.name,
                ", ".join(f"{k:g}" for k in chosen.choices),
                percent(chosen.score),
                bracket(chosen.low, chosen.high),
                f"{chosen.steps:.2f}" if lab.cost_known else percent(chosen.steps),
                percent(chosen.in_sample),
                _points(chosen.optimism),
                number(chosen.n),
            )
        )
    cost = "Mean steps" if lab.cost_known else "Refined"
    columns = (
        "Estimator",
        "k of each fold",
        "Win rate, ties half",
        "Interval",
        cost,
        "Chosen on the same prompts",
        "Optimism",
        "n",
    )
    return _table("k chosen on other prompts than it is tried on", columns, rows) if rows else None


def estimators_table(lab: Laboratory) -> Table:
    """Each estimator: agreement on pairs, decisions without a reference, ranking."""
    columns = (
        "Estimator",
        "Agrees with people on pairs",
        "Interval",
        "Pairs",
        f"Right at k = {lab.settings.percentile:g}",
        "Interval",
        "Best k",
        "Right there, cross-validated",
        "AUC",
        "Interval",
        "n",
    )
    rows = []
    for r in lab.estimators:
        state, found = r.state, r.agreement
        auc_low, auc_high = coefficient(r.ranking.low), coefficient(r.ranking.high)
        rows.append(
            (
                r.name,
                percent(found.estimate) if found else NONE,
                bracket(found.low, found.high) if found else NONE,
                number(found.n) if found else NONE,
                percent(state.accuracy.value),
                bracket(state.accuracy.low, state.accuracy.high),
                f"{r.best[1]:g}" if r.best else NONE,
                percent(r.best[0]) if r.best else NONE,
                coefficient(r.ranking.auc),
                NONE if r.ranking.low is None else f"[{auc_low}, {auc_high}]",
                number(r.n),
            )
        )
    if (people := lab.ceiling) is not None and people.estimate is not None:
        rest = (NONE,) * 7
        rows.append(
            (
                "One annotator against the others",
                percent(people.estimate),
                bracket(people.low, people.high),
                number(people.n),
                *rest,
            )
        )
    return _table("How good the estimators are", columns, rows)


def comparisons_table(lab: Laboratory) -> Table | None:
    """Estimators in pairs: McNemar on right decisions, paired bootstrap of the AUCs."""
    rows = []
    for c in lab.comparisons:
        auc = (_signed(c.auc[0]), f"[{_signed(c.auc[1])}, {_signed(c.auc[2])}]") if c.auc else None
        rows.append(
            (
                f"{c.first} against {c.second}",
                number(c.n),
                number(c.only_first),
                number(c.only_second),
                p_value(c.p_value),
                p_value(c.adjusted),
                *(auc or (NONE, NONE)),
            )
        )
    columns = (
        "Estimators",
        "n",
        "Only the first right",
        "Only the second right",
        "McNemar p",
        "p, BH",
        "AUC difference",
        "Interval",
    )
    return _table("Estimators against each other", columns, rows) if rows else None


def tables(lab: Laboratory) -> list[Table]:
    """All there are, in the order of the page."""
    found = [curve_table(lab)]
    if lab.estimators:
        found += [states_table(lab), policy_table(lab), estimators_table(lab)]
    more = (arms_table(lab), chosen_table(lab), comparisons_table(lab))
    return found + [table for table in more if table is not None]


def _table(label: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    return Table(
        label=label,
        columns=tuple(Column(name, numeric=place > 0) for place, name in enumerate(columns)),
        rows=tuple(
            tuple(Cell(text, numeric=place > 0) for place, text in enumerate(row)) for row in rows
        ),
    )


def _setting(lab: Laboratory, i: int) -> str:
    x = lab.x[i]
    return f"{x:.2f}" if lab.settings.model in ("M3-skill", "M4") else percent(x)


def _percent(value: float) -> str:
    return NONE if math.isnan(value) else percent(float(value))


def _points(value: float) -> str:
    """A difference of shares in percentage points, signed."""
    return f"{'−' if value < -0.0005 else '+'}{abs(100 * value):.1f}"


def _ends(low: float, high: float) -> str:
    """The interval of a difference."""
    return f"[{_points(low)}, {_points(high)}]"


def _signed(value: float) -> str:
    return f"{'−' if value < -0.0005 else '+'}{abs(value):.3f}".replace("0.", ".", 1)
