"""How far the pictures are: per arm, in time, against the plan, and why some failed."""

from datetime import timedelta
from uuid import uuid4

import pytest

from annotate.judging.launch import launch
from annotate.sampling.models import Job, Sample
from annotate.sampling.progress import executed, progress
from annotate.studies.create import clone_study
from tests.factories import ADAPTIVE, NOW, TEACHER, make_generated, make_image, make_study
from tests.sampling.test_plan import arm, student_digest

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]

LATER = NOW + timedelta(minutes=4)


def made(digest: str, n: int, *, decision: str = "", steps: int = 5, forwards: int = 10) -> None:
    """The next `n` samples of an arm are made; their jobs ran for the last four minutes."""
    for sample in Sample.objects.filter(method_digest=digest, state="queued")[:n]:
        sample.image, sample.state = make_image(sample.pk), "done"
        sample.decision, sample.steps, sample.forwards = decision, steps, forwards
        sample.save()
        Job.objects.filter(pk=sample.job_id).update(started_at=NOW, finished_at=LATER)


def test_arms_are_told_against_their_plan_with_the_students_under_them():
    methods = {
        "adaptive": ("adaptive-refine", ADAPTIVE | {"threshold": {"tau": float("inf")}}),
        "teacher": ("teacher", TEACHER),
    }
    study = launch(make_generated(prompts=4, methods=methods), actor=None, now=NOW)
    made(student_digest(study), 4)
    made(arm(study, "adaptive").digest, 2, decision="refined", steps=25, forwards=50)
    seen = progress(study, now=LATER)
    adaptive, teacher, student = seen.arms
    assert (adaptive.wanted, adaptive.done, adaptive.steps, adaptive.steps_planned) == (
        4,
        2,
        25,
        25,
    )
    assert (adaptive.accepted, adaptive.accepted_planned) == (0, 0)
    assert (teacher.done, teacher.steps, teacher.steps_planned) == (0, None, 50)
    assert (student.hidden, student.done, student.share) == (True, 4, 1.0)
    assert (seen.wanted, seen.done, seen.left, seen.over) == (12, 6, 6, False)


def test_the_share_that_was_kept_stands_beside_the_planned_one():
    study = launch(make_generated(prompts=4), actor=None, now=NOW)
    made(student_digest(study), 4)
    made(arm(study, "adaptive").digest, 3, decision="kept")
    made(arm(study, "adaptive").digest, 1, decision="refined", steps=25, forwards=50)
    adaptive = next(one for one in progress(study, now=LATER).arms if one.name == "adaptive")
    assert (adaptive.accepted, adaptive.steps, adaptive.forwards) == (0.75, 10, 20)
    # A tau that was set directly plans no share.
    assert (adaptive.accepted_planned, adaptive.at_most) == (None, True)


def test_the_rate_and_the_time_left_follow_from_the_last_minutes():
    study = launch(make_generated(prompts=4), actor=None, now=NOW)
    assert progress(study, now=NOW).rate is None
    made(student_digest(study), 4)
    seen = progress(study, now=LATER)
    assert seen.rate == pytest.approx(1.0)
    assert seen.eta == timedelta(minutes=8)
    assert progress(study, now=LATER + timedelta(hours=1)).rate is None


def test_the_time_left_counts_only_what_is_made_for_this_study():
    """Pictures that were there when it began, however fast they came, say nothing of the rest."""
    first = launch(make_generated(prompts=4), actor=None, now=NOW - timedelta(minutes=1))
    made(student_digest(first), 4)
    Job.objects.update(started_at=NOW - timedelta(minutes=1), finished_at=NOW)
    study = launch(clone_study(first, owner=first.owner, name="again"), actor=None, now=NOW)
    assert (progress(study, now=NOW).done, progress(study, now=LATER).rate) == (4, None)
    made(arm(study, "teacher").digest, 2, steps=50)
    seen = progress(study, now=LATER)
    assert (seen.rate, seen.eta) == (2 / 4, timedelta(minutes=seen.left * 2))


def test_of_a_job_shared_with_another_study_only_this_ones_samples_count():
    study = launch(make_generated(prompts=2), actor=None, now=NOW)
    job = Job.objects.get(pk=Sample.objects.filter(state="queued").first().job_id)
    mine = job.samples.count()
    Job.objects.filter(pk=job.pk).update(
        state="running", token=uuid4(), lease_until=LATER, started_at=NOW, progress_done=mine + 7
    )
    assert progress(study, now=LATER).done == mine


def test_what_a_running_job_has_made_so_far_counts():
    study = launch(make_generated(prompts=4), actor=None, now=NOW)
    job = Job.objects.order_by("pk")[0]
    import uuid

    Job.objects.filter(pk=job.pk).update(
        state="running", token=uuid.uuid4(), lease_until=LATER, started_at=NOW, progress_done=3
    )
    seen = progress(study, now=NOW + timedelta(minutes=1))
    assert (seen.running, seen.queued, seen.done) == (1, 1, 3)
    assert seen.rate == pytest.approx(3.0)


def test_failures_are_told_by_reason_and_the_rest_goes_on():
    study = launch(make_generated(prompts=3), actor=None, now=NOW)
    teachers = Sample.objects.filter(method_digest=arm(study, "teacher").digest)
    Job.objects.filter(samples__in=teachers).update(state="failed", error="no weights at /x")
    teachers.update(state="failed", error="no weights at /x")
    seen = progress(study, now=NOW)
    [failure] = seen.failures
    assert (failure.reason, failure.samples, failure.methods) == (
        "no weights at /x",
        3,
        ("teacher",),
    )
    assert (seen.failed, seen.queued, seen.over, seen.stalled) == (3, 1, False, False)
    Job.objects.filter(state="queued").update(state="cancelled")
    assert progress(study, now=NOW).stalled


def test_a_study_that_shares_every_sample_is_over_at_once():
    first = launch(make_generated(prompts=2), actor=None, now=NOW)
    for sample in Sample.objects.all():
        sample.image, sample.state = make_image(sample.pk), "done"
        sample.save()
    assert progress(first, now=NOW).over


def test_reports_name_what_was_executed_and_nothing_of_drafts_and_imports():
    draft = make_generated(prompts=2)
    assert executed(draft) == ()
    study = launch(draft, actor=None, now=NOW)
    made(student_digest(study), 2)
    made(arm(study, "adaptive").digest, 2, decision="kept")
    found = {one.name: (one.steps, one.forwards) for one in executed(study)}
    assert found == {"adaptive": (5, 10), "teacher": (None, None)}
    assert executed(launch(make_study(pairs=1), actor=None, now=NOW)) == ()
