"""How likely somebody of a given accuracy passes an exam. Pure: numbers in, numbers out."""

from collections.abc import Sequence
from dataclasses import dataclass

# A guesser, a fair annotator and a good one.
ACCURACIES = (0.5, 0.8, 0.9)


@dataclass(frozen=True)
class PassLine:
    """One accuracy: the chance to pass the first attempt, and any of all attempts."""

    accuracy: float
    first: float
    any: float


def pass_probability(accuracy: float, items: int, *, to_pass: int) -> float:
    """P(X >= to_pass) for X binomial(items, accuracy), items answered independently.

    Raises:
        ValueError: the accuracy is no share, or the mark lies outside 0 to `items`.
    """
    if not 0 <= accuracy <= 1:
        raise ValueError(f"accuracy {accuracy}; allowed are shares from 0 to 1. Give one.")
    if not 0 <= to_pass <= items:
        raise ValueError(f"{to_pass} of {items} to pass; the mark must be 0 to {items}. Change it.")
    # scipy.stats takes half a second to import: no process should pay it at start.
    from scipy.stats import binom

    return float(binom.sf(to_pass - 1, items, accuracy))


def pass_table(
    items: int, *, to_pass: int, attempts: int = 1, accuracies: Sequence[float] = ACCURACIES
) -> list[PassLine]:
    """The pass table of an exam; attempts on disjoint items are independent of each other."""
    table = []
    for accuracy in accuracies:
        first = pass_probability(accuracy, items, to_pass=to_pass)
        table.append(PassLine(accuracy, first, 1 - (1 - first) ** attempts))
    return table
