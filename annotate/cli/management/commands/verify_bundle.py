"""`manage.py verify_bundle FILE`: recompute every number of a bundle, without a database.

It must not decide what differs: annotate.reports.bundle does.
"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotate.reports.bundle import NotABundleError, check_bundle

SHOWN = 100


class Command(BaseCommand):
    help = (
        "Recompute every verdict, number, table and figure of a bundle from its own votes and say "
        "which differ. Reads no database and no network."
    )
    # A reviewer checks a bundle on a machine without the study.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path, help="bundle.zip of a report")

    def handle(self, *_args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            found = check_bundle(path)
        except NotABundleError as error:
            raise CommandError(f"{path}: {error}") from error
        if found:
            more = [f"… and {len(found) - SHOWN:,} more."] if len(found) > SHOWN else []
            raise CommandError("\n".join([f"{path} does not verify:", *found[:SHOWN], *more]))
        self.stdout.write(
            f"{path}: verified. Every verdict, number, table and figure was made again from the "
            "votes and is the same."
        )
