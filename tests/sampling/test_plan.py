"""What a study needs becomes rows and jobs: once, in order, two minutes of work each."""

from typing import Any

import pytest

from annotate.judging.launch import launch
from annotate.sampling import plan as planning
from annotate.sampling.costs import measured, network
from annotate.sampling.models import Job, Sample, Score
from annotate.sampling.needs import WaitsForThreshold, families
from annotate.sampling.plan import plan_samples, recut
from annotate.sampling.signals import samples_finished
from annotate.studies.models import Method, Study
from generation.spec import Adaptive, read_arm
from tests.factories import ADAPTIVE, NOW, STUDENT, TEACHER, make_generated, make_image

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]

BOTH = {
    "teacher": ("teacher", TEACHER),
    "refine": ("adaptive-refine", ADAPTIVE),
    "regenerate": ("adaptive-regenerate", ADAPTIVE),
}


def arm(study: Study, name: str) -> Method:
    return study.methods.get(name=name)


def student_digest(study: Study) -> str:
    adaptive = read_arm(arm(study, "adaptive").settings["arm"])
    assert isinstance(adaptive, Adaptive)
    return adaptive.student.digest()


def estimator_digest(study: Study) -> str:
    adaptive = read_arm(arm(study, "adaptive").settings["arm"])
    assert isinstance(adaptive, Adaptive)
    return adaptive.estimator.digest()


def finish(study: Study, digest: str, *, seconds: float, forwards: int) -> None:
    """The samples of one arm are made, each at this cost."""
    for sample in Sample.objects.filter(method_digest=digest).exclude(state="done"):
        sample.image, sample.state = make_image(f"{digest}{sample.pk}"), "done"
        sample.seconds, sample.forwards = seconds, forwards
        sample.save()
        Job.objects.filter(pk=sample.job_id).update(state=Job.State.DONE)


def test_the_students_sample_of_every_adaptive_arm_is_planned_once():
    contrasts = (("refine", "teacher"), ("regenerate", "teacher"))
    study = make_generated(prompts=3, contrasts=contrasts, methods=BOTH)
    planned = plan_samples(study)
    # Three arms and the student that two of them share.
    assert (planned.wanted, planned.reused, Sample.objects.count()) == (12, 0, 12)
    digests = set(Sample.objects.values_list("method_digest", flat=True))
    assert len(digests) == 4
    assert set(study.methods.values_list("digest", flat=True)) < digests


def test_adaptive_arms_of_one_student_are_made_together_and_teachers_apart():
    contrasts = (("refine", "teacher"), ("regenerate", "teacher"))
    study = make_generated(prompts=3, contrasts=contrasts, methods=BOTH)
    plan_samples(study)
    kinds = [sorted(a["kind"] for a in job.payload["arms"].values()) for job in Job.objects.all()]
    assert sorted(kinds) == [["adaptive", "adaptive", "student"], ["teacher"]]


def test_planning_again_changes_nothing():
    study = make_generated(prompts=3)
    plan_samples(study)
    again = plan_samples(study)
    assert (again.shared, again.jobs, Sample.objects.count(), Job.objects.count()) == (9, 0, 9, 2)


def same_prompts(study: Study, **options: Any) -> Study:
    written = [{"id": p.key, "text": p.text} for p in study.prompt_sets.get().prompts.all()]
    sets = [{"name": "again", "prompts": written}]
    return make_generated(prompts=len(written), prompt_sets=sets, **options)


def test_equal_recipes_share_samples_across_studies():
    first = make_generated(prompts=2)
    plan_samples(first)
    finish(first, arm(first, "teacher").digest, seconds=1, forwards=100)
    second = same_prompts(first)
    planned = plan_samples(second)
    assert (planned.wanted, planned.reused, planned.shared, planned.jobs) == (6, 2, 4, 0)
    other = plan_samples(same_prompts(first, protocol={"seed": 7}))
    assert (other.reused, other.shared) == (0, 0)


