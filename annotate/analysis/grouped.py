"""The win rate of verdicts whose prompts share a photo: a bootstrap over groups of prompts.
Must not know studies or pages: columns in, numbers that name themselves out."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from annotate.analysis.clustered import check_confidence, kinds
from annotate.analysis.columns import distinct_rows, numbered, same_length, without_gaps
from annotate.analysis.contrast import Result
from annotate.analysis.winrate import TieConvention, normal_quantile, wilson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Codes = NDArray[np.int64]


@dataclass(frozen=True)
class GroupedRate:
    """The win rate of verdicts whose prompts come in groups (captions of one photo).

    `n` is the denominator under the convention, `groups` those with a decided verdict, `undecided`
    the verdicts left out. Without any denominator the numbers are None. Where the groups do not
    differ a bootstrap has no width: Wilson's interval on their number stands in, and `method` says
    so.
    """

    estimand: ClassVar[str] = "win rate (verdicts)"
    unit: ClassVar[str] = "group of prompts"

    wins: int
    ties: int
    losses: int
    convention: TieConvention
    estimate: float | None
    low: float | None
    high: float | None
    confidence: float
    n: int
    groups: int
    undecided: int
    resamples: int
    method: str


def grouped_rate(
    results: Sequence[Result | None],
    groups: Sequence[Hashable],
    *,
    rng: np.random.Generator,
    convention: TieConvention = TieConvention.DROPPED,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> GroupedRate:
    """The win rate of verdicts, its interval by a bootstrap over groups of prompts.

    Groups are drawn as counts of the different (wins, ties, losses) that a group can have: the same
    as drawing groups, but neither their order nor their names can reach the numbers. Swapping the
    methods mirrors the interval to the last draw (not under `losses`, which is no mirror). Like
    Wilson's it takes annotators as given: it speaks about these and new prompts.

    Args:
        results: the verdict of each item from the challenger's side; None where undecided.
        groups: of each item's prompt; without groups, the prompt itself.
        rng: draws the groups.
        convention: what a tie counts.
        resamples: of the groups.
        confidence: of the percentile interval, in (0, 1).

    Raises:
        ValueError: columns differ in length, a result is unknown, or a number is out of range.
    """
    import numpy as np

    convention = TieConvention(convention)
    check_confidence(confidence)
    if resamples < 1:
        raise ValueError(f"resamples={resamples} gives no interval; draw at least 1, better 2000")
    same_length(results=results, groups=groups)
    kind, left_out = kinds(results)
    unit, _ = without_gaps(numbered(groups)[kind < 3])
    kind = kind[kind < 3]
    n_groups = int(unit.max()) + 1 if len(unit) else 0
    table = np.bincount(unit * 3 + kind, minlength=3 * n_groups).reshape(n_groups, 3)
    wins, ties, losses = (int(total) for total in table.sum(axis=0))
    points, counts = _scores(table, convention)
    estimate = low = high = None
    method = "bootstrap over groups of prompts"
    if n := int(counts.sum()):
        estimate = float(points.sum() / n)
        drawn = _bootstrap(table, convention, rng=rng, resamples=resamples)
        if len(drawn) and np.ptp(drawn) > 1e-12:
            ends = np.quantile(drawn, ((1 - confidence) / 2, (1 + confidence) / 2))
            low, high = float(ends[0]), float(ends[1])
        else:
            # No spread to learn from: as if every group had been judged once.
            low, high = wilson(estimate, int((counts > 0).sum()), z=normal_quantile(confidence))
            method = "wilson on the number of groups, as these do not differ"
    return GroupedRate(
        wins=wins,
        ties=ties,
        losses=losses,
        convention=convention,
        estimate=estimate,
        low=low,
        high=high,
        confidence=confidence,
        n=n,
        groups=n_groups,
        undecided=left_out,
        resamples=resamples,
        method=method,
    )


def _scores(table: Codes, convention: TieConvention) -> tuple[Array, Array]:
    """Points and denominators of rows (wins, ties, losses)."""
    import numpy as np

    tied = 0.5 if convention is TieConvention.HALF else 0.0
    counted = 0.0 if convention is TieConvention.DROPPED else 1.0
    return table @ np.array([1.0, tied, 0.0]), table @ np.array([1.0, counted, 1.0])


def _bootstrap(
    table: Codes, convention: TieConvention, *, rng: np.random.Generator, resamples: int
) -> Array:
    import numpy as np

    cells, often = distinct_rows(table)
    other, other_often = distinct_rows(table[:, ::-1])
    # Of a data set and its mirror image always the same one is drawn from.
    own, mirrored = (cells.tolist(), often.tolist()), (other.tolist(), other_often.tolist())
    mirrors = convention is not TieConvention.LOSSES
    flip = mirrors and mirrored < own
    if flip:
        cells, often = other, other_often
    points, counts = _scores(cells, convention)
    weights = rng.multinomial(len(table), often / len(table), resamples)
    total = weights @ counts
    # A draw of nothing but ties has no rate where they are dropped.
    rates = (weights @ points)[total > 0] / total[total > 0]
    if mirrors and mirrored == own:
        # A data set that is its own mirror image: so is its interval.
        return np.concatenate([rates, 1 - rates])
    return np.asarray(1 - rates if flip else rates, dtype=np.float64)
