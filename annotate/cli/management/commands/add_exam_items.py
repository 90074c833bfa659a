"""`manage.py add_exam_items`: training and exam items with a known answer from a TOML file.
It must not decide anything: `judging.item_files` does."""

import uuid
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotate.judging.exams import shortages
from annotate.judging.item_files import ItemsRefused, add_items
from annotate.studies.models import Study


class Command(BaseCommand):
    help = (
        "Add training and exam items to a study: [[items]] with kind (training or exam), prompt, "
        "pictures a and b (files beside the TOML file, or digests of stored pictures), "
        "answers.alignment, .quality and .aesthetics (a, b or equal) and an explanation. All or "
        "nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", metavar="STUDY_UID", type=uuid.UUID)
        parser.add_argument("file", metavar="FILE.toml", type=Path)

    def handle(self, *_: Any, **options: Any) -> None:
        study = Study.objects.filter(uid=options["study"]).first()
        if study is None:
            raise CommandError(f"There is no study {options['study']}. Copy the id from its page.")
        path: Path = options["file"]
        if not path.is_file():
            raise CommandError(f"There is no file {path}. Check the path.")
        try:
            count = add_items(study, path, actor=None)
        except ItemsRefused as error:
            raise CommandError(f"Nothing was added.\n{error}") from error
        self.stdout.write(f"{count} item{'s' if count > 1 else ''} added to {study.name}.")
        for line in shortages(study, study.read_protocol()):
            self.stdout.write(f"Still missing: {line}")