def test_what_was_made_before_an_estimator_was_asked_for_is_scored_once():
    plain = {"teacher": ("teacher", TEACHER), "student": ("student", STUDENT)}
    first = make_generated(prompts=2, contrasts=(("student", "teacher"),), methods=plain)
    plan_samples(first)
    for name in plain:
        finish(first, arm(first, name).digest, seconds=1, forwards=100)
    second = same_prompts(first)
    plan_samples(second)
    plan_samples(second)
    jobs = Job.objects.filter(kind="score")
    assert {job.payload["estimator"]["name"] for job in jobs} == {"imagereward"}
    made = Sample.objects.filter(state="done")
    asked = sorted(sample for job in jobs for sample in job.payload["samples"])
    assert asked == sorted(made.values_list("pk", flat=True))
    Score.objects.bulk_create(
        Score(sample=row, estimator_digest=estimator_digest(second), value=0.5) for row in made
    )
    jobs.delete()
    plan_samples(second)
    assert not Job.objects.filter(kind="score").exists()


def test_what_another_study_finishes_later_is_scored_for_the_study_that_waited():
    plain = {"teacher": ("teacher", TEACHER), "student": ("student", STUDENT)}
    first = make_generated(prompts=2, contrasts=(("student", "teacher"),), methods=plain)
    plan_samples(first)
    second = same_prompts(first)
    launch(second, actor=second.owner, now=NOW)
    digest = arm(first, "teacher").digest
    finish(first, digest, seconds=1, forwards=100)
    made = set(Sample.objects.filter(method_digest=digest).values_list("pk", flat=True))
    samples_finished.send(Job, sample_ids=made, study_ids={first.pk, second.pk})
    (job,) = Job.objects.filter(kind="score")
    assert (set(job.payload["samples"]), job.study) == (made, second)


def test_a_failed_sample_is_planned_anew_by_the_next_study():
    first = make_generated(prompts=1, contrasts=(("student", "teacher"),))
    plan_samples(first)
    Sample.objects.update(state="failed", error="no weights")
    Job.objects.update(state=Job.State.FAILED, error="no weights")
    planned = plan_samples(same_prompts(first, contrasts=(("student", "teacher"),)))
    assert planned.jobs == 2
    assert set(Sample.objects.values_list("state", "error")) == {("queued", "")}
    assert set(Job.objects.values_list("state", flat=True)) <= {"queued", "failed"}
    assert Sample.objects.filter(job__state="queued").count() == 2


def test_every_arm_is_scored_by_the_deciding_estimator_and_lots_score_nothing():
    lots = {
        "random": (
            "adaptive-refine",
            ADAPTIVE
            | {"arm": ADAPTIVE["arm"] | {"estimator": {"name": "random", "path": "random"}}},
        ),
        "teacher": ("teacher", TEACHER),
    }
    plan_samples(make_generated(prompts=1))
    assert {e["name"] for job in Job.objects.all() for e in job.payload["score_with"]} == {
        "imagereward"
    }
    Job.objects.all().delete()
    plan_samples(make_generated(prompts=1, contrasts=(("random", "teacher"),), methods=lots))
    assert all(job.payload["score_with"] == [] for job in Job.objects.all())


def test_an_arm_without_its_threshold_is_not_sampled():
    waiting = {
        "adaptive": ("adaptive-refine", ADAPTIVE | {"threshold": {"percentile": 50}}),
        "teacher": ("teacher", TEACHER),
    }
    with pytest.raises(WaitsForThreshold, match="percentile 50"):
        plan_samples(make_generated(methods=waiting))


