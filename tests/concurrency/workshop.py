"""Real workers and a real sweep on a database of this run's kind, with times made short.

It must not know which broker they share.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.concurrency.brokers import Broker
from tests.concurrency.site import ROOT, Database

LEASE, SWEEP, REPUBLISH = 4.0, 1.0, 3.0


class Workshop:
    """Workers are started and killed as groups; the sweep goes on."""

    def __init__(self, database: Database, broker: Broker, *, workers: int) -> None:
        self.database = database
        self.broker = broker
        self.workers = workers
        self.running: list[subprocess.Popen[bytes]] = []
        self.others: list[subprocess.Popen[bytes]] = []
        self.environment = database.environment | {
            "DJANGO_SETTINGS_MODULE": "tests.concurrency.probe_settings",
            "CELERY_BROKER_URL": broker.url,
            "TRIPTYCH_JOB_LEASE": str(LEASE),
            "TRIPTYCH_SWEEP": str(SWEEP),
            "TRIPTYCH_JOB_REPUBLISH": str(REPUBLISH),
            "TRIPTYCH_LOG_LEVEL": "WARNING",
        }

    def start_workers(self) -> None:
        self.running = [
            self._manage("worker", f"--name=w{n}-{time.monotonic_ns()}")
            for n in range(self.workers)
        ]

    def start_sweep(self) -> None:
        self.start("sweep")

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Another command of the site, killed with its children at the end."""
        self.others.append(self._manage(*arguments))
        return self.others[-1]

    def python(self, script: str) -> str:
        """Run a script in the workshop's settings; what it prints."""
        done = subprocess.run(
            [sys.executable, "-c", f"import django; django.setup()\n{script}"],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def _manage(self, *arguments: str) -> "subprocess.Popen[bytes]":
        with (self.database.folder / "workshop.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "manage.py", *arguments],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill_workers(self) -> None:
        """kill -9 of all workers with whatever they started."""
        for process in self.running:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def stop(self) -> None:
        for process in (*self.running, *self.others):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def order(self, **wanted: Any) -> dict[str, Any]:
        """See `tests.concurrency.order`, which runs in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.concurrency.order", json.dumps(wanted)],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return dict(json.loads(done.stdout.splitlines()[-1]))

    def states(self) -> Counter[str]:
        counted = self.database.rows("SELECT state, count(*) FROM sampling_job GROUP BY 1")
        return Counter(dict(counted))

    def ended(self) -> int:
        states = self.states()
        return states["done"] + states["failed"] + states["cancelled"]

    def noted(self) -> Counter[str]:
        """How often work was started and how often it came to its end."""
        path = Path(self.database.folder, "probe.log")
        lines = path.read_text().splitlines() if path.exists() else []
        return Counter(line.split()[0] for line in lines)

    @property
    def log(self) -> str:
        return (self.database.folder / "workshop.log").read_text(errors="replace")
