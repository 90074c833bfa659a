"""The adaptive methods of a study with what their cut-offs rest on, as a page shows them.

It must write nothing; `with_rule` gives a changed copy of a specification.
"""

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from annotate.reports.canvas import Figure
from annotate.reports.threshold_plots import budget_curve, score_histogram
from annotate.sampling.calibration import (
    CalibrationRefused,
    Tuning,
    choose,
    score_rows,
    to_tune,
    tuning_families,
    tuning_set,
)
from annotate.sampling.calibration_figures import CalibrationFigures, figures
from annotate.sampling.models import Calibration, Threshold
from annotate.sampling.needs import priced
from annotate.sampling.progress import progress_of
from annotate.sampling.thresholds import distinct
from annotate.studies.arms import Tuned
from annotate.studies.models import PromptSet, Study
from annotate.studies.spec import MethodSpec, SpecError, StudySpec, parse_spec
from annotate.web.method_fields import WAY_WORDS
from annotate.web.method_text import cut_off
from annotate.web.pictures import Pictures, told
from generation.convergence import SIZES
from generation.spec import Adaptive

MOST_REPLICAS = 3
# Draws the prompts of the convergence table: the same table on every visit.
SEED = 0


@dataclass(frozen=True)
class CutOff:
    """One adaptive method: on what it decides, its rule, its tau and the figures behind it.

    `figures` are of the tau that is written; while none is, of the one that the scores would give.
    """

    name: str
    label: str
    student: str
    steps: int
    estimator: str
    teacher_steps: int
    way: str
    value: str
    rule: str
    tau: float | None
    tuned: Tuned | None
    figures: CalibrationFigures | None = None
    histogram: Figure | None = None
    curve: Figure | None = None
    why_not: str = ""

    @property
    def fixed(self) -> bool:
        """tau was set directly."""
        return self.way == "tau"


def tuning_sets(study: Study) -> list[PromptSet]:
    return list(study.prompt_sets.filter(role=PromptSet.Role.TUNE).order_by("name", "version"))


def choose_set(study: Study, asked: str) -> PromptSet:
    """The tuning set that was asked for by its key, else the only one.

    Raises:
        CalibrationRefused: there is none, or several and none was chosen.
    """
    for one in tuning_sets(study):
        if str(one.pk) == asked:
            return one
    return tuning_set(study)


def tuning_pictures(study: Study, chosen: PromptSet, *, now: datetime) -> Pictures | None:
    """How far the tuning samples have come; None before anybody asked for them, and after launch.

    Raises:
        CalibrationRefused: nothing to tune, or prompts that the study tests on.
    """
    if study.state != Study.State.DRAFT:
        return None
    families = tuning_families(study, chosen)
    seen = progress_of(study, families, seed=study.read_protocol().seed, now=now)
    return told(seen) if any(arm.wanted for arm in seen.arms) else None


def cut_offs(study: Study, chosen: PromptSet | None) -> list[CutOff]:
    """Every adaptive method; figures where scores are there."""
    tasks = {task.method: task for task in to_tune(study)}
    found = []
    for method in study.read_spec().methods:
        if method.kind.startswith("adaptive"):
            bare = _bare(method)
            if method.name in tasks:
                bare = _drawn(study, bare, tasks[method.name], chosen)
            found.append(bare)
    return found


def _bare(method: MethodSpec) -> CutOff:
    read = method.read_arm()
    arm = priced(read)
    assert isinstance(arm, Adaptive)
    assert read.rule is not None  # an adaptive method without a rule is refused when it is read
    ((way, value),) = read.rule.written().items()
    return CutOff(
        name=method.name,
        label=method.label or method.name,
        student=arm.student.model.unet or arm.student.model.path,
        steps=arm.student.steps,
        teacher_steps=arm.teacher.steps,
        estimator=arm.estimator.name,
        way=way,
        value=f"{value:g}",
        rule=f"{WAY_WORDS[way]}: {value:g}",
        tau=read.arm.threshold if isinstance(read.arm, Adaptive) else None,
        tuned=read.tuned,
    )


