"""The worker's side of a job: claim it, keep it alive, finish it, fail it, give it back.

Every change is won by compare-and-set under the claim's token, so that a worker thought dead
changes nothing. It must not know how samples are made.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet

from annotate.sampling.models import Image, Job, Sample, Score
from annotate.sampling.signals import samples_finished
from annotate.sampling.storage import Stored
from annotate.studies.clock import database_now
from annotate.studies.models import Method
from annotate.studies.turns import turn

State = Job.State
LONGEST_ERROR = 1000


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to finish a job. The token is the fence: a later claim has another one."""

    job: Job
    token: uuid.UUID
    attempt: int


@dataclass(frozen=True, slots=True)
class Filled:
    """A sample made and stored as a file, on its way into its row."""

    sample: int
    image: Stored
    record: dict[str, Any] = field(default_factory=dict)
    latents: str = ""
    # By estimator digest.
    scores: Mapping[str, float] = field(default_factory=dict)
    decision: str = ""
    steps: int | None = None
    forwards: int | None = None
    seconds: float | None = None
    parent: int | None = None
    # The score that decided about the parent, with its estimator's digest.
    decided_by: tuple[str, float] | None = None


def claim(job_id: int) -> Claim | None:
    """Take a queued job, or a running one whose lease has run out. None: nothing to do here.

    A doubled or late message finds nothing to claim, whoever sent it.
    """
    token = uuid.uuid4()
    with turn(), transaction.atomic():
        now = database_now()
        won = (
            Job.objects.filter(pk=job_id, cancel_requested=False, attempt__lt=F("max_attempts"))
            .filter(Q(state=State.QUEUED) | Q(state=State.RUNNING, lease_until__lt=now))
            .update(
                state=State.RUNNING,
                token=token,
                attempt=F("attempt") + 1,
                lease_until=now + timedelta(seconds=settings.JOBS["lease"]),
                started_at=now,
                progress_done=0,
            )
        )
        if not won:
            return None
        job = Job.objects.get(pk=job_id)
    return Claim(job, token, job.attempt)


def _held(claim: Claim) -> QuerySet[Job]:
    return Job.objects.filter(pk=claim.job.pk, state=State.RUNNING, token=claim.token)


def extend(claim: Claim, *, done: int) -> bool:
    """Push the lease out and note the progress; False when fenced or cancelled: stop working."""
    with turn():
        until = database_now() + timedelta(seconds=settings.JOBS["lease"])
        held = _held(claim).filter(cancel_requested=False)
        return bool(held.update(lease_until=until, progress_done=done))


def wanted(claim: Claim) -> bool:
    """Whether the job is still this worker's to do, by a plain read."""
    return _held(claim).filter(cancel_requested=False).exists()


def finish(
    claim: Claim,
    filled: Sequence[Filled],
    *,
    result: dict[str, Any],
    failed: Mapping[int, str] | None = None,
) -> bool:
    """Mark the job done and fill its samples, in one transaction; False when it was fenced.

    The files are there already: those of a fenced worker are orphans, never a second row. A sample
    that another job has filled meanwhile keeps its image and its scores. With samples that could
    not be made (`failed`: reason by id) the attempt has failed; what was made is kept.
    """
    with turn(), transaction.atomic():
        won = _fall_short(claim, failed) if failed else _complete(claim, result)
        if not won:
            return False
        if done := _fill(claim.job, filled):
            digests = Sample.objects.filter(pk__in=done).values("method_digest")
            studies = set(
                Method.objects.filter(digest__in=digests).values_list("study_id", flat=True)
            )
            transaction.on_commit(
                lambda: samples_finished.send_robust(Job, sample_ids=done, study_ids=studies)
            )
    return True


def _complete(claim: Claim, result: dict[str, Any]) -> bool:
    return bool(
        _held(claim).update(
            state=State.DONE,
            token=None,
            lease_until=None,
            cancel_requested=False,
            progress_done=F("progress_total"),
            error="",
            result=result,
            finished_at=database_now(),
        )
    )


