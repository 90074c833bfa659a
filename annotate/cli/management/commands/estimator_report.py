"""`manage.py estimator_report FILE.csv [--out DIR]`: how good estimators are on rated pictures.

It must not compute: annotate.reports does.
"""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotate.analysis.oracle_table import Rule
from annotate.reports.branches import Settings
from annotate.reports.ratings import Ratings
from annotate.reports.ratings_csv import RatingsError, read_ratings
from annotate.reports.ratings_files import ratings_data, ratings_text, write_ratings
from annotate.reports.ratings_report import report_ratings
from generation.ranges import seed, whole


class Command(BaseCommand):
    help = (
        "How far estimators agree with people on pairs of pictures, which of two agrees more, and "
        "how well they decide without a reference, from a CSV file (columns prompt, method, human, "
        "one per estimator; optional: group, human@RATER)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.csv")
        parser.add_argument(
            "--estimators", metavar="NAME,...", help="the columns of scores (default: all others)"
        )
        parser.add_argument("--student", metavar="METHOD", help="its pictures are kept or replaced")
        parser.add_argument("--teacher", metavar="METHOD", help="what the ratings compare with")
        parser.add_argument(
            "--refined", metavar="METHOD", help="whose pictures replace (default: the teacher's)"
        )
        parser.add_argument("--rule", choices=[str(rule) for rule in Rule], default="not_worse")
        parser.add_argument("--k", type=float, default=50, help="percent replaced (default 50)")
        parser.add_argument("--resamples", type=whole(1), default=2000)
        parser.add_argument("--seed", type=seed, default=0)
        shape = parser.add_mutually_exclusive_group()
        shape.add_argument("--json", action="store_true", help="print JSON instead of tables")
        shape.add_argument("--out", type=Path, metavar="DIR", help="also write HTML, JSON and SVG")

    def handle(self, *_args: Any, **options: Any) -> None:
        ratings = _read(options["file"], options["estimators"])
        try:
            settings = Settings(
                rule=Rule(options["rule"]),
                percentile=options["k"],
                resamples=options["resamples"],
                seed=options["seed"],
            )
            report = report_ratings(
                ratings,
                settings,
                student=options["student"],
                teacher=options["teacher"],
                refined=options["refined"],
            )
        except ValueError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(ratings_data(report), indent=2, ensure_ascii=False))
            return
        self.stdout.write(ratings_text(report))
        if options["out"]:
            for path in write_ratings(report, options["out"]):
                self.stdout.write(f"{path}: {path.stat().st_size:,} bytes")


def _read(path: Path, named: str | None) -> Ratings:
    wanted = None if named is None else {name.strip() for name in named.split(",")}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return read_ratings(file, title=path.stem, estimators=wanted)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}.") from error
    except RatingsError as error:
        raise CommandError(f"{path}:\n{error}") from error
