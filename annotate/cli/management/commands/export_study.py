"""`manage.py export_study UID --out DIR [--verify]`: votes, verdicts and summary as files.

It must not hold any rule of the export: annotate.reports.export does.
"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from annotate.reports.dataset import PicturesMissing
from annotate.reports.diversity_bundle import remade
from annotate.reports.diversity_files import made_of, write_diversity
from annotate.reports.diversity_frame import read_diversity
from annotate.reports.export import DATASET, WITH_PICTURES, write_file, write_folder
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
    help = "Write a study's votes, verdicts or scores, and report as files, with a manifest."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("uid")
        parser.add_argument("--out", type=Path, required=True, help="folder to write into")
        parser.add_argument(
            "--verify", action="store_true", help="recompute every sum and verdict from the files"
        )

        parser.add_argument(
            "--dataset", action="store_true", help="also the dataset folder, zipped"
        )
        parser.add_argument(
            "--pictures", action="store_true", help="also that folder with every picture once"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        study = study_by_uid(options["uid"])
        folder: Path = options["out"]
        diverse = study.read_protocol().asks_diversity
        if diverse and (options["dataset"] or options["pictures"]):
            raise CommandError("a study of diversity has no dataset folder: leave the option out.")
        if diverse:
            manifest = write_diversity(made_of(study, read_diversity(study)), folder)
        else:
            manifest = write_folder(study, folder, now=timezone.now())
        for name, file in manifest["files"].items():
            self.stdout.write(f"{folder / name}: {file['rows']:,} rows")
        for name in (DATASET,) * options["dataset"] + (WITH_PICTURES,) * options["pictures"]:
            self._dataset(study, folder / name)
        if not options["verify"]:
            return
        if found := list(remade(folder)) if diverse else differences(folder, study):
            raise CommandError("the export does not add up:\n" + "\n".join(found))
        self.stdout.write("Verified: digests, sums and every verdict were recomputed and agree.")

    def _dataset(self, study: Study, path: Path) -> None:
        """One zip, whole or not at all."""
        part = path.with_name(f"{path.name}.part")
        try:
            with part.open("wb") as file:
                write_file(study, path.name, file, now=timezone.now(), folder=path.parent)
        except PicturesMissing as error:
            part.unlink()
            raise CommandError(str(error)) from error
        part.replace(path)
        self.stdout.write(f"{path}: {path.stat().st_size:,} bytes")
