"""Simulated annotators at work on a study: their accounts, what they know, and all at once.

It must not vote by itself: every vote goes through the site, from `SimulatedAnnotator`.
"""

import json
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np

from annotate.cli.simulated_annotator import Account, SimulatedAnnotator, TruthOf
from annotate.judging.models import Assignment
from annotate.people.models import Role, User
from annotate.studies.members import MemberRefused, add_member
from annotate.studies.models import Membership, Study
from generation.reference.judge import CRITERIA

PREFIX = "simulated-"


class TruthError(ValueError):
    """A truth file that cannot be used."""


class NotSimulatedError(ValueError):
    """A person has the name, or the place, that a simulated annotator needs."""


def enlist(study: Study, count: int) -> list[Account]:
    """Accounts `simulated-1` … with an active place in the study, under new random passwords.

    Raises:
        NotSimulatedError: one of the names belongs to a person, or to another role in the study.
    """
    return [_enlist(study, f"{PREFIX}{number}") for number in range(1, count + 1)]


def _enlist(study: Study, username: str) -> Account:
    user, _ = User.objects.get_or_create(
        username=username, defaults={"role": Role.ANNOTATOR, "simulated": True}
    )
    if not user.simulated:
        raise NotSimulatedError(
            f"the account {username!r} is a person's; a program must not vote under it. "
            "Rename that account."
        )
    password = secrets.token_urlsafe(24)
    user.set_password(password)
    user.save(update_fields=["password"])
    place = Membership.objects.filter(study=study, user=user).first()
    try:
        place = place or add_member(study, user, role=Membership.Role.ANNOTATOR)
    except MemberRefused as error:
        raise NotSimulatedError(f"{error} Choose another study.") from error
    if place.role != Membership.Role.ANNOTATOR or not place.active:
        raise NotSimulatedError(
            f"{username} is a resting or another member of this study ({place.role}); "
            "activate them on its members page."
        )
    return Account(username, password)


def open_votes(study: Study, *, people: int) -> int:
    """How many votes this many new annotators could still give."""
    slots = Assignment.objects.filter(
        study=study, held=False, state__in=[Assignment.State.FREE, Assignment.State.LEASED]
    )
    pairs = slots.values("comparison").distinct().count()
    return min(slots.count(), people * pairs)


def judge_together(
    crowd: Sequence[SimulatedAnnotator],
    *,
    stop: threading.Event,
    meanwhile: Callable[[int], None],
) -> int:
    """Let all judge at once, each in a thread; gives the number of votes stored.

    `meanwhile` is called several times a second from the calling thread with the votes so far.
    The first annotator who fails stops the others and is told of here.
    """

    def votes() -> int:
        return sum(one.votes for one in crowd)

    with ThreadPoolExecutor(len(crowd)) as pool:
        working = {pool.submit(one.judge_all, stop) for one in crowd}
        try:
            while working:
                done, working = wait(working, timeout=0.2, return_when=FIRST_COMPLETED)
                meanwhile(votes())
                for one in done:
                    one.result()
        finally:
            # Else leaving the pool would wait for the others to finish the study.
            stop.set()
    return votes()


def read_truth(path: Path) -> TruthOf:
    """The truth records of a JSON file: content digest → criterion → number in [0, 1].

    Raises:
        TruthError: the file is missing or says something else.
    """
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TruthError(f"{path} cannot be read as JSON ({error}). Name another file.") from error
    if not isinstance(records, dict) or not all(map(_is_truth, records.values())):
        raise TruthError(
            f"{path.name} should map each picture's content digest to "
            f"{{{', '.join(CRITERIA)}}}, each a number in [0, 1]. Correct it."
        )

    return truths(records, source=path.name)


def truths(records: Mapping[str, dict[str, float]], *, source: str) -> TruthOf:
    """Look truth up by content digest; `source` is where a reader finds the records."""

    def truth_of(digest: str) -> dict[str, float]:
        try:
            return records[digest]
        except KeyError:
            raise TruthError(
                f"a picture ({digest[:12]}…) is not in {source}. Truth is found by the pixels "
                "served: pictures fitted into a common box need records of their own."
            ) from None

    return truth_of


def _is_truth(record: object) -> bool:
    return isinstance(record, dict) and all(
        isinstance(record.get(criterion), int | float) and 0 <= record[criterion] <= 1
        for criterion in CRITERIA
    )


def latent_truth(seed: int) -> TruthOf:
    """A made-up worth for every picture, uniform in [0, 1] and fixed by seed and content.

    All annotators of one seed see the same worth, so their agreement means something; it says
    nothing about the pictures.
    """

    def truth_of(digest: str) -> dict[str, float]:
        draws = np.random.default_rng([seed, int(digest[:16], 16)]).random(len(CRITERIA))
        return dict(zip(CRITERIA, draws.tolist(), strict=True))

    return truth_of
