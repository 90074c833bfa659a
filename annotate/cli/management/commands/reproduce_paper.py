"""`manage.py reproduce_paper --world reference`: the paper re-examined where the truth is known.

It must not compute or load networks: a process of its own makes the pictures, annotate.reports
reads them. With --preset it says what a study of the paper's own models would take.
"""

import os
import subprocess
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from annotate.cli.launch_words import duration
from annotate.cli.readiness import readiness
from annotate.cli.sampling_children import why_no_worker
from annotate.reports.reexamined.claims import claims, claims_text
from annotate.reports.reexamined.evidence import read_evidence
from annotate.reports.reexamined.files import PAGE, TABLES, tried, write
from annotate.reports.reexamined.findings import find
from generation.errors import SceneError, WeightsMissingError
from generation.ranges import seed, whole
from generation.reference.s1.arms import Design
from generation.reference.s1.shelf import Shelf

MAKING = "generation.reference.s1.making"


class Command(BaseCommand):
    help = (
        "Re-examine the paper in the reference world (a report page, JSON, CSV, figures and the "
        "claims that hold), or say what a preset of the paper's own models needs."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--world", choices=["reference"], help="sample and report, here and now")
        what.add_argument("--preset", metavar="NAME", help="such as table4/adaptive-10 or table4")
        plain = Design()
        parser.add_argument("--prompts", type=whole(2), help=f"{plain.prompts}; of a preset 600")
        parser.add_argument("--tuning", type=whole(2), default=plain.tuning, help="prompts for tau")
        parser.add_argument("--student-steps", type=whole(1), default=plain.student_steps)
        parser.add_argument("--seed", type=seed, default=plain.seed)
        parser.add_argument("--out", type=Path, metavar="DIR", help="build/reproduce-paper")
        parser.add_argument(
            "--dry-run", action="store_true", help="only say what is needed and what is missing"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["preset"]:
            self._preset(options)
        else:
            self._world(options)

    def _world(self, options: dict[str, Any]) -> None:
        folder: Path = options["out"] or settings.BASE_DIR / "build" / "reproduce-paper"
        try:
            design = Design(
                prompts=_given(options["prompts"], plain=Design().prompts),
                tuning=options["tuning"],
                student_steps=options["student_steps"],
                seed=options["seed"],
            )
            design.test_prompts()
            design.tuning_prompts()
            arms = design.arms(0.0)
        except (SceneError, WeightsMissingError) as error:
            raise CommandError(str(error)) from error
        if options["dry_run"]:
            self.stdout.write(f"{len(arms)} arms on {design.prompts} prompts; pictures in {folder}")
            return
        began = time.monotonic()
        self._make(design, folder / "pictures")
        made = time.monotonic()
        evidence = read_evidence(design, Shelf(folder / "pictures"))
        found = find(evidence)
        written = write(evidence, found, folder)
        # Every arm, ceiling and attribute with its interval, as the page has them.
        self.stdout.write((folder / TABLES).read_text(encoding="utf-8"))
        self.stdout.write(claims_text(claims(found), tried(evidence)))
        self.stdout.write("SIMULATED: every verdict was given by a program, none by people.")
        self.stdout.write(
            f"pictures {duration(made - began)}, report {duration(time.monotonic() - made)}; "
            f"{len(written)} files, read {folder / PAGE}"
        )

    def _make(self, design: Design, folder: Path) -> None:
        """Let the sampling process make what is not there; its progress bar is ours."""
        if why := why_no_worker():
            raise CommandError(why)
        asked = {
            "prompts": design.prompts,
            "tuning": design.tuning,
            "seed": design.seed,
            "student-steps": design.student_steps,
        }
        told = [f"--{name}={value}" for name, value in asked.items()]
        run = subprocess.run(  # noqa: S603 (our own module, numbers for arguments)
            [sys.executable, "-m", MAKING, str(folder), *told],
            cwd=settings.BASE_DIR,
            env=os.environ | {"PYTHONPATH": str(settings.BASE_DIR)},
            check=False,
        )
        if run.returncode:
            raise CommandError(
                f"sampling ended with status {run.returncode}; what it made so far stays in "
                f"{folder}. Run the same command again to go on."
            )

    def _preset(self, options: dict[str, Any]) -> None:
        try:
            found = readiness(options["preset"], prompts=_given(options["prompts"], plain=600))
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write("\n".join(found.lines()))
        if not options["dry_run"]:
            raise CommandError(
                "Pictures of real models are judged by people, so a study makes them: "
                f"{found.next_step} Add --dry-run to see only what is needed."
            )
        if not found.ready:
            raise CommandError(f"{len(found.faults)} things are missing or wrong, listed above.")


def _given(number: int | None, *, plain: int) -> int:
    return plain if number is None else number
