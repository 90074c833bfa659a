"""`manage.py plan_study`: prompts, votes and hours for a target effect, before a study is made.

It must not compute: annotate.reports.planner and annotate.analysis do.
"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotate.reports.laboratory_files import plain_table
from annotate.reports.planner import Question, plan_sentences, plan_study, plan_table
from annotate.reports.planner_rehearsal import (
    Setting,
    overlaps_table,
    rehearsal_sentences,
    rehearsal_table,
    rehearse_plan,
)
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
        rehearsal.add_argument(
            "--rehearse", type=whole(0), metavar="STUDIES", default=0, help="how often; 0: not"
        )
        near = Setting()
        rehearsal.add_argument("--prompt-sd", type=float, default=near.prompt_sd, help="logits")
        rehearsal.add_argument(
            "--annotator-sd", type=float, default=near.annotator_sd, help="logits"
        )
        rehearsal.add_argument("--annotators", type=whole(1), default=near.annotators)
        rehearsal.add_argument("--seed", type=seed, default=near.seed)

    def handle(self, *_args: Any, **options: Any) -> None:
        asked = {name: options[name] for name in Question.__dataclass_fields__}
        try:
            plan = plan_study(Question(**asked))
            lines = [*plan_sentences(plan), "", *plain_table(plan_table(plan))]
            if options["rehearse"]:
                setting = Setting(
                    prompt_sd=options["prompt_sd"],
                    annotator_sd=options["annotator_sd"],
                    annotators=options["annotators"],
                    studies=options["rehearse"],
                    seed=options["seed"],
                )
                made = rehearse_plan(plan, setting)
                lines += ["", *rehearsal_sentences(made), "", *plain_table(rehearsal_table(made))]
                lines += ["", *plain_table(overlaps_table(made))]
            self.stdout.write("\n".join(lines))
        except ValueError as error:
            raise CommandError(str(error)) from error
