"""How a worker waits for its broker. Apart from `celery.py`: who only rings loads no worker."""

from functools import partial
from typing import Any

from celery.worker.consumer import Consumer


class PromptConsumer(Consumer):  # type: ignore[misc]
    """Looks for an absent broker every few seconds; Celery's pauses grow to half a minute."""

    def ensure_connected(self, conn: Any) -> Any:
        conn.ensure_connection = partial(
            conn.ensure_connection, interval_start=1, interval_step=1, interval_max=4
        )
        return super().ensure_connected(conn)
