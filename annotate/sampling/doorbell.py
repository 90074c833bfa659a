"""Tells workers by the broker that a job waits. A doorbell only: the job's row is the truth.

It must know no job but its id, and must never make a visitor wait for a broker that is away.
"""

import logging
import time
from collections.abc import Sequence

from celery import Celery
from django.conf import settings
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError

TASK = "annotate.sampling.run_job"
# Seconds one call may take; the sweep rings for those that were left.
PATIENCE = 1.0

logger = logging.getLogger(__name__)


def prepare() -> Celery:
    """Load what ringing needs, the transport's client too: not during a visitor's request."""
    app: Celery = import_string(settings.CELERY_APP)
    _ = app.connection_for_write().transport
    return app


def ring(calls: Sequence[tuple[int, str]], *, patience: float = PATIENCE) -> list[int]:
    """Publish a message for each (job id, queue); the ids whose message the broker took.

    Without retries and with timeouts of a second: Celery's own retrying would hang the request.
    """
    if not calls:
        return []
    app = prepare()
    until = time.monotonic() + patience
    rung: list[int] = []
    connection = app.connection_for_write(
        connect_timeout=1, transport_options=settings.BROKER_PUBLISH_OPTIONS
    )
    # Each transport raises errors of its own; they are known once it is chosen.
    broken = (
        OperationalError,
        OSError,
        *connection.connection_errors,
        *connection.channel_errors,
    )
    try:
        with connection, app.amqp.Producer(connection) as producer:
            for job, queue in calls:
                if time.monotonic() > until:
                    logger.warning("%d calls are left to the sweep", len(calls) - len(rung))
                    break
                app.send_task(TASK, args=(job,), queue=queue, producer=producer, retry=False)
                rung.append(job)
    except broken as error:
        logger.warning("the broker is away (%s); the sweep will ring again", error)
    return rung
