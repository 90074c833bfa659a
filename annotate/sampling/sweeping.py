"""The round made every few seconds: rings for jobs nobody heard of, ends those nobody can finish.

Any number of sweeps may run at once: each change is a compare-and-set, and a doubled message finds
nothing to claim. It must not know how samples are made.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet

from annotate.sampling.claims import cancelled, give_up
from annotate.sampling.jobs import ring_for, ring_unpublished
from annotate.sampling.models import Job
from annotate.sampling.signals import swept
from annotate.studies.clock import database_now
from annotate.studies.turns import turn

State = Job.State
# A wiped broker is filled again by this many a round and queue; workers cannot do more meanwhile.
AGAIN = 100
# Where workers are busy, waiting long is no sign of a lost message: only the first few are doubted.
DOUBTED = 10

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Swept:
    """What a round did: messages sent, jobs given up, cancelled jobs whose worker is gone."""

    rung: int
    failed: int
    cancelled: int


def sweep() -> Swept:
    """One round. It writes nothing when there is nothing to do."""
    now = database_now()
    failed = _fail_exhausted(now)
    gone = Job.objects.filter(state=State.RUNNING, lease_until__lt=now, cancel_requested=True)
    ended = 0
    if gone.exists():
        with turn(), transaction.atomic():
            ended = cancelled(gone)
    rung = ring_unpublished() + ring_for(_lost(now))
    if rung or failed or ended:
        logger.info("rang %d times, gave up %d jobs, cancelled %d", rung, failed, ended)
    # An open pair is not worth a stopped sweep: errors of listeners are logged by Django.
    swept.send_robust(Job, now=now)
    return Swept(rung, failed, ended)


def _fail_exhausted(now: datetime) -> int:
    """Jobs whose worker went away at the last attempt, without a word."""
    dead = Job.objects.filter(
        state=State.RUNNING,
        lease_until__lt=now,
        cancel_requested=False,
        attempt__gte=F("max_attempts"),
    )
    failed = 0
    for job in dead:
        said = f" An attempt before said: {job.error}" if job.error else ""
        words = (
            f"Its worker ended without a word at attempt {job.attempt} of {job.max_attempts}: "
            f"killed, crashed, or stopped by the system for memory.{said}"
        )
        with turn(), transaction.atomic():
            failed += give_up(dead.filter(pk=job.pk), words)
    return failed


def _lost(now: datetime) -> list[Job]:
    """Jobs that a message should have brought to a worker by now, but has not."""
    patience = timedelta(seconds=settings.JOBS["republish"])
    unheard = Q(published_at__lt=now - patience)
    running = Job.objects.filter(state=State.RUNNING, cancel_requested=False)
    # Rung for once after the lease ran out, then again with patience.
    expired = running.filter(lease_until__lt=now, attempt__lt=F("max_attempts")).filter(
        unheard | Q(published_at=None) | Q(published_at__lte=F("lease_until"))
    )
    lost = list(expired.only("queue"))
    queued = Job.objects.filter(state=State.QUEUED).only("queue").order_by("pk")
    for queue in Job.Queue.values:
        waiting: QuerySet[Job] = queued.filter(queue=queue)
        if running.filter(queue=queue, lease_until__gte=now).exists():
            lost += waiting.filter(published_at__lt=now - 10 * patience)[:DOUBTED]
        else:
            lost += waiting.filter(unheard)[:AGAIN]
    return lost
