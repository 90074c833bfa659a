"""One run of a demo: the site with its workers, studies on it, simulated votes, report, links.

Each of the two demos says in its command what its studies are. It must not draw, sample or vote.
"""

import socket
import threading
import time
from abc import abstractmethod
from argparse import ArgumentParser
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from tqdm import tqdm

from annotate.cli import demo
from annotate.cli.simulated_annotator import SimulatedAnnotator
from annotate.cli.simulation import NotSimulatedError, judge_together, open_votes
from annotate.cli.site import prepare, site_children, url_of
from annotate.cli.supervisor import (
    Child,
    NotReadyError,
    PortTakenError,
    Supervisor,
    open_socket,
    status_of,
)
from annotate.cli.visit import SimulationError
from annotate.cli.worth import TruthError
from annotate.people.models import User
from annotate.reports.report import make_report
from annotate.reports.text import win_rate_table
from annotate.studies.models import Study
from generation.ranges import port

LOOPBACK = "127.0.0.1"


class DemoError(RuntimeError):
    """The demo cannot go on; the text says why and what to do."""


class AskedToStop(Exception):
    """Ctrl-C while the demo was waiting for something."""


class DemoCommand(BaseCommand):
    """What both demos have in common; `target` is how make calls it."""

    target: str
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--port", type=port, help="default: the first free one from 8000; 0: any free one"
        )
        parser.add_argument("--once", action="store_true", help="end after the report")
        parser.add_argument(
            "--started",
            type=float,
            metavar="SECONDS",
            help="when you began, in seconds since 1970: counted into the time to the first page",
        )

    def before(self, owner: User) -> None:
        """What is done before the site is up."""

    def children(self, listening: socket.socket) -> list[Child]:
        """The processes of the site."""
        return site_children(listening)

    @abstractmethod
    def studies(self, owner: User) -> tuple[Study, Study]:
        """The study that programs judge, ready for them, and the one left for a person."""

    @abstractmethod
    def crowd(self, study: Study, *, url: str) -> Sequence[SimulatedAnnotator]:
        """Who judges the first study."""

    def after(self, judged: Study) -> None:
        """What is said below the win-rate table."""

    def handle(self, *_: Any, **options: Any) -> None:
        started = options["started"] or time.time()
        self.once: bool = options["once"]
        self.site: Supervisor | None = None
        try:
            listening = open_socket(LOOPBACK, port=options["port"])
        except PortTakenError as error:
            raise CommandError(str(error)) from error
        with closing(listening):
            self.say(f"Triptych demo, in {settings.DATA_DIR}")
            try:
                for line in prepare():
                    self.say(line)
                owner = demo.owner_of_demo()
                self.before(owner)
                self._run(listening, owner, started=started)
            except _EXPECTED as error:
                raise CommandError(str(error)) from error
            except AskedToStop as error:
                raise CommandError("stopped; the next start goes on.", returncode=130) from error
            except KeyboardInterrupt as error:
                raise CommandError("stopped; the next start goes on.", returncode=130) from error

    def _run(self, listening: socket.socket, owner: User, *, started: float) -> None:
        url, port = url_of(listening), listening.getsockname()[1]
        # The children open connections of their own.
        connection.close()
        site = self.site = Supervisor(self.children(listening), say=self.say)
        site.on_signals()
        with site:
            if not site.wait_until_ready(LOOPBACK, port):
                return
            status = status_of(LOOPBACK, port, reverse("login"))
            if status != 200:
                raise NotReadyError(f"the first page answered {status}; see the log above.")
            self.say(f"First page after {time.time() - started:.1f} s: {url}")
            judged, yours = self.studies(owner)
            self._let_judge(judged, url=url)
            if not site.asked_to_stop:
                self.say(
                    f"\n{win_rate_table(make_report(judged, now=timezone.now(), deep=False))}\n"
                )
                self.after(judged)
                if not self.once:
                    self._invite(judged, yours, url=url)
                    site.run()
            elif self.once:
                raise CommandError("stopped before the report was made; start again to go on.")
            # Nobody else comes in while the last answers are finished.
            listening.close()
            self.say("stopping …")

    def look_after_site(self, seconds: float = 0.0) -> None:
        """A pause in which the site's processes are looked after.

        Raises:
            AskedToStop: Ctrl-C.
        """
        assert self.site is not None
        self.site.look(time.monotonic())
        if self.site.asked_to_stop:
            raise AskedToStop
        time.sleep(seconds)

    def _let_judge(self, study: Study, *, url: str) -> None:
        """The simulated annotators' votes, over HTTP; the main thread looks after the site."""
        site = self.site
        if study.state != Study.State.OPEN or site is None:
            return
        crowd = self.crowd(study, url=url)
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
            f"Ctrl-C stops the site; `{self.target}` starts it again as it is."
        )

    def say(self, line: str) -> None:
        # Above a progress bar where one is drawn, instead of through it.
        with tqdm.external_write_mode(file=self.stdout):
            self.stdout.write(line)
            self.stdout.flush()


_EXPECTED = (
    DemoError,
    demo.NotADemoError,
    NotReadyError,
    NotSimulatedError,
    SimulationError,
    TruthError,
)
