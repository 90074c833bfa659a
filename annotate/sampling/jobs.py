"""Jobs as people and plans see them: ask for one, pause, cancel, try again, make an image again.

The rows are the outbox and the truth; a message is only a wake-up. It must not know how samples
are made (`sampling.tasks`) nor who decides which (`sampling.plan`).
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from annotate.people.models import User
from annotate.sampling.claims import cancelled, waiting
from annotate.sampling.doorbell import ring
from annotate.sampling.models import Job, Sample
from annotate.studies.clock import database_now
from annotate.studies.models import Event, Method, Prompt, Study
from annotate.studies.turns import turn

State = Job.State
# A message not taken by a broker after this long is worth a word to the researcher.
UNHEARD = timedelta(seconds=15)


def enqueue(
    samples: Iterable[Sample],
    *,
    kind: str = "produce",
    study: Study | None,
    payload: dict[str, Any],
    queue: str = Job.Queue.GPU,
    key: str = "",
    total: int | None = None,
) -> Job:
    """Write a job for these samples in the caller's transaction; workers hear of it on commit.

    The same work asked for again (same kind, samples and payload, or the same `key`) is the same
    job; one that failed or was cancelled before is queued anew. Samples that are done stay with
    the job that made them. `total` is what its progress counts to, by default the samples.
    """
    ids = sorted(sample.pk for sample in samples)
    key = key or _key(kind, ids, payload)
    with turn(), transaction.atomic():
        now = database_now()
        job, made = Job.objects.get_or_create(
            key=key,
            defaults={
                "study": study,
                "kind": kind,
                "queue": queue,
                "payload": payload,
                "progress_total": len(ids) if total is None else total,
                "created_at": now,
                "queued_at": now,
            },
        )
        Sample.objects.filter(pk__in=ids).exclude(state=Sample.State.DONE).update(job=job)
        if not made:
            _queue_again(Job.objects.filter(pk=job.pk))
            job.refresh_from_db()
        ring_on_commit()
    return job


def _key(kind: str, samples: list[int], payload: dict[str, Any]) -> str:
    canonical = json.dumps([kind, samples, payload], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def ring_on_commit() -> None:
    """Once per transaction: with the broker away each ringing would cost its own second."""
    asked: list[object] = [entry[1] for entry in connection.run_on_commit]
    if ring_unpublished not in asked:
        transaction.on_commit(ring_unpublished)


def ring_unpublished() -> int:
    """Ring for queued jobs whose message no broker has taken yet; how many it took now."""
    unheard = Job.objects.filter(state=State.QUEUED, published_at=None)
    return ring_for(unheard.only("queue").order_by("pk"))


def ring_for(jobs: Iterable[Job]) -> int:
    """Ring for these jobs and note when; how many messages the broker took."""
    rung = ring([(job.pk, job.queue) for job in jobs])
    if rung:
        with turn():
            Job.objects.filter(pk__in=rung).update(published_at=database_now())
    return len(rung)


def pause(study: Study, *, actor: User | None) -> int:
    """Start no further job of the study; running ones finish. How many were held back."""
    with turn(), transaction.atomic():
        held = study.jobs.filter(state=State.QUEUED).update(state=State.PAUSED)
        _log(study, "sampling_paused", jobs=held, actor=actor)
    return held


def resume(study: Study, *, actor: User | None) -> int:
    """Queue again what `pause` held back."""
    with turn(), transaction.atomic():
        freed = study.jobs.filter(state=State.PAUSED).update(**waiting())
        _log(study, "sampling_resumed", jobs=freed, actor=actor)
        ring_on_commit()
    return freed


def cancel(study: Study, *, actor: User | None) -> int:
    """End what is queued now and what runs at its next step; `retry` takes it up again.

    Jobs whose samples another running study waits for are handed to that study instead.
    """
    with turn(), transaction.atomic():
        for job, heir in _wanted_elsewhere(study).items():
            study.jobs.filter(pk=job).update(study=heir)
        running = study.jobs.filter(state=State.RUNNING).update(cancel_requested=True)
        ended = cancelled(study.jobs.filter(state__in=[State.QUEUED, State.PAUSED]))
        _log(study, "sampling_cancelled", jobs=running + ended, actor=actor)
    return running + ended


def retry(study: Study, *, actor: User | None) -> int:
    """Queue the study's failed and cancelled jobs anew, with all their attempts."""
    with turn(), transaction.atomic():
        again = _queue_again(study.jobs.all())
        _log(study, "sampling_retried", jobs=again, actor=actor)
        ring_on_commit()
    return again


