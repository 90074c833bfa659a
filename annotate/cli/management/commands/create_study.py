"""`manage.py create_study study.toml --owner anna`: a draft from TOML. It must not launch."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from annotate.cli.contexts import Contexts, record
from annotate.people.models import User
from annotate.studies.create import create_study
from annotate.studies.spec import SpecError, load_toml


class Command(BaseCommand):
    help = "Create a draft study from a TOML file and print its id."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("spec", type=Path, help="the study as TOML")
        parser.add_argument("--owner", required=True, help="username of a researcher or admin")

    def handle(self, *_: Any, **options: Any) -> None:
        owner = User.objects.filter(username=options["owner"]).first()
        if owner is None or not owner.is_researcher:
            raise CommandError(
                f"--owner {options['owner']}: no researcher or admin has this name. "
                "Name one that exists."
            )
        path: Path = options["spec"]
        if not path.is_file():
            raise CommandError(f"{path} is not a file. Name a study in TOML.")
        contexts = Contexts()
        try:
            spec = load_toml(path, context_of=contexts.digest)
            pictures = contexts.write(spec)
            with transaction.atomic():
                record(pictures)
                study = create_study(spec, owner=owner)
        except SpecError as error:
            raise CommandError(f"{path.name}:\n{error}\nNothing was created.") from error
        self.stdout.write(str(study.uid))
