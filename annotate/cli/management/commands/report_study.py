"""`manage.py report_study UID`: a study's headline and win-rate table in the terminal.

It must not compute: annotate.reports does.
"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from annotate.cli.management.commands.export_study import study_by_uid
from annotate.reports.report import make_report
from annotate.reports.text import win_rate_table


class Command(BaseCommand):
    help = "Print the win-rate table of a study."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("uid")

    def handle(self, *_args: Any, **options: Any) -> None:
        report = make_report(study_by_uid(options["uid"]), now=timezone.now(), deep=False)
        self.stdout.write(win_rate_table(report))
