"""A threshold is tuned on prompts of its own and refused to whom it does not belong."""

from typing import Any

import numpy as np
import pytest

from annotate.judging.launch import LaunchRefused, launch, plan
from annotate.people.models import Role
from annotate.sampling.calibration import (
    CalibrationRefused,
    calibrate,
    plan_tuning,
    scoring,
    to_tune,
    tuning_set,
)
from annotate.sampling.calibration_figures import figures, histogram
from annotate.sampling.models import Calibration, Job, Sample, Score, Threshold
from annotate.studies.create import update_draft
from annotate.studies.models import Study
from annotate.studies.spec import parse_spec
from generation.spec import Adaptive
from tests.factories import ADAPTIVE, NOW, TEACHER, make_generated, make_image, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]


def draft(rule: dict[str, float] | None = None, **options: Any) -> Study:
    """A draft with an adaptive arm to tune on ten prompts."""
    test = [{"id": str(i), "text": f"shown {i}", "group": f"s{i}"} for i in range(3)]
    tune = [{"id": str(i), "text": f"tuned {i}", "group": f"t{i}"} for i in range(10)]
    methods = {
        "adaptive": ("adaptive-refine", ADAPTIVE | {"threshold": rule or {"percentile": 50}}),
        "teacher": ("teacher", TEACHER),
    }
    sets = [
        {"name": "shown", "prompts": test},
        {"name": "tuned", "role": "tune", "prompts": options.pop("tune", tune)},
    ]
    return make_generated(methods=methods, prompt_sets=sets, **options)


def scored(study: Study, *, gain: float = 0.0) -> Study:
    """Tuning samples are made; the student of prompt i scores i, improved i + `gain`."""
    prompts = tuning_set(study)
    plan_tuning(study, prompts)
    task = to_tune(study)[0]
    order = {p.digest: p.order for p in prompts.prompts.all()}
    for sample in Sample.objects.filter(prompt_digest__in=order, state="queued"):
        improved = sample.method_digest != task.student.digest()
        sample.image, sample.state = make_image(sample.pk), "done"
        sample.save()
        value = order[sample.prompt_digest] + gain * improved
        Score.objects.create(sample=sample, estimator_digest=task.estimator.digest(), value=value)
    return study


def tuned(study: Study) -> Threshold:
    [found] = calibrate(scored(study), tuning_set(study), actor=study.owner)
    study.refresh_from_db()
    return found


def arm_of(study: Study) -> Adaptive:
    arm = next(m for m in study.read_spec().methods if m.name == "adaptive").read_arm().arm
    assert isinstance(arm, Adaptive)
    return arm


def test_tau_is_the_percentile_of_the_students_scores() -> None:
    study = draft({"percentile": 30})
    found = tuned(study)
    assert (found.percentile, found.tau) == (30, pytest.approx(2.7))
    assert arm_of(study).threshold == found.tau
    assert study.methods.get(name="adaptive").digest == arm_of(study).digest()
    calibration = found.calibration
    assert calibration.scores == [float(i) for i in range(10)]
    assert calibration.provenance["student"]["steps"] == 5


def test_jobs_bring_what_a_samples_record_says_of_its_threshold() -> None:
    study = draft({"percentile": 30})
    found = tuned(study)
    launch(study, actor=None, now=NOW)
    digest = arm_of(study).digest()
    told = [job.payload.get("about", {}) for job in Job.objects.filter(kind="produce")]
    [said] = [about[digest]["threshold"] for about in told if about]
    assert (said["tau"], said["percentile"], said["rule"]) == (found.tau, 30, {"percentile": 30})
    calibration = found.calibration
    assert (said["threshold"], said["calibration"]) == (found.pk, calibration.pk)
    assert (said["scores"], said["scores_digest"]) == (10, calibration.scores_digest)
    assert said["prompts_digest"] == calibration.prompts_digest
    assert said["prompt_set"] == str(calibration.prompt_set)


def test_a_budget_becomes_a_percentile() -> None:
    assert tuned(draft({"budget": 15})).percentile == 50


def test_a_target_is_reached_by_the_fewest_improvements_or_said_to_be_out_of_reach() -> None:
    study = draft({"target": 5.5})
    scored(study, gain=5)
    [found] = calibrate(study, tuning_set(study), actor=study.owner)
    # Means 4.5; two of ten improved by 5 make 5.5.
    assert sum(score < found.tau for score in found.calibration.scores) == 2
    far = scored(draft({"target": 50}), gain=5)
    with pytest.raises(CalibrationRefused, match="50 is unreachable"):
        calibrate(far, tuning_set(far), actor=far.owner)


def test_equal_scores_are_one_calibration() -> None:
    study = draft({"percentile": 30})
    first = tuned(study)
    assert calibrate(study, tuning_set(study), actor=study.owner) == [first]
    assert Calibration.objects.count() == 1


def test_without_all_scores_nothing_is_tuned() -> None:
    study = scored(draft())
    Score.objects.first().delete()
    with pytest.raises(CalibrationRefused, match="1 of 10 tuning samples have no imagereward"):
        calibrate(study, tuning_set(study), actor=study.owner)
    assert not Threshold.objects.exists()


def test_samples_made_before_the_estimator_was_asked_for_are_scored_by_jobs() -> None:
    study = scored(draft())
    changed(study, estimator={"name": "pickscore", "path": "scorer"})
    study.refresh_from_db()
    planned = plan_tuning(study, tuning_set(study))
    assert (planned.reused, planned.jobs, scoring(study)) == (10, 0, 1)
    [job] = Job.objects.filter(kind="score")
    assert (len(job.payload["samples"]), job.payload["estimator"]["name"]) == (10, "pickscore")


