"""`manage.py up`: one command that sets the site up, starts it and keeps it running."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from annotate.cli.sampling_children import why_no_worker
from annotate.cli.site import door, note_address, prepare, site_children, url_of
from annotate.cli.supervisor import NotReadyError, PortTakenError, Supervisor, open_socket
from annotate.people.models import User
from generation.ranges import port

NOBODY_YET = (
    "There is no account yet. In a second terminal, from this folder:\n"
    "    .venv/bin/python manage.py invite --role admin"
)


class Command(BaseCommand):
    help = "Bring database and static files up to date, start the site and keep it running."
    # The checks read every view; the server does so itself.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument(
            "--port", type=port, help="default: the first free one from 8000; 0: any free one"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            listening = open_socket(options["host"], port=options["port"])
        except PortTakenError as error:
            raise CommandError(str(error)) from error
        for line in prepare():
            self.say(line)
        if reason := why_no_worker():
            self.say(reason)
        site = Supervisor(site_children(listening), say=self.say)
        site.on_signals()
        with site:
            try:
                ready = site.wait_until_ready(*door(listening))
            except NotReadyError as error:
                raise CommandError(str(error)) from error
            if ready:
                note_address(url_of(listening))
                self.say(f"Triptych is at {url_of(listening)} (Ctrl-C stops it)")
                if not User.objects.exists():
                    self.say(NOBODY_YET)
                connection.close()
                site.run()
            # Nobody else comes in while the last answers are finished.
            listening.close()
            self.say("stopping …")

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
