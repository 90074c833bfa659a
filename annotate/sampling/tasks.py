"""The Celery task: the seam between rows and generation. The one place that leads to torch.

Which work a kind of job is stands in `KINDS`. It must not know who asked for the job.
"""

from collections.abc import Callable
from typing import Any

from celery import shared_task
from celery.signals import worker_shutting_down

from annotate.sampling import attempt, claims
from annotate.sampling.attempt import Attempt, Worked
from annotate.sampling.doorbell import TASK
from annotate.sampling.models import Job

Work = Callable[[Job, Attempt], Worked]


@shared_task(name=TASK)  # type: ignore[untyped-decorator]
def run_job(job_id: int) -> None:
    """Do the job if it is there to be claimed; a doubled or late message does nothing."""
    if (claim := claims.claim(job_id)) is not None:
        with Attempt(claim) as trying:
            trying.finish(_work(claim.job.kind)(claim.job, trying))


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _give_back(**_: Any) -> None:
    attempt.worker_ends.set()


def _produce(job: Job, trying: Attempt) -> Worked:
    from annotate.sampling.producing import produce_samples  # loads torch

    return produce_samples(job, trying)


def _remake(job: Job, trying: Attempt) -> Worked:
    from annotate.sampling.remaking import remake_sample  # loads torch

    return remake_sample(job, trying)


def _score(job: Job, trying: Attempt) -> Worked:
    from annotate.sampling.scoring import score_samples  # loads torch

    return score_samples(job, trying)


KINDS: dict[str, Work] = {"produce": _produce, "remake": _remake, "score": _score}


class UnknownKindError(LookupError):
    """A job of a kind that this worker's version does not know."""


def _work(kind: str) -> Work:
    if kind not in KINDS:
        raise UnknownKindError(
            f"kind {kind!r} of job is unknown here; known: {', '.join(sorted(KINDS))}. "
            "Start this worker from the version that launched the study."
        )
    return KINDS[kind]
