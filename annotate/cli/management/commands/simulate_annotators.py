"""`manage.py simulate_annotators`: programs judge an open study through a running site.

It must not write votes: they go in over HTTP, marked as simulated.
"""

import math
import threading
import uuid
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from annotate.cli.pool import PoolError, described, drawn, read_pool
from annotate.cli.simulated_annotator import SimulatedAnnotator, Temper, TruthOf
from annotate.cli.simulation import (
    NotSimulatedError,
    enlist,
    judge_together,
    open_slots,
    open_votes,
    passed_over,
)
from annotate.cli.site import known_address
from annotate.cli.visit import SimulationError
from annotate.cli.worth import (
    TruthError,
    diverse_truth,
    known_pairs,
    latent_truth,
    read_truth,
    scored_truth,
)
from annotate.studies.models import Study
from generation.errors import ProfileError
from generation.reference.judge import TIE_WIDTH

# Each is a thread with a connection of its own.
MOST = 64
# Seconds that nobody waits for and every vote reports: a pair takes people about as long.
UNHURRIED = 8.0


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST):
        raise ArgumentTypeError(f"{text!r} annotators; give 1 to {MOST}.")
    return int(text)


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ArgumentTypeError(f"{text!r} is no seed; give a whole number of 0 or more.")
    return int(text)


def _number(low: float, high: float = math.inf) -> Callable[[str], float]:
    """A reader of finite numbers from `low` to `high`, as a pool's file takes them."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and low <= value <= high):
            most = f"from {low:g} to {high:g}" if math.isfinite(high) else f"of {low:g} or more"
            raise ArgumentTypeError(f"{text!r} was given; give a number {most}.")
        return value

    return read


class Command(BaseCommand):
    help = (
        "Let programs judge an open study over HTTP, as browsers do. Their votes say SIMULATED in "
        "the data, on screen and in exports."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", metavar="STUDY_UID", type=uuid.UUID)
        parser.add_argument("--url", default=known_address(), help="the site (%(default)s)")
        parser.add_argument(
            "--annotators", "--pool", type=_count, default=3, metavar="N", help="how many (3)"
        )
        parser.add_argument(
            "--spammers",
            type=_number(0, 1),
            default=0.0,
            metavar="SHARE",
            help="of these in turn: random, always left, copying the answer before, fast (0)",
        )
        parser.add_argument(
            "--people", type=Path, metavar="FILE", help="TOML: [[people]] with count, habit, …"
        )
        parser.add_argument(
            "--no-waiting",
            action="store_true",
            help="report the time drawn for a pair without letting it pass",
        )
        parser.add_argument(
            "--accuracy", type=_number(0, 1), default=0.85, help="share of right answers (0.85)"
        )
        parser.add_argument(
            "--side-bias",
            type=_number(-1, 1),
            default=0.0,
            help="-1 always right … 1 always left (0)",
        )
        parser.add_argument(
            "--tie-width",
            type=_number(0),
            default=TIE_WIDTH,
            help="largest unseen difference (0.05)",
        )
        parser.add_argument(
            "--seconds", type=_number(0), help="median time for a pair (0; with --no-waiting 8)"
        )
        parser.add_argument("--seed", type=_seed, default=0, help="of their errors (0)")
        parser.add_argument(
            "--truth",
            type=Path,
            metavar="FILE",
            help="JSON or CSV: what each picture is worth; else made up, fixed by the seed, and "
            "with the right answers of the study's items",
        )
        parser.add_argument(
            "--scores", action="store_true", help="worth by the stored scores of the samples"
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
            seconds=_seconds(options),
            waits=not options["no_waiting"],
        )
        try:
            truth_of = _truth(study, options)
            made_up = not (options["scores"] or options["truth"])
            pool = (
                read_pool(options["people"], waits=temper.waits)
                if options["people"]
                else drawn(
                    options["annotators"],
                    temper,
                    spammers=options["spammers"],
                    seed=options["seed"],
                )
            )
            if len(pool) > MOST:
                raise PoolError(f"{len(pool)} annotators; give 1 to {MOST}.")
            accounts = enlist(study, len(pool))
            crowd = [
                SimulatedAnnotator(
                    account,
                    one,
                    url=options["url"],
                    study=str(study.uid),
                    truth_of=truth_of,
                    seed=options["seed"],
                    known=known_pairs(study) if made_up else None,
                )
                for account, one in zip(accounts, pool, strict=True)
            ]
            total = open_votes(study, people=len(crowd))
        except (NotSimulatedError, PoolError, TruthError) as error:
            raise CommandError(str(error)) from error
        if resting := passed_over(accounts):
            self.stdout.write(
                f"{', '.join(resting)}: at rest in this study, so {accounts[-1].username} and "
                "those before it judge instead."
            )
        try:
            votes = _judge(crowd, total=total)
        except (ProfileError, SimulationError, TruthError) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt as error:
            votes = sum(one.votes for one in crowd)
            raise CommandError(f"stopped; {votes} votes are stored.", returncode=130) from error
        lost = sum(one.passed_on for one in crowd)
        self.stdout.write(
            f"{votes} simulated votes by {len(crowd)} annotators{described(pool)}"
            + (f"; {lost} pairs had passed on to others." if lost else ".")
        )
        if away := [one for one in crowd if one.sent_away]:
            cast = sum(one.votes for one in away)
            tempers = described([one.temper for one in away])
            self.stdout.write(
                f"{len(away)} of them were sent away by the study's rules or by hand{tempers}; of "
                f"their {cast} votes the Quality page says which count."
            )
        sat = [one for one in crowd if one.qualified is not None]
        if sat:
            passed = [one for one in sat if one.qualified]
            failed = [one.temper for one in sat if not one.qualified]
            who = f" Not passed: {len(failed)}{described(failed)}." if failed else ""
            self.stdout.write(
                f"Training and exam: {len(passed)} of {len(sat)} passed and judged live pairs.{who}"
            )
        if wanted := open_slots(study):
            self.stdout.write(
                f"{wanted} more votes are wanted, as where a repair freed pairs that these had "
                "judged or left: run the command again, with more annotators where these have seen "
                "every pair."
            )


def _seconds(options: dict[str, Any]) -> float:
    """A time that people take for who only reports it: without, all of them look like spammers."""
    if options["seconds"] is not None:
        return float(options["seconds"])
    return UNHURRIED if options["no_waiting"] else 0.0


def _truth(study: Study, options: dict[str, Any]) -> TruthOf:
    if options["scores"]:
        return scored_truth(study)
    if options["truth"]:
        return read_truth(options["truth"])
    if study.read_protocol().asks_diversity:
        return diverse_truth(study, seed=options["seed"])
    return latent_truth(options["seed"])


def _judge(crowd: list[SimulatedAnnotator], *, total: int) -> int:
    with tqdm(desc="simulated votes", total=total, unit="vote", miniters=1) as bar:
        return judge_together(
            crowd,
            stop=threading.Event(),
            meanwhile=lambda votes: _move(bar, votes),
        )


def _move(bar: "tqdm[Any]", votes: int) -> None:
    bar.update(votes - bar.n)