def _drawn(study: Study, bare: CutOff, task: Tuning, chosen: PromptSet | None) -> CutOff:
    """With figures of the stored threshold, or of what the scores would give."""
    try:
        threshold = _threshold(study, task, bare.tuned, chosen)
    except CalibrationRefused as error:
        return replace(bare, why_not=str(error))
    if threshold is None:
        return bare
    shown = figures(
        study,
        task,
        threshold,
        rng=np.random.default_rng(SEED),
        sizes=SIZES,
        replicas=_replicas(study, task, threshold.calibration),
    )
    kept = shown.samples - sum(bar.below for bar in shown.histogram)
    chosen_point = next(point for point in shown.curve if point.chosen)
    return replace(
        bare,
        figures=shown,
        histogram=score_histogram(
            shown.histogram,
            tau=shown.tau,
            alt=f"{shown.samples} scores from {shown.histogram[0].low:.3g} to "
            f"{shown.histogram[-1].high:.3g}; tau is {shown.tau:.3g}, {kept} are kept",
        ),
        curve=budget_curve(
            shown.curve,
            alt=f"Mean steps over k, from {shown.curve[0].steps:g} to {shown.curve[-1].steps:g}; "
            f"k {chosen_point.percentile:.3g} takes {chosen_point.steps:.3g}",
        ),
    )


def _threshold(
    study: Study, task: Tuning, tuned: Tuned | None, chosen: PromptSet | None
) -> Threshold | None:
    """The stored threshold; while there is none, one that is not, from the scores at hand.

    Raises:
        CalibrationRefused: scores are missing, or the tau belongs to something else.
    """
    if tuned is not None:
        rows = Threshold.objects.select_related("calibration__prompt_set").filter(
            pk=tuned.threshold,
            calibration__student_digest=task.student.digest(),
            calibration__estimator_digest=task.estimator.digest(),
            calibration__prompt_set__studies=study,
        )
        if (stored := rows.first()) is None:
            raise CalibrationRefused(
                "its tau was tuned for another student, estimator or prompt set than it has now. "
                "Calibrate it again."
            )
        return stored
    if chosen is None or study.state != Study.State.DRAFT:
        return None
    seed = study.read_protocol().seed
    (scores,) = score_rows(task, distinct(chosen), seed=seed, replicas=1)
    unsaved = Calibration(scores=scores, prompt_set=chosen)
    if task.rule.target is not None:
        return None  # what all samples improved would score is read when the cut-off is written
    percentile, tau = choose(task, unsaved)
    return Threshold(calibration=unsaved, percentile=percentile, tau=tau)


def _replicas(study: Study, task: Tuning, calibration: Calibration) -> int:
    """How many noise seeds of each prompt have scores."""
    if calibration.prompt_set is None:
        return 1
    prompts, seed = distinct(calibration.prompt_set), study.read_protocol().seed
    for replicas in range(MOST_REPLICAS, 1, -1):
        try:
            score_rows(task, prompts, seed=seed, replicas=replicas)
        except CalibrationRefused:
            continue
        return replicas
    return 1


def with_rule(spec: StudySpec, method: str, *, way: str, value: str) -> StudySpec:
    """The specification with this rule for a method's cut-off, and no tau of another rule.

    Raises:
        SpecError: no adaptive method has the name, or the rule is none.
    """
    data = spec.model_dump(mode="json")
    for written in data["methods"]:
        if written["name"] == method and written["kind"].startswith("adaptive"):
            written["settings"].pop("tuned", None)
            written["settings"].get("arm", {}).pop("threshold", None)
            try:
                written["settings"] |= cut_off(way, value)
            except ValueError as error:
                raise SpecError(str(error)) from error
            return parse_spec(data)
    raise SpecError(f"no adaptive method is named {method!r}. Reload the page.")
