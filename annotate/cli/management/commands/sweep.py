"""`manage.py sweep`: rings again for jobs whose message was lost, and tidies up, until stopped.

Run one or more beside the workers; `manage.py up` does. It must not make samples itself.
"""

import logging
import signal
import threading
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection

from annotate.sampling.orphans import collect_orphans, forget_taken
from annotate.sampling.sweeping import sweep

# Walking through the whole store is not for every round.
TIDY_EVERY = 3600.0

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Ring again for jobs whose message was lost, end those nobody can finish, tidy up."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="one round, then end")

    def handle(self, *_args: Any, **options: Any) -> None:
        stopped = threading.Event()
        if not options["once"]:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: stopped.set())
        tidied = -TIDY_EVERY
        while True:
            try:
                done = sweep()
                forget_taken()
                if time.monotonic() - tidied >= TIDY_EVERY:
                    tidied = time.monotonic()
                    if removed := collect_orphans():
                        self.stdout.write(f"removed {removed} files that belong to nothing")
            except DatabaseError as error:
                if options["once"]:
                    raise
                # It comes back, and so does the next round.
                logger.warning("the database is away (%s)", error)
                connection.close()
            else:
                if done.rung or done.failed or done.cancelled or options["once"]:
                    self.stdout.write(
                        f"rang for {done.rung} jobs, gave up {done.failed}, "
                        f"ended {done.cancelled} cancelled ones"
                    )
                    self.stdout.flush()
            if options["once"] or stopped.wait(settings.JOBS["sweep"]):
                return
