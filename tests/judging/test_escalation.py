"""Whom a split asks further, and what becomes of that when the votes split no more."""

import pytest

from annotate.judging import queue, voting
from annotate.judging.launch import launch
from annotate.judging.models import Verdict
from annotate.reports.progress import counts
from annotate.studies.models import Study
from tests.factories import NOW, make_study
from tests.judging.arrange import member, prefer, vote, vote_for

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]


def split_pair(*, to: int = 4) -> tuple[Study, list]:
    """One pair with three different votes, and who cast them."""
    protocol = {"split": "escalate", "escalate_to": to}
    study = launch(make_study(pairs=1, protocol=protocol), actor=None, now=NOW)
    votes = [vote_for(member(study), answer) for answer in ("first", "second", "tie")]
    return study, votes


def vote_again(study: Study, taken_back, answer: str) -> None:
    who = study.memberships.select_related("study", "user").get(user=taken_back.annotator)
    lease, _ = voting.undo(who, taken_back.token, now=NOW)
    vote(who, lease.token, prefer(lease, answer))


def verdict_of(study: Study) -> tuple[str, str, int]:
    return Verdict.objects.values_list("outcome", "reason", "votes").get(comparison__study=study)


@pytest.mark.parametrize("to", [4, 5])
def test_a_split_that_is_taken_back_asks_nobody_further(to):
    study, (*_, last) = split_pair(to=to)
    vote_again(study, last, "first")
    assert verdict_of(study) == ("first", "majority", 3)
    assert not queue.hand(member(study), now=NOW)
    assert queue.is_complete(study)
    assert counts(study).slots == 3


def test_a_pair_that_splits_again_after_an_undo_is_served_further():
    study, (*_, last) = split_pair()
    vote_again(study, last, "tie")
    vote_for(member(study), "second")
    assert verdict_of(study) == ("second", "majority", 4)


def test_a_voided_vote_withdraws_the_escalation_until_the_refill_is_in():
    study, (*_, last) = split_pair()
    voting.invalidate(last, actor=study.owner, now=NOW)
    refill, nobody = member(study), member(study)
    assert [lease.slot for lease in queue.hand(refill, now=NOW)] == [3]
    assert not queue.hand(nobody, now=NOW)
    vote_for(refill, "second")
    assert verdict_of(study) == ("second", "majority", 3)
    assert not queue.hand(nobody, now=NOW)


def test_a_fourth_vote_in_hand_cannot_undo_a_verdict_that_is_no_split_any_more():
    study, (*_, last) = split_pair()
    fourth = member(study)
    lease = queue.hand(fourth, now=NOW)[0]
    vote_again(study, last, "first")
    with pytest.raises(queue.PassedOn):
        vote(fourth, lease.token, prefer(lease, "second"))
    assert verdict_of(study) == ("first", "majority", 3)


def test_a_withdrawn_slot_stays_withdrawn_when_its_pair_was_held_and_comes_back():
    study, (*_, last) = split_pair()
    vote_again(study, last, "first")
    comparison = study.comparisons.get()
    queue.hold(comparison, held=True)
    queue.hold(comparison, held=False)
    assert not queue.hand(member(study), now=NOW)


def test_a_fourth_vote_that_is_taken_back_stays_in_its_annotators_hand():
    study, (*_, last) = split_pair()
    fourth = vote_for(member(study), "first")
    voting.invalidate(last, actor=study.owner, now=NOW)
    vote_again(study, fourth, "second")
    assert study.votes.count() == 3
