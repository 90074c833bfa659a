"""Finds the branches of a study and what its recipes say of them, for laboratory and report.

It must not read votes or compute. Where recipes are known (methods sampled here) they say which arm
refines every sample of which student; imported pictures do not, so that a person names them.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

from annotate.reports.frame_rows import estimator_names
from annotate.sampling.models import Calibration
from annotate.sampling.needs import WaitsForThreshold, arm_of
from annotate.studies.models import Contrast, Method, Study
from generation.budget import planned, steps_of
from generation.spec import Adaptive


class ArmRow(NamedTuple):
    """An adaptive arm on the same student: `percentile` where its tau was tuned by one."""

    method: str
    label: str
    percentile: float | None
    tau: float


class EstimatorRow(NamedTuple):
    """An estimator's scores of other prompts, which thresholds come from, and the arms it decides.

    `name` is the one that scores are stored under in a report's rows.
    """

    name: str
    tuning: tuple[float, ...] | None
    arms: tuple[ArmRow, ...]


class BranchRow(NamedTuple):
    """Which methods are the branches, by name; steps where the recipes tell them."""

    student: str
    refined: str
    teacher: str
    student_label: str
    refined_label: str
    teacher_label: str
    student_steps: int | None
    refine_steps: int | None
    estimators: tuple[EstimatorRow, ...]


@dataclass(frozen=True)
class BranchPair:
    """Two contrasts with one teacher: a student's samples, and all of them refined.

    `certain` where the recipes say so.
    """

    student: Method
    refined: Method
    teacher: Method
    student_contrast: Contrast
    refined_contrast: Contrast
    certain: bool

    @property
    def key(self) -> str:
        """Names the pair in an address."""
        return f"{self.student_contrast.pk}-{self.refined_contrast.pk}-{self.teacher.pk}"


def branch_pairs(study: Study) -> list[BranchPair]:
    """The pairs that may be branches; only those that recipes tell, where there are any."""
    against: dict[Method, dict[Method, Contrast]] = defaultdict(dict)
    contrasts = study.contrasts.select_related("a", "b").order_by("order", "pk")
    for contrast in contrasts:
        against[contrast.b][contrast.a] = contrast
        against[contrast.a][contrast.b] = contrast
    found = [
        BranchPair(student, refined, teacher, one, two, _refines_all(student, refined))
        for teacher, others in against.items()
        for student, one in others.items()
        for refined, two in others.items()
        if student != refined and _possible(student, refined, teacher)
    ]
    return [pair for pair in found if pair.certain] or found


def has_laboratory(study: Study) -> bool:
    """Whether a student arm and a refine-all arm meet the same teacher, as their recipes say."""
    return any(pair.certain for pair in branch_pairs(study))


def own_branches(study: Study) -> BranchRow | None:
    """The first branches that recipes tell; None where there are none."""
    certain = [pair for pair in branch_pairs(study) if pair.certain]
    return branch_row(study, certain[0]) if certain else None


def branch_row(study: Study, pair: BranchPair) -> BranchRow:
    """What is known of a pair beside its votes and scores."""
    refined = _adaptive(pair.refined)
    return BranchRow(
        student=pair.student.name,
        refined=pair.refined.name,
        teacher=pair.teacher.name,
        student_label=str(pair.student),
        refined_label=str(pair.refined),
        teacher_label=str(pair.teacher),
        student_steps=steps_of(refined.student) if refined else None,
        refine_steps=int(planned(refined.teacher).steps) if refined else None,
        estimators=tuple(_estimators(study, pair, refined)),
    )


def _estimators(study: Study, pair: BranchPair, refined: Adaptive | None) -> list[EstimatorRow]:
    """Every estimator of the study's scores; the study's own first, the current state is its."""
    tuned = {
        row.estimator_digest: tuple(float(value) for value in row.scores)
        for row in Calibration.objects.filter(student_digest=pair.student.digest).order_by("pk")
    }
    arms: dict[str, list[ArmRow]] = defaultdict(list)
    for method in study.methods.order_by("order", "pk"):
        arm = _adaptive(method)
        if arm is None or refined is None or not math.isfinite(arm.threshold):
            continue
        if arm.model_copy(update={"threshold": math.inf}) == refined:
            percentile = method.settings.get("tuned", {}).get("percentile")
            row = ArmRow(method.name, str(method), percentile, arm.threshold)
            arms[arm.estimator.digest()].append(row)
    names = estimator_names(study)
    order = sorted(names, key=lambda digest: (digest not in arms, names[digest]))
    return [EstimatorRow(names[d], tuned.get(d), tuple(arms[d])) for d in order]


def _possible(student: Method, refined: Method, teacher: Method) -> bool:
    """Imported pictures could be anything; of generated ones the recipes speak."""
    if all(m.kind == "imported" for m in (student, refined, teacher)):
        return True
    return _refines_all(student, refined)


def _refines_all(student: Method, refined: Method) -> bool:
    arm = _adaptive(refined)
    return (
        student.kind == "student"
        and arm is not None
        and arm.threshold == math.inf
        and arm.student.digest() == student.digest
    )


def _adaptive(method: Method) -> Adaptive | None:
    if not method.kind.startswith("adaptive"):
        return None
    try:
        arm = arm_of(method)
    except WaitsForThreshold:
        return None
    return arm if isinstance(arm, Adaptive) else None
