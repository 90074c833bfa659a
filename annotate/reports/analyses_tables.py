"""Tables of the analyses: clustered intervals, paired tests, ranking, models, slices, scores.

It must not compute anything but the small plot inside a cell.
"""

from collections.abc import Mapping

from annotate.reports.analyses import Analyses
from annotate.reports.contrast_report import ContrastReport
from annotate.reports.estimators_table import difference_cells, difference_titles
from annotate.reports.figures import micro_interval
from annotate.reports.method_words import stopping_declared
from annotate.reports.report import Report
from annotate.reports.tables import Cell, Table, make_table
from annotate.reports.words import (
    NONE,
    bracket,
    coefficient,
    confidence,
    number,
    p_value,
    percent,
    signed,
)

# Beyond these a matrix leaves the page: the files have all of it.
MOST_IN_MATRIX = 16


def intervals_table(report: Report, found: Analyses) -> Table:
    """Win rates of verdicts: Wilson beside intervals over groups and annotators, p and Holm's."""
    rows = []
    for contrast, deep in zip(report.contrasts, found.contrasts, strict=True):
        rate, grouped, renewed = contrast.headline, deep.grouped, deep.renewed
        anew = renewed.low is not None
        rows.append(
            (
                Cell(contrast_name(contrast), numeric=False),
                Cell(percent(rate.estimate), strong=contrast is report.lead),
                Cell(bracket(rate.low, rate.high)),
                Cell(bracket(grouped.low, grouped.high)),
                Cell(bracket(renewed.low, renewed.high) if anew else NONE, faint=not anew),
                Cell(number(grouped.groups)),
                Cell(p_value(deep.p_value)),
                Cell(p_value(deep.holm)),
            )
        )
    level = confidence(report.protocol.confidence)
    titles = (
        "Win rate",
        f"{level} Wilson, %",
        f"{level} by prompt group, %",
        "new annotators too, %",
        "Groups",
        "p, anytime or exact" if stopping_declared(report) else "p, exact",
        f"p, Holm of {found.family}",
    )
    return make_table("Win rates: intervals and corrected tests", "Verdicts", titles, rows)


def crossed_table(report: Report, found: Analyses) -> Table:
    """Vote shares: clustered by prompt, by prompt and annotator, resampled, and sides balanced."""
    rows = []
    for contrast, deep in zip(report.contrasts, found.contrasts, strict=True):
        share, crossed, adjusted = contrast.share, deep.crossed, deep.adjusted
        drawn = deep.redrawn
        both = not crossed.warning
        rows.append(
            (
                Cell(contrast_name(contrast), numeric=False),
                Cell(percent(share.estimate)),
                Cell(bracket(share.low, share.high)),
                Cell(bracket(crossed.low, crossed.high) if both else NONE, faint=not both),
                Cell(bracket(drawn.low, drawn.high) if both else NONE, faint=not both),
                Cell(p_value(crossed.p_value) if both else NONE, faint=not both),
                Cell(percent(adjusted.estimate)),
                Cell(bracket(adjusted.low, adjusted.high)),
                Cell(number(crossed.annotators)),
            )
        )
    level = confidence(report.protocol.confidence)
    titles = (
        "Vote share",
        f"{level} by prompt, %",
        "two-way, %",
        "resampled, %",
        "p, two-way",
        "Sides balanced",
        "its interval, %",
        "Annotators",
    )
    return make_table("Vote shares: what votes share", "Single votes", titles, rows)


def models_table(report: Report, found: Analyses) -> Table:
    """The win rate under the majority and under models of annotators; GLAD where it was fitted."""
    glad = ("GLAD",) if any(m.model == "GLAD" for c in found.contrasts for m in c.models) else ()
    rows = []
    for contrast, deep in zip(report.contrasts, found.contrasts, strict=True):
        rate = contrast.headline
        cells = [
            Cell(contrast_name(contrast), numeric=False),
            Cell(f"{percent(rate.estimate)} {bracket(rate.low, rate.high)}", strong=True),
        ]
        by_name = {model.model: model for model in deep.models}
        for name in ("one-coin", "Dawid-Skene", *glad):
            model = by_name.get(name)
            if model is None:
                cells += [Cell(NONE, faint=True)] * 2
                continue
            told = f"{percent(model.rate.estimate)} {bracket(model.rate.low, model.rate.high)}"
            cells += [Cell(told), Cell(number(model.changed))]
        rows.append(tuple(cells))
    titles = ["Majority", "One coin", "changed", "Dawid-Skene", "changed"]
    titles += ["GLAD", "changed"] if glad else []
    return make_table("Win rate by how votes are joined", "Verdicts", titles, rows)


