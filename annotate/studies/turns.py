"""Writers of one SQLite file take turns, across threads and processes.

SQLite's own waiting polls with growing pauses and is unfair: under load some wait for seconds. A
kernel lock on a file beside the database wakes the next writer at once, and is gone with a killed
process. PostgreSQL needs none of this. It must not know what is written.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

_open = threading.local()


def _lock_file() -> int | None:
    """This thread's handle of the lock file; None where there is nothing to take turns on."""
    if connection.vendor != "sqlite":
        return None
    key = (os.getpid(), connection.settings_dict["NAME"])
    if getattr(_open, "key", None) != key:
        name = str(key[1])
        if not Path(name).is_file():
            return None  # a database in memory
        # One handle per thread: the kernel's lock belongs to the handle, not to the process.
        _open.handle = os.open(f"{name}.turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        _open.key = key
    return int(_open.handle)


@contextmanager
def turn() -> Iterator[None]:
    """Wait for this writer's turn; transactions inside begin without waiting."""
    handle = None if connection.in_atomic_block else _lock_file()
    if handle is None:
        yield
        return
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)
