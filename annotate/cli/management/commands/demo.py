"""`manage.py demo`: a study sampled by the reference models on a real worker, judged and reported.

It must not know how pictures are made, judged or voted on.
"""

import socket
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from annotate.cli import demo_reference, sampling_bar
from annotate.cli.demo_examples import teach
from annotate.cli.demo_run import DemoCommand, DemoError
from annotate.cli.oracle_lines import oracle_ends
from annotate.cli.sampling_children import missing_packages, why_no_worker
from annotate.cli.simulated_annotator import SimulatedAnnotator
from annotate.cli.site import site_children
from annotate.cli.supervisor import Child
from annotate.cli.tuning import tune
from annotate.judging import opening
from annotate.judging.launch import launch
from annotate.people.models import User
from annotate.reports.branches import Settings
from annotate.sampling.calibration import CalibrationRefused, to_tune
from annotate.sampling.jobs import retry
from annotate.sampling.progress import progress
from annotate.studies.create import create_study
from annotate.studies.models import Study
from annotate.studies.recipes.reference import PERCENTILE
from annotate.studies.spec import StudySpec
from generation.errors import SceneError, WeightsMissingError
from generation.ranges import whole
from generation.reference.s1.kept import S1, World

# The reference networks are so small that a second thread costs more than it brings, and on a busy
# machine ten times as much.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class Command(DemoCommand):
    help = (
        "Sample a study with the trained reference models, let simulated annotators judge it "
        "through the running site, print the report, and leave the site up with a second study "
        "for you."
    )
    target = "make demo"

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--prompts", type=whole(1), default=demo_reference.JUDGED, help="to judge (%(default)s)"
        )
        parser.add_argument(
            "--world",
            type=Path,
            metavar="FOLDER",
            help="another world's weights than the repository's",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        if missing_packages():
            raise CommandError(f"{why_no_worker()} `make demo-light` is the demo without them.")
        world = World(str(options["world"].absolute())) if options["world"] else S1
        try:
            self.planned = demo_reference.plan(judged=options["prompts"], world=world)
        except (SceneError, WeightsMissingError) as error:
            raise CommandError(str(error)) from error
        super().handle(**options)

    def children(self, listening: socket.socket) -> list[Child]:
        return [
            replace(child, env={**child.env, **ONE_THREAD}) if "worker" in child.name else child
            for child in site_children(listening)
        ]

    def studies(self, owner: User) -> tuple[Study, Study]:
        """Both launched; every picture of the first is there, and comes from a trained model."""
        first, second = self.planned
        judged = self._launched(first, owner=owner)
        self._wait_for_pictures(judged)
        if judged.state == Study.State.OPEN:
            self.truth = demo_reference.judge_pictures(judged)
            self.say("By the exact judge, which no annotator is:")
            for arm in self.truth.arms:
                self.say(f"  {arm}")
            demo_reference.refuse_untrained(self.truth)
        yours = self._launched(second, owner=owner)
        self._wait_for_pictures(yours)
        return judged, yours

    def crowd(self, study: Study, *, url: str) -> Sequence[SimulatedAnnotator]:
        return demo_reference.make_crowd(study, self.truth, url=url)

    def after(self, judged: Study) -> None:
        lines = oracle_ends(judged, settings=Settings(percentile=PERCENTILE))
        self.say("\n".join(["", *lines, "\n"]))

    def _launched(self, spec: StudySpec, *, owner: User) -> Study:
        """The study, from wherever an earlier run stopped."""
        study = demo_reference.find(spec, owner=owner) or create_study(teach(spec), owner=owner)
        retry(study, actor=owner)
        if study.state == Study.State.DRAFT:
            if to_tune(study):
                try:
                    tune(study, actor=owner, say=self.say, pause=self.look_after_site)
                except CalibrationRefused as error:
                    raise DemoError(f"{error} Then start again.") from error
                study.refresh_from_db()
            study = launch(study, actor=owner)
            self.say(f"launched “{study.name}”")
        return study

    def _wait_for_pictures(self, study: Study) -> None:
        if not opening.waiting(study):
            return
        seen = sampling_bar.wait(
            lambda: progress(study, now=timezone.now()),
            what="pictures",
            say=self.say,
            pause=self.look_after_site,
        )
        opening.open_ready(study)
        for line in sampling_bar.summary(seen):
            self.say(line)
        if missing := opening.waiting(study):
            raise DemoError(
                f"{missing} pairs have no picture: see the reasons above. Start again to try "
                "their jobs once more."
            )
