"""How different a method's samples of one prompt are, from people's answers on four attributes.
Must not know images or pages; votes come as numbers in [0, 1], their levels already mapped."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from annotate.analysis.significance import holm

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


class Attribute(StrEnum):
    """What annotators compare, in the order of the screen (supplement D.5)."""

    ANGLE = "angle_of_view"
    BACKGROUND = "background"
    OBJECT = "main_object"
    STYLE = "style"


OVERALL = "overall"


class DiversityVote(NamedTuple):
    """One annotator's answer on one attribute; `score` is None for "cannot judge"."""

    method: str
    prompt: Hashable
    attribute: Attribute
    score: float | None
    # Prompts of one group (captions of one photo) are resampled together; "" is a group of its own.
    group: str = ""


@dataclass(frozen=True)
class DiversityScore:
    """A method's score on one attribute or overall: 0 all alike, 1 all clearly different.

    `estimate`, `low` and `high` are None where no vote could be counted. `cannot_judge` votes are
    left out of the mean of their prompt and attribute only.
    """

    estimand: ClassVar[str] = "mean over prompts of the mean of a prompt's votes"
    unit: ClassVar[str] = "prompt"
    procedure: ClassVar[str] = "bootstrap over prompts, those of one group together"

    method: str
    attribute: str
    estimate: float | None
    low: float | None
    high: float | None
    prompts: int
    votes: int
    cannot_judge: int
    confidence: float

    @property
    def n(self) -> int:
        """Prompts with a score."""
        return self.prompts


@dataclass(frozen=True)
class DiversityDifference:
    """First method minus second on the prompts that both have, paired; p is Holm-adjusted.

    `unpaired` prompts have a score of one of the two only, and are left out.
    """

    estimand: ClassVar[str] = "difference of two methods' mean scores on the same prompts"
    unit: ClassVar[str] = "prompt"
    method: ClassVar[str] = (
        "bootstrap over prompts and sign flips, those of one group together; Holm"
    )

    first: str
    second: str
    attribute: str
    estimate: float
    low: float
    high: float
    p_value: float
    adjusted_p: float
    prompts: int
    unpaired: int
    confidence: float

    @property
    def n(self) -> int:
        """Prompts with a score of both methods."""
        return self.prompts


def levels(n: int) -> tuple[float, ...]:
    """The scores of an answer scale of n levels: 0 same ... 1 clearly different.

    Raises:
        ValueError: the protocol knows scales of 2, 3 and 5 levels.
    """
    if n not in {2, 3, 5}:
        raise ValueError(f"a scale of {n} levels was given; use 2, 3 or 5")
    return tuple(level / (n - 1) for level in range(n))


