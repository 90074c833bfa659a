"""Tests of hypotheses: the exact sign test, McNemar's test, and corrections for many tests.
Must not know what was compared; scipy and statsmodels load on the first call, not at import."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


def sign_test(wins: int, losses: int) -> float:
    """The exact two-sided p-value of `wins` against `losses` under "either is as likely".

    The same whichever model is named first. Without any win or loss nothing speaks against the
    hypothesis: 1.0.

    Raises:
        ValueError: a count is negative or no whole number.
    """
    check_counts(wins=wins, losses=losses)
    if wins + losses == 0:
        return 1.0
    # scipy.stats takes half a second to import: only processes that test anything should pay.
    from scipy.stats import binomtest

    return float(binomtest(int(wins), int(wins + losses)).pvalue)


def holm(p: Sequence[float]) -> tuple[float, ...]:
    """Holm's adjusted p-values, in the order given: for the pre-registered family of tests."""
    return _adjusted(p, method="holm")


def benjamini_hochberg(p: Sequence[float]) -> tuple[float, ...]:
    """Benjamini and Hochberg's adjusted p-values (false discovery rate): for exploratory tables."""
    return _adjusted(p, method="fdr_bh")


@dataclass(frozen=True)
class McNemar:
    """Two judges (or models) on the same items; only the items on which they differ count."""

    only_first: int
    only_second: int
    exact: bool
    correction: bool
    statistic: float
    p_value: float


def mcnemar(
    table: Sequence[Sequence[int]], *, exact: bool = True, correction: bool = True
) -> McNemar:
    """McNemar's test of [[both, only first], [only second, neither]].

    Args:
        table: 2 x 2 counts of items.
        exact: binomial test of the two differing cells; otherwise chi-squared with one degree.
        correction: Edwards' continuity correction; read only when not exact.

    Raises:
        ValueError: the table is not 2 x 2, or a count is negative or no whole number.
    """
    if len(table) != 2 or any(len(row) != 2 for row in table):
        raise ValueError(
            f"the table has rows of {[len(row) for row in table]} cells; give 2 x 2 counts: "
            "[[both, only first], [only second, neither]]"
        )
    (both, only_first), (only_second, neither) = table
    check_counts(both=both, only_first=only_first, only_second=only_second, neither=neither)
    if only_first + only_second == 0:
        # Without one differing item statsmodels divides by zero; nothing speaks for a difference.
        return McNemar(0, 0, exact, correction and not exact, 0.0, 1.0)
    # statsmodels loads pandas: seconds that a web process should not pay at start.
    from statsmodels.stats.contingency_tables import mcnemar as test

    result = test([[both, only_first], [only_second, neither]], exact=exact, correction=correction)
    return McNemar(
        only_first=int(only_first),
        only_second=int(only_second),
        exact=exact,
        correction=correction and not exact,
        statistic=float(result.statistic),
        p_value=float(result.pvalue),
    )


def check_counts(**counts: int) -> None:
    """Refuse a count that is negative or not whole before anything is computed from it."""
    for name, count in counts.items():
        if not math.isfinite(count) or count < 0 or count != int(count):
            raise ValueError(f"{name}={count} is no count; give a whole number of at least 0")


def _adjusted(p: Sequence[float], *, method: str) -> tuple[float, ...]:
    values = [float(value) for value in p]
    wrong = [value for value in values if not 0.0 <= value <= 1.0]
    if wrong:
        raise ValueError(
            f"{wrong[0]} is no p-value; give numbers in [0, 1] and leave out tests without a result"
        )
    if not values:
        return ()
    from statsmodels.stats.multitest import multipletests

    # The method is always named: the default of statsmodels is Holm-Sidak, not Holm.
    return tuple(float(value) for value in multipletests(values, method=method)[1])
