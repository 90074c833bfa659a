"""`manage.py launch_study <id> --actor anna`: show what would be judged, then open it.

It must not decide anything: `judging.launch` does.
"""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from annotate.judging.launch import LaunchRefused, launch, plan
from annotate.people.models import User
from annotate.studies.models import Study


class Command(BaseCommand):
    help = "Freeze a draft's protocol, pair its samples and open it to annotators."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", type=UUID, help="the id that create_study printed")
        parser.add_argument("--actor", required=True, help="username of somebody who manages it")
        parser.add_argument("--check", action="store_true", help="only show what would happen")

    def handle(self, *_: Any, **options: Any) -> None:
        actor = User.objects.filter(username=options["actor"]).first()
        mine = Study.objects.managed_by(actor) if actor else Study.objects.none()
        study = mine.filter(uid=options["study"]).first()
        if study is None:
            raise CommandError(
                f"{options['actor']} manages no study {options['study']}. Check id and name."
            )
        planned = plan(study)
        self.stdout.write(
            f"{planned.prompts} prompts, {planned.items} items, {planned.comparisons} pairs to "
            f"judge, {planned.identical} identical, {planned.reused} reused"
        )
        for line in [*planned.missing, *planned.warnings]:
            self.stdout.write(f"- {line}")
        if options["check"]:
            return
        try:
            launch(study, actor=actor)
        except LaunchRefused as error:
            raise CommandError(f"{error} Nothing was launched.") from error
        self.stdout.write(f"open: {study.name} ({study.uid})")
