"""`manage.py plan_study`: prompts, votes and hours for a target effect, before a study is made.

It must not compute: annotate.reports.planner and annotate.analysis do.
"""

from argparse import ArgumentParser
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError

from annotate.analysis.rehearsal import crowd_for, rehearse
from annotate.reports.laboratory_files import plain_table
from annotate.reports.planner import Question, plan_sentences, plan_study, plan_table
from annotate.reports.words import percent
from generation.ranges import seed, whole


class Command(BaseCommand):
    help = "How many prompts, votes and annotator hours a win rate needs, and what n can resolve."

    def add_arguments(self, parser: ArgumentParser) -> None:
        usual = Question()
        parser.add_argument("--win-rate", type=float, default=usual.win_rate, help="to be found")
        parser.add_argument("--prompts", type=int, default=usual.prompts)
        parser.add_argument("--tie-rate", type=float, default=usual.tie_rate, help="of verdicts")
        parser.add_argument("--power", type=float, default=usual.power)
        parser.add_argument("--alpha", type=float, default=usual.alpha, help="two-sided, family")
        parser.add_argument("--contrasts", type=int, default=usual.contrasts)
        parser.add_argument("--overlap", type=int, default=usual.overlap, help="votes on a pair")
        parser.add_argument(
            "--on-demand", action="store_true", help="third vote only where two differ"
        )
        parser.add_argument(
            "--shared", type=float, default=0, help="share of pairs answered by another contrast"
        )
        parser.add_argument("--group-size", type=float, default=1, help="prompts of one photo")
        parser.add_argument("--icc", type=float, default=0, help="correlation within a group")
        parser.add_argument("--seconds", type=float, default=usual.seconds, help="of a vote")
        parser.add_argument("--hourly", type=float, default=0, help="pay of an annotator hour")
        rehearsal = parser.add_argument_group("rehearsal: votes drawn one by one")
        rehearsal.add_argument("--rehearse", type=whole(0), metavar="STUDIES", default=0)
        rehearsal.add_argument("--prompt-sd", type=float, default=1.0, help="logits")
        rehearsal.add_argument("--annotator-sd", type=float, default=0.3, help="logits")
        rehearsal.add_argument("--annotators", type=whole(1), default=12)
        rehearsal.add_argument("--seed", type=seed, default=0)

    def handle(self, *_args: Any, **options: Any) -> None:
        asked = {name: options[name] for name in Question.__dataclass_fields__}
        try:
            question = Question(**asked)
            plan = plan_study(question)
            self.stdout.write(
                "\n".join([*plan_sentences(plan), "", *plain_table(plan_table(plan))])
            )
            if options["rehearse"]:
                self.stdout.write(f"\n{_rehearsed(question, plan.alpha, options)}")
        except ValueError as error:
            raise CommandError(str(error)) from error


def _rehearsed(question: Question, alpha: float, options: dict[str, Any]) -> str:
    """The power of a drawn crowd, and its false alarms where nothing is to be found."""
    rng = np.random.default_rng(options["seed"])
    found = []
    for win_rate in (question.win_rate, 0.5):
        crowd = crowd_for(
            win_rate,
            tie_rate=question.tie_rate,
            prompt_sd=options["prompt_sd"],
            annotator_sd=options["annotator_sd"],
            annotators=options["annotators"],
            rng=rng,
        )
        found.append(
            rehearse(crowd, question.prompts, studies=options["rehearse"], alpha=alpha, rng=rng)
        )
    real, null = found
    return (
        f"Rehearsed {real.studies:,} times with {options['annotators']} annotators (SD of prompts "
        f"{options['prompt_sd']:g}, of annotators {options['annotator_sd']:g} logits), three votes "
        f"a pair: found in {percent(real.power)} (± {100 * real.error:.1f}; formula "
        f"{percent(real.planned)}), false alarms at 50 % in {percent(null.power)} "
        f"(formula {percent(null.planned)})."
    )
