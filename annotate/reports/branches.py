"""What the oracle laboratory works on: verdicts and scores of both branches, and what is asked.

It must not know where they come from, and it computes nothing.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from annotate.analysis.contrast import Result
from annotate.analysis.oracle import Cost
from annotate.analysis.oracle_bands import Over
from annotate.analysis.oracle_table import Rule

if TYPE_CHECKING:
    import numpy as np

Model = Literal["M1", "M2", "M3", "M3-skill", "M4"]
MODELS: tuple[Model, ...] = get_args(Model)
SHARE_REFINED = Cost(student_steps=0, refine_steps=1)
"""The cost where steps are unknown: its mean is the share of refined samples."""


@dataclass(frozen=True)
class Arm:
    """A real adaptive arm of the study that decides by this estimator.

    `judged` are its own verdicts against the same teacher, prompt by prompt, where it has a
    contrast: they must equal what the branches give at its tau.
    """

    label: str
    percentile: float | None
    tau: float
    judged: tuple[Result | None, ...] | None = None


@dataclass(frozen=True)
class Scores:
    """One estimator: its scores by prompt (None: unscored), and what its thresholds come from."""

    name: str
    student: tuple[float | None, ...]
    teacher: tuple[float | None, ...] | None = None
    tuning: tuple[float, ...] | None = None
    arms: tuple[Arm, ...] = ()


@dataclass(frozen=True)
class Cast:
    """All the votes behind the verdicts of one branch, prompt by prompt: what bands draw again.

    `by` names who cast each of them, None where that is not known. A vote by None was cast by
    nobody: identical pictures tie unasked.
    """

    votes: tuple[tuple[Result, ...], ...]
    by: tuple[tuple[str | None, ...], ...] | None = None


@dataclass(frozen=True)
class Branches:
    """Student and refined sample of every prompt against the same teacher; one entry per prompt.

    Votes are there where single votes are known: they allow cross-fitting and the human ceiling.
    `tests_withheld` where they are those of a running study.
    """

    title: str
    student_label: str
    refined_label: str
    teacher_label: str
    prompts: tuple[str, ...]
    student: tuple[Result | None, ...]
    refined: tuple[Result | None, ...]
    groups: tuple[Hashable, ...] | None = None
    student_votes: tuple[tuple[Result, ...], ...] | None = None
    refined_votes: tuple[tuple[Result, ...], ...] | None = None
    scores: tuple[Scores, ...] = ()
    cost: Cost | None = None
    votes: int = 0
    simulated: int = 0
    student_cast: Cast | None = None
    refined_cast: Cast | None = None
    tests_withheld: bool = False

    @property
    def decided(self) -> int:
        """Prompts with a verdict on both branches."""
        return sum(
            s is not None and r is not None for s, r in zip(self.student, self.refined, strict=True)
        )


@dataclass(frozen=True)
class Settings:
    """What a reader chooses. `percentile` is k: refined are the k % lowest scores.

    `over` is what the bands of the curve draw again; intervals of estimators draw prompts.
    """

    model: Model = "M1"
    rule: Rule = Rule.NOT_WORSE
    percentile: float = 50.0
    confidence: float = 0.95
    resamples: int = 2000
    seed: int = 0
    over: Over = Over.PROMPTS

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise ValueError(f"model={self.model!r} is unknown; use one of {', '.join(MODELS)}")
        if not 0 <= self.percentile <= 100:
            raise ValueError(f"k={self.percentile:g} lies outside [0, 100]; k = 50 refines half")

    def rng(self, *stream: int) -> np.random.Generator:
        """A stream of its own for each analysis: adding an estimator changes no other number."""
        import numpy as np

        return np.random.default_rng([self.seed, *stream])


def own_percentile(branches: Branches | None) -> float:
    """The percentile of the study's own adaptive arm, where it has one; else half are refined."""
    arms = [arm for scores in branches.scores for arm in scores.arms] if branches else []
    tuned = [arm.percentile for arm in arms if arm.percentile is not None]
    return tuned[0] if tuned else Settings.percentile
