"""The folder as a broker: kombu's, with messages that appear whole and garbage that stops nobody.

It must know no job; messages in the folder are worth no more than those of any other broker.
"""

import logging
import os
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import filesystem
from kombu.utils.json import dumps

# What kombu reads of a message before anybody else looks at it.
NEEDED = {"delivery_tag", "delivery_info"}

logger = logging.getLogger(__name__)


class Channel(filesystem.Channel):
    """Writes beside the queue and renames: kombu's own writes in place, under its reader's eyes."""

    def _put(  # type: ignore[override]  # kombu itself names it in two ways
        self, queue: str, payload: dict[str, Any], **_: Any
    ) -> None:
        name = f"{time.monotonic_ns() // 1_000_000}_{uuid.uuid4()}.{queue}.msg"
        text = dumps(payload)  # type: ignore[no-untyped-call]
        # What a killed process leaves there half-written is swept up with what was taken.
        beside = Path(self.processed_folder) / f"{name}.part"
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, Path(self.data_folder_out) / name)

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:  # noqa: ARG002
        """The next message; what is none is dropped, where kombu's reader would end the worker."""
        try:
            message = super()._get(queue)  # type: ignore[no-untyped-call]
        except ValueError as error:
            logger.warning("dropped an unreadable message of %s (%s)", queue, error)
            raise Empty from error
        properties = message.get("properties") if isinstance(message, dict) else None
        if not isinstance(properties, dict) or not set(properties) >= NEEDED:
            logger.warning("dropped a message of %s that says not where it goes", queue)
            raise Empty
        return dict(message)


class Transport(filesystem.Transport):
    """`filesystem://` in this installation."""

    Channel = Channel