def test_jobs_follow_the_serving_order_and_families_take_turns(monkeypatch):
    monkeypatch.setattr(planning, "UNMEASURED", 2)
    study = make_generated(prompts=6)
    launch(study, actor=None, now=NOW)
    served = [item.prompt.digest for item in study.planned_items.order_by("order")]
    kinds = []
    for place, job in enumerate(Job.objects.order_by("pk")):
        shown = {sample.prompt_digest for sample in job.samples.all()}
        assert shown == set(served[place // 2 * 2 : place // 2 * 2 + 2])
        kinds.append(len(job.payload["arms"]))
    assert sorted(kinds[:2]) == sorted(kinds[2:4]) == sorted(kinds[4:]) == [1, 2]


def test_a_job_is_two_minutes_of_work_by_measured_cost():
    first = make_generated(prompts=1, contrasts=(("student", "teacher"),))
    plan_samples(first)
    finish(first, arm(first, "teacher").digest, seconds=20.0, forwards=100)
    second = make_generated(prompts=12, contrasts=(("student", "teacher"),))
    plan_samples(second)
    teachers = [
        job.samples.count()
        for job in Job.objects.filter(study=second).order_by("pk")
        if list(job.payload["arms"]) == [arm(second, "teacher").digest]
    ]
    assert teachers == [5, 5, 2]
    assert max(teachers) * 20.0 <= 120


def test_the_cost_of_other_steps_follows_from_the_same_network():
    study = make_generated(prompts=1, contrasts=(("student", "teacher"),))
    plan_samples(study)
    teacher = read_arm(arm(study, "teacher").settings["arm"])
    finish(study, teacher.digest(), seconds=10.0, forwards=100)
    fewer = teacher.model_copy(update={"steps": 25})
    larger = teacher.model_copy(update={"height": 1024, "width": 1024})
    assert measured().by_network[network(teacher)] == pytest.approx(0.1)
    assert measured().seconds(fewer) == pytest.approx(5.0)
    assert measured().seconds(larger) is None


def test_what_improving_costs_is_learnt_from_improved_samples():
    study = make_generated(prompts=2)
    plan_samples(study)
    finish(study, student_digest(study), seconds=1.0, forwards=10)
    finish(study, arm(study, "adaptive").digest, seconds=5.0, forwards=50)
    for sample in Sample.objects.filter(method_digest=arm(study, "adaptive").digest):
        sample.decision = "refined"
        sample.parent = Sample.objects.get(
            method_digest=student_digest(study), prompt_digest=sample.prompt_digest
        )
        sample.save()
    adaptive = read_arm(arm(study, "adaptive").settings["arm"])
    assert isinstance(adaptive, Adaptive)
    assert measured().seconds(adaptive, rejected=0.5) == pytest.approx(1.0 + 0.5 * 4.0)


def test_small_jobs_are_cut_anew_once_their_cost_is_known(monkeypatch):
    monkeypatch.setattr(planning, "UNMEASURED", 2)
    study = make_generated(prompts=9, contrasts=(("student", "teacher"),))
    plan_samples(study)
    assert recut(study) == 0
    first = Job.objects.filter(payload__guessed=True).order_by("pk")[0]
    sampled = {s.method_digest for s in first.samples.all()}.pop()
    for sample in first.samples.all():
        sample.image, sample.state = make_image(sample.pk), "done"
        sample.seconds, sample.forwards = 0.1, 10
        sample.save()
    Job.objects.filter(pk=first.pk).update(state=Job.State.DONE)
    assert recut(study) == 4
    family = [j for j in Job.objects.all() if list(j.payload["arms"]) == [sampled]]
    assert sorted(j.samples.count() for j in family) == [2, 7]
    assert not Sample.objects.filter(job=None).exists()
    assert recut(study) == 0


def test_a_job_that_has_begun_is_not_cut(monkeypatch):
    monkeypatch.setattr(planning, "UNMEASURED", 2)
    study = make_generated(prompts=6, contrasts=(("student", "teacher"),))
    plan_samples(study)
    teachers = [j for j in Job.objects.order_by("pk") if len(j.payload["arms"]) == 1]
    by_arm = [j for j in teachers if list(j.payload["arms"]) == list(teachers[0].payload["arms"])]
    done, begun, _ = by_arm
    for sample in done.samples.all():
        sample.image, sample.state = make_image(sample.pk), "done"
        sample.seconds, sample.forwards = 0.1, 10
        sample.save()
    Job.objects.filter(pk=done.pk).update(state=Job.State.DONE)
    Job.objects.filter(pk=begun.pk).update(attempt=1)
    assert recut(study) == 1
    assert Job.objects.filter(pk=begun.pk).exists()


def test_one_prompt_of_each_group_is_sampled_and_no_other():
    prompts = [{"id": str(i), "text": f"text {i}", "group": f"g{i // 2}"} for i in range(6)]
    study = make_generated(prompt_sets=[{"name": "grouped", "prompts": prompts}])
    found = families(study, study.read_protocol())
    assert {len(family.slots) for family in found} == {3}
    assert plan_samples(study).wanted == 9


def test_replicas_are_samples_of_their_own():
    study = make_generated(prompts=2, replicas=3, contrasts=(("student", "teacher"),))
    assert plan_samples(study).wanted == 12
    assert set(Sample.objects.values_list("replica", flat=True)) == {0, 1, 2}


def test_a_method_in_no_contrast_is_sampled_on_every_test_prompt():
    study = make_generated(prompts=4, contrasts=(("student", "teacher"),))
    study.contrasts.all().delete()
    assert plan_samples(study).wanted == 8
