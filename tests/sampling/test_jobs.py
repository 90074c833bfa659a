"""A job's life in the database: who may claim, finish, fail and cancel it, and when."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from annotate.sampling import claims, jobs
from annotate.sampling.claims import Filled
from annotate.sampling.models import Image, Job, Sample, Score
from annotate.sampling.signals import samples_finished
from annotate.sampling.storage import Stored
from annotate.studies.models import Event, Study
from tests.factories import make_study

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]


def make_job(study: Study | None = None, *, samples: int = 2, **more: Any) -> Job:
    rows = [
        Sample.objects.create(
            method_digest=more.pop("method", "m" * 64),
            prompt_digest=f"{Sample.objects.count():064d}",
        )
        for _ in range(samples)
    ]
    return jobs.enqueue(rows, kind="probe", study=study, payload=more)


def expire(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(days=1))


def filled(job: Job, *, name: str = "a") -> list[Filled]:
    picture = Stored(digest=name * 64, width=8, height=8, bytes=100)
    return [
        Filled(sample=s.pk, image=picture, scores={"e" * 64: 1.5}, steps=5, forwards=10)
        for s in job.samples.all()
    ]


def state_of(job: Job) -> str:
    job.refresh_from_db()
    return job.state


def test_a_queued_job_is_claimed_once() -> None:
    job = make_job()
    assert claims.claim(job.pk) is not None
    assert claims.claim(job.pk) is None
    assert state_of(job) == "running"


def test_the_same_work_asked_for_again_is_the_same_job() -> None:
    job = make_job()
    again = jobs.enqueue(job.samples.all(), kind="probe", study=None, payload={})
    assert again.pk == job.pk
    assert jobs.enqueue(job.samples.all(), kind="probe", study=None, payload={"x": 1}).pk != job.pk
