"""A job's life in the database: who may claim, finish, fail and cancel it, and when."""

import math
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from annotate.sampling import claims, jobs
from annotate.sampling.claims import Claim, Filled
from annotate.sampling.models import Image, Job, Sample, Score
from annotate.sampling.signals import samples_finished
from annotate.sampling.storage import Stored
from annotate.studies.models import Event, Method, Study
from tests.factories import make_study

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]


def make_job(study: Study | None = None, *, samples: int = 2, method: str = "m" * 64) -> Job:
    first = Sample.objects.count()
    rows = [
        Sample.objects.create(method_digest=method, prompt_digest=f"{first + i:064d}")
        for i in range(samples)
    ]
    return jobs.enqueue(rows, kind="probe", study=study, payload={})


def claimed(job: Job) -> Claim:
    won = claims.claim(job.pk)
    assert won is not None
    return won


def expire(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(days=1))


def filled(job: Job, *, digit: str = "a", **more: Any) -> list[Filled]:
    picture = Stored(digest=digit * 64, width=8, height=8, bytes=100)
    return [
        Filled(sample=s.pk, image=picture, scores={"e" * 64: 1.5}, steps=5, **more)
        for s in job.samples.order_by("pk")
    ]


def state_of(job: Job) -> str:
    job.refresh_from_db()
    return job.state


def sample_states(job: Job) -> list[str]:
    return list(job.samples.order_by("pk").values_list("state", flat=True))


def test_a_queued_job_is_claimed_once() -> None:
    job = make_job()
    assert claims.claim(job.pk) is not None
    assert claims.claim(job.pk) is None
    assert state_of(job) == "running"


def test_the_same_work_asked_for_again_is_the_same_job() -> None:
    job = make_job()
    again = jobs.enqueue(job.samples.all(), kind="probe", study=None, payload={})
    other = jobs.enqueue(job.samples.all(), kind="probe", study=None, payload={"x": 1})
    assert (again.pk == job.pk, other.pk == job.pk) == (True, False)


def test_work_that_failed_is_queued_anew_when_asked_for_again() -> None:
    job = make_job()
    for _ in range(3):
        claims.fail(claimed(job), "the weights are absent")
    again = jobs.enqueue(job.samples.all(), kind="probe", study=None, payload={})
    assert (again.pk, again.state, again.attempt, again.error) == (job.pk, "queued", 0, "")
    assert sample_states(job) == ["queued", "queued"]


