"""The cut-off threshold tau: tuned on validation scores, kept with where it came from, refused
where it does not belong. Must not know torch or where scores are stored.
"""

import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

from generation.errors import ThresholdRefused
from generation.spec import Adaptive, Estimator, Student

# Percentiles are searched and rounded down in hundredths: 0.01 % of 600 samples is 0.06 of one.
GRID = np.arange(10_001) / 100
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def percentile_threshold(scores: ArrayLike, percentile: float) -> float:
    """tau = the k-th percentile of validation scores, by linear interpolation.

    Scores below tau are improved, so that about k % of samples are.

    Args:
        scores: (n,) of the student's samples of validation prompts.
        percentile: k in [0, 100]; 0 improves none, 100 all but the best.

    Raises:
        ValueError: no scores, a score that is not finite, or k outside [0, 100].

    Source: supplement C.
    """
    return float(np.percentile(finite_scores(scores), checked_percentile(percentile)))


def percentile_for_budget(student: int, improvement: int, budget: float) -> float:
    """The largest k, in hundredths, whose mean budget n_S + (k/100) n_R is within `budget` steps.

    Raises:
        ValueError: the budget does not even pay the student.

    Source: supplement C: 15 steps = 5 + 0.5 * 20, the 50th percentile.
    """
    if not budget >= student:
        raise ValueError(
            f"budget={budget:g} steps, but the student alone takes {student}. Give between "
            f"{student} (keep all) and {student + improvement} (improve all)."
        )
    share = (Decimal(repr(float(budget))) - student) / improvement if math.isfinite(budget) else 1
    k = (min(Decimal(share), Decimal(1)) * 100).quantize(Decimal("0.01"), rounding=ROUND_FLOOR)
    return float(k)


@dataclass(frozen=True)
class TargetChoice:
    """What it takes to reach a mean score. Out of reach, `percentile` is the best one there is."""

    target: float
    reachable: bool
    percentile: float
    threshold: float
    # Mean score of the adaptive arm at this percentile and the share of samples it improves.
    mean: float
    rejected: float


def percentile_for_target(student: ArrayLike, improved: ArrayLike, target: float) -> TargetChoice:
    """The smallest k, in hundredths, whose mean adaptive score reaches `target`.

        mean_i (s_i if s_i >= tau_k else r_i)

    Args:
        student: (n,) scores s_i of the student's samples of validation prompts.
        improved: (n,) scores r_i of the same samples after improvement, all of them.
        target: the mean score to reach.

    Raises:
        ValueError: the two differ in shape, or something is not finite.
    """
    own, better = finite_scores(student), finite_scores(improved)
    if own.shape != better.shape:
        raise ValueError(
            f"{own.size} student scores and {better.size} improved ones. Give both for every "
            "validation prompt, in the same order."
        )
    if not math.isfinite(target):
        raise ValueError(f"target={target} is not finite. Give a mean score.")
    order = np.argsort(own, kind="stable")
    taus = np.percentile(own, GRID)
    improves = np.searchsorted(own[order], taus, side="left")
    gained = np.concatenate([[0.0], np.cumsum((better - own)[order])])
    means = own.mean() + gained[improves] / own.size
    reached = np.flatnonzero(means >= target - 1e-12 * max(1.0, abs(target)))
    at = int(reached[0]) if reached.size else int(np.argmax(means))
    return TargetChoice(
        target=target,
        reachable=bool(reached.size),
        percentile=float(GRID[at]),
        threshold=float(taus[at]),
        mean=float(means[at]),
        rejected=float(improves[at] / own.size),
    )


@dataclass(frozen=True)
class Validation:
    """A validation prompt: its text and its group ("" is none), e.g. the photo it describes."""

    text: str
    group: str = ""


