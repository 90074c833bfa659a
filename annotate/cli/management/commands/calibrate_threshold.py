"""`manage.py calibrate_threshold STUDY --actor anna`: tune a draft's thresholds and show them.

It must not choose: `sampling.calibration` does.
"""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

import numpy as np
from django.core.management.base import BaseCommand, CommandError

from annotate.cli.tuning import drawn, tune
from annotate.people.models import User
from annotate.sampling.calibration import CalibrationRefused, to_tune
from annotate.sampling.calibration_figures import figures
from annotate.studies.models import Study
from generation.convergence import SIZES
from generation.ranges import seed, whole


class Command(BaseCommand):
    help = (
        "Make and score student samples of a draft's tuning prompts, read each threshold from "
        "them, write it into the draft, and print histogram, budget curve and convergence."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", type=UUID, help="the id of a draft with tuning prompts")
        parser.add_argument("--actor", required=True, help="username of somebody who manages it")
        parser.add_argument(
            "--replicas",
            type=whole(1),
            default=1,
            help="noise seeds, to see tau's spread",
        )
        parser.add_argument(
            "--sizes",
            type=whole(1),
            nargs="+",
            default=list(SIZES),
            help="numbers of prompts in the convergence table",
        )
        parser.add_argument("--seed", type=seed, default=0, help="draws that table's prompts")

    def handle(self, *_: Any, **options: Any) -> None:
        actor = User.objects.filter(username=options["actor"]).first()
        mine = Study.objects.managed_by(actor) if actor else Study.objects.none()
        study = mine.filter(uid=options["study"]).first()
        if actor is None or study is None:
            raise CommandError(
                f"{options['actor']} manages no study {options['study']}. Check id and name."
            )
        tasks, replicas = to_tune(study), options["replicas"]
        try:
            found = tune(study, actor=actor, say=self.say, replicas=replicas)
        except CalibrationRefused as error:
            raise CommandError(f"{error} Nothing was changed.") from error
        for task, threshold in zip(tasks, found, strict=True):
            rng = np.random.default_rng(options["seed"])
            shown = figures(
                study, task, threshold, rng=rng, sizes=options["sizes"], replicas=replicas
            )
            for line in drawn(shown):
                self.say(line)

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
