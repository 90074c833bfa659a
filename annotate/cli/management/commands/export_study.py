"""`manage.py export_study UID --out DIR`: the files of the report page, in a folder or one by one.

It must not hold any rule of the export: annotate.reports.export does.
"""

import tempfile
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from annotate.reports.dataset import PicturesMissing
from annotate.reports.diversity_bundle import remade
from annotate.reports.diversity_files import FILES as FILES_OF_DIVERSITY
from annotate.reports.diversity_files import NAMES as NAMES_OF_DIVERSITY
from annotate.reports.diversity_files import Made, diversity_bytes, made_of, write_diversity
from annotate.reports.diversity_frame import read_diversity
from annotate.reports.export import (
    BUNDLE,
    DATASET,
    FILES,
    MANIFEST,
    NAMES,
    WITH_PICTURES,
    write_file,
    write_folder,
)
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
    help = (
        "Write a study's votes, verdicts or scores, and report as files, with a manifest; more "
        "files of the report page where they are asked for."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("uid")
        parser.add_argument("--out", type=Path, required=True, help="folder to write into")
        parser.add_argument(
            "--verify", action="store_true", help="recompute every sum and verdict from the files"
        )
        parser.add_argument(
            "--bundle", action="store_true", help="also bundle.zip, which verify_bundle checks"
        )
        parser.add_argument(
            "--dataset", action="store_true", help="also the dataset folder, zipped"
        )
        parser.add_argument(
            "--pictures", action="store_true", help="also that folder with every picture once"
        )
        parser.add_argument(
            "--all", action="store_true", help="also all of these and every other file of the page"
        )
        parser.add_argument(
            "--file",
            action="append",
            metavar="NAME",
            help="only this file of the report page; may be repeated",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        study = study_by_uid(options["uid"])
        folder: Path = options["out"]
        diverse = study.read_protocol().asks_diversity
        if diverse and (options["dataset"] or options["pictures"]):
            raise CommandError("a study of diversity has no dataset folder: leave the option out.")
        single = _single(study, options, NAMES_OF_DIVERSITY if diverse else NAMES)
        if folder.exists() and not folder.is_dir():
            raise CommandError(f"{folder} is not a folder; name one that is, or a new one.")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            made = made_of(study, read_diversity(study)) if diverse else None
            if not options["file"]:
                self._folder(study, made, folder)
            for name in single:
                self._one(study, made, folder / name)
        except PicturesMissing as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{folder} cannot be written: {error.strerror}.") from error
        if not options["verify"]:
            return
        if found := list(remade(folder)) if diverse else differences(folder, study):
            raise CommandError("the export does not add up:\n" + "\n".join(found))
        self.stdout.write("Verified: digests, sums and every verdict were recomputed and agree.")

    def _folder(self, study: Study, made: Made | None, folder: Path) -> None:
        if made is None:
            manifest = write_folder(study, folder, now=timezone.now())
        else:
            manifest = write_diversity(made, folder)
        for name, file in manifest["files"].items():
            rows = name.endswith((".csv", ".jsonl"))
            size = f"{file['rows']:,} rows" if rows else f"{file['bytes']:,} bytes"
            self.stdout.write(f"{folder / name}: {size}")

    def _one(self, study: Study, made: Made | None, path: Path) -> None:
        """One file, whole or not at all."""
        part = path.with_name(f"{path.name}.part")
        try:
            with tempfile.TemporaryDirectory() as empty, part.open("wb") as file:
                if made is None:
                    write_file(study, path.name, file, now=timezone.now(), folder=Path(empty))
                else:
                    file.write(diversity_bytes(made, path.name, Path(empty)))
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        self.stdout.write(f"{path}: {path.stat().st_size:,} bytes")


def _single(study: Study, options: dict[str, Any], names: Sequence[str]) -> list[str]:
    """The files to be written one by one; `names` are those that the study has."""
    more = {"dataset": DATASET, "pictures": WITH_PICTURES, "bundle": BUNDLE}
    if named := options["file"]:
        if wrong := [name for name in named if name not in names]:
            raise CommandError(
                f"no export is called {wrong[0]!r}; there are {', '.join(names)}. Use one of these."
            )
        if with_folder := [name for name in (*more, "all", "verify") if options[name]]:
            raise CommandError(
                f"--file writes these files alone: leave --{' --'.join(with_folder)} out."
            )
        return list(dict.fromkeys(named))
    if options["all"]:
        # Votes that were cast elsewhere have no pictures, unless somebody asks for them.
        left = {WITH_PICTURES} if study.external and not options["pictures"] else set()
        there = {*FILES, *FILES_OF_DIVERSITY, MANIFEST, *left}
        return [name for name in names if name not in there]
    return [name for option, name in more.items() if options[option]]
