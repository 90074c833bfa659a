"""How much annotators agree: percent, alpha, kappas, AC1, and who agrees with whom.
Must not know models or pages. Undefined figures are None ("n/a"), never 1, never a crash."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from annotate.analysis.columns import repeated, same_length

Level = Literal["nominal", "ordinal", "interval", "ratio"]
BEYOND_CHANCE = "agreement of votes on one unit beyond chance"


@dataclass(frozen=True)
class Coefficient:
    """How far votes on the same units agree, by the measure that `method` names.

    `estimate` is None where the measure is undefined. `n` are the units with at least two votes,
    `excluded` those with fewer: they hold no pair of votes that could agree.
    """

    unit: ClassVar[str] = "unit that was voted on"

    estimand: str
    method: str
    estimate: float | None
    n: int
    excluded: int


@dataclass(frozen=True)
class SplitShares:
    """How the three votes of a unit fell; `other` are units with more or fewer than three votes."""

    estimand: ClassVar[str] = "how three votes on a unit fall: 3-0, 2-1 or 1-1-1"
    unit: ClassVar[str] = "unit that was voted on"
    method: ClassVar[str] = "counts"

    unanimous: int
    two_of_three: int
    all_different: int
    other: int

    @property
    def n(self) -> int:
        """Units with three votes."""
        return self.unanimous + self.two_of_three + self.all_different


@dataclass(frozen=True, eq=False)
class AgreementMatrix:
    """Annotator by annotator. Without a common unit the share is NaN; the diagonal is NaN too.

    `common` are the units that both rated, `n` those with at least two votes, `excluded` those with
    a single one.
    """

    estimand: ClassVar[str] = "share of common units on which two annotators said the same"
    unit: ClassVar[str] = "unit that both annotators rated"
    method: ClassVar[str] = "shares of counts"

    share: NDArray[np.float64]
    common: NDArray[np.int64]
    n: int
    excluded: int


def counts_of(ratings: ArrayLike, n_categories: int) -> NDArray[np.int64]:
    """(units, categories) counts from (raters, units) category codes with NaN or None missing.

    Raises:
        ValueError: a rating is no whole number in [0, n_categories).
    """
    table = _ratings(ratings)
    given = ~np.isnan(table)
    codes = table[given]
    if codes.size and not (np.all(codes == np.floor(codes)) and codes.min() >= 0):
        raise ValueError("ratings must be category codes: whole numbers from 0; recode them first")
    if codes.size and codes.max() >= n_categories:
        raise ValueError(
            f"a rating of {codes.max():g} was given with n_categories={n_categories}; "
            f"codes must lie in [0, {n_categories}): count every category that was offered"
        )
    units = table.shape[1]
    unit = np.broadcast_to(np.arange(units), table.shape)[given]
    cells = np.bincount(
        unit * n_categories + codes.astype(np.int64), minlength=units * n_categories
    )
    return cells.reshape(units, n_categories)


def percent_agreement(counts: ArrayLike) -> Coefficient:
    """The chance that two votes on one unit agree, averaged over units with at least two votes.

    Args:
        counts: (units, categories) numbers of votes.
    """
    table = _counts(counts)
    return Coefficient(
        "chance that two votes on one unit agree",
        "percent agreement, mean over units",
        _observed(table),
        *_paired(table.sum(axis=1)),
    )


def krippendorff_alpha(ratings: ArrayLike, *, level: Level = "nominal") -> Coefficient:
    """Krippendorff's alpha: 1 - observed / expected disagreement.

    Its estimate is None where it is undefined: no unit with two ratings, or one category only (then
    nothing can disagree, and nothing shows that anybody looked).

    Args:
        ratings: (raters, units) numbers with NaN or None where a rater did not rate.
        level: of measurement; `ratio` needs ratings of at least 0.

    Raises:
        ValueError: the table is not two-dimensional, infinite, or the level is unknown or unfit.
    """
    if level not in get_args(Level):
        raise ValueError(f"level={level!r} is unknown; use one of {', '.join(get_args(Level))}")
    table = _ratings(ratings)
    # Units with one rating hold no pair: alpha is defined without them.
    votes = (~np.isnan(table)).sum(axis=0)
    pairable = table[:, votes >= 2]
    values = pairable[~np.isnan(pairable)]
    estimate = None
    if np.unique(values).size >= 2:
        if level == "ratio" and values.min() < 0:
            raise ValueError(
                f"level='ratio' was given a rating of {values.min():g}; use 'interval'"
            )
        # evalica loads pandas: seconds that a web process should not pay at start.
        import evalica
        import pandas as pd

        estimate = float(evalica.alpha(pd.DataFrame(pairable), distance=level).alpha)
    return Coefficient(BEYOND_CHANCE, f"Krippendorff's alpha, {level}", estimate, *_paired(votes))


def fleiss_kappa(counts: ArrayLike) -> Coefficient:
    """Fleiss' kappa; needs the same number of votes on every unit. None if only one category.

    Raises:
        ValueError: units differ in their number of votes.
    """
    table = _counts(counts)
    votes = np.unique(table.sum(axis=1))
    if votes.size > 1:
        raise ValueError(
            f"units have from {votes.min()} to {votes.max()} votes; Fleiss' kappa needs equally "
            "many: leave the others out, or use krippendorff_alpha or gwet_ac1"
        )
    estimate = None
    if votes.size and votes[0] >= 2 and np.count_nonzero(table.sum(axis=0)) >= 2:
        from statsmodels.stats.inter_rater import fleiss_kappa as kappa

        estimate = float(kappa(table, method="fleiss"))
    return Coefficient(BEYOND_CHANCE, "Fleiss' kappa", estimate, *_paired(table.sum(axis=1)))


def cohen_kappa(table: ArrayLike) -> Coefficient:
    """Cohen's kappa of two raters; None where chance alone would make them agree always.

    Args:
        table: (categories, categories) units, first rater by row, second by column.
    """
    units = _counts(table)
    if units.shape[0] != units.shape[1]:
        raise ValueError(
            f"the table has shape {units.shape}; "
            "give one row and one column for every category that was offered"
        )
    by_first, by_second = units.sum(axis=1), units.sum(axis=0)
    estimate = None
    if float(by_first @ by_second) != float(units.sum()) ** 2:
        from statsmodels.stats.inter_rater import cohens_kappa

        estimate = float(cohens_kappa(units, return_results=False))
    # Every unit of such a table has both votes.
    return Coefficient(BEYOND_CHANCE, "Cohen's kappa", estimate, int(units.sum()), 0)


def gwet_ac1(counts: ArrayLike, n_categories: int) -> Coefficient:
    """Gwet's AC1, which stays high where categories are skewed and kappa and alpha fall.

        p_a = mean over units with n >= 2 of sum_c n_c (n_c - 1) / (n (n - 1))
        pi_c = mean over units of n_c / n        p_e = sum_c pi_c (1 - pi_c) / (q - 1)
        AC1 = (p_a - p_e) / (1 - p_e)

    Args:
        counts: (units, categories) numbers of votes; units without votes do not count, those with
            one count towards chance only.
        n_categories: q, the categories OFFERED, whether or not anybody chose them.

    Source: Gwet, British Journal of Mathematical and Statistical Psychology 61, 2008.
    """
    table = _counts(counts)
    _check_offered(table, n_categories)
    observed, votes = _observed(table), table.sum(axis=1)
    estimate = None
    if observed is not None and n_categories >= 2:
        shares = (table[votes > 0] / votes[votes > 0, None]).mean(axis=0)
        expected = float((shares * (1 - shares)).sum() / (n_categories - 1))
        estimate = (observed - expected) / (1 - expected)
    return Coefficient(
        BEYOND_CHANCE, f"Gwet's AC1, {n_categories} categories", estimate, *_paired(votes)
    )


def free_marginal_kappa(counts: ArrayLike, n_categories: int) -> Coefficient:
    """Randolph's kappa: chance is 1 / q for q categories OFFERED, whatever was chosen."""
    table = _counts(counts)
    _check_offered(table, n_categories)
    observed = _observed(table)
    estimate = None
    if observed is not None and n_categories >= 2:
        estimate = (observed - 1 / n_categories) / (1 - 1 / n_categories)
    method = f"Randolph's free-marginal kappa, {n_categories} categories"
    return Coefficient(BEYOND_CHANCE, method, estimate, *_paired(table.sum(axis=1)))


