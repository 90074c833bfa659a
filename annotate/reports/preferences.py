"""A study's judged pairs with their pictures, as an estimator is fitted on them.

It must not know estimators: `generation.training.preference.read_votes` reads the folder back.
"""

import csv
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db.models import Count, Q

from annotate.judging.models import Comparison, Outcome
from annotate.reports.frames import CHUNK, LIVE, read_snapshot
from annotate.sampling.storage import path_of
from annotate.studies.models import Study

VOTES, PICTURES = "votes.csv", "pictures"
COLUMNS = ("prompt", "first", "second", "share", "votes", "simulated_votes", "simulated")
_TOLD = ("prompt__text", "first__digest", "second__digest", "cast", "firsts", "ties", "programs")


class PreferencesRefused(ValueError):
    """A study without pairs to learn from, or a folder that is in use."""


@dataclass(frozen=True)
class Preferences:
    """What was written: pairs, different pictures, votes and those of them cast by programs."""

    pairs: int
    pictures: int
    votes: int
    simulated: int


def write_preferences(study: Study, folder: Path) -> Preferences:
    """Write `votes.csv` and each picture once, by its digest; all or nothing.

    A row is a pair with current votes: no controls, repeats, training or exam pairs, nor votes
    that were undone or voided. `share` is that of the first picture, a tie counting half for each.
    Text is exact, for programs and not for spreadsheets. Memory is that of one batch of pairs.

    Raises:
        PreferencesRefused: the study shows no pictures, compares none, has no vote or a picture
            that is gone; or the folder holds something.
    """
    if study.external:
        raise PreferencesRefused(
            f"the votes of {study.name!r} were imported without pictures; an estimator needs them."
        )
    if study.read_protocol().asks_diversity:
        raise PreferencesRefused(
            f"{study.name!r} asks how different two pictures are, not which is better. Name a "
            "study of preferences."
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PreferencesRefused(f"{folder} is not an empty folder; name one that is, or a new one")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as made:
        part = Path(made) / "part"
        (part / PICTURES).mkdir(parents=True)
        with read_snapshot():
            found = _write(study, part)
        if not found.pairs:
            raise PreferencesRefused(f"{study.name!r} has no pair with a vote yet.")
        part.replace(folder)
    return found


def _write(study: Study, part: Path) -> Preferences:
    pairs = votes = simulated = 0
    kept: set[str] = set()
    with (part / VOTES).open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for each in _judged(study):
            # Ties count half for either: all votes stay in the share.
            cast, programs = each["cast"], each["programs"]
            share = (each["firsts"] + each["ties"] / 2) / cast
            names = [_kept(each[f"{side}__digest"], part, kept) for side in ("first", "second")]
            marked = "true" if programs else "false"
            rows.writerow((each["prompt__text"], *names, repr(share), cast, programs, marked))
            pairs, votes, simulated = pairs + 1, votes + cast, simulated + programs
    return Preferences(pairs, len(kept), votes, simulated)


def _judged(study: Study) -> Iterator[dict[str, Any]]:
    def cast_as(choice: Outcome) -> Count:
        return Count("votes", filter=Q(votes__choice=choice))

    found = (
        Comparison.objects.filter(study=study, kind=LIVE, identical=False)
        .annotate(
            cast=Count("votes"),
            firsts=cast_as(Outcome.FIRST),
            ties=cast_as(Outcome.TIE),
            programs=Count("votes", filter=Q(votes__simulated=True)),
        )
        .filter(cast__gt=0)
        .order_by("order")
        .values(*_TOLD)
    )
    yield from found.iterator(chunk_size=CHUNK)


def _kept(digest: str, part: Path, kept: set[str]) -> str:
    """The picture's name beside the table, copied when it is met first."""
    name = f"{PICTURES}/{digest}.png"
    if digest not in kept:
        try:
            shutil.copyfile(path_of(digest), part / name)
        except FileNotFoundError:
            raise PreferencesRefused(
                f"the picture {digest[:12]}… is no longer in the store ({path_of(digest)}). Put it "
                "back from a backup; nothing was written."
            ) from None
        kept.add(digest)
    return name
