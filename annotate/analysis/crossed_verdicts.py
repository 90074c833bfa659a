"""The win rate of verdicts for annotators drawn anew: verdicts share those who voted on them.
Must not know studies or pages: columns in, numbers that name themselves out."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, ClassVar

from annotate.analysis.annotators import CLUSTERS
from annotate.analysis.clustered import check_confidence, kinds, student
from annotate.analysis.columns import same_length
from annotate.analysis.contrast import Result
from annotate.analysis.winrate import TieConvention

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

MOST_SHARING = 1 / 3
"""Share of pairs of verdicts with a common annotator beyond which the interval is not offered: it
holds the truth less and less often, at three fifths in 91.9 % of studies instead of 95
(docs/results/coverage.md), and where everybody judges everything no two are independent."""


@dataclass(frozen=True)
class CrossedRate:
    """The win rate of verdicts; its interval speaks about new prompts and new annotators.

    `sharing` is the share of pairs of verdicts with a common group or annotator. Interval and error
    are None without two groups, and where `warning` says why annotators allow none.
    """

    estimand: ClassVar[str] = "win rate (verdicts)"
    unit: ClassVar[str] = "verdict"
    method: ClassVar[str] = (
        "cluster-robust by prompt and every annotator of a verdict, Wilson's form with Student's t"
    )

    convention: TieConvention
    estimate: float | None
    standard_error: float | None
    low: float | None
    high: float | None
    confidence: float
    n: int
    groups: int
    annotators: int
    sharing: float | None
    warning: str


def crossed_win_rate(
    results: Sequence[Result | None],
    groups: Sequence[Hashable],
    annotators: Sequence[Collection[Hashable]],
    *,
    convention: TieConvention = TieConvention.DROPPED,
    confidence: float = 0.95,
) -> CrossedRate:
    """The win rate of verdicts, robust to what they share: groups of prompts and annotators.

        V = sum over pairs (i, j) of verdicts that share a group or an annotator of e_i e_j
            / (n^2 (1 - s)),  e = points - rate (0 where the convention drops the verdict)

    and at least the sum over e^2. s is the share of such pairs: residuals sum to zero, which takes
    that part of V away; with one way of G equal clusters 1 / (1 - s) is the usual G / (G - 1). The
    interval has Wilson's form on rate (1 - rate) / V, with Student's t on G - 1 degrees of freedom;
    G is the smaller number of groups and annotators.

    `winrate.win_rate` and `grouped.grouped_rate` take annotators as given. Drawing annotators in a
    bootstrap and deciding again does not do: a third of them is not drawn each time, and verdicts
    of two votes are other verdicts (docs/results/coverage.md).

    Args:
        results: the verdict of each item from the challenger's side; None where undecided.
        groups: of each item's prompt; without groups, the prompt itself.
        annotators: of each item, those whose votes its verdict rests on; none where nobody was
            asked.
        convention: what a tie counts.
        confidence: of the interval, in (0, 1).

    Raises:
        ValueError: columns differ in length, a result is unknown, or the confidence out of range.

    Source: Aronow, Samii and Assenova, Political Analysis 23 (2015), for units of two members.
    """
    import numpy as np

    convention = TieConvention(convention)
    check_confidence(confidence)
    same_length(results=results, groups=groups, annotators=annotators)
    kind, _ = kinds(results)
    left_out = (kind == 3) | ((kind == 1) & (convention is TieConvention.DROPPED))
    rows = np.flatnonzero(~left_out)
    tied = 0.5 if convention is TieConvention.HALF else 0.0
    points = np.array([1.0, tied, 0.0])[kind[rows]]
    kept = rows.tolist()
    asked = [annotators[i] for i in kept]
    group = [groups[i] for i in kept]
    people, n_groups = len({who for voters in asked for who in voters}), len(set(group))
    estimate = float(points.mean()) if kept else None
    error = low = high = sharing = None
    warning = ""
    if estimate is not None and people < CLUSTERS:
        warning = f"with {people} annotators (fewer than {CLUSTERS}) none is claimed over them"
    elif estimate is not None and n_groups > 1:
        together, sharing = _together(points - estimate, group, asked)
        if sharing > MOST_SHARING:
            warning = (
                f"{100 * sharing:.0f} % of pairs of verdicts share an annotator (more than "
                f"{100 * MOST_SHARING:.0f} %): too few are independent for new annotators"
            )
        else:
            own = float(((points - estimate) ** 2).sum())
            variance = max(together / (1 - sharing), own) / len(kept) ** 2
            error = math.sqrt(variance)
            clusters = min(n_groups, people)
            low, high, _ = student(estimate, variance, clusters, confidence=confidence)
    return CrossedRate(
        convention=convention,
        estimate=estimate,
        standard_error=error,
        low=low,
        high=high,
        confidence=confidence,
        n=len(kept),
        groups=n_groups,
        annotators=people,
        sharing=sharing,
        warning=warning,
    )


def _together(
    residuals: Array, group: Sequence[Hashable], asked: Sequence[Collection[Hashable]]
) -> tuple[float, float]:
    """Products of residuals summed over pairs that share anything, and the share of such pairs.

    Each verdict makes a pair with itself. Pairs are not walked: whether two sets of members meet is
    the alternating sum over the subsets that both hold, so time grows with the verdicts.
    """
    # The group is one more that a verdict may share; its name cannot be an annotator's.
    numbers: dict[Hashable, int] = {}
    held: dict[tuple[int, ...], list[float]] = {}
    for residual, name, voters in zip(residuals.tolist(), group, asked, strict=True):
        members = sorted(
            {
                numbers.setdefault(one, len(numbers))
                for one in ((True, name), *((False, who) for who in voters))
            }
        )
        for size in range(1, len(members) + 1):
            for shared in combinations(members, size):
                sums = held.setdefault(shared, [0.0, 0])
                sums[0] += residual
                sums[1] += 1
    total, pairs = 0.0, 0.0
    for shared, (products, count) in held.items():
        sign = 1 if len(shared) % 2 else -1
        total += sign * products**2
        pairs += sign * count**2
    return total, pairs / len(residuals) ** 2
