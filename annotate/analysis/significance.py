"""Tests of hypotheses: the exact sign test, McNemar's test, and corrections for many tests.
Must not know what was compared; scipy and statsmodels load on the first call, not at import."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class SignTest:
    """Wins against losses; ties say nothing for either side and are left out."""

    estimand: ClassVar[str] = "equal chances of winning and losing"
    unit: ClassVar[str] = "win or loss"
    method: ClassVar[str] = "exact two-sided sign test"

    wins: int
    losses: int
    ties: int
    p_value: float

    @property
    def n(self) -> int:
        """Those that count: wins and losses."""
        return self.wins + self.losses


def sign_test(wins: int, losses: int, *, ties: int = 0) -> SignTest:
    """The exact two-sided p-value of `wins` against `losses` under "either is as likely".

        2 P(at most the fewer of both), at most 1, of a binomial with p = 1/2

    The same whichever model is named first. Without any win or loss nothing speaks against the
    hypothesis: 1.0. By hand, as scipy's own test looks for the other tail of a distribution that is
    symmetric here, which is most of its time.

    Args:
        wins: of the first.
        losses: of the first.
        ties: left out; the result says how many.

    Raises:
        ValueError: a count is negative or no whole number.
    """
    check_counts(wins=wins, losses=losses, ties=ties)
    return SignTest(wins, losses, ties, _sign_p(wins, losses))


def _sign_p(wins: int, losses: int) -> float:
    if wins == losses:
        return 1.0
    # scipy takes time to import: only processes that test anything should pay.
    from scipy.special import betainc

    fewer, more = sorted((int(wins), int(losses)))
    # P(X <= k) of n is the regularised incomplete beta function I_(1/2)(n - k, k + 1).
    return min(1.0, 2 * float(betainc(more, fewer + 1, 0.5)))


def holm(p: Sequence[float]) -> tuple[float, ...]:
    """Holm's adjusted p-values, in the order given: for the pre-registered family of tests.

        p_(i), the i-th smallest of m:  max over j <= i of (m - j + 1) p_(j), at most 1

    By hand, as is the other: statsmodels collects garbage on each call, which costs a report more
    than all its other numbers.

    Source: Holm, Scandinavian Journal of Statistics 6 (1979).
    """
    order = _ascending(p)
    adjusted, least = [0.0] * len(order), 0.0
    for rank, place in enumerate(order):
        least = max(least, (len(order) - rank) * float(p[place]))
        adjusted[place] = min(1.0, least)
    return tuple(adjusted)


def benjamini_hochberg(p: Sequence[float]) -> tuple[float, ...]:
    """Benjamini and Hochberg's adjusted p-values (false discovery rate): for exploratory tables.

        p_(i), the i-th smallest of m:  min over j >= i of p_(j) m / j, at most 1

    Source: Benjamini and Hochberg, JRSS B 57 (1995).
    """
    order = _ascending(p)
    adjusted, most = [0.0] * len(order), 1.0
    for rank, place in reversed(list(enumerate(order, start=1))):
        most = min(most, float(p[place]) / (rank / len(order)))
        adjusted[place] = most
    return tuple(adjusted)


@dataclass(frozen=True)
class McNemar:
    """Two judges (or models) on the same items; only the items on which they differ count.

    `n` are all items; those on which both agree, n - only_first - only_second, decide nothing.
    """

    estimand: ClassVar[str] = "equal success of two judges on the same items"
    unit: ClassVar[str] = "item"

    n: int
    only_first: int
    only_second: int
    exact: bool
    correction: bool
    statistic: float
    p_value: float

    @property
    def method(self) -> str:
        """Which of McNemar's tests."""
        if self.exact:
            return "McNemar, exact"
        corrected = ", with continuity correction" if self.correction else ""
        return f"McNemar, chi-squared{corrected}"


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
    n = int(both + only_first + only_second + neither)
    if only_first + only_second == 0:
        # Without one differing item statsmodels divides by zero; nothing speaks for a difference.
        return McNemar(n, 0, 0, exact, correction and not exact, 0.0, 1.0)
    # statsmodels loads pandas: seconds that a web process should not pay at start.
    from statsmodels.stats.contingency_tables import mcnemar as test

    result = test([[both, only_first], [only_second, neither]], exact=exact, correction=correction)
    return McNemar(
        n=n,
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


def _ascending(p: Sequence[float]) -> list[int]:
    """The places of the p-values, smallest first."""
    for value in p:
        if not 0.0 <= value <= 1.0:
            raise ValueError(
                f"{value} is no p-value; give numbers in [0, 1] and leave out tests without a "
                "result"
            )
    return sorted(range(len(p)), key=p.__getitem__)