def paired_tables(report: Report, found: Analyses) -> tuple[Table, ...]:
    """One table for each opponent that several arms met."""
    labels = method_labels(report)
    tables = []
    for family in found.paired:
        rows = []
        for pair in family.pairs:
            win, tie, lose = pair.shares.differences or (None, None, None)
            rows.append(
                (
                    Cell(f"{labels[pair.first]} and {labels[pair.second]}", numeric=False),
                    Cell(number(pair.n)),
                    Cell(signed(win)),
                    Cell(signed(tie)),
                    Cell(signed(lose)),
                    Cell(p_value(pair.shares.p_value)),
                    Cell(p_value(pair.adjusted)),
                    Cell(f"{pair.wins.only_first} : {pair.wins.only_second}"),
                    Cell(p_value(pair.wins.p_value)),
                )
            )
        titles = (
            "Prompts",
            "Win, points",
            "Tie, points",
            "Lose, points",
            "p, Stuart-Maxwell",
            "p, BH",
            "Only one wins",
            "p, McNemar",
        )
        label = f"Arms against {labels[family.opponent]} on the same prompts"
        tables.append(make_table(label, "Arms", titles, rows))
    return tuple(tables)


def ranking_table(report: Report, found: Analyses) -> Table:
    """Log strengths under both models; 0 is the mean method."""
    labels = method_labels(report)
    first, *others = found.rankings.found
    rest = {model.model: {s.method: s for s in model.strengths} for model in others}
    rows = []
    for strength in first.strengths:
        cells = [
            Cell(labels[strength.method], numeric=False),
            Cell(f"{strength.wins:g}"),
            Cell(number(strength.ties)),
            Cell(f"{strength.losses:g}"),
            Cell(signed(strength.log_strength, scale=1, digits=2), strong=True),
            Cell(_pair(strength.low, strength.high)),
        ]
        for model in rest.values():
            other = model[strength.method]
            cells.append(Cell(signed(other.log_strength, scale=1, digits=2)))
            cells.append(Cell(_pair(other.low, other.high)))
        rows.append(tuple(cells))
    level = confidence(first.confidence)
    titles = ["Win", "Tie", "Lose", "Bradley-Terry", f"{level} CI"]
    for _ in others:
        titles += ["Newman", f"{level} CI"]
    return make_table("Log strengths over all comparisons", "Method", titles, rows)


def _pair(low: float, high: float) -> str:
    return f"[{signed(low, scale=1, digits=2)}, {signed(high, scale=1, digits=2)}]"


def matrix_table(found: Analyses, *, most: int = MOST_IN_MATRIX) -> Table:
    """Pairs of annotators: the share of common pairs on which they gave one answer."""
    names = found.matrix.annotators[:most]
    rows = []
    for i, name in enumerate(names):
        cells = [Cell(name, numeric=False)]
        for j in range(len(names)):
            share = found.matrix.share[i][j]
            cells.append(
                Cell(NONE if share is None else f"{100 * share:.0f}", faint=share is None or i == j)
            )
        rows.append(tuple(cells))
    return make_table("Equal answers of two annotators, %", "Annotator", names, rows)


def compute_table(report: Report, found: Analyses) -> Table:
    """Win rate against the common opponent beside what an image took."""
    rows = []
    for point in found.compute:
        rate = point.rate
        rows.append(
            (
                Cell(point.label, numeric=False),
                Cell(f"{point.steps:.2f}"),
                Cell(f"{point.forwards:.2f}"),
                Cell(percent(point.score), strong=rate is not None, faint=rate is None),
                Cell(bracket(rate.low, rate.high) if rate else NONE, faint=rate is None),
                Cell("yes" if point.pareto_steps else "no"),
                Cell("yes" if point.pareto_forwards else "no"),
            )
        )
    level = confidence(report.protocol.confidence)
    titles = (
        "Mean steps",
        "Mean forwards",
        "Win rate, ties half",
        f"{level} CI, %",
        "Best for its steps",
        "for its forwards",
    )
    return make_table("Quality and compute, as executed", "Method", titles, rows)


