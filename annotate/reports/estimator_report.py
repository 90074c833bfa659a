"""How good each estimator of a laboratory is, and which of two is better, from branch verdicts.

It must not know pages or files; the statistics are `annotate.analysis`.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations

from annotate.analysis.auc import RankingQuality, auc_difference, ranking_quality
from annotate.analysis.contrast import Result
from annotate.analysis.decisions import (
    DecisionAccuracy,
    ReliabilityBin,
    best_percentile,
    decision_accuracy,
    reliability,
)
from annotate.analysis.estimators import PairAgreement, pair_agreement
from annotate.analysis.oracle_state import CurrentState, current_state, decisions
from annotate.analysis.oracle_table import Rule
from annotate.analysis.policy import PERCENTILES, ChosenPercentile, PolicyCurve, choose, evaluate
from annotate.analysis.significance import benjamini_hochberg, mcnemar
from annotate.reports.branches import SHARE_REFINED, Arm, Branches, Scores, Settings

FOLDS = 5


@dataclass(frozen=True)
class Made:
    """A real arm at its own tau: the point that its decisions give, beside its own verdicts."""

    arm: Arm
    state: CurrentState
    judged: tuple[int, int, int] | None
    differ: int | None


@dataclass(frozen=True)
class EstimatorReport:
    """Everything said of one estimator; `n` prompts have both verdicts and a score."""

    name: str
    n: int
    unscored: int
    tuned_elsewhere: bool
    state: CurrentState
    made: tuple[Made, ...]
    policy: PolicyCurve
    chosen: ChosenPercentile | None
    agreement: PairAgreement | None
    accuracies: tuple[DecisionAccuracy, ...]
    # Cross-validated accuracy of choosing k, and the k that all prompts choose.
    best: tuple[float, float] | None
    ranking: RankingQuality
    bins: tuple[ReliabilityBin, ...]


@dataclass(frozen=True)
class EstimatorComparison:
    """Two estimators on the prompts that both scored.

    `only_first` and `only_second` are prompts that just one of them decided right at k; `adjusted`
    is the p-value after Benjamini and Hochberg over all pairs. The difference of AUC is None where
    all labels are equal.
    """

    first: str
    second: str
    n: int
    only_first: int
    only_second: int
    p_value: float
    adjusted: float
    auc: tuple[float, float, float] | None


def scored(branches: Branches, scores: Scores) -> list[int]:
    """Places of the prompts with both verdicts and a score."""
    rows = zip(branches.student, branches.refined, scores.student, strict=True)
    return [i for i, row in enumerate(rows) if None not in row]


def report_estimator(
    branches: Branches, scores: Scores, settings: Settings, *, stream: int
) -> EstimatorReport:
    """Everything of one estimator, on the prompts with both verdicts and a score.

    Args:
        stream: its number, which seeds its intervals.
    """
    places = scored(branches, scores)
    values = [value for i in places if (value := scores.student[i]) is not None]
    student = [branches.student[i] for i in places]
    refined = [branches.refined[i] for i in places]
    groups = _groups(branches, places)
    labels = _labels(student, refined, settings.rule)
    cost = branches.cost or SHARE_REFINED
    at_k = decision_accuracy(
        values, labels, percentile=settings.percentile, tuning_scores=scores.tuning
    )

    def state(tau: float, name: str, draw: int) -> CurrentState:
        return current_state(
            student,
            refined,
            decisions(values, tau),
            estimator=name,
            rule=settings.rule,
            cost=cost,
            rng=settings.rng(10 + stream, draw),
            threshold=tau,
            groups=groups,
            resamples=settings.resamples,
            confidence=settings.confidence,
        )

    units = len(places) if groups is None else len(set(groups))
    folds = min(FOLDS, units)
    chosen = None
    if folds >= 2:
        chosen = best_percentile(
            values,
            labels,
            percentiles=PERCENTILES,
            rng=settings.rng(10 + stream, 3),
            groups=groups,
            folds=folds,
        )
    return EstimatorReport(
        name=scores.name,
        n=len(places),
        unscored=branches.decided - len(places),
        tuned_elsewhere=scores.tuning is not None,
        state=state(at_k.threshold, scores.name, 0),
        made=tuple(
            _made(branches, arm, places, values, state(arm.tau, arm.label, 100 + place))
            for place, arm in enumerate(scores.arms)
        ),
        policy=evaluate(
            student,
            refined,
            values,
            estimator=scores.name,
            cost=cost,
            rng=settings.rng(10 + stream, 1),
            tuning_scores=scores.tuning,
            groups=groups,
            resamples=settings.resamples,
            confidence=settings.confidence,
        ),
        chosen=choose(
            student,
            refined,
            values,
            estimator=scores.name,
            cost=cost,
            rng=settings.rng(10 + stream, 2),
            groups=groups,
            folds=folds,
            resamples=settings.resamples,
            confidence=settings.confidence,
        )
        if folds >= 2
        else None,
        agreement=_agreement(branches, scores, settings, stream=stream),
        accuracies=tuple(
            decision_accuracy(
                values,
                labels,
                percentile=k,
                tuning_scores=scores.tuning,
                groups=groups,
                rng=settings.rng(10 + stream, 6, place),
                resamples=settings.resamples,
                confidence=settings.confidence,
            )
            for place, k in enumerate(PERCENTILES)
        ),
        best=(chosen.accuracy, chosen.percentile) if chosen else None,
        ranking=ranking_quality(
            values,
            labels,
            estimator=scores.name,
            rng=settings.rng(10 + stream, 4),
            groups=groups,
            resamples=settings.resamples,
            confidence=settings.confidence,
        ),
        bins=reliability(
            values,
            labels,
            bins=max(1, min(10, len(places) // 10)),
            groups=groups,
            rng=settings.rng(10 + stream, 7),
            resamples=settings.resamples,
            confidence=settings.confidence,
        ),
    )


def _groups(branches: Branches, places: Sequence[int]) -> list[Hashable] | None:
    """Of each prompt; None where no two share one, as every analysis then draws prompts anyway."""
    if branches.groups is None:
        return None
    groups = [branches.groups[i] for i in places]
    return groups if len(set(groups)) < len(groups) else None


def _made(
    branches: Branches,
    arm: Arm,
    places: Sequence[int],
    values: Sequence[float],
    state: CurrentState,
) -> Made:
    """The real arm; where it was judged itself, on how many prompts the two ways differ."""
    if arm.judged is None:
        return Made(arm, state, None, None)
    differ, counts = 0, dict.fromkeys(Result, 0)
    for place, value in zip(places, values, strict=True):
        own = arm.judged[place]
        if own is None:
            continue
        counts[own] += 1
        differ += own is not (branches.student if value >= arm.tau else branches.refined)[place]
    judged = (counts[Result.WIN], counts[Result.TIE], counts[Result.LOSS])
    return Made(arm, state, judged, differ) if sum(judged) else Made(arm, state, None, None)


def _agreement(
    branches: Branches, scores: Scores, settings: Settings, *, stream: int
) -> PairAgreement | None:
    """Student against teacher, the pairs that were judged; None without scores of both sides."""
    if scores.teacher is None:
        return None
    # Prompts of one group share a photo: the interval takes them together, as all others here do.
    units = branches.prompts if branches.groups is None else branches.groups
    rows = zip(scores.student, scores.teacher, branches.student, units, strict=True)
    kept = [(a, b, result, key) for a, b, result, key in rows if a is not None and b is not None]
    if not any(result in (Result.WIN, Result.LOSS) for _, _, result, _ in kept):
        return None
    return pair_agreement(
        [a for a, _, _, _ in kept],
        [b for _, b, _, _ in kept],
        [result for _, _, result, _ in kept],
        estimator=scores.name,
        prompts=[key for _, _, _, key in kept],
        rng=settings.rng(10 + stream, 5),
        resamples=settings.resamples,
        confidence=settings.confidence,
    )


def compare_estimators(branches: Branches, settings: Settings) -> tuple[EstimatorComparison, ...]:
    """Every pair of estimators on the prompts that both scored, at the same k."""
    found = []
    for number, (one, two) in enumerate(combinations(branches.scores, 2)):
        places = [i for i in scored(branches, one) if two.student[i] is not None]
        if not places:
            continue
        student = [branches.student[i] for i in places]
        labels = _labels(student, [branches.refined[i] for i in places], settings.rule)
        # The places are those that both scored; the filter says so to the type checker.
        first, second = ([v for i in places if (v := s.student[i]) is not None] for s in (one, two))
        right = []
        for scores, values in ((one, first), (two, second)):
            tau = decision_accuracy(
                values, labels, percentile=settings.percentile, tuning_scores=scores.tuning
            ).threshold
            kept = decisions(values, tau)
            right.append([k == z for k, z in zip(kept, labels, strict=True)])
        cells = [[0, 0], [0, 0]]
        for a, b in zip(*right, strict=True):
            cells[1 - a][1 - b] += 1
        auc = None
        if any(labels) and not all(labels):
            gap = auc_difference(
                first,
                second,
                labels,
                rng=settings.rng(1, number),
                groups=_groups(branches, places),
                resamples=settings.resamples,
                confidence=settings.confidence,
            )
            auc = (gap.estimate, gap.low, gap.high)
        found.append((one.name, two.name, len(places), mcnemar(cells), auc))
    adjusted = benjamini_hochberg([test.p_value for *_, test, _ in found])
    return tuple(
        EstimatorComparison(
            first, second, n, test.only_first, test.only_second, test.p_value, p, auc
        )
        for (first, second, n, test, auc), p in zip(found, adjusted, strict=True)
    )


def _labels(
    student: Sequence[Result | None], refined: Sequence[Result | None], rule: Rule
) -> list[bool]:
    pairs = zip(student, refined, strict=True)
    return [rule.keeps(s, r) for s, r in pairs if s is not None and r is not None]