class Calibration(BaseModel):
    """A threshold and where it came from; frozen, and enough to find it again from its scores."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    student: Student
    estimator: Estimator
    threshold: Annotated[float, Field(allow_inf_nan=False)]
    percentile: Annotated[float, Field(ge=0, le=100)]
    # How k was chosen: given, for a mean budget, or for a mean score.
    rule: dict[Literal["percentile", "budget", "target"], float]
    samples: Annotated[int, Field(ge=1)]
    prompts_digest: Digest
    scores_digest: Digest

    @classmethod
    def of(
        cls,
        scores: ArrayLike,
        prompts: Sequence[Validation],
        *,
        student: Student,
        estimator: Estimator,
        percentile: float,
        rule: dict[str, float] | None = None,
    ) -> Self:
        """tau at the k-th percentile of these scores of these prompts, one score per sample.

        Raises:
            ValueError: as `percentile_threshold`, or the numbers of scores and prompts differ.
        """
        values = finite_scores(scores)
        if len(prompts) != values.size:
            raise ValueError(
                f"{values.size} scores of {len(prompts)} prompts. Give each score its prompt."
            )
        return cls.model_validate(
            {
                "student": student,
                "estimator": estimator,
                "threshold": percentile_threshold(values, percentile),
                "percentile": percentile,
                "rule": rule or {"percentile": percentile},
                "samples": values.size,
                "prompts_digest": _digest([[plain(p.text), p.group] for p in prompts]),
                "scores_digest": _digest([float(score) for score in values]),
            }
        )

    def digest(self) -> str:
        """SHA-256 over every field: what a record of a sample names its threshold by."""
        return _digest(self.model_dump(mode="json"))

    def refuse(self, *, student: Student, estimator: Estimator) -> None:
        """Let pass only the student and the estimator that the threshold was tuned for.

        Guidance, steps, size and weights are all part of the student: the same network at other
        guidance scores differently.

        Raises:
            ThresholdRefused: with every field that differs.
        """
        for what, tuned, given in (
            ("student", self.student, student),
            ("estimator", self.estimator, estimator),
        ):
            differing = _differences(tuned.model_dump(mode="json"), given.model_dump(mode="json"))
            if differing:
                raise ThresholdRefused(
                    f"this threshold ({self.threshold:g}) was tuned for another {what}: "
                    f"{'; '.join(differing)}. Calibrate it for this {what}."
                )

    def refuse_arm(self, arm: Adaptive) -> None:
        """`refuse` for an adaptive arm, whose threshold must also be this one.

        Raises:
            ThresholdRefused: the arm has another student, estimator or threshold.
        """
        self.refuse(student=arm.student, estimator=arm.estimator)
        if arm.threshold != self.threshold:
            raise ThresholdRefused(
                f"the arm's threshold is {arm.threshold!r}, its calibration says "
                f"{self.threshold!r}. Take the calibrated one, or set tau without a calibration."
            )


def plain(text: str) -> str:
    """A prompt without what does not change its meaning: case, spaces, marks at its end."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return re.sub(r"\s+", " ", folded).strip(" .!,;:")


def refuse_overlap(tuning: Iterable[Validation], test: Iterable[Validation]) -> None:
    """Keep the prompts that tune a threshold apart from those that test it (supplement C).

    Raises:
        ThresholdRefused: a text occurs on both sides (but for case, spaces and a final stop), or
            a group does: two captions of one photo are one prompt told twice.
    """
    tuning, test = list(tuning), list(test)
    texts = {plain(prompt.text) for prompt in test}
    groups = {prompt.group for prompt in test if prompt.group}
    same = [prompt.text for prompt in tuning if plain(prompt.text) in texts]
    if same:
        raise ThresholdRefused(
            f"{len(same)} of {len(tuning)} tuning prompts are test prompts too, such as "
            f"{same[0][:80]!r}. Tune the threshold on prompts that the study does not show."
        )
    shared = sorted({prompt.group for prompt in tuning if prompt.group in groups})
    if shared:
        raise ThresholdRefused(
            f"tuning and test prompts share {len(shared)} groups (such as {shared[0][:80]!r}): "
            "several prompts of one source. Tune the threshold on prompts of other groups."
        )


def finite_scores(scores: ArrayLike) -> NDArray[np.float64]:
    """The scores as one row of numbers, all finite: a percentile of nan is nan without a word."""
    values = np.asarray(scores, dtype=np.float64).ravel()
    if not values.size:
        raise ValueError("no scores. Score at least one validation sample of the student.")
    if not np.isfinite(values).all():
        wrong = int((~np.isfinite(values)).sum())
        raise ValueError(
            f"{wrong} of {values.size} scores are not finite. Find out why before tuning on them."
        )
    return values


def checked_percentile(percentile: float) -> float:
    """k, if it is one."""
    if not 0 <= percentile <= 100:
        raise ValueError(f"percentile={percentile}. Give k between 0 and 100.")
    return percentile


def _digest(content: Any) -> str:
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _differences(tuned: dict[str, Any], given: dict[str, Any], prefix: str = "") -> list[str]:
    found: list[str] = []
    for field, value in tuned.items():
        other = given[field]
        if isinstance(value, dict) and isinstance(other, dict):
            found += _differences(value, other, f"{prefix}{field}.")
        elif value != other:
            found.append(f"{prefix}{field} {value!r}, not {other!r}")
    return found
