"""`manage.py extend_study`: an open study grows by what a draft cloned from it has more.

It must not decide anything: `judging.growing` does.
"""

import uuid
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotate.judging.growing import GrowthRefused, grow
from annotate.people.models import User
from annotate.reports.words import counted
from annotate.studies.models import Study


class Command(BaseCommand):
    help = (
        "Let an open study grow: clone it, add prompts, pictures or methods to the clone or raise "
        "its version of training and exam, and take that over. Verdicts keep the protocol hash "
        "they were made under."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", metavar="STUDY_UID", type=uuid.UUID)
        parser.add_argument("draft", metavar="DRAFT_UID", type=uuid.UUID, help="the clone")
        parser.add_argument("--user", metavar="NAME", help="account the step is noted under")

    def handle(self, *_: Any, **options: Any) -> None:
        found = []
        for uid in (options["study"], options["draft"]):
            study = Study.objects.filter(uid=uid).first()
            if study is None:
                raise CommandError(f"There is no study {uid}. Copy the id from its page.")
            found.append(study)
        actor = None
        if name := options["user"]:
            actor = User.objects.filter(username=name).first()
            if actor is None:
                raise CommandError(f"There is no account {name!r}. Check the spelling.")
        study, draft = found
        before = study.protocol_hash
        try:
            grown = grow(study, draft, actor=actor)
        except GrowthRefused as error:
            raise CommandError(str(error)) from error
        if grown.version is not None:
            self.stdout.write(
                f"Everybody passes version {grown.version} of training and exam before going on."
            )
        self.stdout.write(
            f"New: {counted(grown.prompts, 'prompt')}, {counted(grown.methods, 'method')}, "
            f"{counted(grown.contrasts, 'contrast')}, {counted(grown.items, 'item')}; "
            f"{counted(grown.jobs, 'job')} to make pictures.\n"
            f"protocol {before[:8]} -> {study.protocol_hash[:8]}"
        )
