"""Held pairs, and votes on them that are taken back."""

from datetime import timedelta

import pytest

from annotate.judging import queue, voting
from annotate.judging.launch import launch
from tests.factories import NOW, make_study
from tests.judging.arrange import member, vote_next

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]

LATER = NOW + timedelta(hours=1)


def test_a_vote_taken_back_on_a_held_pair_passes_on_to_nobody():
    study = launch(make_study(pairs=1), actor=None, now=NOW)
    who = member(study)
    vote = vote_next(who)
    queue.hold(study.comparisons.get(), held=True)
    voting.undo(who, vote.token, now=NOW)
    assert queue.hand(member(study), now=LATER) == []


def test_a_pair_that_was_held_while_leased_is_served_again_after_vote_and_undo():
    study = launch(
        make_study(pairs=1, protocol={"overlap": 1, "min_votes": 1}), actor=None, now=NOW
    )
    who = member(study)
    queue.hand(who, now=NOW)
    comparison = study.comparisons.get()
    queue.hold(comparison, held=True)
    vote = vote_next(who)
    queue.hold(comparison, held=False)
    voting.undo(who, vote.token, now=NOW)
    assert len(queue.hand(member(study), now=LATER)) == 1
