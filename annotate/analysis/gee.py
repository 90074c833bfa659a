"""Generalised estimating equations of yes-or-no answers in groups, in whole arrays.
Must not know what was answered. statsmodels' GEE walks group by group, ten times as long."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# Log odds beyond any that answers can show: the fit has run away.
RUNAWAY = 15.0
_ROUNDS = 100
_SETTLED = 1e-10


class Fit(NamedTuple):
    """Coefficients, their robust covariance, and the correlation within groups."""

    beta: Array
    covariance: Array
    correlation: float


def binomial_gee(answers: Array, design: Array, group: NDArray[np.int64]) -> Fit | None:
    """Marginal logit of answers that are exchangeably correlated within groups.

        sum over groups of D' V^-1 (y - mu) = 0,   V = A^1/2 R(alpha) A^1/2

    alpha is the moment estimate from the products of Pearson residuals, 0 where every answer has a
    group of its own; the covariance is Liang and Zeger's sandwich.

    Args:
        answers: 0 or 1, (answers,).
        design: (answers, terms); with a term that others make up there is no solution.
        group: of each answer, numbered from 0, (answers,).

    Returns:
        None where the equations have no finite solution or their iteration does not settle.

    Source: Liang and Zeger, Biometrika 73 (1986).
    """
    import numpy as np

    n, terms = design.shape
    size = np.bincount(group)
    pairs = float((size * (size - 1) / 2).sum())
    alone = int(size.max(initial=1)) == 1
    if np.linalg.matrix_rank(design) < terms or (not alone and pairs <= terms):
        return None
    beta: Array = np.zeros(terms)
    within, settled = 0.0, False
    for _ in range(_ROUNDS):
        mean = 1 / (1 + np.exp(-design @ beta))
        deviation = np.sqrt(mean * (1 - mean))
        residual = (answers - mean) / deviation
        if not alone:
            scale = float(residual @ residual) / (n - terms)
            products = np.bincount(group, residual) ** 2 - np.bincount(group, residual**2)
            within = float(products.sum()) / 2 / scale / (pairs - terms)
        if not (size.max() - 1) * within > -1 or within >= 1:
            return None  # R is no correlation matrix
        slopes = design * deviation[:, None]
        # R^-1 takes what a group shares off each of its answers.
        shared: Array = (within / (1 + (size - 1) * within)).astype(np.float64)[group]
        left = _weighed(slopes, group, shared, within)
        information = left.T @ slopes
        try:
            step = np.linalg.solve(information, left.T @ residual)
        except np.linalg.LinAlgError:
            return None
        settled = bool(abs(step).max() < _SETTLED)
        if settled:
            break
        beta = beta + step
        if not abs(beta).max() < RUNAWAY:
            return None
    if not settled:
        return None
    inverse = np.linalg.inv(information)
    scores = left * residual[:, None]
    parts = _sums(scores, group)
    covariance = inverse @ (parts.T @ parts) @ inverse
    return Fit(beta, covariance, within) if np.isfinite(covariance).all() else None


def _weighed(columns: Array, group: NDArray[np.int64], shared: Array, within: float) -> Array:
    """R^-1 times each column."""
    return (columns - shared[:, None] * _sums(columns, group)[group]) / (1 - within)


def _sums(columns: Array, group: NDArray[np.int64]) -> Array:
    """Sums within groups, (groups, terms)."""
    import numpy as np

    found: Array = np.zeros((int(group.max(initial=-1)) + 1, columns.shape[1]))
    np.add.at(found, group, columns)
    return found
