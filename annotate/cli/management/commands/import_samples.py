"""`manage.py import_samples`: bring a manifest and its pictures into a draft study, with a bar.
It must not decide anything: `sampling.importing` does."""

import uuid
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from annotate.people.models import User
from annotate.sampling.importing import ImportRefused, import_samples
from annotate.studies.models import Study


class Command(BaseCommand):
    help = (
        "Import pictures into a draft study from a manifest (CSV or JSONL with the columns "
        "prompt_id, prompt, method, file; optional replica, group, context, context_role) and a "
        "folder or zip. All or nothing; the same files again change nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", metavar="STUDY_UID", type=uuid.UUID)
        parser.add_argument(
            "manifest",
            metavar="MANIFEST",
            type=Path,
            help="a .csv or .jsonl file, or a zip or folder that holds manifest.csv or .jsonl",
        )
        parser.add_argument(
            "source",
            metavar="SOURCE",
            type=Path,
            nargs="?",
            help="folder or zip with the pictures (default: the manifest's folder)",
        )
        parser.add_argument("--user", metavar="NAME", help="account the import is noted under")

    def handle(self, *_: Any, **options: Any) -> None:
        study = Study.objects.filter(uid=options["study"]).first()
        if study is None:
            raise CommandError(f"There is no study {options['study']}. Copy the id from its page.")
        actor = None
        if name := options["user"]:
            actor = User.objects.filter(username=name).first()
            if actor is None:
                raise CommandError(f"There is no account {name!r}. Check the spelling.")
        manifest, source = _what_to_read(options["manifest"], options["source"])
        # On a terminal only: in a log every step of the bar would be a line.
        with tqdm(desc="import", unit="step", leave=False, disable=None) as bar:

            def progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            try:
                result = import_samples(study, manifest, source, actor=actor, progress=progress)
            except ImportRefused as refused:
                bar.close()
                raise CommandError(told(refused)) from refused
        if result.unchanged:
            self.stdout.write(f"{result.rows:,} rows: all of it is in the study already.")
            return
        self.stdout.write(
            f"{result.rows:,} rows, {result.new_samples:,} new samples, "
            f"{result.images:,} different pictures imported into {study.name}."
        )


def _what_to_read(manifest: Path, source: Path | None) -> tuple[Path | None, Path]:
    if source is not None:
        return manifest, source
    if manifest.is_dir() or manifest.suffix.lower() == ".zip":
        return None, manifest
    return manifest, manifest.parent


def told(refused: ImportRefused) -> str:
    """The whole list under one heading."""
    lines = [error.short for error in refused.errors]
    more = refused.total - len(lines)
    if more:
        lines.append(f"… and {more:,} more.")
    problems = "1 problem" if refused.total == 1 else f"{refused.total:,} problems"
    return "\n".join([f"Nothing was imported: {problems}.", *lines])
