"""Whether a number known of each prompt goes with who won there: rank correlation and bins.
Must not know what the number measures; association is no cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from annotate.analysis.columns import finite, same_length
from annotate.analysis.contrast import Result
from annotate.analysis.oracle import check_band
from annotate.analysis.oracle_table import codes
from annotate.analysis.policy import POINTS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class BinShare:
    """Prompts of similar value: how many the challenger won, with Wilson's interval."""

    lowest: float
    highest: float
    mean: float
    wins: int
    ties: int
    losses: int
    win_share: float
    low: float
    high: float


@dataclass(frozen=True)
class Association:
    """Spearman's rho of a value and the verdict (win 1, tie 1/2, loss 0), bootstrapped by prompt.

    `rho` is None where either never varies. `decided` is the same without ties.
    """

    estimand: ClassVar[str] = "rank correlation of a value with the verdict"
    unit: ClassVar[str] = "prompt"
    method: ClassVar[str] = "Spearman, percentile bootstrap over prompts"

    name: str
    rho: float | None
    low: float | None
    high: float | None
    decided: float | None
    decided_low: float | None
    decided_high: float | None
    n: int
    bins: tuple[BinShare, ...]
    confidence: float


def associate(
    values: Sequence[float],
    results: Sequence[Result],
    *,
    name: str,
    seed: int,
    bins: int = 5,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> Association:
    """Correlate a value with the verdict, prompt by prompt, and cut it into equal bins.

    Raises:
        ValueError: columns differ in length or are empty, or a value is not finite.
    """
    import numpy as np
    from statsmodels.stats.proportion import proportion_confint

    check_band(resamples=resamples, confidence=confidence)
    same_length(values=values, results=results)
    x, outcome = finite(values), codes(results)
    if not len(x) or bins < 1:
        raise ValueError(f"{len(x)} prompts in {bins} bins; give at least one of each")
    points = np.array(POINTS)[outcome]
    rng = np.random.default_rng([seed, 0xA550])
    tails = ((1 - confidence) / 2, (1 + confidence) / 2)

    def correlated(keep: NDArray[np.bool_]) -> tuple[float | None, float | None, float | None]:
        own, won = x[keep], points[keep]
        if len(own) < 3:
            return None, None, None
        point = _spearman(own, won)
        rows = rng.integers(len(own), size=(resamples, len(own)))
        again = [r for row in rows if (r := _spearman(own[row], won[row])) is not None]
        if point is None or not again:
            return None, None, None
        low, high = np.quantile(again, tails)
        return point, float(low), float(high)

    rho, low, high = correlated(np.ones(len(x), dtype=bool))
    decided, decided_low, decided_high = correlated(outcome != 1)
    found = []
    for rows in np.array_split(np.argsort(x, kind="stable"), min(bins, len(x))):
        wins, ties, losses = (int((outcome[rows] == code).sum()) for code in range(3))
        ends = proportion_confint(wins, len(rows), alpha=1 - confidence, method="wilson")
        found.append(
            BinShare(
                lowest=float(x[rows].min()),
                highest=float(x[rows].max()),
                mean=float(x[rows].mean()),
                wins=wins,
                ties=ties,
                losses=losses,
                win_share=wins / len(rows),
                low=float(ends[0]),
                high=float(ends[1]),
            )
        )
    return Association(
        name=name,
        rho=rho,
        low=low,
        high=high,
        decided=decided,
        decided_low=decided_low,
        decided_high=decided_high,
        n=len(x),
        bins=tuple(found),
        confidence=confidence,
    )


def _spearman(x: NDArray[np.float64], y: NDArray[np.float64]) -> float | None:
    import numpy as np
    from scipy.stats import rankdata

    a, b = rankdata(x), rankdata(y)
    a, b = a - a.mean(), b - b.mean()
    power = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / power if power else None