def test_many_jobs_of_one_transaction_are_rung_for_once(
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks() as callbacks, transaction.atomic():
        for _ in range(5):
            make_job()
    assert callbacks == [jobs.ring_unpublished]


def test_finishing_fills_samples_scores_and_pictures_in_one_go() -> None:
    job = make_job()
    assert claims.finish(claimed(job), filled(job, decision="kept"), result={"steps": 10})
    assert state_of(job) == "done"
    assert (job.token, job.lease_until, job.progress_done) == (None, None, 2)
    assert job.result == {"steps": 10}
    assert sample_states(job) == ["done", "done"]
    # Two samples, one picture by content.
    assert (Image.objects.count(), Score.objects.count()) == (1, 2)
    assert set(job.samples.values_list("steps", "decision")) == {(5, "kept")}


def test_a_worker_whose_lease_was_taken_over_finishes_nothing() -> None:
    job = make_job()
    slow = claimed(job)
    expire(job)
    quick = claimed(job)
    assert not claims.finish(slow, filled(job, digit="b"), result={})
    assert not claims.extend(slow, done=1)
    assert not claims.fail(slow, "late")
    assert claims.finish(quick, filled(job), result={})
    assert set(job.samples.values_list("image__digest", flat=True)) == {"a" * 64}
    assert (state_of(job), job.attempt) == ("done", 2)


def test_a_worker_whose_lease_ran_out_unnoticed_still_finishes() -> None:
    job = make_job()
    claim = claimed(job)
    expire(job)
    assert claims.finish(claim, filled(job), result={})


def test_a_running_job_with_a_live_lease_is_nobody_elses() -> None:
    job = make_job()
    claim = claimed(job)
    assert claims.extend(claim, done=1)
    assert claims.claim(job.pk) is None
    assert (state_of(job), job.progress_done) == ("running", 1)


def test_a_sample_that_is_done_keeps_its_picture_and_its_scores() -> None:
    first = make_job()
    claims.finish(claimed(first), filled(first), result={})
    samples = list(first.samples.all())
    Sample.objects.filter(pk=samples[1].pk).update(state="queued", image=None)
    Score.objects.filter(sample=samples[1]).delete()
    second = jobs.enqueue(samples, kind="probe", study=None, payload={"again": 1})
    assert set(second.samples.all()) == {samples[1]}
    late = [*filled(second, digit="b"), Filled(samples[0].pk, filled(second, digit="b")[0].image)]
    assert claims.finish(claimed(second), late, result={})
    made = Sample.objects.in_bulk([s.pk for s in samples])
    assert made[samples[0].pk].image.digest == "a" * 64  # type: ignore[union-attr]
    assert made[samples[1].pk].image.digest == "b" * 64  # type: ignore[union-attr]
    assert Score.objects.count() == 2


def test_a_failed_attempt_goes_back_to_the_queue_with_its_reason() -> None:
    job = make_job()
    assert claims.fail(claimed(job), "out of memory")
    assert (state_of(job), job.attempt, job.error) == ("queued", 1, "out of memory")
    assert job.published_at is None
    assert sample_states(job) == ["queued", "queued"]


def test_after_the_third_failure_the_job_and_its_samples_have_failed_for_that_reason() -> None:
    job, other = make_job(), make_job()
    for _ in range(3):
        claims.fail(claimed(job), "out of memory")
    assert claims.claim(job.pk) is None
    assert (state_of(job), job.error) == ("failed", "out of memory")
    assert set(job.samples.values_list("state", "error")) == {("failed", "out of memory")}
    assert claims.finish(claimed(other), filled(other), result={})


def test_samples_that_could_be_made_are_kept_when_others_cannot() -> None:
    job = make_job()
    good, bad = job.samples.order_by("pk")
    reason = "imagereward gave no finite score."
    for attempt in range(3):
        made = filled(job)[:1] if attempt == 0 else []
        claims.finish(claimed(job), made, result={}, failed={bad.pk: reason})
        good.refresh_from_db()
        assert good.state == "done"
    bad.refresh_from_db()
    assert (state_of(job), bad.state, bad.error) == ("failed", "failed", reason)
    assert job.error == f"1 of 2 samples cannot be made: {reason}"


def test_a_released_job_has_lost_no_attempt() -> None:
    job = make_job()
    claims.release(claimed(job))
    assert (state_of(job), job.attempt) == ("queued", 0)


def test_cancelling_ends_queued_jobs_now_and_running_ones_at_their_next_step() -> None:
    study = make_study()
    running, queued, other = make_job(study), make_job(study), make_job()
    claim = claimed(running)
    assert jobs.cancel(study, actor=study.owner) == 2
    assert (state_of(queued), state_of(running), state_of(other)) == (
        "cancelled",
        "running",
        "queued",
    )
    assert not claims.extend(claim, done=1)
    assert not claims.wanted(claim)
    assert claims.confirm_cancelled(claim)
    assert state_of(running) == "cancelled"
    assert claims.claim(queued.pk) is None
    assert Event.objects.filter(study=study, kind="sampling_cancelled", data={"jobs": 2}).exists()


def test_retrying_takes_up_what_failed_and_what_was_cancelled() -> None:
    study = make_study()
    failed, cancelled, done = make_job(study), make_job(study), make_job(study)
    for _ in range(3):
        claims.fail(claimed(failed), "out of memory")
    claims.finish(claimed(done), filled(done), result={})
    jobs.cancel(study, actor=None)
    assert jobs.retry(study, actor=None) == 2
    assert [state_of(j) for j in (failed, cancelled, done)] == ["queued", "queued", "done"]
    assert (failed.attempt, failed.error, sample_states(failed)) == (0, "", ["queued", "queued"])


def test_a_paused_study_starts_no_further_job_until_it_is_resumed() -> None:
    study = make_study()
    running, queued = make_job(study), make_job(study)
    claim = claimed(running)
    assert jobs.pause(study, actor=None) == 1
    assert claims.claim(queued.pk) is None
    assert claims.finish(claim, filled(running), result={})
    assert jobs.resume(study, actor=None) == 1
    assert claims.claim(queued.pk) is not None


def test_cancelling_leaves_a_job_that_another_open_study_waits_for() -> None:
    study, heir = make_study(), make_study()
    prompt = heir.prompt_sets.get().prompts.get()
    shared = Sample.objects.create(method_digest="s" * 64, prompt_digest=prompt.digest)
    Method.objects.create(study=heir, name="shared", digest="s" * 64)
    Study.objects.filter(pk=heir.pk).update(state="open", protocol_hash="x")
    job = jobs.enqueue([shared], kind="probe", study=study, payload={})
    assert jobs.cancel(study, actor=None) == 0
    assert (state_of(job), job.study_id) == ("queued", heir.pk)


def test_finished_samples_are_announced_with_every_study_that_shows_them(
    django_capture_on_commit_callbacks: Any,
) -> None:
    told: list[dict[str, Any]] = []

    def listen(**given: Any) -> None:
        told.append(given)

    study, other, third = make_study(), make_study(), make_study()
    for one in (study, other):
        Method.objects.create(study=one, name="shared", digest="s" * 64)
    job = make_job(study, method="s" * 64)
    samples_finished.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            claims.finish(claimed(job), filled(job), result={})
            assert told == []
    finally:
        samples_finished.disconnect(listen)
    assert [(t["sample_ids"], t["study_ids"]) for t in told] == [
        ({s.pk for s in job.samples.all()}, {study.pk, other.pk})
    ]
    assert third.pk not in told[0]["study_ids"]


def test_only_samples_made_here_can_be_made_again() -> None:
    job = make_job(samples=1)
    claims.finish(claimed(job), filled(job, record={"format": 1}), result={})
    sample = job.samples.get()
    first = jobs.remake(sample, actor=None)
    assert jobs.remake(sample, actor=None).pk == first.pk
    assert (first.kind, first.progress_total) == ("remake", 1)
    claims.finish(claimed(first), [], result={"same": True})
    assert jobs.remake(sample, actor=None).pk != first.pk
    sample.refresh_from_db()
    assert (sample.state, sample.job_id) == ("done", job.pk)
    imported = Sample(state="done", record={})
    with pytest.raises(ValueError, match="no record"):
        jobs.remake(imported, actor=None)


def test_infinite_thresholds_are_kept_as_they_are() -> None:
    from annotate.sampling.models import Calibration, Threshold

    calibration = Calibration.objects.create(
        student_digest="s", estimator_digest="e", prompts_digest="p", scores=[1.0], scores_digest=""
    )
    Threshold.objects.create(calibration=calibration, percentile=100, tau=math.inf)
    assert Threshold.objects.get().tau == math.inf
