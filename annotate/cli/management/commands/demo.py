"""`manage.py demo`: a study judged by simulated annotators, its report, and one for you to judge.

It must not know how pictures are drawn or votes are cast.
"""

import socket
import threading
import time
from argparse import ArgumentParser
from contextlib import closing
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from tqdm import tqdm

from annotate.cli import demo
from annotate.cli.sampling_children import why_no_worker
from annotate.cli.simulation import NotSimulatedError, TruthError, judge_together, open_votes
from annotate.cli.site import prepare, site_children, url_of
from annotate.cli.supervisor import (
    NotReadyError,
    PortTakenError,
    Supervisor,
    open_socket,
    status_of,
)
from annotate.cli.visit import SimulationError
from annotate.people.models import User
from annotate.reports.report import make_report
from annotate.reports.text import win_rate_table
from annotate.studies.models import Study

LOOPBACK = "127.0.0.1"


class Command(BaseCommand):
    help = (
        "Draw captioned scenes, let simulated annotators judge them through the running site, "
        "print the report, and leave the site up with a second study for you."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--port", type=int, help="default: the first free one from 8000; 0: any free one"
        )
        parser.add_argument("--once", action="store_true", help="end after the report")
        parser.add_argument(
            "--started",
            type=float,
            metavar="SECONDS",
            help="when you began, in seconds since 1970: counted into the time to the first page",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        started = options["started"] or time.time()
        self.folder = Path(settings.DATA_DIR) / "samples"
        try:
            listening = open_socket(LOOPBACK, port=options["port"])
        except PortTakenError as error:
            raise CommandError(str(error)) from error
        with closing(listening):
            self.say(f"Triptych demo, in {settings.DATA_DIR}")
            if reason := why_no_worker():
                self.say(reason)
            try:
                studies = self._prepare()
                self._show(listening, *studies, started=started, once=options["once"])
            except _EXPECTED as error:
                raise CommandError(str(error)) from error
            except KeyboardInterrupt as error:
                raise CommandError("stopped; the next start goes on.", returncode=130) from error

    def _prepare(self) -> tuple[Study, Study]:
        for line in prepare():
            self.say(line)
        owner = demo.owner_of_demo()
        first, second = demo.plan()
        return self._study(first, owner=owner), self._study(second, owner=owner)

    def _show(
        self, listening: socket.socket, judged: Study, yours: Study, *, started: float, once: bool
    ) -> None:
        url, port = url_of(listening), listening.getsockname()[1]
        # The children open connections of their own.
        connection.close()
        site = Supervisor(site_children(listening), say=self.say)
        site.on_signals()
        with site:
            if not site.wait_until_ready(LOOPBACK, port):
                return
            status = status_of(LOOPBACK, port, reverse("login"))
            if status != 200:
                raise NotReadyError(f"the first page answered {status}; see the log above.")
            self.say(f"First page after {time.time() - started:.1f} s: {url}")
            self._let_judge(judged, url=url, site=site)
            if not site.asked_to_stop:
                report = win_rate_table(make_report(judged, now=timezone.now()))
                self.say(f"\n{report}\n")
                if not once:
                    self._invite(judged, yours, url=url)
                    site.run()
            elif once:
                raise CommandError("stopped before the report was made; start again to go on.")
            # Nobody else comes in while the last answers are finished.
            listening.close()
            self.say("stopping …")

    def _study(self, planned: demo.DemoStudy, *, owner: User) -> Study:
        if made := demo.find_launched(planned, owner=owner):
            return made
        with tqdm(desc="drawing scenes", total=planned.pictures, unit="picture") as bar:
            demo.draw(planned, folder=self.folder, step=bar.update)
        with tqdm(desc="importing them", unit="step") as bar:

            def progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            study = demo.open_study(planned, owner=owner, folder=self.folder, progress=progress)
        self.say(f"launched “{study.name}”")
        return study

    def _let_judge(self, study: Study, *, url: str, site: Supervisor) -> None:
        """The simulated annotators' votes, over HTTP; the main thread looks after the site."""
        if study.state != Study.State.OPEN:
            return
        crowd = demo.make_crowd(study, folder=self.folder, url=url)
        total = open_votes(study, people=len(crowd))
        stop = threading.Event()
        self.say(f"{len(crowd)} SIMULATED annotators judge “{study.name}” over HTTP")
        with tqdm(desc="simulated votes", total=total, unit="vote", miniters=1) as bar:

            def meanwhile(votes: int) -> None:
                bar.update(votes - bar.n)
                site.look(time.monotonic())
                if site.asked_to_stop:
                    stop.set()

            judge_together(crowd, stop=stop, meanwhile=meanwhile)
        demo.close_when_complete(study)

    def _invite(self, judged: Study, yours: Study, *, url: str) -> None:
        admin, annotator = demo.ways_in(yours, now=timezone.now())

        def link(name: str, *args: Any) -> str:
            return url + reverse(name, args=args)

        self.say(
            "Open these in this order; each of the two ways in works once.\n"
            f"  1. make your account (an admin's):  {link('join', admin)}\n"
            f"  2. take your place as annotator:    {link('join', annotator)}\n"
            "Then\n"
            f"  judge the second study yourself:    {link('judge', yours.uid)}\n"
            f"  the report of the first study:      {link('study-report', judged.uid)}\n"
            f"  its dashboard:                      {link('study', judged.uid)}\n"
            f"  what your own answers amount to:    {link('study-report', yours.uid)}\n"
            "Ctrl-C stops the site; `make demo` starts it again as it is."
        )

    def say(self, line: str) -> None:
        # Above a progress bar where one is drawn, instead of through it.
        with tqdm.external_write_mode(file=self.stdout):
            self.stdout.write(line)
            self.stdout.flush()


_EXPECTED = (
    demo.NotADemoError,
    NotReadyError,
    NotSimulatedError,
    SimulationError,
    TruthError,
)