def _fall_short(claim: Claim, failed: Mapping[int, str]) -> bool:
    """An attempt that made only some of its samples; after the last one each says its own why."""
    if not fail(claim, short_of(claim.job, failed)):
        return False
    given_up = Sample.objects.filter(job=claim.job, state=Sample.State.FAILED)
    for sample, reason in failed.items():
        given_up.filter(pk=sample).update(error=reason[:LONGEST_ERROR])
    return True


def short_of(job: Job, failed: Mapping[int, str]) -> str:
    """In plain words how much of a job cannot be made, and the first reason why."""
    reasons = list(dict.fromkeys(failed.values()))
    more = f" ({len(reasons) - 1} other reasons)" if len(reasons) > 1 else ""
    words = f"{len(failed)} of {job.progress_total} samples cannot be made: {reasons[0]}"
    return words[: LONGEST_ERROR - len(more)] + more


def _fill(job: Job, filled: Sequence[Filled]) -> set[int]:
    """The ids of the samples that had no image before."""
    stored = {one.image.digest: one.image for one in filled}
    Image.objects.bulk_create(
        [Image(digest=d, width=s.width, height=s.height, bytes=s.bytes) for d, s in stored.items()],
        ignore_conflicts=True,
    )
    images = Image.objects.in_bulk(list(stored), field_name="digest")
    done = set()
    scores = []
    for one in filled:
        open_row = Sample.objects.filter(pk=one.sample).exclude(state=Sample.State.DONE)
        won = open_row.update(
            state=Sample.State.DONE,
            job=job,
            image=images[one.image.digest],
            error="",
            record=one.record,
            latents_digest=one.latents,
            decision=one.decision,
            steps=one.steps,
            forwards=one.forwards,
            seconds=one.seconds,
            parent=one.parent,
        )
        if won:
            done.add(one.sample)
            scores += [
                Score(sample_id=one.sample, estimator_digest=digest, value=value)
                for digest, value in one.scores.items()
            ]
            if one.parent is not None and one.decided_by is not None:
                # Else another job would score the student's sample anew, and near tau the two
                # might decide differently.
                digest, value = one.decided_by
                scores.append(Score(sample_id=one.parent, estimator_digest=digest, value=value))
    Score.objects.bulk_create(scores, ignore_conflicts=True)
    return done


def fail(claim: Claim, error: str) -> bool:
    """Note why the attempt failed; after the last one the job and its samples have failed.

    Before that it waits for the next round of the sweep, seconds in which memory may come free.
    """
    with turn(), transaction.atomic():
        if claim.attempt >= claim.job.max_attempts:
            return bool(give_up(_held(claim), error))
        return bool(_held(claim).update(error=error[:LONGEST_ERROR], **waiting()))


def release(claim: Claim, *, why: str = "") -> bool:
    """Give a job back untried: this worker is asked to stop, or another job has to come first."""
    with turn(), transaction.atomic():
        return bool(_held(claim).update(attempt=F("attempt") - 1, error=why, **waiting()))


def confirm_cancelled(claim: Claim) -> bool:
    """The worker has seen that its job is cancelled, and has stopped."""
    with turn(), transaction.atomic():
        return bool(cancelled(_held(claim).filter(cancel_requested=True)))


def waiting() -> dict[str, Any]:
    """What a queued job's row holds that nobody has been told about."""
    now = database_now()
    fresh = {"state": State.QUEUED, "token": None, "lease_until": None, "progress_done": 0}
    return {**fresh, "published_at": None, "queued_at": now}


def give_up(jobs: QuerySet[Job], error: str) -> int:
    """Fail these jobs with their samples; the rest of the study goes on."""
    error = error[:LONGEST_ERROR]
    ids = list(jobs.values_list("pk", flat=True))
    given_up = jobs.filter(pk__in=ids).update(
        state=State.FAILED, token=None, lease_until=None, error=error, finished_at=database_now()
    )
    if given_up:
        Sample.objects.filter(
            job__in=ids, job__state=State.FAILED, state=Sample.State.QUEUED
        ).update(state=Sample.State.FAILED, error=error)
    return given_up


def cancelled(jobs: QuerySet[Job]) -> int:
    return jobs.update(
        state=State.CANCELLED,
        token=None,
        lease_until=None,
        cancel_requested=False,
        finished_at=database_now(),
    )
