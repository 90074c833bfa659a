"""What the re-examination rests on: every arm's pictures as the exact judge reads them.

It must not make pictures or compute statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotate.analysis.contrast import Result
from annotate.analysis.verdict import majority
from annotate.analysis.votes import Choice
from generation.convergence import Convergence
from generation.reference.judge import NoisyJudge, cascade, overall
from generation.reference.s1 import judge
from generation.reference.s1.arms import Arm, Design
from generation.reference.s1.shelf import Shelf, Shelved
from generation.reference.s1.tuning import converging, tau_of, tuning_scores

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# Simulated annotators of each pair, and how often one is right: as in the demo.
ANNOTATORS, ACCURACY = 3, 0.85
# Alignment of one prompt moves in steps of a quarter or more, so quality never outweighs it; purity
# speaks where quality is (nearly) equal.
_QUALITY, _PURITY = 0.2, 0.02
_RESULT = {"first": Result.WIN, "second": Result.LOSS, "tie": Result.TIE}


@dataclass(frozen=True, eq=False)
class Examined:
    """One arm's pictures of all prompts: as made, and as judged."""

    name: str
    shelved: Shelved
    verdict: judge.Verdict

    @property
    def worth(self) -> Array:
        """(prompts,) the judge's truth in one number: alignment, then quality, then purity."""
        return worth(self.verdict)

    @property
    def kept(self) -> float | None:
        """The share of student samples that an adaptive arm kept; None for other arms."""
        said = self.shelved.decisions
        return float((said == "kept").mean()) if (said != "").any() else None


@dataclass(frozen=True, eq=False)
class Evidence:
    """Everything that the report is computed from. `again` are second pictures per prompt."""

    design: Design
    prompts: tuple[str, ...]
    tau: float
    recipes: dict[str, Arm]
    arms: dict[str, Examined]
    again: dict[str, Examined]
    tuning_scores: Array
    tuning_worth: Array
    convergence: tuple[Convergence, ...]
    codes: frozenset[str]

    def against(self, arm: str, opponent: str) -> tuple[Result, ...]:
        """The exact judge's verdict on every prompt, read from the arm's side."""
        ours, theirs = (self.arms[name].verdict.truths() for name in (arm, opponent))
        return tuple(_RESULT[overall(cascade(a, b))] for a, b in zip(ours, theirs, strict=True))

    def by_annotators(self, arm: str, opponent: str) -> tuple[tuple[Result, ...], ...]:
        """Each prompt's votes by three simulated annotators who err."""
        import numpy as np

        stream = list(f"{arm}|{opponent}".encode())
        people = [
            NoisyJudge(
                accuracy=ACCURACY, rng=np.random.default_rng([self.design.seed, person, *stream])
            )
            for person in range(ANNOTATORS)
        ]
        ours, theirs = (self.arms[name].verdict.truths() for name in (arm, opponent))
        return tuple(
            tuple(_RESULT[overall(person.answers(a, b))] for person in people)
            for a, b in zip(ours, theirs, strict=True)
        )


def majorities(ballots: Sequence[Sequence[Result]]) -> tuple[Result, ...]:
    """The majority on every prompt; a split is a tie."""
    choice = {Result.WIN: Choice.FIRST, Result.LOSS: Choice.SECOND, Result.TIE: Choice.TIE}
    result = {said: of for of, said in choice.items()}
    return tuple(result[majority([choice[vote] for vote in ballot])] for ballot in ballots)


def worth(verdict: judge.Verdict) -> Array:
    """The judge's truth records as one number each; comparable within a prompt."""
    return verdict.alignment + _QUALITY * verdict.crispness + _PURITY * verdict.purity


def read_evidence(design: Design, shelf: Shelf) -> Evidence:
    """Take every picture of the design from its shelf and judge it; equal pictures once.

    Raises:
        FileNotFoundError: a picture was not made yet.
    """
    texts, seed = design.test_prompts(), design.seed
    tau = tau_of(design, shelf)
    recipes = design.arms(tau)
    seen: dict[bytes, judge.Seen] = {}

    def examined(name: str, arm: Arm, replica: int) -> Examined:
        shelved = shelf.take(arm, texts, seed=seed, replica=replica)
        return Examined(name, shelved, _judged(texts, shelved, seen))

    again = design.again(recipes)
    tuning = design.tuning_prompts()
    of_tuning = shelf.take(design.student, tuning, seed=seed)
    arms = {name: examined(name, arm, 0) for name, arm in recipes.items()}
    second = {name: examined(name, arm, 1) for name, arm in again.items()}
    return Evidence(
        design=design,
        prompts=tuple(texts),
        tau=tau,
        recipes=recipes,
        arms=arms,
        again=second,
        tuning_scores=tuning_scores(design, shelf)[0],
        tuning_worth=worth(judge.judge(tuning, of_tuning.pictures)),
        convergence=tuple(converging(design, shelf)),
        codes=frozenset().union(
            *(each.shelved.codes for each in (*arms.values(), *second.values()))
        ),
    )


def _judged(texts: Sequence[str], shelved: Shelved, seen: dict[bytes, judge.Seen]) -> judge.Verdict:
    """The verdict on an arm's pictures; adaptive arms share most of theirs with others."""
    import numpy as np

    from generation.reference.s1.words import asked_by

    keys = [picture.tobytes() for picture in shelved.pictures]
    fresh = [i for i, key in enumerate(keys) if key not in seen]
    if fresh:
        found = judge.see(shelved.pictures[fresh])
        for row, i in enumerate(fresh):
            seen[keys[i]] = _row(found, slice(row, row + 1))
    rows = [seen[key] for key in keys]
    joined = judge.Seen(
        *(
            np.concatenate([getattr(row, name) for row in rows])
            for name in ("looks", "place", "residual", "off_colour")
        )
    )
    return judge.compare(asked_by(texts), joined)


def _row(seen: judge.Seen, rows: slice) -> judge.Seen:
    return judge.Seen(
        seen.looks[rows], seen.place[rows], seen.residual[rows], seen.off_colour[rows]
    )
