"""The Celery application: how workers are told that a job waits. It must define no task.

Loaded by `CELERY_APP` where somebody rings (`sampling.doorbell`) or works (`manage.py worker`).
"""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings
from kombu.entity import Queue
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotate.config.settings")

# Quorum queues keep RabbitMQ's messages through the loss of a node; others know only one kind.
_arguments = {"x-queue-type": "quorum"} if settings.BROKER_URL.startswith("amqp") else None
TRANSPORT_ALIASES["filesystem"] = "annotate.config.folder:Transport"


@setup_logging.connect  # type: ignore[untyped-decorator]
def _leave_logging(**_: Any) -> None:
    """The site's LOGGING stands; Celery would add handlers and a level of its own."""


app = Celery("triptych")
app.conf.update(
    settings.CELERY,
    worker_consumer="annotate.config.consumer:PromptConsumer",
    task_queues=[
        Queue(settings.CELERY["task_default_queue"], queue_arguments=_arguments)  # type: ignore[no-untyped-call]
    ],
)
app.autodiscover_tasks(["annotate.sampling"])
