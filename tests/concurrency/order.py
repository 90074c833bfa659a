"""Orders probe jobs as a launch does: `python -m tests.concurrency.order '{"jobs": 200}'`.

Prints their ids and how long the ordering took, broker included, as JSON.
"""

import json
import sys
import time
from typing import Any

import django


def order(
    *, jobs: int, samples: int = 1, silent: int = 0, doubled: int = 0, **payload: Any
) -> dict[str, Any]:
    """Write jobs in one transaction and ring on commit.

    For the last `silent` of them nobody rings: their process died after the commit. The messages
    of the others are sent `doubled` times more.
    """
    from django.db import transaction

    from annotate.sampling.doorbell import prepare, ring
    from annotate.sampling.jobs import enqueue
    from annotate.sampling.models import Job, Sample
    from annotate.studies.clock import database_now

    prepare()  # as the web server does when it starts
    began = time.monotonic()
    made: list[Job] = []
    with transaction.atomic():
        first = Sample.objects.count()
        for n in range(jobs):
            rows = [
                Sample.objects.create(
                    method_digest="m" * 64, prompt_digest=f"{first + n * samples + i:064d}"
                )
                for i in range(samples)
            ]
            made.append(enqueue(rows, kind="probe", study=None, payload=payload))
        # As if somebody had rung for them: their message never comes.
        silenced = [job.pk for job in made[jobs - silent :]]
        Job.objects.filter(pk__in=silenced).update(published_at=database_now())
    seconds = time.monotonic() - began
    for _ in range(doubled):
        ring([(job.pk, "gpu") for job in made[: jobs - silent]], patience=30)
    return {"ids": [job.pk for job in made], "seconds": seconds}


def ring_twice(*, ids: list[int]) -> dict[str, Any]:
    """Two messages for each job, done or not."""
    from annotate.sampling.doorbell import ring

    calls = [(job, "gpu") for job in ids]
    return {"rung": len(ring(calls + calls, patience=60))}


if __name__ == "__main__":
    django.setup()
    given = json.loads(sys.argv[1])
    verb = ring_twice if "ids" in given else order
    sys.stdout.write(json.dumps(verb(**given)))
