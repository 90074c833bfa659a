"""`manage.py export_preferences UID --out DIR`: judged pairs with pictures, to fit an estimator on.

It must not hold any rule of the export: annotate.reports.preferences does.
"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotate.cli.management.commands.export_study import study_by_uid
from annotate.reports.preferences import VOTES, PreferencesRefused, write_preferences


class Command(BaseCommand):
    help = (
        "Write a study's judged pairs (votes.csv: prompt, first, second, share) and their "
        "pictures, as `python -m generation.training fit` takes them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("uid")
        parser.add_argument("--out", type=Path, required=True, help="new or empty folder")

    def handle(self, *_args: Any, **options: Any) -> None:
        folder: Path = options["out"]
        try:
            found = write_preferences(study_by_uid(options["uid"]), folder)
        except (PreferencesRefused, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{folder / VOTES}: {found.pairs:,} pairs of {found.pictures:,} pictures, "
            f"{found.votes:,} votes"
        )
        if found.simulated:
            self.stdout.write(f"{found.simulated:,} of the votes are simulated, and marked so.")
        self.stdout.write(
            "An estimator of your annotators' taste: python -m generation.training fit RUN "
            f"--votes {folder / VOTES} --start CLIP"
        )
