"""`manage.py report_study UID`: a study's headline and its table in the terminal.

It must not compute: annotate.reports does.
"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from annotate.cli.management.commands.export_study import study_by_uid
from annotate.reports.diversity_report import diversity_report
from annotate.reports.frames import read_snapshot
from annotate.reports.report import make_report
from annotate.reports.text import diversity_table, win_rate_table


class Command(BaseCommand):
    help = "Print the win rates of a study, or its scores where it asks for diversity."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("uid")

    def handle(self, *_args: Any, **options: Any) -> None:
        study = study_by_uid(options["uid"])
        report = make_report(study, now=timezone.now(), deep=False)
        if report.protocol.asks_diversity:
            with read_snapshot():
                found = diversity_report(study)
            self.stdout.write(diversity_table(found, report))
        else:
            self.stdout.write(win_rate_table(report))
