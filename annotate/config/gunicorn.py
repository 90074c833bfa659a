"""How gunicorn serves the site: few processes, some threads, long-lived connections.

It must not know which socket it serves: the supervisor hands that down.
"""

import os
import sys
from pathlib import Path
from typing import Any

wsgi_app = "annotate.config.wsgi:application"

# SQLite has one writer: a third process only adds waiting (docs/decisions/0002-dependencies.md).
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "gthread"
threads = int(os.environ.get("TRIPTYCH_WEB_THREADS", "4"))

# An annotator looks at a pair for a minute; reconnecting for each vote costs more than the vote.
keepalive = 75
graceful_timeout = 30
timeout = 60
backlog = 2048

# Imported once, then forked: half the memory, and a dead worker is back at once.
preload_app = True

# Heartbeats are file times; on a disk they wait behind the database's fsync.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 (Linux's tmpfs)

accesslog = None
errorlog = "-"
loglevel = os.environ.get("TRIPTYCH_LOG_LEVEL", "WARNING").lower()
# No remote control of the server: signals from the supervisor are all it needs.
control_socket_disable = True


def on_starting(_server: Any) -> None:
    """Read the addresses and their views once, before forking, not during a visitor's request."""
    from django.conf import settings
    from django.urls import get_resolver

    _ = get_resolver().url_patterns
    if not settings.BROKER_URL.startswith("filesystem:"):
        from annotate.sampling.doorbell import prepare

        prepare()


def pre_fork(_server: Any, _worker: Any) -> None:
    """A connection opened while preloading must not be shared by two processes."""
    from django.db import connections

    connections.close_all()


def post_fork(_server: Any, _worker: Any) -> None:
    """Threads hand over sooner: whoever holds the database's turn must not wait for the others."""
    interval = float(os.environ.get("TRIPTYCH_SWITCH_SECONDS", "0.0005"))
    sys.setswitchinterval(interval)
