"""What the oracle laboratory needs of a study: how often label, student and refined result met.
Must not know how an oracle errs; prompts that lack a verdict on a branch are counted, not used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import TYPE_CHECKING

from annotate.analysis.columns import same_length
from annotate.analysis.contrast import Result

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RESULTS = (Result.WIN, Result.TIE, Result.LOSS)
CELLS = (2, 3, 3)
"""Axes of every table: ideal label (0 refine, 1 keep), student's result, refined result."""
_CODE = {result: code for code, result in enumerate(RESULTS)}


class Rule(StrEnum):
    """When an ideal oracle keeps the student's sample."""

    NOT_WORSE = "not_worse"
    """The student wins or ties against the teacher: a tie keeps, as that is cheaper."""
    WIN_ONLY = "win_only"
    """The student wins against the teacher."""
    BEST_BRANCH = "best_branch"
    """The student does at least as well as its refined sample: the largest gain there is, but not
    what an oracle can predict that sees the student's sample only."""

    def keeps(self, student: Result, refined: Result) -> bool:
        """The ideal label of one prompt."""
        if self is Rule.NOT_WORSE:
            return student is not Result.LOSS
        if self is Rule.WIN_ONLY:
            return student is Result.WIN
        return _CODE[student] <= _CODE[refined]


