"""The share of votes under a bootstrap that draws prompts and annotators at once.
Must not know studies or pages: columns in, numbers that name themselves out."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from annotate.analysis.annotators import CLUSTERS
from annotate.analysis.clustered import check_confidence, kinds
from annotate.analysis.columns import same_length
from annotate.analysis.contrast import Result
from annotate.analysis.winrate import TieConvention

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class CrossedBootstrap:
    """The share of votes for the challenger; both prompts and annotators are drawn.

    Without votes the numbers are None; below `CLUSTERS` annotators the interval is None too, as of
    the two-way one, and `warning` says so.
    """

    estimand: ClassVar[str] = "vote share (votes)"
    unit: ClassVar[str] = "vote"
    method: ClassVar[str] = "bootstrap over prompts and annotators (pigeonhole)"

    convention: TieConvention
    estimate: float | None
    low: float | None
    high: float | None
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
    as its prompt times its annotator was drawn. That never claims too much, and too little where
    votes differ for reasons of their own: what is neither the prompt's nor the annotator's share
    enters the variance three times. Where everybody judged everything it is near the two-way
    interval of `clustered.crossed_share`; with three votes on a prompt it is wider.

    Args:
        results: of each vote from the challenger's side; None where it is not valid.
        prompts: the prompt of each vote, or its group where prompts have one.
        annotators: who voted; names in an order of their own decide which draw is whose.
        rng: draws both.
        convention: what a tied vote counts.
        resamples: of both samples.
        confidence: of the interval, in (0, 1).

    Raises:
        ValueError: columns differ in length, a result is unknown, or a number is out of range.

    Source: Owen, Annals of Applied Statistics 1 (2007).
    """
    import numpy as np
    from scipy.sparse import csr_array

    convention = TieConvention(convention)
    check_confidence(confidence)
    if resamples < 1:
        raise ValueError(f"resamples={resamples} gives no interval; draw at least 1, better 2000")
    same_length(results=results, prompts=prompts, annotators=annotators)
    kind, _ = kinds(results)
    counted = (kind < 3) & ~((kind == 1) & (convention is TieConvention.DROPPED))
    tied = 0.5 if convention is TieConvention.HALF else 0.0
    points = np.array([1.0, tied, 0.0, 0.0])[kind][counted]
    rows = np.flatnonzero(counted).tolist()
    prompt, n_prompts = _places([prompts[i] for i in rows])
    person, n_people = _places([annotators[i] for i in rows])
    estimate = low = high = None
    if rows:
        estimate = float(points.mean())
    if rows and n_people >= CLUSTERS and n_prompts > 1:
        shape = (n_people, n_prompts)
        won, all_votes = (
            csr_array((values, (person, prompt)), shape=shape)
            for values in (points, np.ones(len(points)))
        )
        drawn_prompts = rng.multinomial(n_prompts, np.full(n_prompts, 1 / n_prompts), resamples)
        drawn_people = rng.multinomial(n_people, np.full(n_people, 1 / n_people), resamples)
        top, bottom = (
            (drawn_people * (table @ drawn_prompts.T).T).sum(axis=1) for table in (won, all_votes)
        )
        tails = ((1 - confidence) / 2, (1 + confidence) / 2)
        ends = np.quantile(top[bottom > 0] / bottom[bottom > 0], tails)
        low, high = float(ends[0]), float(ends[1])
    few = 0 < n_people < CLUSTERS
    return CrossedBootstrap(
        convention=convention,
        estimate=estimate,
        low=low,
        high=high,
        confidence=confidence,
        n=len(rows),
        prompts=n_prompts,
        annotators=n_people,
        resamples=resamples,
        warning=(
            f"with {n_people} annotators (fewer than {CLUSTERS}) no interval over annotators is "
            "claimed"
        )
        if few
        else "",
    )


def _places(names: Sequence[Hashable]) -> tuple[NDArray[np.int64], int]:
    """Codes by the names' own order, so that the order of rows cannot move a draw."""
    import numpy as np

    place = {name: i for i, name in enumerate(sorted(set(names), key=repr))}
    return np.array([place[name] for name in names], dtype=np.int64), len(place)
