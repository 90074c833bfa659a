"""Several arms judged on the same prompts: Cochran's Q and the Stuart-Maxwell test.
Must not know what was compared; McNemar's test of two arms stands in `significance`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from annotate.analysis.columns import same_length
from annotate.analysis.contrast import Result

# Below this many prompts that tell arms apart, chi-squared is a rough answer.
ROUGH = 10
_ORDER = (Result.WIN, Result.TIE, Result.LOSS)


@dataclass(frozen=True)
class CochranQ:
    """Whether several arms succeed equally often on the same prompts (McNemar for more than two).

    `successes` are the arms' counts among the `n` prompts on which every arm has an answer;
    `excluded` prompts lack one. Only the `differing` prompts, on which some arms succeed and some
    do not, tell arms apart; without any, p is 1.
    """

    estimand: ClassVar[str] = "equality of success rates of arms on the same prompts"
    unit: ClassVar[str] = "prompt"
    method: ClassVar[str] = "Cochran's Q, chi-squared"

    arms: tuple[str, ...]
    successes: tuple[int, ...]
    n: int
    differing: int
    excluded: int
    statistic: float
    df: int
    p_value: float
    warning: str


@dataclass(frozen=True)
class StuartMaxwell:
    """Whether two arms win, tie and lose equally often on the same prompts against one opponent.

    `table` counts prompts by (first arm's verdict, second arm's verdict), each in the order win,
    tie, loss; `differences` are the shares of the first arm minus those of the second. `excluded`
    prompts lack a verdict of one arm. `df` is smaller than 2 where a verdict never moves.
    """

    estimand: ClassVar[str] = "equality of win, tie and loss rates of two arms on the same prompts"
    unit: ClassVar[str] = "prompt"
    method: ClassVar[str] = "Stuart-Maxwell, chi-squared"

    table: tuple[tuple[int, int, int], ...]
    differences: tuple[float, float, float] | None
    n: int
    differing: int
    excluded: int
    statistic: float
    df: int
    p_value: float
    warning: str


def cochran(outcomes: Mapping[str, Sequence[bool | None]]) -> CochranQ:
    """Cochran's Q of two or more arms; for two it is McNemar's chi-squared without correction.

    Args:
        outcomes: of each arm by name, one for each prompt in the same order: whether it succeeded
            (won, or decided correctly), None where that is not known.

    Raises:
        ValueError: there are fewer than two arms, or they differ in length.
    """
    if len(outcomes) < 2:
        raise ValueError(f"{len(outcomes)} arms were given; Cochran's Q compares two or more")
    same_length(**outcomes)
    rows = list(zip(*outcomes.values(), strict=True))
    complete = [[bool(x) for x in row] for row in rows if None not in row]
    differing = sum(0 < sum(row) < len(row) for row in complete)
    statistic, df, p_value = 0.0, len(outcomes) - 1, 1.0
    if differing:
        # statsmodels loads pandas: seconds that a web process should not pay at start.
        from statsmodels.stats.contingency_tables import cochrans_q

        statistic, p_value = (float(x) for x in tuple(cochrans_q(complete))[:2])
    return CochranQ(
        arms=tuple(outcomes),
        successes=tuple(sum(column) for column in zip(*complete, strict=True))
        or (0,) * len(outcomes),
        n=len(complete),
        differing=differing,
        excluded=len(rows) - len(complete),
        statistic=statistic,
        df=df,
        p_value=p_value,
        warning=_warning(differing),
    )


def stuart_maxwell(
    first: Sequence[Result | None], second: Sequence[Result | None]
) -> StuartMaxwell:
    """Compare win, tie and loss rates of two arms that met the same opponent on the same prompts.

    Swapping the arms turns the differences and leaves p; so does reading all verdicts from the
    opponent's side.

    Args:
        first: the verdict of one arm on each prompt, read from the arm's side; None if undecided.
        second: that of the other arm, in the same order of prompts.

    Raises:
        ValueError: the columns differ in length, or a result is unknown.
    """
    import numpy as np

    same_length(first=first, second=second)
    table = np.zeros((3, 3), dtype=np.int64)
    for one, other in zip(first, second, strict=True):
        if one is not None and other is not None:
            table[_ORDER.index(Result(one)), _ORDER.index(Result(other))] += 1
    n = int(table.sum())
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    # A verdict that never moves has no variance: with it the covariance cannot be inverted.
    moved = np.flatnonzero(rows + columns - 2 * np.diag(table))
    statistic, p_value = 0.0, 1.0
    if len(moved):
        from scipy.stats import chi2
        from statsmodels.stats.contingency_tables import SquareTable

        square = SquareTable(table[np.ix_(moved, moved)], shift_zeros=False)
        statistic = float(square.homogeneity(method="stuart_maxwell").statistic)
        # statsmodels gives 1 - cdf, which is 0 below 1e-16.
        p_value = float(chi2.sf(statistic, len(moved) - 1))
    differing = n - int(np.trace(table))
    change = [float(x) for x in (rows - columns) / n] if n else None
    return StuartMaxwell(
        table=tuple((int(win), int(tie), int(loss)) for win, tie, loss in table),
        differences=None if change is None else (change[0], change[1], change[2]),
        n=n,
        differing=differing,
        excluded=len(first) - n,
        statistic=statistic,
        df=max(0, len(moved) - 1),
        p_value=p_value,
        warning=_warning(differing),
    )


def _warning(differing: int) -> str:
    if differing >= ROUGH:
        return ""
    return (
        f"only {differing} prompts tell the arms apart; chi-squared is a rough answer below {ROUGH}"
    )
