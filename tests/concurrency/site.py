"""The real server on a fresh database of this run's kind: started, filled, killed, started again.

It must not know what annotators do.
"""

import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

ROOT = Path(__file__).resolve().parents[2]


class Database:
    """One database of a site; copies of a migrated one spare each run its migrations."""

    def __init__(self, folder: Path, *, template: "Database | None" = None) -> None:
        folder.mkdir()
        self.folder = folder
        self.file = folder / "triptych.sqlite3"
        server = os.environ.get("DATABASE_URL")
        self.name = f"triptych_{uuid.uuid4().hex[:12]}"
        self.url = server and urlunsplit(urlsplit(server)._replace(path=f"/{self.name}"))
        if server:
            like = f' TEMPLATE "{template.name}"' if template else ""
            self._administer(f'CREATE DATABASE "{self.name}"{like}')
        elif template:
            shutil.copy(template.file, self.file)

    @property
    def environment(self) -> dict[str, str]:
        """What a process of the site is started with: the product's settings, not the tests'."""
        env = {k: v for k, v in os.environ.items() if k != "DATABASE_URL"}
        env |= {"DATABASE_URL": self.url} if self.url else {}
        return env | {
            "DJANGO_SETTINGS_MODULE": "annotate.config.settings",
            "TRIPTYCH_DATA_DIR": str(self.folder),
            "TRIPTYCH_LOG_LEVEL": "ERROR",
        }

    def python(self, *arguments: str) -> str:
        """Run Python with the site's settings; its output."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What stands in the database now, by a connection of our own."""
        if self.url:
            with psycopg.connect(self.url) as connection:
                return connection.execute(sql).fetchall()
        connection = sqlite3.connect(f"file:{self.file}?mode=ro", uri=True, timeout=20)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def drop(self) -> None:
        if self.url:
            self._administer(f'DROP DATABASE "{self.name}" WITH (FORCE)')
        shutil.rmtree(self.folder)

    def _administer(self, sql: str) -> None:
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
            connection.execute(sql)


class Site:
    """gunicorn as `annotate/config/gunicorn.py` says, on a socket that outlives it."""

    def __init__(self, database: Database, *, rng: random.Random) -> None:
        self.database = database
        self.rng = rng
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port = int(self.listening.getsockname()[1])
        self.started: list[subprocess.Popen] = []
        self.kills = {"worker": 0, "master": 0, "all": 0}

    def fill(self, **study: Any) -> dict[str, Any]:
        """A study with signed-in annotators; see tests/concurrency/fill.py."""
        printed = self.database.python("-m", "tests.concurrency.fill", json.dumps(study))
        return dict(json.loads(printed.splitlines()[-1]))

    def start(self) -> None:
        number = self.listening.fileno()
        command = [sys.executable, "-m", "gunicorn", "--config", "python:annotate.config.gunicorn"]
        with (self.database.folder / "server.log").open("ab") as log:
            process = subprocess.Popen(
                [*command, "--bind", f"fd://{number}"],
                cwd=ROOT,
                env=self.database.environment,
                pass_fds=(number,),
                stderr=log,
                start_new_session=True,
            )
        self.started.append(process)

    @property
    def log(self) -> str:
        return (self.database.folder / "server.log").read_text(errors="replace")

    def workers(self) -> list[int]:
        master = self.started[-1].pid
        try:
            children = Path(f"/proc/{master}/task/{master}/children").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return []
        return [int(pid) for pid in children.split()]

    def kill(self, kind: str) -> bool:
        """kill -9 of a worker, of the master (its orphans go on for a while), or of them all."""
        if kind == "worker":
            if not (workers := self.workers()):
                return False
            os.kill(self.rng.choice(workers), signal.SIGKILL)
        else:
            master = self.started[-1]
            if kind == "all":
                os.killpg(master.pid, signal.SIGKILL)
            master.kill()
            master.wait()
            self.start()
        self.kills[kind] += 1
        return True

    def stop(self) -> None:
        self.started[-1].terminate()
        self.started[-1].wait(60)
        for process in self.started:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.listening.close()


def wait_until(true: Callable[[], bool], *, seconds: float, every: float = 0.25) -> bool:
    """Look again and again; False when the time is over."""
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(every)
    return True
