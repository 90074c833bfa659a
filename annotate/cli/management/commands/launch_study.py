"""`manage.py launch_study WHAT --actor anna`: show what a study takes, then open it and wait.

WHAT is a draft's id, a TOML file or one of the paper's recipes. It must not decide anything:
`judging.launch` and `sampling.calibration` do.
"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from annotate.cli import sampling_bar
from annotate.cli.contexts import record
from annotate.cli.drafting import Draft, PromptFileError, SpecError, Wanted, draft_of
from annotate.cli.launch_words import describe
from annotate.cli.tuning import tune
from annotate.judging import opening
from annotate.judging.launch import LaunchPlan, LaunchRefused, launch, plan
from annotate.people.models import Role, User
from annotate.sampling.calibration import CalibrationRefused, to_tune
from annotate.sampling.progress import progress
from annotate.studies.create import create_study
from annotate.studies.lifecycle import IllegalMove, check_draft
from annotate.studies.models import Study
from annotate.studies.recipes import NAMES, Recipe
from generation.ranges import seed, whole


class Command(BaseCommand):
    help = (
        "Freeze a study's protocol, plan and make its pictures, and open it to annotators. Pairs "
        f"open as their pictures come. Recipes: {', '.join(NAMES)}."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", help="a draft's id, a TOML file, or a recipe")
        parser.add_argument("--actor", help="username of somebody who manages it")
        parser.add_argument("--prompts", type=Path, metavar="FILE", help=".txt, .csv, .tsv, .jsonl")
        parser.add_argument(
            "--limit", type=whole(1), metavar="N", help="draw N prompts of the file"
        )
        parser.add_argument("--tune", type=Path, metavar="FILE", help="prompts to tune on")
        parser.add_argument("--tune-limit", type=whole(1), metavar="N", help="draw N to tune on")
        parser.add_argument("--seed", type=seed, help="of noise, prompts, order and sides")
        parser.add_argument("--name", help="the study's name")
        parser.add_argument(
            "--pin",
            action="append",
            metavar="OWNER/NAME=COMMIT",
            help="the commit of a model in the hub's cache, for every method that names it",
        )
        parser.add_argument(
            "--controls", action="store_true", help="add a recipe's null and control arms"
        )
        parser.add_argument(
            "--calibrate", action="store_true", help="tune the thresholds that wait for it first"
        )
        parser.add_argument(
            "--dry-run", "--check", action="store_true", help="only show what would happen"
        )
        parser.add_argument("--no-wait", action="store_true", help="do not wait for the pictures")

    def handle(self, *_: Any, **options: Any) -> None:
        if _is_id(options["what"]):
            if options["pin"]:
                raise CommandError(
                    "--pin goes with a recipe or a file. A draft's pins stand in its methods: "
                    'write pins."owner/name" = "COMMIT" there, on its page.'
                )
            self._go(_draft(options), None, options)
            return
        try:
            draft = draft_of(_wanted(options))
        except (SpecError, PromptFileError) as error:
            raise CommandError(f"{error} Nothing was created.") from error
        if options["dry_run"]:
            self._dry(draft)
            return
        actor = _researcher(options["actor"])
        try:
            pictures = draft.contexts.write(draft.spec)
            with transaction.atomic():
                record(pictures)
                study = create_study(draft.spec, owner=actor)
        except SpecError as error:
            raise CommandError(f"{error} Nothing was created.") from error
        self.say(f"draft: {study.name} ({study.uid})")
        self._go(study, draft.recipe, options)

    def _dry(self, draft: Draft) -> None:
        """Describe a study that is made for it and gone afterwards."""
        with transaction.atomic():
            record(draft.contexts.unwritten(draft.spec))
            nobody = User(username="dry run", role=Role.RESEARCHER)
            nobody.set_unusable_password()
            nobody.save()
            try:
                study = create_study(draft.spec, owner=nobody)
            except SpecError as error:
                raise CommandError(str(error)) from error
            planned = self._describe(study, draft.recipe)
            transaction.set_rollback(True)
        self._refused(planned)
        if draft.drawn_from is None and draft.recipe is not None:
            self.say("(without --prompts: stand-ins, one a prompt)")
        self.say("dry run: nothing was created")

    def _describe(self, study: Study, recipe: Recipe | None) -> LaunchPlan:
        planned = plan(study, most_read=None)
        for line in describe(study, planned, recipe):
            self.say(line)
        return planned

    def _refused(self, planned: LaunchPlan) -> None:
        for line in planned.refusals:
            self.say(f"refused as it is: {line}")

    def _go(self, study: Study, recipe: Recipe | None, options: dict[str, Any]) -> None:
        actor = User.objects.get(username=options["actor"])
        try:
            check_draft(study)
        except IllegalMove as error:
            raise CommandError(str(error)) from error
        if options["calibrate"] and not options["dry_run"] and to_tune(study):
            try:
                tune(study, actor=actor, say=self.say)
            except CalibrationRefused as error:
                raise CommandError(
                    f"{error} The draft {study.uid} stays; nothing was launched."
                ) from error
            study.refresh_from_db()
        planned = self._describe(study, recipe)
        if options["dry_run"]:
            self._refused(planned)
            return
        try:
            launch(study, actor=actor)
        except IllegalMove as error:
            raise CommandError(str(error)) from error
        except LaunchRefused as error:
            raise CommandError(
                f"{error} Nothing was launched; the draft {study.uid} stays."
            ) from error
        self.say(f"open: {study.name} ({study.uid})")
        if study.planned_items.exists() and not options["no_wait"]:
            self._wait(study)

    def _wait(self, study: Study) -> None:
        """Until every pair that can open is open; workers go on without anybody waiting."""
        try:
            seen = sampling_bar.wait(
                lambda: progress(study, now=timezone.now()), what="pictures", say=self.say
            )
        except KeyboardInterrupt:
            self.say(f"not waiting any more; the study {study.uid} goes on by itself")
            return
        opening.open_ready(study)
        for line in sampling_bar.summary(seen):
            self.say(line)
        waiting = opening.waiting(study)
        pairs = study.comparisons.filter(kind="live").count()
        items = study.planned_items.count()
        self.say(f"{pairs} pairs are open, for {items - waiting} of {items} items")
        if waiting:
            raise CommandError(
                f"{waiting} items have no pair: a picture of theirs failed or was cancelled. The "
                "study is open without them; retry the jobs on its page, or go on."
            )

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _is_id(what: str) -> bool:
    try:
        UUID(what)
    except ValueError:
        return False
    return True


def _wanted(options: dict[str, Any]) -> Wanted:
    return Wanted(
        what=options["what"],
        prompts=options["prompts"],
        limit=options["limit"],
        tune=options["tune"],
        tune_limit=options["tune_limit"],
        controls=options["controls"],
        pins=tuple(options["pin"] or ()),
        seed=options["seed"],
        name=options["name"],
        stand_ins=options["dry_run"],
    )


_NOBODY = "--actor NAME is needed: the username of who manages the study."


def _draft(options: dict[str, Any]) -> Study:
    if options["actor"] is None:
        raise CommandError(_NOBODY)
    actor = User.objects.filter(username=options["actor"]).first()
    mine = Study.objects.managed_by(actor) if actor else Study.objects.none()
    study = mine.filter(uid=options["what"]).first()
    if study is None:
        raise CommandError(
            f"{options['actor']} manages no study {options['what']}. Check id and name."
        )
    return study


def _researcher(name: str | None) -> User:
    if name is None:
        raise CommandError(_NOBODY)
    found = User.objects.filter(username=name).first()
    if found is None or not found.is_researcher:
        raise CommandError(
            f"--actor {name}: no researcher or admin has this name. Name one that exists."
        )
    return found