def diversity_scores(
    votes: Sequence[DiversityVote],
    *,
    rng: np.random.Generator,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> tuple[DiversityScore, ...]:
    """Every method's score on each attribute and overall, methods in alphabetical order.

        attribute: mean over prompts of the mean of the prompt's votes (prompts weigh equally)
        overall:   mean of the four attributes' scores; None unless each has one

    Args:
        votes: one for each annotator, pair and attribute.
        rng: draws prompts for the percentile intervals, those of one group together.
        resamples: of the prompts or groups.
        confidence: of the intervals, in (0, 1).

    Raises:
        ValueError: a score lies outside [0, 1], or the confidence outside (0, 1).
    """
    import numpy as np

    _check(votes, confidence=confidence)
    found = []
    for method in sorted({vote.method for vote in votes}):
        own = [vote for vote in votes if vote.method == method]
        prompts, table = _table(own)
        groups = _groups(prompts, _named(own))
        weights = _draws(groups, resamples, rng=rng)[:, groups]
        point = _means(table, np.ones((1, len(prompts))))[0]
        again = _means(table, weights)
        for column, name in enumerate([*Attribute, OVERALL]):
            about = [v for v in own if name in (v.attribute, OVERALL)]
            values = again[:, column][~np.isnan(again[:, column])]
            known = not math.isnan(point[column])
            low, high = _ends(values, confidence) if known else (None, None)
            found.append(
                DiversityScore(
                    method=method,
                    attribute=str(name),
                    estimate=float(point[column]) if known else None,
                    low=low,
                    high=high,
                    prompts=len({v.prompt for v in about if v.score is not None}),
                    votes=sum(v.score is not None for v in about),
                    cannot_judge=sum(v.score is None for v in about),
                    confidence=confidence,
                )
            )
    return tuple(found)


def diversity_differences(
    votes: Sequence[DiversityVote],
    *,
    rng: np.random.Generator,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> tuple[DiversityDifference, ...]:
    """All pairs of methods on each attribute, paired by prompt; Holm over attributes x pairs.

    The p-value is that of a sign-flip test on the prompts' differences: under "no difference" each
    prompt's difference, or those of a group together, is as likely to have the other sign. Pairs
    without a common prompt are left out.

    Raises:
        ValueError: as `diversity_scores`.
    """
    import numpy as np

    _check(votes, confidence=confidence)
    means: dict[tuple[str, str], dict[Hashable, float]] = defaultdict(dict)
    cells: dict[tuple[str, str, Hashable], list[float]] = defaultdict(list)
    for vote in votes:
        if vote.score is not None:
            cells[vote.method, str(vote.attribute), vote.prompt].append(vote.score)
    for (method, attribute, prompt), scores in cells.items():
        means[method, attribute][prompt] = sum(scores) / len(scores)
    methods, named = sorted({vote.method for vote in votes}), _named(votes)
    rows: list[tuple[str, str, str, int, Array, NDArray[np.int64], float]] = []
    for place, first in enumerate(methods):
        for second in methods[place + 1 :]:
            for attribute in Attribute:
                one, two = means[first, attribute], means[second, attribute]
                common = [prompt for prompt in one if prompt in two]
                if common:
                    differences = np.array([one[prompt] - two[prompt] for prompt in common])
                    groups = _groups(common, named)
                    sums = np.zeros(int(groups.max()) + 1)
                    np.add.at(sums, groups, differences)
                    p = _sign_flip(sums, rng=rng)
                    alone = len(one.keys() ^ two.keys())
                    rows.append((first, second, str(attribute), alone, differences, groups, p))
    adjusted = holm([row[-1] for row in rows])
    found = []
    for row, adjusted_p in zip(rows, adjusted, strict=True):
        first, second, name, unpaired, differences, groups, p = row
        n = len(differences)
        weights = _draws(groups, resamples, rng=rng)[:, groups]
        drawn = weights @ differences / weights.sum(axis=1)
        low, high = _ends(drawn, confidence)
        found.append(
            DiversityDifference(
                first=first,
                second=second,
                attribute=name,
                estimate=float(differences.mean()),
                low=low,
                high=high,
                p_value=p,
                adjusted_p=adjusted_p,
                prompts=n,
                unpaired=unpaired,
                confidence=confidence,
            )
        )
    return tuple(found)


def _table(votes: Sequence[DiversityVote]) -> tuple[list[Hashable], Array]:
    """Mean of each prompt's votes on each attribute, (prompts, 4); NaN where there is none."""
    import numpy as np

    prompts = list(dict.fromkeys(vote.prompt for vote in votes))
    row, column = {p: i for i, p in enumerate(prompts)}, {a: i for i, a in enumerate(Attribute)}
    total = np.zeros((len(prompts), len(column)))
    count = np.zeros_like(total)
    for vote in votes:
        if vote.score is not None:
            place = row[vote.prompt], column[Attribute(vote.attribute)]
            total[place] += vote.score
            count[place] += 1
    return prompts, np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def _named(votes: Sequence[DiversityVote]) -> dict[Hashable, str]:
    """Group by prompt, of those that have one."""
    return {vote.prompt: vote.group for vote in votes if vote.group}


def _groups(prompts: Sequence[Hashable], named: dict[Hashable, str]) -> NDArray[np.int64]:
    """The number of each prompt's group, from 0 in the order in which groups come."""
    import numpy as np

    keys = [("group", named[p]) if p in named else ("prompt", p) for p in prompts]
    number = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    return np.array([number[key] for key in keys], dtype=np.int64)


def _draws(
    groups: NDArray[np.int64], resamples: int, *, rng: np.random.Generator
) -> NDArray[np.int64]:
    """How often each group is drawn, (resamples, groups): as many draws as there are groups."""
    import numpy as np

    n = int(groups.max()) + 1
    return rng.multinomial(n, np.full(n, 1 / n), resamples)


def _means(table: Array, weights: Array | NDArray[np.int64]) -> Array:
    """Weighted means over prompts by attribute and overall: (draws, 5)."""
    import numpy as np

    known = ~np.isnan(table)
    total = weights @ np.where(known, table, 0.0)
    count = (weights @ known).astype(np.float64)
    scores = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return np.column_stack([scores, scores.mean(axis=1)])


def _sign_flip(differences: Array, *, rng: np.random.Generator, flips: int = 20_000) -> float:
    """Two-sided p-value of the mean under random signs; the observed signs count as one draw."""
    import numpy as np

    moved = differences[differences != 0]
    if not len(moved):
        return 1.0
    observed = abs(float(moved.sum()))
    if len(moved) <= 14:  # all 2^n signs
        grid = np.indices((2,) * len(moved)).reshape(len(moved), -1)
        sums = np.abs((1 - 2 * grid).T @ moved)
        return float((sums >= observed - 1e-12).mean())
    as_extreme = 0
    for start in range(0, flips, 2000):
        flipped = rng.integers(0, 2, (min(2000, flips - start), len(moved)), dtype=np.int8)
        sums = moved.sum() - 2 * (flipped @ moved)
        as_extreme += int((np.abs(sums) >= observed - 1e-12).sum())
    return (as_extreme + 1) / (flips + 1)


def _ends(values: Array, confidence: float) -> tuple[float, float]:
    import numpy as np

    low, high = np.quantile(values, ((1 - confidence) / 2, (1 + confidence) / 2))
    return float(low), float(high)


def _check(votes: Sequence[DiversityVote], *, confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence} lies outside (0, 1); use for example 0.95")
    for vote in votes:
        if vote.score is not None and not 0 <= vote.score <= 1:
            raise ValueError(f"{vote} has a score outside [0, 1]; map the study's levels first")
