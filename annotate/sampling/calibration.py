"""Tuning cut-off thresholds: student samples of tuning prompts, their scores, tau with where it is

from; and the refusals of thresholds that do not belong. It must not know pairs or votes, nor torch.

    tasks = to_tune(study)                     # one for each student and estimator
    plan_tuning(study, tune_set)               # samples and jobs; wait for them
    calibrate(study, tune_set, actor=anna)     # taus into the draft
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from annotate.people.models import User
from annotate.sampling.models import Calibration, Job, Sample, Score, Threshold
from annotate.sampling.needs import Family, Slot
from annotate.sampling.plan import Planned, make, score_made
from annotate.sampling.thresholds import distinct, test_prompts, validations
from annotate.sampling.weights import PAGE_READS, Part, look_at
from annotate.studies.arms import Json, ReadArm, Rule, plain
from annotate.studies.create import update_draft
from annotate.studies.models import Prompt, PromptSet, Study
from annotate.studies.spec import StudySpec, parse_spec
from generation import threshold as tuned
from generation.budget import planned, steps_of
from generation.errors import ThresholdRefused
from generation.spec import Adaptive, Estimator, Student


class CalibrationRefused(ValueError):
    """Nothing to tune, wrong prompts, or scores that are not there; the text says what to do."""


@dataclass(frozen=True)
class Tuning:
    """An adaptive method whose tau comes from a calibration, as its draft says it."""

    method: str
    read: ReadArm
    rule: Rule

    @property
    def any_arm(self) -> Adaptive:
        """The arm with any threshold in the place of its own."""
        arm = self.read.at(math.inf)
        assert isinstance(arm, Adaptive)
        return arm

    @property
    def student(self) -> Student:
        return self.any_arm.student

    @property
    def estimator(self) -> Estimator:
        return self.any_arm.estimator


def to_tune(study: Study) -> list[Tuning]:
    """The methods whose threshold is found by calibrating, tuned before or not."""
    found = []
    for method in study.read_spec().methods:
        if method.kind.startswith("adaptive"):
            read = method.read_arm()
            if read.rule is not None and read.rule.tau is None:
                found.append(Tuning(method.name, read, read.rule))
    return found


def tuning_set(study: Study) -> PromptSet:
    """The study's one prompt set of role tune.

    Raises:
        CalibrationRefused: it has none, or several.
    """
    sets = list(study.prompt_sets.filter(role=PromptSet.Role.TUNE).order_by("name", "version"))
    if len(sets) == 1:
        return sets[0]
    has = f"{len(sets)} prompt sets" if sets else "no prompt set"
    raise CalibrationRefused(
        f"the study has {has} of role tune; a threshold is tuned on one, whose prompts the study "
        "does not show. " + ("Leave one." if sets else "Add one (500 prompts are enough).")
    )


def plan_tuning(
    study: Study,
    prompt_set: PromptSet,
    *,
    replicas: int = 1,
    most_read: int | None = PAGE_READS,
) -> Planned:
    """Write the samples a calibration needs and the jobs that make and score them.

    Args:
        replicas: noise seeds of each prompt; thresholds are read from the first, the others show
            how much they owe to the noise.
        most_read: bytes of weights that may be read to compare digests; None is any number.

    Raises:
        CalibrationRefused: nothing to tune, a wrong role, prompts that the study tests on, or
            weights that a worker would refuse.
    """
    families = tuning_families(study, prompt_set, replicas=replicas)
    tasks = to_tune(study)
    # Before the transaction: nobody waits while weights are read.
    if not _is_scored(study, tasks, distinct(prompt_set), replicas=replicas):
        _refuse_weights(tasks, most_read=most_read)
    estimators = list({t.estimator.digest(): t.estimator for t in tasks}.values())
    seed = study.read_protocol().seed
    with transaction.atomic():
        planned = make(families, study=study, seed=seed, score_with=estimators)
        score_made(families, study=study, seed=seed, score_with=estimators)
    return planned


def _is_scored(
    study: Study, tasks: Sequence[Tuning], prompts: Sequence[Prompt], *, replicas: int
) -> bool:
    """Whether every score is there, so that nothing has to be loaded any more."""
    seed = study.read_protocol().seed
    try:
        for task in tasks:
            score_rows(task, prompts, seed=seed, replicas=replicas)
            if task.rule.target is not None:
                _scores(task.any_arm.digest(), task.estimator, prompts, seed=seed)
    except CalibrationRefused:
        return False
    return True


def _refuse_weights(tasks: Sequence[Tuning], *, most_read: int | None) -> None:
    """Hold what tuning loads to the files that are there: a target improves samples as well."""
    loads: dict[str, Sequence[Part]] = {}
    for task in tasks:
        bare: list[Part] = [task.student, task.estimator]
        loads[task.method] = [task.any_arm] if task.rule.target is not None else bare
    said = look_at(loads, most_read=most_read)
    if said.refusals:
        raise CalibrationRefused("\n".join(said.refusals))


def scoring(study: Study) -> int:
    """How many jobs still score samples that were there before."""
    going = [Job.State.QUEUED, Job.State.PAUSED, Job.State.RUNNING]
    return study.jobs.filter(kind="score", state__in=going).count()


def tuning_families(study: Study, prompt_set: PromptSet, *, replicas: int = 1) -> list[Family]:
    """Whose samples a calibration needs: each student's; for a target, all of them improved too.

    Raises:
        CalibrationRefused: as `plan_tuning`.
    """
    prompts = distinct(prompt_set)
    slots: list[Slot] = [(p.digest, replica) for replica in range(replicas) for p in prompts]
    families: dict[str, Family] = {}
    for task in _checked(study, prompt_set):
        key = task.student.digest()
        family = families.setdefault(key, Family(key, {key: task.student}, {key: slots}))
        if task.rule.target is not None:
            arm = task.any_arm
            family.arms[arm.digest()], family.needs[arm.digest()] = arm, slots[: len(prompts)]
    return list(families.values())


@transaction.atomic
def calibrate(study: Study, prompt_set: PromptSet, *, actor: User) -> list[Threshold]:
    """Read every threshold from the scores that are there and write it into the draft.

    Raises:
        CalibrationRefused: scores are missing, or a target cannot be reached.
    """
    tasks = _checked(study, prompt_set)
    prompts = distinct(prompt_set)
    spec = study.read_spec()
    found = []
    for task in tasks:
        calibration = stored_calibration(study, task, prompt_set, prompts, actor=actor)
        percentile, tau = choose(task, calibration)
        row, _ = Threshold.objects.get_or_create(
            calibration=calibration,
            percentile=percentile,
            defaults={"tau": tau, "created_by": actor},
        )
        spec = _with_threshold(spec, task, row)
        found.append(row)
    update_draft(study, spec, actor=actor)
    return found


def stored_calibration(
    study: Study,
    task: Tuning,
    prompt_set: PromptSet,
    prompts: Sequence[Prompt],
    *,
    actor: User | None,
) -> Calibration:
    """The scores of a student on tuning prompts as a row; equal scores of equal prompts are one."""
    seed = study.read_protocol().seed
    student, estimator = task.student, task.estimator
    scores = _scores(student.digest(), estimator, prompts, seed=seed)
    improved: dict[str, list[float]] = {}
    if task.rule.target is not None:
        arm = task.any_arm.digest()
        improved[arm] = _scores(arm, estimator, prompts, seed=seed)
    exact = tuned.Calibration.of(
        scores, validations(prompts), student=student, estimator=estimator, percentile=50
    )
    provenance: Json = {
        "student": student.model_dump(mode="json"),
        "estimator": estimator.model_dump(mode="json"),
        "seed": seed,
        "prompt_set": str(prompt_set),
        "samples": len(scores),
    }
    row, _ = Calibration.objects.get_or_create(
        student_digest=student.digest(),
        estimator_digest=estimator.digest(),
        prompt_set=prompt_set,
        prompts_digest=exact.prompts_digest,
        scores_digest=exact.scores_digest,
        defaults={"scores": scores, "provenance": plain(provenance), "created_by": actor},
    )
    if improved and not improved.keys() <= row.provenance.get("improved", {}).keys():
        kept = row.provenance.get("improved", {})
        row.provenance = {**row.provenance, "improved": {**kept, **improved}}
        row.save(update_fields=["provenance"])
    return row


def choose(task: Tuning, calibration: Calibration) -> tuple[float, float]:
    """(k, tau) by the method's rule.

    Raises:
        CalibrationRefused: the target is out of reach, or the budget does not pay the student.
    """
    arm, rule = task.any_arm, task.rule
    scores = calibration.scores
    if rule.target is not None:
        improved = calibration.provenance["improved"][arm.digest()]
        choice = tuned.percentile_for_target(scores, improved, rule.target)
        if not choice.reachable:
            raise CalibrationRefused(
                f"method {task.method!r}: a mean score of {rule.target:g} is unreachable; the best "
                f"percentile, {choice.percentile:g}, reaches {choice.mean:.3f}. Lower the target, "
                "or give the teacher more steps."
            )
        return choice.percentile, choice.threshold
    percentile = rule.percentile
    if rule.budget is not None:
        own, more = steps_of(arm.student), int(planned(arm.teacher).steps)
        try:
            percentile = tuned.percentile_for_budget(own, more, rule.budget)
        except ValueError as error:
            raise CalibrationRefused(f"method {task.method!r}: {error}") from error
    assert percentile is not None
    return percentile, tuned.percentile_threshold(scores, percentile)


def _with_threshold(spec: StudySpec, task: Tuning, row: Threshold) -> StudySpec:
    """The specification with this tau written beside the rule it was found by."""
    data = spec.model_dump(mode="json")
    for method in data["methods"]:
        if method["name"] == task.method:
            method["settings"]["tuned"] = {
                "tau": row.tau,
                "percentile": row.percentile,
                "threshold": row.pk,
                "rule": task.rule.written(),
            }
    return parse_spec(data)


def _checked(study: Study, prompt_set: PromptSet) -> list[Tuning]:
    if study.state != Study.State.DRAFT:
        raise CalibrationRefused(
            f"the study is {study.state} and its thresholds are frozen. Clone it and calibrate the "
            "clone."
        )
    tasks = to_tune(study)
    if not tasks:
        raise CalibrationRefused(
            "no method of the study has a threshold to tune: none is adaptive with a percentile, a "
            "budget or a target. Launch it as it is."
        )
    if prompt_set.role != PromptSet.Role.TUNE:
        raise CalibrationRefused(
            f"prompt set {str(prompt_set)!r} has role {prompt_set.role}; thresholds are tuned on "
            "prompts of role tune. Give the set that role, or choose another."
        )
    try:
        tuned.refuse_overlap(validations(prompt_set.prompts.all()), test_prompts(study))
    except ThresholdRefused as error:
        raise CalibrationRefused(str(error)) from error
    return tasks


def score_rows(
    task: Tuning, prompts: Sequence[Prompt], *, seed: int, replicas: int
) -> list[list[float]]:
    """The student's scores by replica, then by prompt.

    Raises:
        CalibrationRefused: some are not there (yet).
    """
    student, estimator = task.student.digest(), task.estimator
    return [
        _scores(student, estimator, prompts, seed=seed, replica=replica)
        for replica in range(replicas)
    ]


def _scores(
    arm: str, estimator: Estimator, prompts: Sequence[Prompt], *, seed: int, replica: int = 0
) -> list[float]:
    """An arm's scores in the order of the prompts.

    Raises:
        CalibrationRefused: some are not there (yet).
    """
    rows = Score.objects.filter(
        sample__method_digest=arm,
        sample__seed=seed,
        sample__replica=replica,
        sample__state=Sample.State.DONE,
        estimator_digest=estimator.digest(),
    )
    found = dict(rows.values_list("sample__prompt_digest", "value"))
    missing = [prompt for prompt in prompts if prompt.digest not in found]
    if missing:
        raise CalibrationRefused(
            f"{len(missing)} of {len(prompts)} tuning samples have no {estimator.name} score "
            f"(the first is prompt {missing[0].key!r}). Wait until its jobs are done; where they "
            "failed, mend the reason and tune again."
        )
    return [found[prompt.digest] for prompt in prompts]
