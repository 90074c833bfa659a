"""A real site in processes of its own: gunicorn as in production, a fresh data directory, SQLite.

It must not know any page; what it serves is arranged by `tests.browser.arranger`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60


class ArrangerFailed(RuntimeError):
    """The arranging process refused; the text is its traceback."""


class Site:
    """Server and arranger on one data directory. `ask("study", pairs=3)` arranges; see arranger."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tts-"))
        taken = {"DATABASE_URL", "TRIPTYCH_PLAIN_STATIC", "DJANGO_SETTINGS_MODULE"}
        self.env = {k: v for k, v in os.environ.items() if k not in taken}
        self.env |= {
            "TRIPTYCH_DATA_DIR": str(self.folder),
            # Addresses of pictures follow from it: the same in every run.
            "TRIPTYCH_SECRET_KEY": "a key for tests, the same in every run, long enough for Django",
            "TRIPTYCH_LOG_LEVEL": "ERROR",
            # The messages of password resets are read from here by nobody.
            "TRIPTYCH_EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend",
        }
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._server: subprocess.Popen[bytes] | None = None
        self._arranger: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        try:
            self.ask("prepare")
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{self.port}"]
        command += ["--config", "python:annotate.config.gunicorn"]
        # A group of its own, so that `kill` ends master and workers in one blow.
        with (self.folder / "server.log").open("ab") as log:
            self._server = subprocess.Popen(
                command, cwd=ROOT, env=self.env, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._server.poll() is not None or time.monotonic() > deadline:
                said = (self.folder / "server.log").read_text()[-2000:]
                raise RuntimeError(f"the server did not start: {said}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def kill(self) -> None:
        """kill -9 of the server and all its workers at once."""
        if self._server is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait()
            self._server = None

    def ask(self, verb: str, **given: Any) -> Any:
        """Call a function of the arranger; it lives as long as the site."""
        if self._arranger is None:
            self._arranger = subprocess.Popen(
                [sys.executable, "-m", "tests.browser.arranger"],
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._arranger.stdin is not None
        assert self._arranger.stdout is not None
        self._arranger.stdin.write(json.dumps([verb, given]) + "\n")
        self._arranger.stdin.flush()
        line = self._arranger.stdout.readline()
        if not line:
            raise ArrangerFailed(f"the arranger ended at {verb}; its words are on stderr")
        answer = json.loads(line)
        if "error" in answer:
            raise ArrangerFailed(answer["error"])
        return answer["value"]

    def close(self) -> None:
        self.kill()
        if self._arranger is not None:
            self._arranger.communicate(timeout=30)
            self._arranger = None
        shutil.rmtree(self.folder, ignore_errors=True)
