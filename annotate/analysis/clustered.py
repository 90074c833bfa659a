"""The share of votes that share prompts and annotators: two-way clusters, few annotators.
Must not know studies or pages: columns in, numbers that name themselves out."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from annotate.analysis.annotators import CLUSTERS, FIXED_EFFECTS
from annotate.analysis.columns import numbered, repeated, same_length, without_gaps
from annotate.analysis.contrast import Result
from annotate.analysis.winrate import TieConvention, normal_quantile, wilson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Codes = NDArray[np.int64]

_PLACE: dict[str | None, int] = {Result.WIN: 0, Result.TIE: 1, Result.LOSS: 2, None: 3}


class AnnotatorShare(NamedTuple):
    """One annotator's own vote share with Wilson's interval, and the share without them."""

    annotator: Hashable
    n: int
    estimate: float
    low: float
    high: float
    without: float | None


@dataclass(frozen=True)
class CrossedShare:
    """The share of votes for the challenger, votes being clustered by prompt and by annotator.

    `method` names what the interval speaks about: prompts and annotators from `CLUSTERS` annotators
    on, else prompts only, as judged by these annotators; `warning` then says so. Below
    `FIXED_EFFECTS` the annotators stand one by one in `by_annotator`, and `leave_one_out` is the
    range of the shares without one of them; else they are empty and None. `p_value` is two-sided
    against 1/2.
    """

    estimand: ClassVar[str] = "vote share (votes)"
    unit: ClassVar[str] = "vote"

    wins: int
    ties: int
    losses: int
    convention: TieConvention
    estimate: float | None
    standard_error: float | None
    low: float | None
    high: float | None
    p_value: float | None
    confidence: float
    n: int
    prompts: int
    annotators: int
    invalid: int
    method: str
    warning: str
    by_annotator: tuple[AnnotatorShare, ...]
    leave_one_out: tuple[float, float] | None


def crossed_share(
    results: Sequence[Result | None],
    prompts: Sequence[Hashable],
    annotators: Sequence[Hashable],
    *,
    convention: TieConvention = TieConvention.DROPPED,
    confidence: float = 0.95,
) -> CrossedShare:
    """The share of votes for the challenger, robust to what votes share: prompt and annotator.

        V = V_prompt + V_annotator - V_(prompt, annotator),  each with G / (G - 1)

    but never less than the larger of the first two, which V can fall below by chance. The interval
    has Wilson's form on the effective number of votes p (1 - p) / V, with Student's t on G - 1
    degrees of freedom in place of z; G is the smaller number of clusters.

    Each annotator votes once on a pair; with on-demand overlap give the first two votes of each
    prompt only, as the third is asked for because they differ.

    Args:
        results: of each vote from the challenger's side; None where it is not valid.
        prompts: the prompt of each vote, or its group where prompts have one.
        annotators: who voted.
        convention: what a tied vote counts.
        confidence: of the interval, in (0, 1).

    Raises:
        ValueError: columns differ in length, a result is unknown, or the confidence out of range.

    Source: Cameron, Gelbach and Miller, JBES 29 (2011).
    """
    same_length(results=results, prompts=prompts, annotators=annotators)
    return crossed_share_of_codes(
        kinds(results)[0],
        numbered(prompts),
        numbered(annotators),
        names=tuple(dict.fromkeys(annotators)),
        convention=convention,
        confidence=confidence,
    )


def crossed_share_of_codes(
    kind: Codes,
    prompt: Codes,
    annotator: Codes,
    *,
    names: Sequence[Hashable],
    convention: TieConvention = TieConvention.DROPPED,
    confidence: float = 0.95,
) -> CrossedShare:
    """`crossed_share` of a million votes: columns of codes in place of names.

    Args:
        kind: (votes,) 0 win, 1 tie, 2 loss, 3 not valid.
        prompt: (votes,) whole numbers from 0.
        annotator: (votes,) places in `names`.
        names: who the annotators are.

    Raises:
        ValueError: columns differ in length, or the confidence is out of range.
    """
    import numpy as np

    convention = TieConvention(convention)
    check_confidence(confidence)
    same_length(kind=kind, prompt=prompt, annotator=annotator)
    counts = np.bincount(kind, minlength=4)
    if convention is TieConvention.DROPPED:
        kind = np.where(kind == 1, 3, kind)
    counted = kind < 3
    prompt, _ = without_gaps(prompt[counted])
    person, there = without_gaps(annotator[counted])
    names = [names[place] for place in there.tolist()]
    tied = 0.5 if convention is TieConvention.HALF else 0.0
    points = np.array([1.0, tied, 0.0])[kind[counted]]
    n, n_prompts = len(points), int(prompt.max()) + 1 if len(points) else 0
    estimate = error = low = high = p_value = None
    crossed = len(names) >= CLUSTERS
    if n:
        estimate = float(points.mean())
    if estimate is not None and n_prompts > 1:
        residuals = points - estimate
        variance = _variance(residuals, prompt)
        clusters = n_prompts
        if crossed:
            by_person = _variance(residuals, person)
            cell = np.arange(n)
            if repeated(prompt, person) is not None:
                _, cell = np.unique(prompt * len(names) + person, return_inverse=True)
            both = _variance(residuals, cell)
            variance = max(variance + by_person - both, variance, by_person)
            clusters = min(n_prompts, len(names))
        error = math.sqrt(variance)
        low, high, p_value = student(estimate, variance, clusters, confidence=confidence)
    few = 0 < len(names) < FIXED_EFFECTS
    alone = _one_by_one(points, person, names, confidence=confidence) if few else ()
    ranged = [share.without for share in alone if share.without is not None]
    return CrossedShare(
        wins=int(counts[0]),
        ties=int(counts[1]),
        losses=int(counts[2]),
        convention=convention,
        estimate=estimate,
        standard_error=error,
        low=low,
        high=high,
        p_value=p_value,
        confidence=confidence,
        n=n,
        prompts=n_prompts,
        annotators=len(names),
        invalid=int(counts[3]),
        method=(
            f"cluster-robust by prompt{' and annotator' if crossed else ''}, "
            "Wilson's form with Student's t"
        ),
        warning="" if crossed or not n else _warning(len(names)),
        by_annotator=alone,
        leave_one_out=(min(ranged), max(ranged)) if ranged else None,
    )


def kinds(results: Sequence[Result | None]) -> tuple[Codes, int]:
    """0 win, 1 tie, 2 loss, 3 left out; and how many of the last."""
    import numpy as np

    try:
        kind = np.fromiter((_PLACE[result] for result in results), np.int64, len(results))
    except KeyError as unknown:
        raise ValueError(
            f"{unknown.args[0]!r} is no result; use win, tie, loss, or None where there is none"
        ) from None
    return kind, int((kind == 3).sum())


def _variance(residuals: Array, clusters: Codes) -> float:
    """The cluster-robust variance of a mean, with G / (G - 1); clusters are 0 to G - 1."""
    import numpy as np

    sums = np.bincount(clusters, weights=residuals)
    if len(sums) < 2:
        return 0.0
    return float(len(sums) / (len(sums) - 1) * (sums @ sums) / len(residuals) ** 2)


def student(
    share: float, variance: float, clusters: int, *, confidence: float
) -> tuple[float, float, float]:
    """Wilson's form with Student's t for a share of given variance: (low, high, p against 1/2)."""
    # Of Student's distribution; scipy.stats, which asks them too, takes half a second to load.
    from scipy.special import stdtr, stdtrit

    quantile = float(stdtrit(clusters - 1, (1 + confidence) / 2))
    # Votes that are all alike have no variance: as if every cluster had voted once.
    effective = share * (1 - share) / variance if variance > 1e-18 else float(clusters)
    low, high = wilson(share, effective, z=quantile)
    # The same inversion at 1/2, so that p < alpha just where the interval leaves 1/2 out.
    distance = abs(share - 0.5) / math.sqrt(0.25 / effective)
    return low, high, float(2 * stdtr(clusters - 1, -distance))


def _one_by_one(
    points: Array, person: Codes, names: Sequence[Hashable], *, confidence: float
) -> tuple[AnnotatorShare, ...]:
    import numpy as np

    votes, won = np.bincount(person), np.bincount(person, weights=points)
    rest, rest_won = votes.sum() - votes, won.sum() - won
    shares = []
    for i, name in enumerate(names):
        share, n = float(won[i] / votes[i]), int(votes[i])
        low, high = wilson(share, n, z=normal_quantile(confidence))
        without = float(rest_won[i] / rest[i]) if rest[i] else None
        shares.append(AnnotatorShare(name, n, share, low, high, without))
    return tuple(sorted(shares, key=lambda one: str(one.annotator)))


def _warning(annotators: int) -> str:
    if annotators < FIXED_EFFECTS:
        people = "1 annotator" if annotators == 1 else f"{annotators} annotators"
        return (
            f"with {people} (fewer than {FIXED_EFFECTS}) the interval speaks about prompts as "
            "judged by exactly these people: read their own shares beside it"
        )
    return (
        f"with {annotators} annotators (fewer than {CLUSTERS}) no interval over annotators is "
        "claimed: it speaks about prompts as judged by these people"
    )


def check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence} lies outside (0, 1); use for example 0.95")
