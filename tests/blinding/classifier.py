"""Guesses a side from numbers: ridge logistic regression and boosted stumps, in numpy alone.

It must not know where the numbers come from.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def standardised(train: Floats, other: Floats) -> tuple[Floats, Floats]:
    """Both in the training half's units; columns that never change there carry nothing."""
    mean, spread = train.mean(axis=0), train.std(axis=0)
    moving = spread > 1e-12
    return tuple((x[:, moving] - mean[moving]) / spread[moving] for x in (train, other))  # type: ignore[return-value]


def logistic(train: Floats, labels: Bools, other: Floats, *, ridge: float = 10.0) -> Floats:
    """Log odds for `other` after Newton's method on the penalised likelihood."""
    train, other = standardised(train, other)
    train = np.hstack([train, np.ones((len(train), 1))])
    other = np.hstack([other, np.ones((len(other), 1))])
    weights = np.zeros(train.shape[1])
    penalty = ridge * np.eye(train.shape[1])
    for _ in range(8):
        odds = np.clip(train @ weights, -30, 30)
        p = 1 / (1 + np.exp(-odds))
        gradient = train.T @ (labels - p) - ridge * weights
        curvature = (train * (p * (1 - p))[:, None]).T @ train + penalty
        weights += np.linalg.solve(curvature, gradient)
    return np.asarray(other @ weights)


def stumps(
    train: Floats, labels: Bools, other: Floats, *, rounds: int = 60, cuts: int = 8
) -> Floats:
    """AdaBoost on one-column thresholds: finds what is not linear, and single telling columns."""
    edges = np.unique(np.quantile(train, np.linspace(0, 1, cuts + 2)[1:-1], axis=0), axis=0)
    # One column for each (feature, threshold): is it above?
    above = np.hstack([train > edge for edge in edges])
    above_other = np.hstack([other > edge for edge in edges])
    signs = np.where(above, 1.0, -1.0)
    sought = np.where(labels, 1.0, -1.0)
    weights = np.full(len(train), 1 / len(train))
    score = np.zeros(len(other))
    for _ in range(rounds):
        edge = (weights * sought) @ signs
        best = int(np.abs(edge).argmax())
        error = np.clip((1 - abs(edge[best])) / 2, 1e-6, 1)
        if error >= 0.5:
            break
        strength = 0.5 * np.log((1 - error) / error) * np.sign(edge[best])
        score += strength * np.where(above_other[:, best], 1.0, -1.0)
        weights *= np.exp(-strength * sought * signs[:, best])
        weights /= weights.sum()
    return score


def accuracy(features: Floats, labels: Bools, *, seed: int) -> dict[str, float]:
    """Share guessed right by each method, each half by what was learnt on the other half."""
    order = np.random.default_rng(seed).permutation(len(labels))
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    right: dict[str, list[Bools]] = {"logistic": [], "stumps": []}
    for known, unseen in (halves, halves[::-1]):
        for name, method in (("logistic", logistic), ("stumps", stumps)):
            score = method(features[known], labels[known], features[unseen])
            right[name].append((score > 0) == labels[unseen])
    return {name: float(np.concatenate(hits).mean()) for name, hits in right.items()}
