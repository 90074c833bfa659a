"""`manage.py invite`: print a one-time link that lets somebody in, the first admin included."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse
from django.utils import timezone

from annotate.cli.site import known_address
from annotate.people.invitations import InvitationError, invite
from annotate.people.models import Role
from annotate.studies.members import invite_to_study
from annotate.studies.models import Membership, Study


class Command(BaseCommand):
    help = "Print a one-time link for a new account, or for a place in a study (--study UID)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--role",
            choices=[*Role.values, Membership.Role.REVIEWER.value],
            default=Role.ANNOTATOR.value,
            help="reviewer needs --study (%(default)s)",
        )
        parser.add_argument("--study", type=UUID, metavar="UID", help="give a place in this study")
        parser.add_argument("--days", type=float, default=14.0, help="until the link ends (14)")
        parser.add_argument("--note", default="", help="for whom it is; admins see it")
        parser.add_argument(
            "--base-url",
            default=known_address(),
            help="where this installation answers (%(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 (Django's signature)
        now = timezone.now()
        what = {"now": now, "note": options["note"], "lifetime": timedelta(days=options["days"])}
        if options["role"] == Membership.Role.REVIEWER and not options["study"]:
            raise CommandError("reviewer needs --study UID: whose disputed pairs to review.")
        try:
            if options["study"]:
                study = self._study(options["study"])
                made, token = invite_to_study(study, role=options["role"], created_by=None, **what)
            else:
                made, token = invite(role=options["role"], created_by=None, **what)
        except InvitationError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(options["base_url"].rstrip("/") + reverse("join", args=[token]))
        # Beside the link, not in its line: scripts read the link from standard output.
        self.stderr.write(
            f"Lets one {made.role} in, once, until {made.expires_at:%Y-%m-%d %H:%M} UTC. "
            "It is stored nowhere: copy it now."
        )

    def _study(self, uid: UUID) -> Study:
        try:
            return Study.objects.get(uid=uid)
        except Study.DoesNotExist as error:
            known = ", ".join(f"{s.uid} ({s.name})" for s in Study.objects.order_by("-pk")[:5])
            raise CommandError(
                f"no study has the uid {uid}; the latest are {known or 'none'}. Correct --study."
            ) from error
