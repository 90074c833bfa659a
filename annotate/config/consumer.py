"""How a worker waits for its broker. Apart from `celery.py`: who only rings loads no worker."""

from collections.abc import Callable
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

    def call_soon_ack(self, p: Callable[..., None], *args: Any, **kwargs: Any) -> Any:
        """Connect anew where an answer to the broker is lost with its connection.

        kombu logs that and goes on. Over Redis the dead connection is then watched no more, and a
        worker without an event to come waits for ever beside a broker that is back.
        """
        return super().call_soon_ack(partial(_answered, p), *args, **kwargs)


def _answered(answer: Callable[..., None], *args: Any, **kwargs: Any) -> None:
    answer(*args, **kwargs)
    # A bound method of the message that was to be acknowledged or rejected.
    if not answer.__self__.acknowledged:  # type: ignore[attr-defined]
        raise ConnectionError("the broker went away before it was told that a job had ended")
