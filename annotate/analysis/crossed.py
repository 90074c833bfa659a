"""The share of votes under a bootstrap that draws prompts and annotators at once.
Must not know studies or pages: columns in, numbers that name themselves out."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from annotate.analysis.annotators import CLUSTERS
from annotate.analysis.clustered import crossed_share, kinds
from annotate.analysis.columns import numbered_by_name
from annotate.analysis.contrast import Result
from annotate.analysis.winrate import TieConvention, normal_quantile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Codes = NDArray[np.int64]
    Cells = list[tuple[int, float]]


@dataclass(frozen=True)
class CrossedBootstrap:
    """The share of votes for the challenger; both prompts and annotators are drawn.

    Without votes the numbers are None; below `CLUSTERS` annotators the interval is None too, as of
    the two-way one, and `warning` says so. `spread` is the two-way standard error over that of the
    draws, by which they were drawn together; None where votes are all alike and the two-way
    interval stands in.
    """

    estimand: ClassVar[str] = "vote share (votes)"
    unit: ClassVar[str] = "vote"
    method: ClassVar[str] = "bootstrap over prompts and annotators (pigeonhole), two-way spread"

    convention: TieConvention
    estimate: float | None
    low: float | None
    high: float | None
    spread: float | None
    confidence: float
    n: int
    prompts: int
    annotators: int
    resamples: int
    warning: str


def crossed_bootstrap(
    results: Sequence[Result | None],
    prompts: Sequence[Hashable],
    annotators: Sequence[Hashable],
    *,
    rng: np.random.Generator,
    convention: TieConvention = TieConvention.DROPPED,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> CrossedBootstrap:
    """The share of votes for the challenger with a percentile interval over both samples.

    Prompts and annotators are drawn independently, each with replacement; a vote counts as often
    as its prompt times its annotator was drawn. What is neither the prompt's nor the annotator's
    share enters the variance of such draws three times (Owen): their plain percentiles hold the
    truth in some 99 of 100 studies with three votes on a prompt (docs/results/coverage.md), and no
    resampling of rows and columns is free of that (McCullagh). So the draws give the shape and
    `clustered.crossed_share` the spread, Student's t over z included:

        end = share + (two-way error / deviation of the draws) (t / z) (percentile - share)

    Neither names of annotators nor the order of rows can move a draw, and swapping the methods
    mirrors the interval to the last draw (not under `losses`, which is no mirror).

    Args:
        results: of each vote from the challenger's side; None where it is not valid.
        prompts: the prompt of each vote, or its group where prompts have one; names in an order
            of their own decide which draw is whose.
        annotators: who voted.
        rng: draws both.
        convention: what a tied vote counts.
        resamples: of both samples.
        confidence: of the interval, in (0, 1).

    Raises:
        ValueError: columns differ in length, a result is unknown, or a number is out of range.

    Source: Owen, Annals of Applied Statistics 1 (2007); McCullagh, Bernoulli 6 (2000).
    """
    import numpy as np

    convention = TieConvention(convention)
    if resamples < 1:
        raise ValueError(f"resamples={resamples} gives no interval; draw at least 1, better 2000")
    seen = crossed_share(results, prompts, annotators, convention=convention, confidence=confidence)
    low, high, spread = seen.low, seen.high, None
    few = 0 < seen.annotators < CLUSTERS
    if few:
        low = high = None
    elif seen.estimate is not None and seen.standard_error is not None:
        kind, _ = kinds(results)
        counted = (kind < 3) & ~((kind == 1) & (convention is TieConvention.DROPPED))
        tied = 0.5 if convention is TieConvention.HALF else 0.0
        points = np.array([1.0, tied, 0.0])[kind[counted]]
        rows = np.flatnonzero(counted).tolist()
        people = _by_annotator(points, _places([prompts[i] for i in rows]), annotators, rows)
        drawn = _drawn(
            people,
            seen.prompts,
            mirrors=convention is not TieConvention.LOSSES,
            resamples=resamples,
            rng=rng,
        )
        deviation = float(drawn.std()) if len(drawn) else 0.0
        # Votes that are all alike teach no shape: the two-way interval stands.
        if min(deviation, seen.standard_error) > 1e-9:
            from scipy.special import stdtrit

            spread = seen.standard_error / deviation
            tails = ((1 - confidence) / 2, (1 + confidence) / 2)
            clusters = min(seen.prompts, seen.annotators)
            reach = spread * float(stdtrit(clusters - 1, tails[1])) / normal_quantile(confidence)
            ends = seen.estimate + reach * (np.quantile(drawn, tails) - seen.estimate)
            low, high = (float(end) for end in np.clip(ends, 0.0, 1.0))
    return CrossedBootstrap(
        convention=convention,
        estimate=seen.estimate,
        low=low,
        high=high,
        spread=spread,
        confidence=confidence,
        n=seen.n,
        prompts=seen.prompts,
        annotators=seen.annotators,
        resamples=resamples,
        warning=(
            f"with {seen.annotators} annotators (fewer than {CLUSTERS}) no interval over "
            "annotators is claimed"
        )
        if few
        else "",
    )


def _places(names: Sequence[Hashable]) -> list[int]:
    """Codes by the names' own order, so that the order of rows cannot move a draw."""
    place = numbered_by_name(names)
    return [place[name] for name in names]


def _by_annotator(
    points: Array, prompt: Sequence[int], annotators: Sequence[Hashable], rows: Sequence[int]
) -> list[Cells]:
    """Each annotator's (prompt, points), in an order that no name decides."""
    people: dict[Hashable, Cells] = {}
    for row, place, worth in zip(rows, prompt, points.tolist(), strict=True):
        people.setdefault(annotators[row], []).append((place, worth))
    return sorted(sorted(cells) for cells in people.values())


def _drawn(
    people: list[Cells], prompts: int, *, mirrors: bool, resamples: int, rng: np.random.Generator
) -> Array:
    """Shares of the votes for the challenger under weights of prompts times those of annotators."""
    import numpy as np
    from scipy.sparse import csr_array

    # Of a data set and its mirror image always the same one is drawn from.
    other = sorted(sorted((place, 1 - worth) for place, worth in cells) for cells in people)
    flip = mirrors and other < people
    used = other if flip else people
    person = np.repeat(np.arange(len(used)), [len(cells) for cells in used])
    place = [place for cells in used for place, _ in cells]
    points = np.array([worth for cells in used for _, worth in cells])
    drawn_prompts, drawn_people = (
        rng.multinomial(n, np.full(n, 1 / n), resamples).astype(np.float64)
        for n in (prompts, len(used))
    )
    top, bottom = (
        (drawn_people.T * (csr_array((values, (person, place))) @ drawn_prompts.T)).sum(axis=0)
        for values in (points, np.ones(len(points)))
    )
    shares = top[bottom > 0] / bottom[bottom > 0]
    if mirrors and other == people:
        # A data set that is its own mirror image: so is its interval.
        return np.concatenate([shares, 1 - shares])
    return np.asarray(1 - shares if flip else shares, dtype=np.float64)
