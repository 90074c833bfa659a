"""The columns of two estimators compared on the same pairs: of a study's report and of ratings'.

It must not compute.
"""

from annotate.analysis.estimator_pairs import AgreementDifference
from annotate.reports.tables import Cell
from annotate.reports.words import NONE, confidence, number, p_value, signed


def difference_titles(level: float) -> tuple[str, ...]:
    """Titles of `difference_cells`."""
    interval = f"{confidence(level)} CI"
    return ("Pairs", "Agreement, points", interval, "Only one right", "p, exact", "p, Holm")


def difference_cells(d: AgreementDifference) -> tuple[Cell, ...]:
    """Points are the first one's agreement less the other's."""
    ends = NONE if d.low is None else f"[{signed(d.low)}, {signed(d.high)}]"
    return (
        Cell(number(d.n)),
        Cell(signed(d.estimate)),
        Cell(ends, faint=d.low is None),
        Cell(f"{number(d.only_first)} : {number(d.only_second)}"),
        Cell(p_value(d.p_value)),
        Cell(p_value(d.adjusted)),
    )
