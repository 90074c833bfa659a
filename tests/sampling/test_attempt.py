"""One attempt: when the work is told to stop, and what becomes of the job however it ends."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from annotate.sampling import attempt, claims, jobs, tasks
from annotate.sampling.attempt import Attempt, Interrupted, NotYet, Worked, in_plain_words
from annotate.sampling.models import Job
from generation.errors import DoesNotFit, NonFiniteScoreError
from tests.factories import make_study
from tests.sampling.test_jobs import claimed, expire, filled, make_job, state_of

# The lease is kept by a thread with a connection of its own.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.bothdb]


class OutOfMemoryError(RuntimeError):
    """Named as torch's."""


class Time:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def outcome(job: Job, work: Callable[[Attempt], Worked], **more: Any) -> str:
    with Attempt(claimed(job), **more) as trying:
        trying.finish(work(trying))
    return state_of(job)


def raising(error: BaseException) -> Callable[[Attempt], Worked]:
    def work(_: Attempt) -> Worked:
        raise error

    return work


def test_finished_work_is_done() -> None:
    job = make_job()
    assert outcome(job, lambda _: Worked(filled(job), {"steps": 1})) == "done"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            NonFiniteScoreError((0,), of=4, estimator="imagereward"),
            "the estimator imagereward gave no finite score for row 0 of 4 (counted from 0). "
            "Look at those images; if they are sound, score in float32.",
        ),
        (DoesNotFit("one image does not fit."), "one image does not fit."),
        (
            OutOfMemoryError("CUDA out of memory.\nTried to allocate 2 GiB"),
            "It ran out of memory, even in its smallest batch. Make the images smaller, choose "
            "half precision, or free memory and try again. "
            "(CUDA out of memory. Tried to allocate 2 GiB)",
        ),
        (KeyError("unet"), "It failed with KeyError: 'unet'."),
        (RuntimeError(), "It failed with RuntimeError: no further words."),
    ],
)
def test_whatever_the_work_raises_is_the_jobs_failure_in_plain_words(
    error: Exception, words: str
) -> None:
    job = make_job()
    for expected in ("queued", "queued", "failed"):
        assert outcome(job, raising(error)) == expected
    assert job.error == words


def test_a_job_that_has_to_wait_for_another_loses_no_attempt() -> None:
    job = make_job()
    assert outcome(job, raising(NotYet("sample 3"))) == "queued"
    assert job.attempt == 0


def test_the_end_of_the_process_is_not_the_jobs_failure() -> None:
    job = make_job()
    with pytest.raises(KeyboardInterrupt):
        outcome(job, raising(KeyboardInterrupt()))
    assert (state_of(job), job.error) == ("running", "")


def test_progress_is_written_at_the_next_look_and_the_lease_with_it() -> None:
    job = make_job()
    clock = Time()
    trying = Attempt(claimed(job), clock=clock)
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() + timedelta(seconds=5))
    trying.look()
    assert state_of(job) == "running"
    near = job.lease_until
    trying.progress(1, 2)
    trying.look()
    job.refresh_from_db()
    assert job.progress_done == 1
    assert near is not None
    assert job.lease_until is not None
    assert job.lease_until > near
    trying.stop()


def test_the_lease_is_renewed_when_a_third_of_it_is_gone() -> None:
    job = make_job()
    clock = Time()
    trying = Attempt(claimed(job), clock=clock)
    soon = timezone.now() + timedelta(seconds=5)
    Job.objects.filter(pk=job.pk).update(lease_until=soon)
    clock.seconds = 19.9
    trying.look()
    job.refresh_from_db()
    assert job.lease_until == soon
    clock.seconds = 20.1
    trying.look()
    job.refresh_from_db()
    assert job.lease_until is not None
    assert job.lease_until > soon


def looked(trying: Attempt) -> Worked:
    trying.look()
    trying.stop()
    raise AssertionError("the work was not told to stop")


def test_a_cancelled_job_stops_at_its_next_step_and_is_cancelled() -> None:
    study = make_study()
    job = make_job(study)

    def work(trying: Attempt) -> Worked:
        trying.look()
        trying.stop()
        jobs.cancel(study, actor=None)
        return looked(trying)

    assert outcome(job, work) == "cancelled"
    assert job.error == ""


def test_a_fenced_worker_stops_and_leaves_the_job_to_the_other() -> None:
    job = make_job()

    def work(trying: Attempt) -> Worked:
        expire(job)
        claimed(job)
        return looked(trying)

    assert outcome(job, work) == "running"
    assert (job.attempt, job.error) == (2, "")


def test_a_worker_that_is_told_to_end_gives_its_job_back(monkeypatch: pytest.MonkeyPatch) -> None:
    job = make_job()
    monkeypatch.setattr(attempt, "worker_ends", attempt.threading.Event())
    attempt.worker_ends.set()
    assert outcome(job, looked) == "queued"
    assert job.attempt == 0


def test_a_job_past_its_deadline_is_stopped_and_says_so() -> None:
    job = make_job()
    clock = Time()

    def work(trying: Attempt) -> Worked:
        clock.seconds = 1201
        return looked(trying)

    assert outcome(job, work, clock=clock) == "queued"
    assert job.error.startswith("It had not ended after 1200 seconds")


def test_a_kind_of_job_that_this_worker_does_not_know_fails_with_what_to_do() -> None:
    job = make_job()
    for _ in range(3):
        tasks.run_job(job.pk)
    assert state_of(job) == "failed"
    assert "Start this worker from the version that launched the study" in job.error


def test_a_message_for_a_job_that_is_not_there_does_nothing() -> None:
    assert tasks.run_job(10**9) is None
    job = make_job()
    claims.finish(claimed(job), filled(job), result={})
    tasks.run_job(job.pk)
    assert (state_of(job), job.attempt) == ("done", 1)


def test_long_errors_are_cut() -> None:
    job = make_job()
    claims.fail(claimed(job), "x" * 5000)
    assert len(job.error or Job.objects.get(pk=job.pk).error) == claims.LONGEST_ERROR


def test_interrupted_is_what_the_producer_calls_stopped() -> None:
    assert "stopped" in in_plain_words(Interrupted("late"))