def estimators_table(report: Report, found: Analyses) -> Table:
    """How often scores and annotators agree, and how often annotators do."""
    labels = method_labels(report)
    rows: list[tuple[Cell, ...]] = []
    for row in found.estimators:
        pairs = row.pairs
        plot = micro_interval(pairs.estimate, pairs.low, pairs.high, reference=0.5)
        names = f"{pairs.estimator}: {labels[row.a]} against {labels[row.b]}"
        rows.append(
            (
                Cell(names, numeric=False),
                Cell(number(pairs.n)),
                Cell(f"{100 * pairs.estimate:.1f} {bracket(pairs.low, pairs.high)}", plot=plot),
                Cell(number(pairs.score_ties)),
                Cell(coefficient(row.auc)),
                Cell(NONE if row.auc_low is None else _unit(row.auc_low, row.auc_high)),
                Cell(number(row.unscored)),
            )
        )
    ceiling = found.ceiling
    if ceiling is not None and ceiling.estimate is not None:
        told = f"{100 * ceiling.estimate:.1f} {bracket(ceiling.low, ceiling.high)}"
        rows.append(
            (
                Cell("One annotator and the others", numeric=False),
                Cell(number(ceiling.n)),
                Cell(told),
                *[Cell(NONE, faint=True)] * 4,
            )
        )
    level = confidence(report.protocol.confidence)
    titles = ("Pairs", f"Agree, % [{level} CI]", "Equal scores", "AUC", "its CI", "Unscored")
    return make_table("Scores and annotators", "Estimator", titles, rows)


def estimator_pairs_table(report: Report, found: Analyses) -> Table:
    """Two estimators on the same pairs; points are the first one's agreement less the other's."""
    labels = method_labels(report)
    several = len(report.contrasts) > 1
    rows = []
    for each in found.estimator_pairs:
        d = each.difference
        where = f": {labels[each.a]} against {labels[each.b]}" if several else ""
        named = Cell(f"{d.first} and {d.second}{where}", numeric=False)
        rows.append((named, *difference_cells(d)))
    titles = difference_titles(report.protocol.confidence)
    return make_table("Two estimators on the same pairs", "Estimators", titles, rows)


def _unit(low: float | None, high: float | None) -> str:
    return f"[{coefficient(low)}, {coefficient(high)}]"


def published_table(found: Analyses) -> Table:
    """Printed bars read as counts, with the interval and test that could have stood beside them."""
    rows = []
    for printed in found.published:
        bars = printed.bars
        rate = bars.rates[0]
        win, tie, lose = bars.percent
        least, most = bars.p_range
        rows.append(
            (
                Cell(
                    f"{bars.challenger} against {bars.opponent} "
                    f"({printed.figure}, {printed.prompts_from})",
                    numeric=False,
                ),
                Cell(f"{win:g} / {tie:g} / {lose:g}"),
                Cell(f"{bars.wins} / {bars.ties} / {bars.losses}"),
                Cell(percent(rate.estimate)),
                Cell(bracket(rate.low, rate.high)),
                Cell(p_value(rate.p_value)),
                Cell(f"{p_value(least)} to {p_value(most)}"),
                Cell("yes" if bars.resolved else "no" if bars.open else "depends"),
            )
        )
    titles = (
        "Win / tie / lose, %",
        "as counts",
        "Win rate",
        "CI, %",
        "p, exact",
        "p, rounding",
        "Resolved",
    )
    return make_table("What the paper printed, read as counts", "Comparison", titles, rows)


def contrast_name(contrast: ContrastReport) -> str:
    """ "Ten against Base"."""
    return f"{contrast.a_label} against {contrast.b_label}"


def method_labels(report: Report) -> Mapping[str, str]:
    """What people read for each method's name."""
    return {c.a: c.a_label for c in report.contrasts} | {c.b: c.b_label for c in report.contrasts}
