"""`manage.py sampling STUDY_UID [pause, resume, cancel or retry]`: what its page can do to jobs.

Without a verb it only says how far the pictures are. It must not decide anything: `sampling.jobs`
does.
"""

import uuid
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from annotate.cli import sampling_bar
from annotate.people.models import User
from annotate.sampling.jobs import VERBS, do
from annotate.sampling.needs import WaitsForThreshold
from annotate.sampling.progress import progress
from annotate.studies.models import Study


class Command(BaseCommand):
    help = "Pause, resume, cancel or retry the making of a study's pictures, or say how far it is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", metavar="STUDY_UID", type=uuid.UUID)
        parser.add_argument("verb", nargs="?", choices=VERBS, help="default: only look")
        parser.add_argument("--user", metavar="NAME", help="account the step is noted under")

    def handle(self, *_: Any, **options: Any) -> None:
        study = Study.objects.filter(uid=options["study"]).first()
        if study is None:
            raise CommandError(f"There is no study {options['study']}. Copy the id from its page.")
        actor = User.objects.filter(username=options["user"]).first() if options["user"] else None
        if options["user"] and actor is None:
            raise CommandError(f"There is no account {options['user']!r}. Check the spelling.")
        if options["verb"]:
            self.stdout.write(do(study, options["verb"], actor=actor))
        try:
            seen = progress(study, now=timezone.now())
        except WaitsForThreshold as error:
            raise CommandError(str(error)) from error
        self.stdout.write("\n".join([sampling_bar.line(seen), *sampling_bar.summary(seen)]))