def agreement_matrix(ratings: ArrayLike) -> AgreementMatrix:
    """On which share of their common units each pair of annotators said the same.

    Args:
        ratings: (raters, units) codes with NaN or None where a rater did not rate.
    """
    table = _ratings(ratings)
    rater, unit = np.nonzero(~np.isnan(table))
    return agreement_of_votes(unit, rater, table[rater, unit], n_raters=len(table))


def agreement_of_votes(
    unit: ArrayLike, rater: ArrayLike, label: ArrayLike, *, n_raters: int
) -> AgreementMatrix:
    """`agreement_matrix` from one row per vote: a table of a million votes is mostly empty.

    Args:
        unit: (votes,) whole numbers from 0.
        rater: (votes,) whole numbers in [0, n_raters).
        label: (votes,) what was said.

    Raises:
        ValueError: the columns differ in length, or a rater voted twice on a unit.
    """
    # Loaded with the rest of scipy; processes that count no votes go without.
    from scipy.sparse import csr_array

    units, raters, said = np.asarray(unit), np.asarray(rater), np.asarray(label)
    same_length(unit=units, rater=raters, label=said)
    if (again := repeated(units, raters)) is not None:
        raise ValueError(
            f"rater {raters[again]} has two votes on unit {units[again]}; "
            "give only the current vote of each"
        )
    shape = (n_raters, int(units.max()) + 1 if len(units) else 0)

    def together(rows: NDArray[np.bool_]) -> NDArray[np.int64]:
        """(raters, raters): on how many units both have one of these votes."""
        ones = np.ones(np.count_nonzero(rows), dtype=np.int64)
        given = csr_array((ones, (raters[rows], units[rows])), shape=shape)
        return np.asarray((given @ given.T).toarray(), dtype=np.int64)

    common = together(np.ones(len(units), dtype=np.bool_))
    same = sum((together(said == code) for code in np.unique(said)), start=0 * common)
    share = np.full(common.shape, np.nan)
    np.divide(same, common, out=share, where=common > 0)
    np.fill_diagonal(share, np.nan)
    n, single = _paired(np.bincount(units.astype(np.int64), minlength=shape[1]))
    return AgreementMatrix(share=share, common=common, n=n, excluded=single)


