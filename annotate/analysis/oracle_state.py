"""Where a real estimator stands in Figure 16: the point of its decisions, not of a model of them.
Must not know how an estimator scores; it is given scores or decisions, prompt by prompt."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from annotate.analysis.contrast import Result
from annotate.analysis.oracle import ESTIMAND, Cost, check_band
from annotate.analysis.oracle_budget import budget_range
from annotate.analysis.oracle_table import Rule, by_unit, codes, decided, ideal_labels, resampled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A number with its percentile interval from resampled prompts."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class CurrentState:
    """What the study would report under an estimator's real decisions, and how far off the line.

    `on_line` is the score that M1 gives at the measured accuracy; `independent` the one of an
    oracle with the same two error rates (M2, and M3 at the same kept share) whose errors ignore how
    close a pair is. Real estimators err more on close pairs, where an error costs less: the
    gaps say by how much. `skill` is rho at the realised kept share, None where it cannot vary.
    `threshold` is None where decisions were given instead of scores.
    """

    estimand: ClassVar[str] = ESTIMAND
    unit: ClassVar[str] = "prompt"
    method: ClassVar[str] = "real decisions, bootstrap over prompts"

    estimator: str
    threshold: float | None
    rule: Rule
    n: int
    units: int
    excluded: int
    cost: Cost
    confidence: float
    resamples: int
    label_share: float
    accuracy: Estimate
    win: Estimate
    tie: Estimate
    lose: Estimate
    score: Estimate
    kept: Estimate
    steps: float
    keep_good: float | None
    keep_bad: float | None
    skill: float | None
    on_line: float
    gap: Estimate
    independent: float
    independent_gap: Estimate


def decisions(scores: Sequence[float], threshold: float) -> list[bool]:
    """Keep what scores at least the threshold: an equal score keeps (Algorithm 1).

    Raises:
        ValueError: a score or the threshold is not finite; `nan < tau` would silently keep.
    """
    for place, score in enumerate(scores, start=1):
        if not math.isfinite(score):
            raise ValueError(f"score {place} of {len(scores)} is {score}; score the sample again")
    if not math.isfinite(threshold):
        raise ValueError(f"threshold={threshold} decides nothing; give a finite score")
    return [score >= threshold for score in scores]


def current_state(
    student: Sequence[Result | None],
    refined: Sequence[Result | None],
    keep: Sequence[bool],
    *,
    estimator: str,
    rule: Rule,
    cost: Cost,
    rng: np.random.Generator,
    threshold: float | None = None,
    groups: Sequence[Hashable] | None = None,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> CurrentState:
    """The point of a real estimator beside the curve of `oracle.curve`.

    Args:
        student: verdict on the student's own sample of each prompt; None where undecided.
        refined: verdict on the sample refined from it; None where undecided.
        keep: the estimator's decision on each prompt, see `decisions`.
        estimator: its name, as reports print it.
        rule: the ideal label that accuracy is measured against.
        cost: steps of the two branches.
        rng: for the intervals.
        threshold: that made the decisions, where one did; tuned on other prompts than these.
        groups: of each prompt; prompts of one group are drawn together.
        resamples: of the units.
        confidence: of the intervals.

    Raises:
        ValueError: the columns differ in length, no prompt has both verdicts, or the band is none.
    """
    import numpy as np

    check_band(resamples=resamples, confidence=confidence)
    rule = Rule(rule)
    lengths = {len(column) for column in (student, refined, keep, groups) if column is not None}
    if len(lengths) > 1:
        raise ValueError(f"the columns have {sorted(lengths)} rows; give one per prompt in each")
    places = decided(student, refined)
    s, r = (codes(column[place] for place in places) for column in (student, refined))
    z = ideal_labels(s, r, rule=rule).astype(np.int64)
    d = np.array([bool(keep[place]) for place in places]).astype(np.int64)
    contents = np.zeros((len(places), 2, 2, 3, 3))
    contents[np.arange(len(places)), d, z, s, r] = 1.0
    own_groups = None if groups is None else [groups[place] for place in places]
    patterns, counts = by_unit(contents, own_groups)
    point = _numbers(contents.mean(axis=0)[None])
    again = _numbers(resampled(patterns, counts, resamples=resamples, rng=rng))
    tails = ((1 - confidence) / 2, (1 + confidence) / 2)

    def estimate(name: str) -> Estimate:
        low, high = np.quantile(again[name], tails)
        return Estimate(float(point[name][0]), float(low), float(high))

    pi, accuracy, kept = (float(point[name][0]) for name in ("pi", "accuracy", "kept"))
    allowed = budget_range(pi, 100 * (1 - kept))
    reach = allowed.best - allowed.random
    return CurrentState(
        estimator=estimator,
        threshold=threshold,
        rule=rule,
        n=len(places),
        units=int(counts.sum()),
        excluded=len(student) - len(places),
        cost=cost,
        confidence=confidence,
        resamples=resamples,
        label_share=pi,
        accuracy=estimate("accuracy"),
        win=estimate("win"),
        tie=estimate("tie"),
        lose=estimate("lose"),
        score=estimate("score"),
        kept=estimate("kept"),
        steps=float(cost.mean_steps(point["kept"])[0]),
        keep_good=float(point["alpha"][0]) if z.any() else None,
        keep_bad=float(point["beta"][0]) if not z.all() else None,
        skill=(accuracy - allowed.random) / reach if reach > 1e-9 else None,
        on_line=float(point["on_line"][0]),
        gap=estimate("gap"),
        independent=float(point["independent"][0]),
        independent_gap=estimate("independent_gap"),
    )


def _numbers(shares: Array) -> dict[str, Array]:
    """Every number of the point from shares by (decision, label, student, refined): per study."""
    import numpy as np

    points = np.array([1.0, 0.5, 0.0])
    refine, keep = shares[:, 0], shares[:, 1]
    rates = keep.sum(axis=(1, 3)) + refine.sum(axis=(1, 2))
    score = rates @ points
    good, bad = keep[:, 1].sum(axis=(1, 2)), keep[:, 0].sum(axis=(1, 2))
    table = refine + keep
    pi = table[:, 1].sum(axis=(1, 2))
    accuracy = good + refine[:, 0].sum(axis=(1, 2))
    alpha = np.divide(good, pi, out=np.zeros_like(pi), where=pi > 0)
    beta = np.divide(bad, 1 - pi, out=np.zeros_like(pi), where=pi < 1)
    # Scores of both branches by label: the student's if all were kept, the refined ones if none.
    student = table.sum(axis=3) @ points
    refined = table.sum(axis=2) @ points
    right = student[:, 1] + refined[:, 0]
    wrong = refined[:, 1] + student[:, 0]
    on_line = accuracy * right + (1 - accuracy) * wrong
    independent = (
        alpha * student[:, 1]
        + (1 - alpha) * refined[:, 1]
        + beta * student[:, 0]
        + (1 - beta) * refined[:, 0]
    )
    return {
        "pi": pi,
        "accuracy": accuracy,
        "win": rates[:, 0],
        "tie": rates[:, 1],
        "lose": rates[:, 2],
        "score": score,
        "kept": good + bad,
        "alpha": alpha,
        "beta": beta,
        "on_line": on_line,
        "gap": score - on_line,
        "independent": independent,
        "independent_gap": score - independent,
    }
