"""`manage.py simulate_annotators`: programs judge an open study through a running site.

It must not write votes: they go in over HTTP, marked as simulated.
"""

import threading
import uuid
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from annotate.cli.simulated_annotator import SimulatedAnnotator, Temper
from annotate.cli.simulation import (
    NotSimulatedError,
    TruthError,
    enlist,
    judge_together,
    latent_truth,
    open_votes,
    read_truth,
)
from annotate.cli.visit import SimulationError
from annotate.studies.models import Study
from generation.errors import ProfileError
from generation.reference.judge import TIE_WIDTH

# Each is a thread with a connection of its own.
MOST = 64


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST):
        raise ArgumentTypeError(f"{text!r} annotators; give 1 to {MOST}.")
    return int(text)


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ArgumentTypeError(f"{text!r} is no seed; give a whole number of 0 or more.")
    return int(text)


class Command(BaseCommand):
    help = (
        "Let programs judge an open study over HTTP, as browsers do. Their votes say SIMULATED in "
        "the data, on screen and in exports."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", metavar="STUDY_UID", type=uuid.UUID)
        parser.add_argument("--url", default="http://127.0.0.1:8000", help="the site (%(default)s)")
        parser.add_argument("--annotators", type=_count, default=3, help="how many (3)")
        parser.add_argument(
            "--accuracy", type=float, default=0.85, help="share of right answers (0.85)"
        )
        parser.add_argument(
            "--side-bias", type=float, default=0.0, help="-1 always right … 1 always left (0)"
        )
        parser.add_argument(
            "--tie-width", type=float, default=TIE_WIDTH, help="largest unseen difference (0.05)"
        )
        parser.add_argument(
            "--seconds", type=float, default=0.0, help="median time for a pair; 0: no waiting"
        )
        parser.add_argument("--seed", type=_seed, default=0, help="of their errors (0)")
        parser.add_argument(
            "--truth",
            type=Path,
            metavar="FILE",
            help="JSON: what each picture is worth; without it a made-up worth, fixed by the seed",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        study = Study.objects.filter(uid=options["study"]).first()
        if study is None or study.state != Study.State.OPEN:
            found = f"the study is {study.state}" if study else "there is no such study"
            raise CommandError(
                f"{options['study']}: {found}; only an open one can be judged. Launch it, or "
                "copy the id from its page."
            )
        temper = Temper(
            accuracy=options["accuracy"],
            side_bias=options["side_bias"],
            tie_width=options["tie_width"],
            seconds=options["seconds"],
        )
        try:
            truth_of = (
                read_truth(options["truth"]) if options["truth"] else latent_truth(options["seed"])
            )
            crowd = [
                SimulatedAnnotator(
                    account,
                    temper,
                    url=options["url"],
                    study=str(study.uid),
                    truth_of=truth_of,
                    seed=options["seed"],
                )
                for account in enlist(study, options["annotators"])
            ]
            total = open_votes(study, people=len(crowd))
        except (NotSimulatedError, TruthError) as error:
            raise CommandError(str(error)) from error
        try:
            votes = _judge(crowd, total=total)
        except (ProfileError, SimulationError, TruthError) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt as error:
            votes = sum(one.votes for one in crowd)
            raise CommandError(f"stopped; {votes} votes are stored.", returncode=130) from error
        lost = sum(one.passed_on for one in crowd)
        self.stdout.write(
            f"{votes} simulated votes by {len(crowd)} annotators"
            + (f"; {lost} pairs had passed on to others." if lost else ".")
        )


def _judge(crowd: list[SimulatedAnnotator], *, total: int) -> int:
    with tqdm(desc="simulated votes", total=total, unit="vote", miniters=1) as bar:
        return judge_together(
            crowd,
            stop=threading.Event(),
            meanwhile=lambda votes: _move(bar, votes),
        )


def _move(bar: "tqdm[Any]", votes: int) -> None:
    bar.update(votes - bar.n)