def stacked(unit: ArrayLike, label: ArrayLike, *, n_units: int) -> NDArray[np.float64]:
    """Votes as a dense table (most votes on a unit, units), NaN where a unit has fewer.

    The votes on a unit stand below each other in their order, whoever cast them: for figures that
    do not ask who rated (`krippendorff_alpha`, `counts_of`), where a row for every rater of a
    million votes would be too much.

    Args:
        unit: (votes,) whole numbers in [0, n_units).
        label: (votes,) numbers.

    Raises:
        ValueError: the columns differ in length.
    """
    units, said = np.asarray(unit), np.asarray(label)
    same_length(unit=units, label=said)
    votes = np.bincount(units, minlength=n_units)
    order = np.argsort(units, kind="stable")
    start = np.cumsum(votes) - votes
    row = np.arange(len(units)) - np.repeat(start, votes)
    table = np.full((int(votes.max(initial=0)), n_units), np.nan)
    table[row, units[order]] = said[order]
    return table


def split_shares(units: Iterable[Sequence[Hashable]]) -> SplitShares:
    """Counts of units by how their three votes fell: 3-0, 2-1 or 1-1-1.

    Args:
        units: the votes of each unit, for example its derived choices.
    """
    by_kinds = {1: 0, 2: 0, 3: 0}
    other = 0
    for votes in units:
        if len(votes) == 3:
            by_kinds[len(set(votes))] += 1
        else:
            other += 1
    return SplitShares(by_kinds[1], by_kinds[2], by_kinds[3], other)


def _paired(votes: NDArray[np.int64]) -> tuple[int, int]:
    """How many units have at least two votes, and how many fewer."""
    n = int((votes >= 2).sum())
    return n, len(votes) - n


def _observed(table: NDArray[np.int64]) -> float | None:
    votes = table.sum(axis=1)
    table, votes = table[votes >= 2], votes[votes >= 2]
    if not votes.size:
        return None
    agreeing = (table * (table - 1)).sum(axis=1)
    return float((agreeing / (votes * (votes - 1))).mean())


def _ratings(given: ArrayLike) -> NDArray[np.float64]:
    table = np.asarray(given, dtype=np.float64)
    if table.ndim != 2:
        raise ValueError(
            f"ratings have shape {table.shape}; give a table of raters (rows) by units (columns)"
        )
    if np.isinf(table).any():
        raise ValueError("ratings hold an infinite value; use NaN or None for a missing rating")
    return table


def _counts(given: ArrayLike) -> NDArray[np.int64]:
    table: NDArray[Any] = np.asarray(given)
    if table.ndim != 2:
        raise ValueError(
            f"counts have shape {table.shape}; give a table of units (rows) by categories (columns)"
        )
    whole = table.astype(np.int64)
    if np.any(whole != table) or np.any(whole < 0):
        raise ValueError("counts must be whole numbers of at least 0: numbers of votes, not shares")
    return whole


def _check_offered(table: NDArray[np.int64], n_categories: int) -> None:
    if n_categories < table.shape[1]:
        raise ValueError(
            f"n_categories={n_categories} but the table has {table.shape[1]} columns; "
            "count every category that was offered, chosen or not"
        )
