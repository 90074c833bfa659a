"""Simulated annotators at work on a study: their accounts, and all at once.

It must not vote by itself: every vote goes through the site, from `SimulatedAnnotator`.
"""

import itertools
import secrets
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

from django.db.models import QuerySet

from annotate.cli.simulated_annotator import Account, SimulatedAnnotator
from annotate.judging.models import Assignment
from annotate.people.models import Role, User
from annotate.studies.members import MemberRefused, add_member
from annotate.studies.models import Membership, Study

PREFIX = "simulated-"


class NotSimulatedError(ValueError):
    """A person has the name, or the place, that a simulated annotator needs."""


def enlist(study: Study, count: int) -> list[Account]:
    """Accounts `simulated-1` … with an active place in the study, under new random passwords.

    Who rests here, paused by the study's rules or by hand, stays at rest: the next number comes in
    their stead (`passed_over` names them).

    Raises:
        NotSimulatedError: one of the names belongs to a person, or to another role in the study.
    """
    found = (_enlist(study, f"{PREFIX}{number}") for number in itertools.count(1))
    return list(itertools.islice((account for account in found if account), count))


def passed_over(accounts: Sequence[Account]) -> list[str]:
    """The names between those of `enlist` whose places rest."""
    taken = {account.username for account in accounts}
    last = max((int(name.removeprefix(PREFIX)) for name in taken), default=0)
    names = (f"{PREFIX}{number}" for number in range(1, last))
    return [name for name in names if name not in taken]


def _enlist(study: Study, username: str) -> Account | None:
    """An account with a place, or None where its place rests."""
    user, _ = User.objects.get_or_create(
        username=username, defaults={"role": Role.ANNOTATOR, "simulated": True}
    )
    if not user.simulated:
        raise NotSimulatedError(
            f"the account {username!r} is a person's; a program must not vote under it. "
            "Rename that account."
        )
    place = Membership.objects.filter(study=study, user=user).first()
    try:
        place = place or add_member(study, user, role=Membership.Role.ANNOTATOR)
    except MemberRefused as error:
        raise NotSimulatedError(f"{error} Choose another study.") from error
    if place.role != Membership.Role.ANNOTATOR:
        raise NotSimulatedError(
            f"{username} is another member of this study ({place.role}); make them an annotator on "
            "its members page."
        )
    if not place.active:
        return None
    password = secrets.token_urlsafe(24)
    user.set_password(password)
    user.save(update_fields=["password"])
    return Account(username, password)


def open_slots(study: Study) -> int:
    """How many votes the study still wants of anybody; none where it is not open."""
    if not Study.objects.filter(pk=study.pk, state=Study.State.OPEN).exists():
        return 0
    return _open_slots(study).count()


def _open_slots(study: Study) -> QuerySet[Assignment]:
    wanted = [Assignment.State.FREE, Assignment.State.LEASED]
    return Assignment.objects.filter(study=study, held=False, state__in=wanted)


def open_votes(study: Study, *, people: int) -> int:
    """How many votes this many new annotators could still give."""
    slots = _open_slots(study)
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