def remake(sample: Sample, *, actor: User | None) -> Job:
    """Make a finished sample again from its record, to compare; the stored one stays.

    The job's `result` says whether the bytes are the same and how far pixels differ at most.

    Raises:
        ValueError: the sample has no record to be made from (imported, or not done yet).
    """
    if sample.state != Sample.State.DONE or not sample.record:
        raise ValueError(
            f"sample {sample.pk} is {sample.state} and has "
            f"{'a' if sample.record else 'no'} record; only a finished sample that was made here "
            "can be made again. Choose one of a generated method."
        )
    payload = {"sample": sample.pk, "actor": actor.pk if actor else None}
    before = Job.objects.filter(kind="remake", payload__sample=sample.pk)
    if (going := before.filter(state__in=[State.QUEUED, State.RUNNING]).first()) is not None:
        return going
    key = _key("remake", [sample.pk], {"after": before.count()})
    return enqueue([], kind="remake", study=None, payload=payload, key=key, total=1)


def unheard(study: Study) -> int:
    """Queued jobs that no broker has taken a message for: it is unreachable."""
    since = database_now() - UNHEARD
    return study.jobs.filter(state=State.QUEUED, published_at=None, queued_at__lt=since).count()


def _log(study: Study, kind: str, *, jobs: int, actor: User | None) -> None:
    if jobs:
        Event.objects.create(study=study, actor=actor, kind=kind, data={"jobs": jobs})


def _wanted_elsewhere(study: Study) -> dict[int, int]:
    """Open jobs of this study, by the other launched study that has their method and a prompt."""
    open_states = [State.QUEUED, State.PAUSED, State.RUNNING]
    rows = Sample.objects.filter(job__study=study, job__state__in=open_states).exclude(
        state=Sample.State.DONE
    )
    others = Method.objects.filter(
        digest__in=rows.values("method_digest"),
        study__state__in=[Study.State.OPEN, Study.State.PAUSED],
    ).exclude(study=study)
    wanted: dict[str, list[int]] = defaultdict(list)
    for digest, other in others.values_list("digest", "study_id"):
        wanted[digest].append(other)
    prompts = {
        other: set(
            Prompt.objects.filter(prompt_set__studies=other).values_list("digest", flat=True)
        )
        for other in {other for found in wanted.values() for other in found}
    }
    heirs: dict[int, int] = {}
    for job, method, prompt in rows.values_list("job_id", "method_digest", "prompt_digest"):
        for other in wanted[method]:
            if job is not None and prompt in prompts[other]:
                heirs.setdefault(job, other)
    return heirs


def _queue_again(jobs: QuerySet[Job]) -> int:
    """Failed and cancelled jobs from the start, with their samples."""
    ids = list(jobs.filter(state__in=[State.FAILED, State.CANCELLED]).values_list("pk", flat=True))
    again = Job.objects.filter(pk__in=ids, state__in=[State.FAILED, State.CANCELLED]).update(
        attempt=0, error="", cancel_requested=False, finished_at=None, **waiting()
    )
    Sample.objects.filter(job__in=ids, state=Sample.State.FAILED).update(
        state=Sample.State.QUEUED, error=""
    )
    return again


Verb = Callable[..., int]
# What a page or a command does to a study's jobs, and how it says so.
VERBS: dict[str, tuple[Verb, str]] = {
    "pause": (pause, "{n} held back. What runs now is finished."),
    "resume": (resume, "{n} queued again."),
    "cancel": (cancel, "{n} ended. Pictures that are done stay; you can take it up again."),
    "retry": (retry, "{n} queued again, with all attempts."),
}


def do(study: Study, verb: str, *, actor: User | None) -> str:
    """Do it to the study's jobs; what was done, in words."""
    act, said = VERBS[verb]
    changed = act(study, actor=actor)
    if not changed:
        return "There was no job to do that to any more."
    return said.format(n=f"{changed} job{'' if changed == 1 else 's'}")