def test_a_draft_that_waits_for_its_threshold_is_not_launched() -> None:
    study = draft()
    assert "(percentile 50) has not been tuned" in plan(study).refusals[0]
    with pytest.raises(LaunchRefused, match="Calibrate it"):
        launch(study, actor=None, now=NOW)
    tuned(study)
    assert launch(study, actor=None, now=NOW).state == "open"


def changed(study: Study, **arm: Any) -> Study:
    """The draft with another recipe under the threshold that was tuned before."""
    data = study.read_spec().model_dump(mode="json")
    for method in data["methods"]:
        if method["name"] == "adaptive":
            method["settings"]["arm"] |= arm
    return update_draft(study, parse_spec(data), actor=study.owner)


def test_a_threshold_of_another_student_is_refused_by_name_of_what_differs() -> None:
    study = draft()
    tuned(study)
    changed(study, student={"model": {"path": "student"}, "steps": 4})
    [said] = plan(study).refusals
    assert "tuned for another student: steps 5, not 4" in said
    assert "Calibrate it for this student" in said


def test_a_threshold_of_another_estimator_is_refused() -> None:
    study = draft()
    tuned(study)
    changed(study, estimator={"name": "pickscore", "path": "scorer"})
    assert "tuned for another estimator: name 'imagereward'" in plan(study).refusals[0]


def test_another_teacher_keeps_the_threshold() -> None:
    study = draft()
    tuned(study)
    changed(study, teacher={"model": {"path": "teacher"}, "steps": 30})
    assert plan(study).refusals == []


def test_tuning_prompts_that_the_study_shows_are_refused() -> None:
    shown = [{"id": "x", "text": "Shown 1."}, {"id": "y", "text": "other"}]
    study = draft(tune=shown)
    with pytest.raises(CalibrationRefused, match="1 of 2 tuning prompts are test prompts too"):
        plan_tuning(study, tuning_set(study))


def test_tuning_prompts_of_a_group_that_the_study_shows_are_refused() -> None:
    grouped = [{"id": "x", "text": "another caption", "group": "s2"}]
    study = draft(tune=grouped)
    with pytest.raises(CalibrationRefused, match=r"share 1 groups \(such as 's2'\)"):
        plan_tuning(study, tuning_set(study))


def test_a_test_set_that_changes_to_the_tuning_prompts_is_refused_at_launch() -> None:
    study = draft()
    tuned(study)
    data = study.read_spec().model_dump(mode="json")
    data["prompt_sets"][0]["prompts"] = [{"id": "1", "text": "tuned 3"}]
    update_draft(study, parse_spec(data), actor=study.owner)
    assert "are test prompts too, such as 'tuned 3'" in plan(study).refusals[0]


def test_a_study_without_tuning_prompts_or_anything_to_tune_says_so() -> None:
    with pytest.raises(CalibrationRefused, match="no prompt set of role tune"):
        tuning_set(make_generated())
    fixed = draft({"tau": 0.5})
    with pytest.raises(CalibrationRefused, match="no method of the study has a threshold to tune"):
        plan_tuning(fixed, tuning_set(fixed))


def test_a_launched_studys_thresholds_are_frozen() -> None:
    study = draft()
    tuned(study)
    launch(study, actor=None, now=NOW)
    with pytest.raises(CalibrationRefused, match="Clone it"):
        plan_tuning(study, tuning_set(study))


def test_a_threshold_that_is_not_stored_here_is_refused() -> None:
    study = draft()
    tuned(study)
    Threshold.objects.all().delete()
    assert "which is not stored here" in plan(study).refusals[0]


def test_another_persons_clone_keeps_the_threshold() -> None:
    from annotate.studies.create import clone_study

    study = draft()
    tuned(study)
    clone = clone_study(study, owner=make_user(Role.RESEARCHER), name="Again")
    assert plan(clone).refusals == []
    assert clone.methods.get(name="adaptive").digest == arm_of(study).digest()


def test_the_figures_say_what_every_percentile_would_cost() -> None:
    study = draft({"percentile": 30})
    found = tuned(study)
    shown = figures(
        study, to_tune(study)[0], found, rng=np.random.default_rng(1), sizes=(10, 1000), bars=5
    )
    assert [(p.percentile, p.steps) for p in shown.curve][:3] == [(0, 5), (10, 7), (20, 9)]
    assert [p.percentile for p in shown.curve if p.chosen] == [30]
    assert sum(bar.scores for bar in shown.histogram) == 10
    assert sum(bar.below for bar in shown.histogram) == 3
    few, many = shown.convergence
    assert few.spread_prompts > many.spread_prompts
    assert few.spread_noise is None


def test_noise_seeds_give_a_spread_of_their_own() -> None:
    study = draft()
    plan_tuning(study, tuning_set(study), replicas=2)
    task = to_tune(study)[0]
    for place, sample in enumerate(Sample.objects.order_by("pk")):
        sample.image, sample.state = make_image(sample.pk), "done"
        sample.save()
        Score.objects.create(
            sample=sample, estimator_digest=task.estimator.digest(), value=float(place * 7 % 13)
        )
    [found] = calibrate(study, tuning_set(study), actor=study.owner)
    study.refresh_from_db()
    shown = figures(study, task, found, rng=np.random.default_rng(1), sizes=(10,), replicas=2)
    assert shown.samples == 10
    assert shown.convergence[0].spread_noise is not None


def test_a_score_that_equals_tau_stands_on_the_kept_side() -> None:
    bars = histogram(np.array([0.0, 1.0, 2.0, 3.0]), 2.0, bars=3)
    assert sum(bar.below for bar in bars) == 2
