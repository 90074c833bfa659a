"""Arrangements for judging: members, and people who vote until nothing is left."""

import itertools
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime

from annotate.judging import queue
from annotate.judging.hotpath import Lease
from annotate.judging.models import Vote
from annotate.judging.voting import Ballot, submit
from annotate.studies.models import Membership, Study
from tests.factories import NOW, join

LEFT = {"alignment": "left"}
EQUAL = {"alignment": "equal", "quality": "equal", "aesthetics": "equal"}


def member(study: Study, **options) -> Membership:
    user = join(study, **options)
    return Membership.objects.select_related("study", "user").get(study=study, user=user)


def ballot(token: uuid.UUID | None, answers: dict[str, str] | None = None, **extra) -> Ballot:
    assert token is not None
    return Ballot(token=token, answers=answers or LEFT, elapsed_ms=2000, active_ms=1500, **extra)


def vote_next(who: Membership, answers=None, *, now: datetime = NOW) -> Vote:
    slot = queue.hand(who, now=now)[0]
    return vote(who, slot.token, answers, now=now)


def vote(who: Membership, token: uuid.UUID, answers=None, *, now: datetime = NOW) -> Vote:
    submit(who, ballot(token, answers), now=now)
    return Vote.objects.get(token=token)


def prefer(slot: Lease, choice: str) -> dict[str, str]:
    """The answer on screen that means `choice` (first, second, tie) for this slot."""
    if choice == "tie":
        return EQUAL
    left = (choice == "second") == slot.flipped
    return {"alignment": "left" if left else "right"}


def vote_for(who: Membership, choice: str, *, now: datetime = NOW) -> Vote:
    slot = queue.hand(who, now=now)[0]
    return vote(who, slot.token, prefer(slot, choice), now=now)


def vote_all(people: Iterable[Membership], answer: Callable[[Lease], dict] | None = None):
    """All people vote in turns until nobody is given anything."""
    people = list(people)
    for turn in itertools.count():
        busy = False
        for who in people:
            if slots := queue.hand(who, now=NOW):
                answers = answer(slots[0]) if answer else LEFT
                submit(who, ballot(slots[0].token, answers), now=NOW)
                busy = True
        if not busy:
            return
        assert turn < 10_000