@dataclass(frozen=True, eq=False)
class BranchTable:
    """Both branches of every prompt against the teacher, in the cells that suffice for M1 to M4.

    Resampling draws units (prompts, or groups of prompts that share a photo). Units with the same
    content are one pattern: `patterns` has the shape (patterns, 2, 3, 3) and says how many prompts
    of a unit lie in each cell (fractions where a prompt's votes were split for cross-fitting),
    `counts` how many units there are of each pattern.
    """

    rule: Rule
    patterns: NDArray[np.float64]
    counts: NDArray[np.int64]
    excluded: int
    cross_fitted: bool

    @property
    def units(self) -> int:
        """The number of units that resampling draws."""
        return int(self.counts.sum())

    @property
    def n(self) -> int:
        """The number of prompts."""
        return round(float((self.patterns.sum(axis=(1, 2, 3)) * self.counts).sum()))

    @property
    def shares(self) -> NDArray[np.float64]:
        """The share of prompts in each cell, shape (2, 3, 3)."""
        import numpy as np

        return np.asarray(np.tensordot(self.counts, self.patterns, axes=1) / self.n)

    @property
    def label_share(self) -> float:
        """pi: the share of prompts whose ideal label is to keep."""
        return float(self.shares[1].sum())

    def resampled(self, resamples: int, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Cell shares of studies whose units were drawn with replacement: (resamples, 2, 3, 3)."""
        return resampled(self.patterns, self.counts, resamples=resamples, rng=rng)


def tabulate(
    student: Sequence[Result | None],
    refined: Sequence[Result | None],
    *,
    rule: Rule,
    labels: Sequence[bool] | None = None,
    groups: Sequence[Hashable] | None = None,
) -> BranchTable:
    """The table of a study in which both branches of each prompt were judged against the teacher.

    Args:
        student: verdict on the student's own sample of each prompt; None where undecided.
        refined: verdict on the sample refined (or regenerated) from it; None where undecided.
        rule: the ideal label.
        labels: ideal labels by the same rule from another set of votes (a form of cross-fit);
            by default the rule is applied to the verdicts given.
        groups: of each prompt; prompts of one group are drawn together. By default each is alone.

    Raises:
        ValueError: the columns differ in length, or no prompt has both verdicts.
    """
    import numpy as np

    rule = Rule(rule)
    same_length(student=student, refined=refined, labels=labels, groups=groups)
    kept = decided(student, refined)
    s, r = (codes([column[i] for i in kept]) for column in (student, refined))
    z = (
        ideal_labels(s, r, rule=rule)
        if labels is None
        else np.array([bool(labels[i]) for i in kept])
    )
    contents = np.zeros((len(kept), *CELLS))
    contents[np.arange(len(kept)), z.astype(np.int64), s, r] = 1.0
    patterns, counts = by_unit(contents, None if groups is None else [groups[i] for i in kept])
    return BranchTable(
        rule=rule,
        patterns=patterns,
        counts=counts,
        excluded=len(student) - len(kept),
        cross_fitted=labels is not None,
    )


def cross_fit(
    student: Sequence[Sequence[Result]],
    refined: Sequence[Sequence[Result]],
    *,
    rule: Rule,
    groups: Sequence[Hashable] | None = None,
) -> BranchTable:
    """The table with label and result from different votes, averaged over all choices of the vote.

    With label and result from the same three noisy votes an oracle of accuracy 1 looks better than
    any could be: it also knows the noise. Here one vote of each branch makes the label and the
    plurality of the others (no single leader: tie) the result. Prompts with fewer than two votes on
    either branch are excluded and counted.

    Args:
        student: the single votes on each prompt's student sample.
        refined: the single votes on each prompt's refined sample.
        rule: the ideal label.
        groups: as for `tabulate`.

    Raises:
        ValueError: the columns differ in length, or no prompt has two votes on each branch.
    """
    import numpy as np

    rule = Rule(rule)
    same_length(student=student, refined=refined, groups=groups)
    kept = [i for i, pair in enumerate(zip(student, refined, strict=True)) if _enough(*pair)]
    _some(len(kept), "two votes on each branch")
    split: dict[tuple[tuple[Result, ...], ...], NDArray[np.float64]] = {}
    contents = np.empty((len(kept), *CELLS))
    for place, i in enumerate(kept):
        ballots = tuple(tuple(sorted(map(Result, column[i]))) for column in (student, refined))
        if ballots not in split:
            split[ballots] = _split(*ballots, rule=rule)
        contents[place] = split[ballots]
    patterns, counts = by_unit(contents, None if groups is None else [groups[i] for i in kept])
    return BranchTable(
        rule=rule,
        patterns=patterns,
        counts=counts,
        excluded=len(student) - len(kept),
        cross_fitted=True,
    )


def by_unit(
    contents: NDArray[np.float64], groups: Sequence[Hashable] | None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The different contents of units, and how many units there are of each.

    Args:
        contents: (prompts, ...) what each prompt adds to the cells.
        groups: of each prompt, or None where each is its own unit.
    """
    import numpy as np

    if groups is not None:
        place = {group: row for row, group in enumerate(dict.fromkeys(groups))}
        summed = np.zeros((len(place), *contents.shape[1:]))
        np.add.at(summed, [place[group] for group in groups], contents)
        contents = summed
    patterns, counts = np.unique(contents, axis=0, return_counts=True)
    return patterns, counts.astype(np.int64)


def resampled(
    patterns: NDArray[np.float64],
    counts: NDArray[np.int64],
    *,
    resamples: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Cell shares of resampled studies: multinomial counts of patterns are resampled units."""
    import numpy as np

    total = counts.sum()
    drawn = rng.multinomial(total, counts / total, size=resamples)
    cells = np.tensordot(drawn, patterns, axes=1)
    prompts = cells.reshape(resamples, -1).sum(axis=1)
    return np.asarray(cells / prompts.reshape(-1, *(1,) * (cells.ndim - 1)))


def decided(student: Sequence[Result | None], refined: Sequence[Result | None]) -> list[int]:
    """The places of the prompts with a verdict on both branches; refuses a study without any."""
    both = zip(student, refined, strict=True)
    places = [i for i, (s, r) in enumerate(both) if s is not None and r is not None]
    _some(len(places), "a verdict on both branches")
    return places


def codes(results: Iterable[Result | None]) -> NDArray[np.int64]:
    """0, 1, 2 for win, tie, loss."""
    import numpy as np

    return np.array([_CODE[Result(result)] for result in results if result is not None])


def ideal_labels(
    student: NDArray[np.int64], refined: NDArray[np.int64], *, rule: Rule
) -> NDArray[np.bool_]:
    """The rule applied to whole columns of codes."""
    import numpy as np

    return np.asarray(
        np.array([[rule.keeps(a, b) for b in RESULTS] for a in RESULTS])[student, refined]
    )


def _split(
    student: tuple[Result, ...], refined: tuple[Result, ...], *, rule: Rule
) -> NDArray[np.float64]:
    import numpy as np

    content = np.zeros(CELLS)
    for i, j in product(range(len(student)), range(len(refined))):
        label = rule.keeps(student[i], refined[j])
        s = plurality(student[:i] + student[i + 1 :])
        r = plurality(refined[:j] + refined[j + 1 :])
        content[int(label), _CODE[s], _CODE[r]] += 1
    return np.asarray(content / content.sum())


def plurality(votes: Sequence[Result]) -> Result:
    """What most votes say; without a single leader a tie."""
    (leader, most), *others = Counter(votes).most_common()
    return Result.TIE if others and others[0][1] == most else leader


def _enough(student: Sequence[Result], refined: Sequence[Result]) -> bool:
    return min(len(student), len(refined)) >= 2


def _some(prompts: int, wanted: str) -> None:
    if not prompts:
        raise ValueError(f"no prompt has {wanted}; judge student and refined against the teacher")
