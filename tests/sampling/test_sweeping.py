"""The sweep: who is rung for again and when, and what ends because nobody can finish it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from annotate.sampling import claims, jobs, sweeping
from annotate.sampling.models import Job
from annotate.sampling.signals import swept
from tests.factories import make_study
from tests.sampling.test_jobs import claimed, expire, make_job, sample_states, state_of

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]
AGO = timedelta(minutes=2)


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The ids rung for; the broker takes every message."""
    told: list[int] = []

    def ring(calls: list[tuple[int, str]], **_: Any) -> list[int]:
        told.extend(job for job, _ in calls)
        return [job for job, _ in calls]

    monkeypatch.setattr(jobs, "ring", ring)
    return told


def published(job: Job, *, ago: timedelta) -> None:
    Job.objects.filter(pk=job.pk).update(published_at=timezone.now() - ago)


def test_a_job_no_broker_took_is_rung_for_once(rung: list[int]) -> None:
    job = make_job()
    assert sweeping.sweep().rung == 1
    assert sweeping.sweep().rung == 0
    assert rung == [job.pk]


def test_a_message_that_brought_nobody_is_sent_again_when_no_worker_is_busy(
    rung: list[int],
) -> None:
    lost, fresh = make_job(), make_job()
    published(lost, ago=AGO)
    published(fresh, ago=timedelta(0))
    sweeping.sweep()
    assert rung == [lost.pk]


def test_while_a_worker_is_busy_waiting_is_no_sign_of_loss(rung: list[int]) -> None:
    busy, waiting = make_job(), make_job()
    claimed(busy)
    published(waiting, ago=AGO)
    sweeping.sweep()
    assert rung == []
    published(waiting, ago=10 * AGO)
    sweeping.sweep()
    assert rung == [waiting.pk]


def test_a_wiped_broker_is_not_flooded(rung: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "AGAIN", 3)
    for _ in range(5):
        published(make_job(samples=1), ago=AGO)
    sweeping.sweep()
    assert len(rung) == 3


def test_a_job_whose_worker_went_silent_is_rung_for_once_its_lease_is_over(
    rung: list[int],
) -> None:
    job = make_job()
    published(job, ago=AGO)
    claimed(job)
    sweeping.sweep()
    assert rung == []
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    sweeping.sweep()
    sweeping.sweep()
    assert rung == [job.pk]


@pytest.mark.parametrize("stored", ["", "It failed with KeyError: 'unet'."])
def test_a_job_whose_worker_died_three_times_fails_with_what_is_known(
    rung: list[int], stored: str
) -> None:
    job = make_job()
    for _ in range(3):
        claimed(job)
        expire(job)
    Job.objects.filter(pk=job.pk).update(error=stored)
    assert sweeping.sweep().failed == 1
    assert (state_of(job), rung) == ("failed", [])
    assert "ended without a word at attempt 3 of 3" in job.error
    assert stored in job.error
    assert sample_states(job) == ["failed", "failed"]


def test_a_cancelled_job_whose_worker_is_gone_is_cancelled_by_the_sweep(rung: list[int]) -> None:
    study = make_study()
    job = make_job(study)
    claimed(job)
    jobs.cancel(study, actor=None)
    assert sweeping.sweep().cancelled == 0
    expire(job)
    assert sweeping.sweep().cancelled == 1
    assert (state_of(job), rung) == ("cancelled", [])


def test_nothing_ended_is_rung_for(rung: list[int]) -> None:
    study = make_study()
    done, cancelled, paused = make_job(), make_job(study), make_job(study)
    claims.finish(claimed(done), [], result={})
    jobs.cancel(study, actor=None)
    Job.objects.filter(pk=paused.pk).update(state="paused")
    for job in (done, cancelled, paused):
        published(job, ago=10 * AGO)
    assert sweeping.sweep() == sweeping.Swept(0, 0, 0)
    assert rung == []


def test_whoever_missed_a_signal_is_given_another_chance_each_round(rung: list[int]) -> None:
    told: list[object] = []

    def listen(now: object, **_: Any) -> None:
        told.append(now)
        raise ValueError("a listener's own trouble")

    swept.connect(listen)
    try:
        sweeping.sweep()
    finally:
        swept.disconnect(listen)
    assert len(told) == 1


def test_the_researcher_is_told_when_no_broker_takes_messages() -> None:
    study = make_study()
    job = make_job(study)
    assert jobs.unheard(study) == 0
    Job.objects.filter(pk=job.pk).update(queued_at=timezone.now() - AGO)
    assert jobs.unheard(study) == 1
    published(job, ago=timedelta(0))
    assert jobs.unheard(study) == 0
