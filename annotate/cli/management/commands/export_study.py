"""`manage.py export_study UID --out DIR [--verify]`: votes, verdicts and summary as files.

It must not hold any rule of the export: annotate.reports.export does.
"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from annotate.reports.export import write_folder
from annotate.reports.verify import differences
from annotate.studies.models import Study


def study_by_uid(uid: str) -> Study:
    """The study a person named on the command line."""
    try:
        return Study.objects.get(uid=uid)
    except (Study.DoesNotExist, ValidationError):
        raise CommandError(
            f"no study has the id {uid!r}; its page shows it in the address: /studies/<id>/."
        ) from None


class Command(BaseCommand):
    help = "Write votes, verdicts and summary of a study as CSV and JSON, with a manifest."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("uid")
        parser.add_argument("--out", type=Path, required=True, help="folder to write into")
        parser.add_argument(
            "--verify", action="store_true", help="recompute every sum and verdict from the files"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        study = study_by_uid(options["uid"])
        folder: Path = options["out"]
        manifest = write_folder(study, folder, now=timezone.now())
        for name, file in manifest["files"].items():
            self.stdout.write(f"{folder / name}: {file['rows']:,} rows")
        if not options["verify"]:
            return
        if found := differences(folder, study):
            raise CommandError("the export does not add up:\n" + "\n".join(found))
        self.stdout.write("Verified: digests, sums and every verdict were recomputed and agree.")
