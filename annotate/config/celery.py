"""The Celery application: how workers are told that a job waits. It must define no task.

Loaded by `CELERY_APP` where somebody rings (`sampling.doorbell`) or works (`manage.py worker`).
"""

import os
from functools import partial
from typing import Any

from celery import Celery
from celery.worker.consumer import Consumer
from django.conf import settings
from kombu.entity import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotate.config.settings")

# Quorum queues keep RabbitMQ's messages through the loss of a node; others know only one kind.
_arguments = {"x-queue-type": "quorum"} if settings.BROKER_URL.startswith("amqp") else None


class PromptConsumer(Consumer):  # type: ignore[misc]
    """Looks for an absent broker every few seconds; Celery's pauses grow to half a minute."""

    def ensure_connected(self, conn: Any) -> Any:
        conn.ensure_connection = partial(
            conn.ensure_connection, interval_start=1, interval_step=1, interval_max=4
        )
        return super().ensure_connected(conn)


app = Celery("triptych")
app.conf.update(
    settings.CELERY,
    worker_consumer=PromptConsumer,
    task_queues=[
        Queue(name, queue_arguments=_arguments)  # type: ignore[no-untyped-call]
        for name in ("gpu", "cpu")
    ],
)
app.autodiscover_tasks(["annotate.sampling"])
