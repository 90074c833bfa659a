"""`manage.py oracle_lab (--study UID | --csv FILE)`: Figure 16 in a terminal, or as SVG and CSV.

It must not compute: annotate.reports does.
"""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotate.analysis.oracle import Cost
from annotate.analysis.oracle_bands import Over
from annotate.analysis.oracle_table import Rule
from annotate.cli.management.commands.export_study import study_by_uid
from annotate.reports.branch_rows import branch_pairs
from annotate.reports.branches import MODELS, Branches, Settings
from annotate.reports.laboratory import investigate
from annotate.reports.laboratory_csv import OutcomesError, read_outcomes
from annotate.reports.laboratory_files import lab_data, lab_text, write_laboratory
from annotate.reports.laboratory_page import lay_out_laboratory
from annotate.reports.laboratory_study import read_branches
from generation.ranges import seed, whole


class Command(BaseCommand):
    help = (
        "What a better oracle would bring, from a study whose student and refine-all arms were "
        "judged against the same teacher, or from a CSV file (columns prompt, student, refined, "
        "one per estimator; optional: group, student_votes, refined_votes, NAME@teacher)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("--study", metavar="UID")
        source.add_argument("--csv", type=Path, metavar="FILE")
        parser.add_argument("--model", choices=MODELS, default="M1")
        parser.add_argument("--rule", choices=[str(rule) for rule in Rule], default="not_worse")
        parser.add_argument("--k", type=float, default=50, help="percent refined (default 50)")
        parser.add_argument(
            "--band",
            choices=[str(over) for over in Over],
            default="prompts",
            help="what the curve's bands draw again: prompts with their verdicts, votes too, or "
            "prompts and annotators (crossed)",
        )
        parser.add_argument(
            "--branches",
            metavar="STUDENT,REFINED,TEACHER",
            help="names of methods, where the study's recipes do not tell",
        )
        parser.add_argument("--student-steps", type=int, help="with --csv: steps of the student")
        parser.add_argument("--refine-steps", type=int, help="with --csv: steps of a refinement")
        parser.add_argument("--resamples", type=whole(1), default=2000)
        parser.add_argument("--seed", type=seed, default=0)
        shape = parser.add_mutually_exclusive_group()
        shape.add_argument("--json", action="store_true", help="print JSON instead of tables")
        shape.add_argument("--out", type=Path, metavar="DIR", help="also write SVG, CSV and JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        branches = _of_file(options) if options["csv"] else _of_study(options)
        try:
            settings = Settings(
                model=options["model"],
                rule=Rule(options["rule"]),
                percentile=options["k"],
                resamples=options["resamples"],
                seed=options["seed"],
                over=Over(options["band"]),
            )
            lab = investigate(branches, settings)
        except ValueError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(lab_data(lab), indent=2, ensure_ascii=False))
            return
        self.stdout.write(lab_text(lab))
        if options["out"]:
            for path in write_laboratory(lab, lay_out_laboratory(lab), options["out"]):
                self.stdout.write(f"{path}: {path.stat().st_size:,} bytes")


def _of_file(options: dict[str, Any]) -> Branches:
    given = (options["student_steps"], options["refine_steps"])
    if (given[0] is None) != (given[1] is None):
        raise CommandError("give both --student-steps and --refine-steps, or neither.")
    path: Path = options["csv"]
    try:
        cost = None if given[0] is None else Cost(*given)
        with path.open(newline="", encoding="utf-8-sig") as file:
            return read_outcomes(file, title=path.name, cost=cost)
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is not UTF-8 text; save it as UTF-8.") from error
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error}.") from error
    except OutcomesError as error:
        raise CommandError(f"{path}:\n{error}") from error
    except ValueError as error:
        raise CommandError(str(error)) from error


def _of_study(options: dict[str, Any]) -> Branches:
    study = study_by_uid(options["study"])
    pairs = branch_pairs(study)
    if not pairs:
        raise CommandError(
            "the study has no two contrasts against one teacher. Judge the student and its samples "
            "all refined against the same method (recipe fig16), or give --csv."
        )
    if wanted := options["branches"]:
        names = tuple(name.strip() for name in wanted.split(","))
        pairs = [p for p in pairs if (p.student.name, p.refined.name, p.teacher.name) == names]
        if not pairs:
            raise CommandError(
                f"--branches {wanted!r} names no two contrasts of the study against one teacher."
            )
    elif not pairs[0].certain:
        shown = "\n".join(f"  {p.student.name},{p.refined.name},{p.teacher.name}" for p in pairs)
        raise CommandError(
            "the pictures were imported, so that nothing tells which method refines all samples of "
            f"which student. Give --branches with one of\n{shown}"
        )
    return read_branches(study, pairs[0])
