"""`manage.py import_votes FILE`: a study with a report, of votes that were cast elsewhere.

It must not decide anything: `judging.external_import` does.
"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from annotate.cli.management.commands.import_samples import told
from annotate.judging.external_formats import FORMATS, format_of
from annotate.judging.external_import import QUORUM, import_votes
from annotate.people.models import User
from annotate.sampling.refusals import ImportRefused, Refused


class Command(BaseCommand):
    help = (
        "Make a closed study of votes that were cast elsewhere: CSV (a line for each vote), Toloka "
        "TSV or Label Studio JSON. It has a report and no pictures. All or nothing; the same file "
        "again changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument("--user", metavar="NAME", required=True, help="the study's owner")
        parser.add_argument("--name", help="of the study (default: the file's name)")
        parser.add_argument(
            "--format", choices=FORMATS, help="default: .csv, .tsv (Toloka), .json (Label Studio)"
        )
        parser.add_argument(
            "--min-votes", type=int, default=QUORUM, help="votes that a verdict needs (default: 3)"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        owner = User.objects.filter(username=options["user"]).first()
        if owner is None or not owner.is_researcher:
            raise CommandError(
                f"There is no researcher {options['user']!r}. Check the spelling, or make one."
            )
        if not 1 <= options["min_votes"] <= 9:
            raise CommandError(f"--min-votes {options['min_votes']}: choose 1 to 9.")
        path: Path = options["file"]
        try:
            made = import_votes(
                path,
                kind=options["format"] or format_of(path.name),
                name=options["name"] or path.stem,
                owner=owner,
                now=timezone.now(),
                min_votes=options["min_votes"],
            )
        except Refused as refused:
            raise CommandError(str(refused)) from refused
        except ImportRefused as refused:
            raise CommandError(told(refused)) from refused
        where = f"{made.study.name} ({made.study.uid})"
        if made.unchanged:
            self.stdout.write(f"Nothing changed: this file is the study {where} already.")
            return
        self.stdout.write(
            f"{made.votes:,} votes of {made.annotators:,} annotators on {made.pairs:,} pairs: "
            f"{where}"
        )
