"""What has to be in place before the site can start, and the processes it is made of.

Shared by `up` and the demos. It must know nothing of studies.
"""

import hashlib
import socket
import sys
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from annotate.cli.sampling_children import sampling_children, sweep_child
from annotate.cli.supervisor import Child


def prepare() -> list[str]:
    """Bring the database and the collected static files up to date; says what was done."""
    done = []
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", interactive=False, verbosity=0)
        done.append("brought the database up to date")
    # The children open their own; SQLite dislikes a connection that lives through a fork.
    connection.close()
    if collect_static():
        done.append("collected the static files")
    return done


def collect_static() -> bool:
    """Run collectstatic when a file or its time has changed since the last run.

    A warm start reads a few hundred file times instead of copying, hashing and compressing.
    """
    stamp = settings.STATIC_ROOT / ".collected"
    state = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list([]):
            modified = storage.get_modified_time(name)
            state.update(f"{name} {storage.size(name)} {modified.timestamp()}\n".encode())
    if stamp.is_file() and stamp.read_text() == state.hexdigest():
        return False
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp.write_text(state.hexdigest())
    return True


def web_child(listening: socket.socket) -> Child:
    """The web server."""
    gunicorn = [sys.executable, "-m", "gunicorn", "--config", "python:annotate.config.gunicorn"]
    return Child(
        name="web",
        command=[*gunicorn, "--bind", f"fd://{listening.fileno()}"],
        pass_fds=(listening.fileno(),),
    )


def site_children(listening: socket.socket) -> list[Child]:
    """The processes of a site: the web server, where samples can be made who makes them, the sweep.

    Its rounds find lost work, and on every site watch annotators and open what was missed.
    """
    return [web_child(listening), *sampling_children(), sweep_child()]


def note_address(url: str) -> None:
    """Remember where the site answers, so that links printed in another terminal lead there."""
    _address_file().write_text(url, encoding="utf-8")


def known_address() -> str:
    """What a link starts with: the public origin, else where the site last answered, else 8000."""
    if settings.CSRF_TRUSTED_ORIGINS:
        return str(settings.CSRF_TRUSTED_ORIGINS[0])
    if _address_file().is_file():
        return _address_file().read_text(encoding="utf-8").strip()
    return "http://127.0.0.1:8000"


def _address_file() -> Path:
    return Path(settings.DATA_DIR) / "address"


def url_of(listening: socket.socket) -> str:
    """The address a person opens, for a socket that may listen on every interface."""
    host, port = door(listening)
    return f"http://{host}:{port}"


def door(listening: socket.socket) -> tuple[str, int]:
    """Host and port at which this machine itself reaches the socket."""
    host, port = listening.getsockname()[:2]
    return ("127.0.0.1" if host == "0.0.0.0" else host), port  # noqa: S104
