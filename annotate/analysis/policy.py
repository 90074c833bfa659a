"""What every cut-off of every scored estimator would have given, from branch votes already cast.
Must not know where scores come from; no new votes are needed, and none are invented."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from annotate.analysis.columns import finite, same_length
from annotate.analysis.contrast import Result
from annotate.analysis.oracle import ESTIMAND, Cost, check_band
from annotate.analysis.oracle_table import codes, decided

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

PERCENTILES = tuple(range(101))
POINTS = (1.0, 0.5, 0.0)
"""Score of win, tie, loss."""


@dataclass(frozen=True, eq=False)
class PolicyCurve:
    """Result and cost of "keep what scores at least tau_k" for a whole grid of percentiles k.

    Arrays have one entry for each percentile. `score` is win + tie / 2 with the interval
    `low`, `high`; `over_student` and `over_refined` are paired differences of score to keeping all
    and to improving all, with intervals in their `_low` and `_high`. `pareto` marks the settings
    that no other setting beats at the same or a smaller cost.
    `tuned_elsewhere` is False where tau comes from the very prompts that are judged: optimistic.
    """

    estimand: ClassVar[str] = ESTIMAND
    unit: ClassVar[str] = "prompt"
    method: ClassVar[str] = "branch votes, paired bootstrap over prompts"

    estimator: str
    percentiles: tuple[float, ...]
    tuned_elsewhere: bool
    n: int
    units: int
    excluded: int
    cost: Cost
    confidence: float
    resamples: int
    thresholds: Array
    win: Array
    tie: Array
    lose: Array
    score: Array
    low: Array
    high: Array
    kept: Array
    steps: Array
    over_student: Array
    over_student_low: Array
    over_student_high: Array
    over_refined: Array
    over_refined_low: Array
    over_refined_high: Array
    pareto: NDArray[np.bool_]


@dataclass(frozen=True)
class ChosenPercentile:
    """The best percentile, chosen on some prompts and tried on others.

    `score` is honest; `in_sample` is what choosing and trying on the same prompts would claim, and
    `optimism` the difference. `choices` are the percentiles that the folds chose. `excluded`
    prompts lack a verdict.
    """

    estimand: ClassVar[str] = "win + tie / 2 of the best percentile on prompts it was not chosen on"
    unit: ClassVar[str] = "prompt"
    method: ClassVar[str] = "cross-fitting, bootstrap over prompts, those of one group together"

    estimator: str
    folds: int
    choices: tuple[float, ...]
    score: float
    low: float
    high: float
    steps: float
    in_sample: float
    optimism: float
    n: int
    excluded: int
    confidence: float


@dataclass(frozen=True, eq=False)
class _Branches:
    """Scores and points of the prompts with both verdicts; `unit` numbers their groups."""

    scores: Array
    student: NDArray[np.int64]
    refined: NDArray[np.int64]
    unit: NDArray[np.int64]
    units: int
    excluded: int


def evaluate(
    student: Sequence[Result | None],
    refined: Sequence[Result | None],
    scores: Sequence[float],
    *,
    estimator: str,
    cost: Cost,
    rng: np.random.Generator,
    tuning_scores: Sequence[float] | None = None,
    percentiles: Sequence[float] = PERCENTILES,
    groups: Sequence[Hashable] | None = None,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> PolicyCurve:
    """The verdict of every percentile k of one estimator, against the same teacher.

    At k the prompt's outcome is the student's verdict where score >= tau_k (an equal score keeps)
    and the improved sample's otherwise, as the adaptive arm itself would have it.

    Args:
        student: verdict on the student's own sample of each prompt; None where undecided.
        refined: verdict on the sample improved from it; None where undecided.
        scores: of the estimator on each student sample.
        estimator: its name, as reports print it.
        cost: steps of the two branches.
        rng: for the intervals.
        tuning_scores: of validation prompts, whose percentiles are tau; by default the scores
            themselves, which the result says (`tuned_elsewhere`).
        percentiles: the grid, each in [0, 100].
        groups: of each prompt; prompts of one group are drawn together.
        resamples: of the units.
        confidence: of the intervals.

    Raises:
        ValueError: columns differ in length, a score is not finite, a percentile lies outside
            [0, 100], or no prompt has both verdicts.
    """
    import numpy as np

    check_band(resamples=resamples, confidence=confidence)
    branches = _branches(student, refined, scores, groups=groups)
    grid = _grid(percentiles)
    thresholds = _thresholds(branches.scores if tuning_scores is None else tuning_scores, grid)
    keep = branches.scores[:, None] >= thresholds  # (prompts, percentiles)
    outcome = np.where(keep, branches.student[:, None], branches.refined[:, None])
    points = np.array(POINTS)
    gained = points[outcome]
    base = np.column_stack([points[branches.student], points[branches.refined]])
    columns = np.column_stack([gained, base])
    drawn = _resample(columns, branches, resamples=resamples, rng=rng)
    settings = len(grid)
    score, kept = gained.mean(axis=0), keep.mean(axis=0)
    tails = ((1 - confidence) / 2, (1 + confidence) / 2)

    def ends(values: Array) -> tuple[Array, Array]:
        low, high = np.quantile(values, tails, axis=0)
        return low, high

    again, student_again, refined_again = (
        drawn[:, :settings],
        drawn[:, settings, None],
        drawn[:, settings + 1, None],
    )
    low, high = ends(again)
    student_low, student_high = ends(again - student_again)
    refined_low, refined_high = ends(again - refined_again)
    steps = cost.mean_steps(kept)
    return PolicyCurve(
        estimator=estimator,
        percentiles=grid,
        tuned_elsewhere=tuning_scores is not None,
        n=len(branches.scores),
        units=branches.units,
        excluded=branches.excluded,
        cost=cost,
        confidence=confidence,
        resamples=resamples,
        thresholds=thresholds,
        win=(outcome == 0).mean(axis=0),
        tie=(outcome == 1).mean(axis=0),
        lose=(outcome == 2).mean(axis=0),
        score=score,
        low=low,
        high=high,
        kept=kept,
        steps=steps,
        over_student=score - base[:, 0].mean(),
        over_student_low=student_low,
        over_student_high=student_high,
        over_refined=score - base[:, 1].mean(),
        over_refined_low=refined_low,
        over_refined_high=refined_high,
        pareto=pareto(steps, score),
    )


def choose(
    student: Sequence[Result | None],
    refined: Sequence[Result | None],
    scores: Sequence[float],
    *,
    estimator: str,
    cost: Cost,
    rng: np.random.Generator,
    percentiles: Sequence[float] = PERCENTILES,
    groups: Sequence[Hashable] | None = None,
    folds: int = 5,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> ChosenPercentile:
    """The best percentile by cross-fitting: chosen on the other folds, tried on its own.

    Thresholds are percentiles of the choosing folds alone. Of equally good percentiles the cheaper
    (smaller) one is taken. Folds keep groups together.

    Raises:
        ValueError: as `evaluate`; or there are fewer units than folds, or fewer than two folds.
    """
    import numpy as np

    check_band(resamples=resamples, confidence=confidence)
    branches = _branches(student, refined, scores, groups=groups)
    grid = _grid(percentiles)
    if not 2 <= folds <= branches.units:
        raise ValueError(
            f"folds={folds} with {branches.units} units; use at least 2 and at most one per unit"
        )
    points = np.array(POINTS)
    won, won_refined = points[branches.student], points[branches.refined]

    def gain(thresholds: Array, rows: NDArray[np.bool_]) -> Array:
        keep = branches.scores[rows, None] >= thresholds
        gained = np.where(keep, won[rows, None], won_refined[rows, None])
        return np.asarray(gained)

    fold = rng.permutation(np.arange(branches.units) % folds)[branches.unit]
    gained, kept = np.empty(len(won)), np.empty(len(won), dtype=bool)
    choices = []
    for number in range(folds):
        mine, others = fold == number, fold != number
        thresholds = _thresholds(branches.scores[others], grid)
        best = int(np.argmax(gain(thresholds, others).mean(axis=0)))
        choices.append(grid[best])
        kept[mine] = branches.scores[mine] >= thresholds[best]
        gained[mine] = gain(thresholds[best : best + 1], mine)[:, 0]
    everywhere = np.ones(len(won), dtype=bool)
    in_sample = float(gain(_thresholds(branches.scores, grid), everywhere).mean(axis=0).max())
    drawn = _resample(gained[:, None], branches, resamples=resamples, rng=rng)[:, 0]
    low, high = np.quantile(drawn, ((1 - confidence) / 2, (1 + confidence) / 2))
    score = float(gained.mean())
    return ChosenPercentile(
        estimator=estimator,
        folds=folds,
        choices=tuple(choices),
        score=score,
        low=float(low),
        high=float(high),
        steps=float(cost.mean_steps(np.array([kept.mean()]))[0]),
        in_sample=in_sample,
        optimism=in_sample - score,
        n=len(won),
        excluded=branches.excluded,
        confidence=confidence,
    )


def pareto(steps: Array, score: Array) -> NDArray[np.bool_]:
    """Which settings no other one beats: none is as cheap and better, or cheaper and as good.

    Args:
        steps: cost of each setting, (settings,).
        score: of each setting, (settings,).
    """
    import numpy as np

    cheaper = steps[None, :] < steps[:, None]
    better = score[None, :] > score[:, None]
    no_dearer, no_worse = steps[None, :] <= steps[:, None], score[None, :] >= score[:, None]
    return np.asarray(~((no_dearer & better) | (cheaper & no_worse)).any(axis=1))


def _branches(
    student: Sequence[Result | None],
    refined: Sequence[Result | None],
    scores: Sequence[float],
    *,
    groups: Sequence[Hashable] | None,
) -> _Branches:
    import numpy as np

    same_length(student=student, refined=refined, scores=scores, groups=groups)
    values = finite(scores)
    places = decided(student, refined)
    names = [place if groups is None else groups[place] for place in places]
    number = {name: row for row, name in enumerate(dict.fromkeys(names))}
    return _Branches(
        scores=values[places],
        student=codes(student[place] for place in places),
        refined=codes(refined[place] for place in places),
        unit=np.array([number[name] for name in names]),
        units=len(number),
        excluded=len(student) - len(places),
    )


def _grid(percentiles: Sequence[float]) -> tuple[float, ...]:
    grid = tuple(percentiles)
    if not grid or any(not 0 <= k <= 100 for k in grid):
        raise ValueError(f"percentiles={grid}; give at least one, each in [0, 100]")
    return grid


def _thresholds(scores: Sequence[float] | Array, grid: Sequence[float]) -> Array:
    """tau_k by linear interpolation, as calibration does: k = 100 still keeps the best sample."""
    import numpy as np

    return np.asarray(np.percentile(np.asarray(scores, dtype=np.float64), grid))


def _resample(
    columns: Array, branches: _Branches, *, resamples: int, rng: np.random.Generator
) -> Array:
    """Means of the columns over resampled units: (resamples, columns)."""
    import numpy as np

    sums = np.zeros((branches.units, columns.shape[1]))
    np.add.at(sums, branches.unit, columns)
    sizes = np.bincount(branches.unit, minlength=branches.units)
    weights = rng.multinomial(
        branches.units, np.full(branches.units, 1 / branches.units), resamples
    )
    return np.asarray((weights @ sums) / (weights @ sizes)[:, None])
