"""`manage.py worker`: makes samples for the jobs it is told of, one at a time.

Start one per GPU; `manage.py up` does. It must not know what a job is.
"""

import logging
import os
import warnings
from argparse import ArgumentParser
from typing import Any

from celery.exceptions import SecurityWarning
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string

from annotate.cli.sampling_children import missing_packages, why_no_worker

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Make samples for queued jobs, one at a time, until stopped."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--pool",
            choices=("threads", "solo"),
            default="threads",
            help="threads (default): one thread, the broker is answered while it works",
        )
        parser.add_argument("--name", default="worker", help="tells workers of one machine apart")

    def handle(self, *_args: Any, **options: Any) -> None:
        if missing_packages():
            raise CommandError(why_no_worker())
        app = import_string(settings.CELERY_APP)
        if options["verbosity"] > 1:
            logging.getLogger().setLevel(logging.INFO)
        if os.geteuid() == 0:
            # Celery says so in seven lines.
            warnings.simplefilter("ignore", SecurityWarning)
            logger.warning("this worker runs as root; any user that owns the data folder will do")
        # One process, which loads torch itself: CUDA does not survive a fork.
        app.worker_main(
            [
                # No banner: the log has one line per state change, with ids.
                "--quiet",
                "worker",
                f"--pool={options['pool']}",
                "--concurrency=1",
                f"--hostname={options['name']}@%h",
                # Workers need not know of one another: the database is where they meet.
                "--without-gossip",
                "--without-mingle",
            ]
        )
