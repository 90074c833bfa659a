"""`manage.py published_report`: what a paper's printed preference bars resolve, as the report it
could have printed. It must not compute: annotate.analysis.published does.

    manage.py published_report --recipe fig9a
    manage.py published_report --bar 43 41 16 --prompts 600 --a Adaptive --b DDIM-50
"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotate.analysis.published import PublishedBars, published_bars
from annotate.reports.words import bracket, p_value, percent
from annotate.studies.recipes import NAMES, recipe


class Command(BaseCommand):
    help = "Read printed win / lose / tie percentages as counts: intervals, tests, a sentence."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--recipe", choices=NAMES, help="all bars printed for a recipe")
        what.add_argument("--bar", nargs=3, type=float, metavar=("WIN", "LOSE", "TIE"))
        parser.add_argument("--prompts", type=int, default=600)
        parser.add_argument("--a", default="the first method")
        parser.add_argument("--b", default="the second method")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["bar"]:
            win, lose, tie = options["bar"]
            bars = [("", win, lose, tie, options["prompts"], options["a"], options["b"])]
        else:
            found = recipe(options["recipe"])
            labels = {m.name: m.label or m.name for m in found.spec.methods}
            bars = [
                (
                    f"Figure {bar.figure}, {bar.prompts_from}: ",
                    bar.win,
                    bar.lose,
                    bar.tie,
                    bar.prompts,
                    labels[bar.a],
                    labels[bar.b],
                )
                for bar in found.published
            ]
            if not bars:
                self.stdout.write(found.published_note or "No number is printed for this recipe.")
        for where, win, lose, tie, prompts, a, b in bars:
            try:
                read = published_bars(win, lose, tie=tie, prompts=prompts, challenger=a, opponent=b)
            except ValueError as wrong:
                raise CommandError(str(wrong)) from wrong
            self.stdout.write("\n".join(_lines(where, read)) + "\n")


def _lines(where: str, read: PublishedBars) -> list[str]:
    win, tie, lose = read.percent
    lines = [
        f"{where}{read.challenger} against {read.opponent}, {win:g} / {lose:g} / {tie:g} % of "
        f"{read.prompts}: {read.wins} wins, {read.ties} ties, {read.losses} losses"
    ]
    for name, rate in zip(("ties dropped", "ties half", "ties losses"), read.rates, strict=True):
        lines.append(
            f"  {name:<13} {percent(rate.estimate)} {bracket(rate.low, rate.high)} "
            f"p {p_value(rate.p_value)} n {rate.n}"
        )
    shares = (("win", read.joint.win), ("tie", read.joint.tie), ("lose", read.joint.loss))
    joint = ", ".join(f"{name} {bracket(share.low, share.high)}" for name, share in shares)
    lines.append(f"  jointly       {joint}")
    lines.append(f"  {read.sentence}")
    if read.warning:
        lines.append(f"  Careful: {read.warning}.")
    return lines
