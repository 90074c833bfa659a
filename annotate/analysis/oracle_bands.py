"""Studies drawn again for the oracle curve's band: with other votes, or with other annotators too.
Must not know how an oracle errs; votes on both branches in, shares of cells out."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import TYPE_CHECKING, Protocol

from annotate.analysis.columns import numbered, numbered_by_name, same_length
from annotate.analysis.contrast import Result
from annotate.analysis.oracle_table import RESULTS, Rule, codes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Array = NDArray[np.float64]
    Codes = NDArray[np.int64]

_BLOCK = 500_000


class Over(StrEnum):
    """What a band draws again."""

    PROMPTS = "prompts"
    """Prompts, with the verdicts that they have."""
    VOTES = "votes"
    """Prompts, and inside each drawn prompt its votes."""
    CROSSED = "crossed"
    """Prompts and annotators, independently of each other."""


class Redrawn(Protocol):
    """What can draw a study again."""

    @property
    def over(self) -> Over:
        """What it draws."""
        ...

    def resampled(self, resamples: int, *, rng: np.random.Generator) -> Array:
        """Shares of prompts by label, student's and refined result: (resamples, 2, 3, 3)."""
        ...


@dataclass(frozen=True, eq=False)
class VoteDraws:
    """Prompts drawn with replacement, and in each its votes on both branches: see `draw_votes`.

    Prompts with the same votes are one pattern: `counts` says how many there are of each, `chances`
    those of all nine pairs of verdicts by drawn votes, (patterns, 9). `units` counts the prompts of
    each pattern in each group, (groups, patterns); None where each prompt is drawn alone.
    """

    rule: Rule
    chances: Array
    counts: Codes
    units: csr_array | None

    @property
    def over(self) -> Over:
        return Over.VOTES

    def resampled(self, resamples: int, *, rng: np.random.Generator) -> Array:
        """Shares of cells of studies drawn again: (resamples, 2, 3, 3)."""
        import numpy as np

        if self.units is None:
            # Prompts drawn, then their votes: together one draw from the mixture of all prompts.
            mixture = self.counts @ self.chances
            total = int(self.counts.sum())
            return _cells(rng.multinomial(total, mixture / mixture.sum(), resamples), self.rule)
        groups, patterns = self.units.shape
        block = max(1, _BLOCK // max(groups, 9 * patterns))
        parts = []
        for start in range(0, resamples, block):
            drawn = _often(groups, min(block, resamples - start), rng=rng)
            prompts = drawn @ self.units
            parts.append(rng.multinomial(prompts, self.chances).sum(axis=1))
        return _cells(np.concatenate(parts), self.rule)


@dataclass(frozen=True, eq=False)
class CrossedDraws:
    """Prompts and annotators drawn independently: see `draw_crossed`.

    `cast` counts votes by (branch, result, prompt) and annotator, as a sparse matrix of shape
    (6 prompts, annotators + 1); the last column holds what nobody cast and every draw keeps.
    """

    rule: Rule
    cast: csr_array
    unit: Codes
    annotators: int

    @property
    def over(self) -> Over:
        return Over.CROSSED

    def resampled(self, resamples: int, *, rng: np.random.Generator) -> Array:
        """Shares of cells: (resamples, 2, 3, 3), less the draws in which no vote is left."""
        import numpy as np

        n, units = len(self.unit), int(self.unit.max()) + 1
        block = max(1, _BLOCK // n)
        parts = []
        for start in range(0, resamples, block):
            size = min(block, resamples - start)
            drawn = _often(units, size, rng=rng)
            people = np.ones((self.annotators + 1, size), dtype=np.int32)
            if self.annotators:
                people[:-1] = _often(self.annotators, size, rng=rng).T
            win, tie, loss = (self.cast @ people).reshape(2, 3, n, size).transpose(1, 0, 2, 3)
            # A draw of votes without a single leader is a tie.
            code = np.ones(win.shape, dtype=np.int8)
            code[(win > tie) & (win > loss)] = 0
            code[(loss > tie) & (loss > win)] = 2
            # Where nobody who judged a branch was drawn the prompt is undecided, and left out.
            judged = ((win + tie + loss) > 0).all(axis=0)
            cell = 3 * code[0].astype(np.int64) + code[1] + 9 * np.arange(size)
            weight = drawn.T[self.unit] * judged
            parts.append(np.bincount(cell.ravel(), weight.ravel(), 9 * size).reshape(size, 9))
        counted = np.concatenate(parts)
        return _cells(counted[counted.sum(axis=1) > 0], self.rule)


def draw_votes(
    student: Sequence[Sequence[Result]],
    refined: Sequence[Sequence[Result]],
    *,
    rule: Rule,
    groups: Sequence[Hashable] | None = None,
) -> VoteDraws:
    """What the band over prompts and votes draws from.

    Inside each drawn prompt its votes on either branch are drawn with replacement, as many as there
    are, and the plurality is taken again (no single leader: tie); label and result follow from it.
    Verdicts by drawn votes lean towards ties, so that the band tells how sensitive the curve is and
    need not lie around it. Chances of verdicts are exact; nothing is drawn twice.

    Args:
        student: the votes behind each prompt's verdict on its student sample.
        refined: the votes behind the verdict on its refined sample.
        rule: the ideal label.
        groups: of each prompt; prompts of one group are drawn together, their votes each alone.

    Raises:
        ValueError: the columns differ in length, are empty, or a prompt has no vote on a branch.

    Source: definition (ii) of bands; ours, as the paper gives none.
    """
    import numpy as np
    from scipy.sparse import csr_array

    same_length(student=student, refined=refined, groups=groups)
    _voted(student, refined)
    tallies = np.array(
        [[*_tally(s), *_tally(r)] for s, r in zip(student, refined, strict=True)], dtype=np.int64
    )
    patterns, place, counts = np.unique(tallies, axis=0, return_inverse=True, return_counts=True)
    seen = {tuple(half): _plurality_chances(half) for half in patterns.reshape(-1, 3)}
    chances = np.stack(
        [np.outer(seen[tuple(row[:3])], seen[tuple(row[3:])]).ravel() for row in patterns]
    )
    units = None
    if groups is not None:
        held = (np.ones(len(tallies), np.int64), (numbered(groups), place.ravel()))
        units = csr_array(held, shape=(len(set(groups)), len(patterns)))
    return VoteDraws(Rule(rule), chances, counts.astype(np.int64), units)


def draw_crossed(
    student: Sequence[Sequence[Result]],
    refined: Sequence[Sequence[Result]],
    *,
    student_by: Sequence[Sequence[Hashable]],
    refined_by: Sequence[Sequence[Hashable]],
    units: Sequence[Hashable],
    rule: Rule,
) -> CrossedDraws:
    """What the band over prompts and annotators draws from (the pigeonhole bootstrap).

    Prompts and annotators are drawn independently, each with replacement. A vote counts as often as
    its annotator was drawn, the verdict is the weighted plurality (no single leader: tie), and the
    prompt counts as often as it was drawn; without a vote on a branch it is left out of that draw.
    It knows that one annotator's votes go together, which the other bands do not.

    Args:
        student: the votes behind each prompt's verdict on its student sample.
        refined: the votes behind the verdict on its refined sample.
        student_by: who cast each of them; None for a vote that nobody cast and every draw keeps.
        refined_by: the same of the refined sample.
        units: of each prompt, its own name or that of its group, which is drawn as one; the names'
            own order decides which draw is whose, that of the rows does not.
        rule: the ideal label.

    Raises:
        ValueError: columns or votes differ in length, are empty, or a prompt has no vote on a
            branch.

    Source: Owen, Annals of Applied Statistics 1 (2007); definition (iii) of bands.
    """
    import numpy as np
    from scipy.sparse import csr_array

    same_length(
        student=student, refined=refined, student_by=student_by, refined_by=refined_by, units=units
    )
    _voted(student, refined)
    branches = ((student, student_by), (refined, refined_by))
    people = {p for _, named in branches for row in named for p in row if p is not None}
    column: dict[Hashable, int] = dict(numbered_by_name(people))
    column[None] = len(people)
    rows, columns, n = [], [], len(units)
    for branch, (votes, named) in enumerate(branches):
        for prompt, (cast, by) in enumerate(zip(votes, named, strict=True)):
            if len(cast) != len(by):
                raise ValueError(
                    f"prompt {prompt + 1} has {len(cast)} votes and {len(by)} annotators; name one "
                    "for each vote"
                )
            for code, person in zip(codes(cast), by, strict=True):
                rows.append((3 * branch + int(code)) * n + prompt)
                columns.append(column[person])
    ones = np.ones(len(rows), dtype=np.int32)
    place = numbered_by_name(units)
    return CrossedDraws(
        rule=Rule(rule),
        cast=csr_array((ones, (rows, columns)), shape=(6 * n, len(people) + 1)),
        unit=np.array([place[unit] for unit in units]),
        annotators=len(people),
    )


def _often(things: int, draws: int, *, rng: np.random.Generator) -> Codes:
    """How often each thing came when as many as there are were drawn: (draws, things)."""
    import numpy as np

    # What a multinomial gives, in a third of its time where thousands are drawn.
    drawn = rng.integers(things, size=(draws, things)) + things * np.arange(draws)[:, None]
    return np.bincount(drawn.ravel(), minlength=draws * things).reshape(draws, things)


def _voted(student: Sequence[Sequence[Result]], refined: Sequence[Sequence[Result]]) -> None:
    if not student:
        raise ValueError("there is no prompt; judge student and refined against the teacher")
    both = zip(student, refined, strict=True)
    lacking = [i for i, (s, r) in enumerate(both) if not s or not r]
    if lacking:
        raise ValueError(
            f"{len(lacking)} of {len(student)} prompts have no votes on a branch (prompt "
            f"{lacking[0] + 1} first); drawing votes again needs them all"
        )


def _tally(votes: Sequence[Result]) -> tuple[int, ...]:
    return tuple(sum(vote == result for vote in votes) for result in RESULTS)


def _plurality_chances(tally: Codes) -> Array:
    """Chances of win, tie and loss when as many votes as there are are drawn with replacement."""
    import numpy as np
    from scipy.special import gammaln, xlogy

    votes = int(tally.sum())
    win, tie = (part.ravel() for part in np.mgrid[: votes + 1, : votes + 1])
    drawn = np.stack([win, tie, votes - win - tie], axis=1)[win + tie <= votes]
    log = gammaln(votes + 1) - gammaln(drawn + 1).sum(axis=1) + xlogy(drawn, tally / votes).sum(1)
    leads = drawn == drawn.max(axis=1, keepdims=True)
    code = np.where(leads.sum(axis=1) == 1, leads.argmax(axis=1), 1)
    chances = np.bincount(code, np.exp(log), 3)
    return np.asarray(chances / chances.sum())


def _cells(counted: NDArray[np.integer] | Array, rule: Rule) -> Array:
    """Counts of the nine pairs of verdicts, (draws, 9), as shares with their ideal label."""
    import numpy as np

    shares = counted / counted.sum(axis=1, keepdims=True)
    cells = np.zeros((len(counted), 2, 3, 3))
    for place, (s, r) in enumerate(product(range(3), repeat=2)):
        label = int(rule.keeps(RESULTS[s], RESULTS[r]))
        cells[:, label, s, r] = shares[:, place]
    return cells
