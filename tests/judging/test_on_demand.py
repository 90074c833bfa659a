"""When a third annotator is asked: where the first two differ, and nowhere else."""

import random

import pytest

from annotate.judging import queue, voting
from annotate.judging.launch import launch
from annotate.judging.models import Verdict, Vote
from annotate.judging.verdicts import records, rule_on
from annotate.studies.models import Study
from annotate.studies.protocol import Protocol
from tests.factories import NOW, make_study
from tests.judging.arrange import member, prefer, vote, vote_all, vote_for

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]
ON_DEMAND = {"overlap_mode": "on_demand"}


def open_study(**options) -> Study:
    protocol = ON_DEMAND | options.pop("protocol", {})
    return launch(make_study(protocol=protocol, **options), actor=None, now=NOW)


def verdict_of(study: Study) -> tuple[str, str, int]:
    return Verdict.objects.values_list("outcome", "reason", "votes").get(comparison__study=study)


def test_two_who_agree_decide_and_nobody_else_is_asked():
    study = open_study()
    people = [member(study) for _ in range(3)]
    assert [bool(queue.hand(who, now=NOW)) for who in people] == [True, True, False]
    for who in people[:2]:
        vote_for(who, "first")
    assert verdict_of(study) == ("first", "unanimous", 2)
    assert not queue.hand(people[2], now=NOW)
    assert queue.is_complete(study)


def test_two_who_differ_are_decided_by_a_third():
    study = open_study()
    for answer in ("first", "second"):
        vote_for(member(study), answer)
    assert not Verdict.objects.exists()
    assert not queue.is_complete(study)
    vote_for(member(study), "second")
    assert verdict_of(study) == ("second", "majority", 3)
    assert not queue.hand(member(study), now=NOW)


def test_three_answers_go_on_to_a_fourth_and_fifth_where_splits_escalate():
    study = open_study(protocol={"split": "escalate", "escalate_to": 5})
    for answer in ("first", "second", "tie", "first", "first"):
        vote_for(member(study), answer)
    assert verdict_of(study) == ("first", "majority", 5)
    assert not queue.hand(member(study), now=NOW)


def test_an_escalated_pair_gets_all_five_votes_though_one_is_voided():
    study = open_study(protocol={"split": "escalate", "escalate_to": 5})
    for answer in ("first", "second", "tie", "first"):
        vote_for(member(study), answer)
    voting.invalidate(study.votes.get(choice="second"), actor=study.owner, now=NOW)
    for answer in ("second", "tie"):
        vote_for(member(study), answer)
    assert verdict_of(study) == ("tie", "split", 5)
    assert not queue.hand(member(study), now=NOW)


def test_an_undone_vote_closes_the_third_slot_until_two_differ_again():
    study = open_study()
    a, b, c = (member(study) for _ in range(3))
    vote_for(a, "first")
    last = vote_for(b, "second")
    lease, _ = voting.undo(b, last.token, now=NOW)
    assert not queue.hand(c, now=NOW)
    vote(b, lease.token, prefer(lease, "first"))
    assert verdict_of(study) == ("first", "unanimous", 2)
    assert not queue.hand(c, now=NOW)


def test_a_third_vote_in_hand_counts_though_the_difference_was_taken_back():
    study = open_study()
    a, b, c, d = (member(study) for _ in range(4))
    vote_for(a, "first")
    last = vote_for(b, "second")
    third = queue.hand(c, now=NOW)[0]
    lease, _ = voting.undo(b, last.token, now=NOW)
    vote(b, lease.token, prefer(lease, "first"))
    vote(c, third.token, prefer(third, "second"))
    assert verdict_of(study) == ("first", "majority", 3)
    assert not queue.hand(d, now=NOW)


def test_a_third_lease_given_back_is_not_served_again_once_two_agree():
    study = open_study()
    a, b, c, d = (member(study) for _ in range(4))
    vote_for(a, "first")
    last = vote_for(b, "second")
    third = queue.hand(c, now=NOW)[0]
    lease, _ = voting.undo(b, last.token, now=NOW)
    vote(b, lease.token, prefer(lease, "first"))
    queue.skip(c, third.token, now=NOW)
    assert not queue.hand(d, now=NOW)


@pytest.mark.parametrize(("others", "asked"), [(("first", "first"), 0), (("first", "tie"), 1)])
def test_an_invalidated_vote_is_replaced_only_where_the_rest_differ(others, asked):
    study = open_study()
    for answer in ("second", *others):
        vote_for(member(study), answer)
    voting.invalidate(study.votes.get(choice="second"), actor=study.owner, now=NOW)
    assert len(queue.hand(member(study), now=NOW)) == asked


def test_a_pair_that_was_held_comes_back_with_its_third_slot_in_reserve():
    study = open_study()
    comparison = study.comparisons.get()
    queue.hold(comparison, held=True)
    assert not queue.hand(member(study), now=NOW)
    queue.hold(comparison, held=False)
    assert [bool(queue.hand(member(study), now=NOW)) for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize("rule", ["priority-then-majority", "majority-then-priority"])
def test_verdicts_are_those_of_three_votes_for_two_and_the_chance_to_differ(rule):
    """The same people give the same answers to the same pairs under both modes."""
    words = {"alignment": ("left", "right", "equal"), "quality": ("left", "equal")}
    words |= {"aesthetics": ("right", "equal"), "overall": ("equal",)}
    labels, votes = {}, {}
    for mode in ("full", "on_demand"):
        protocol = {"overlap_mode": mode, "judgement": "full", "rule": rule, "prefetch": 0}
        study = launch(make_study(pairs=12, protocol=protocol), actor=None, now=NOW)

        def said(slot, study=study):
            # By pair and slot, not by person or side: a replay.
            order = study.comparisons.get(pk=slot.comparison_id).order
            rng = random.Random(f"{order} {slot.slot}")
            swap = {"left": "right", "right": "left", "equal": "equal"}
            drawn = {c: rng.choice(w) for c, w in words.items()}
            return {c: swap[w] if slot.flipped else w for c, w in drawn.items()}

        vote_all([member(study) for _ in range(3)], said)
        labels[mode] = dict(
            Verdict.objects.filter(comparison__study=study).values_list(
                "comparison__order", "outcome"
            )
        )
        votes[mode] = study.votes.count()
        if mode == "full":
            early = Vote.objects.filter(study=study, assignment__slot__lte=2)
            differ = _undecided_by_two(early, study.read_protocol())
    assert labels["full"] == labels["on_demand"]
    assert votes == {"full": 36, "on_demand": 24 + differ}
    assert 0 < differ < 12


def _undecided_by_two(votes, protocol: Protocol) -> int:
    on_demand = protocol.model_copy(update=ON_DEMAND)
    by_pair: dict[int, list] = {}
    for row in votes.values_list("comparison", "pk", "answers__criterion", "answers__choice"):
        by_pair.setdefault(row[0], []).append((*row[1:], False))
    return sum(rule_on(records(rows), on_demand) is None for rows in by_pair.values())
