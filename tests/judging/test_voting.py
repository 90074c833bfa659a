"""What happens to votes."""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.db.models.signals import post_save

from annotate.judging import queue, voting
from annotate.judging.launch import launch
from annotate.judging.models import Assignment, Verdict, Vote, VoteRevision
from annotate.judging.reporting import BadReport, report, resolve
from annotate.studies.models import Study
from tests.factories import NOW, make_study, make_user
from tests.judging.arrange import EQUAL, LEFT, ballot, member, prefer, vote_for, vote_next
from tests.judging.arrange import vote as vote_by

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]


def open_study(**options) -> Study:
    return launch(make_study(**options), actor=None, now=NOW)


def test_a_vote_names_the_image_and_keeps_the_side_apart():
    study = open_study(pairs=1)
    for who in [member(study) for _ in range(3)]:
        slot = queue.hand(who, now=NOW)[0]
        vote = vote_by(who, slot.token, {"alignment": "left"})
        assert vote.side == "left"
        assert vote.choice == ("second" if slot.flipped else "first")


def test_a_double_submit_gets_the_stored_vote_back():
    study = open_study(pairs=2)
    who = member(study)
    slot = queue.hand(who, now=NOW)[0]
    first = voting.submit(who, ballot(slot.token), now=NOW)
    again = voting.submit(who, ballot(slot.token), now=NOW)
    assert first.created
    assert not again.created
    assert study.votes.count() == 1


def test_a_second_different_answer_is_refused_and_the_first_stands():
    study = open_study(pairs=1)
    who = member(study)
    slot = queue.hand(who, now=NOW)[0]
    voting.submit(who, ballot(slot.token, {"alignment": "left"}), now=NOW)
    with pytest.raises(voting.Conflict):
        voting.submit(who, ballot(slot.token, {"alignment": "right"}), now=NOW)
    assert study.votes.get().side == "left"


def test_a_late_vote_counts_while_nobody_else_took_the_slot():
    study = open_study(pairs=1)
    who = member(study)
    slot = queue.hand(who, now=NOW)[0]
    assert vote_by(who, slot.token, now=NOW + timedelta(hours=2)).late


def test_a_late_vote_for_a_slot_that_passed_on_is_refused_in_words():
    study = open_study(pairs=1, protocol={"overlap": 1, "min_votes": 1})
    slow, quick = member(study), member(study)
    slot = queue.hand(slow, now=NOW)[0]
    queue.hand(quick, now=NOW + timedelta(minutes=11))
    with pytest.raises(queue.PassedOn, match="another annotator"):
        voting.submit(slow, ballot(slot.token), now=NOW + timedelta(minutes=12))


def test_somebody_elses_token_is_refused():
    study = open_study(pairs=1)
    mine, theirs = member(study), member(study)
    slot = queue.hand(theirs, now=NOW)[0]
    with pytest.raises(queue.PassedOn):
        voting.submit(mine, ballot(slot.token), now=NOW)
    assert study.votes.count() == 0


def test_votes_in_hand_are_accepted_while_paused_and_refused_once_closed():
    study = open_study(pairs=3)
    who = member(study)
    first, second, _ = queue.hand(who, now=NOW)
    who.study.state = Study.State.PAUSED
    receipt = voting.submit(who, ballot(first.token), now=NOW)
    assert receipt.created
    assert receipt.fresh == []
    who.study.state = Study.State.CLOSED
    with pytest.raises(queue.PassedOn, match="closed"):
        voting.submit(who, ballot(second.token), now=NOW)


@pytest.mark.parametrize(
    ("choices", "outcome", "reason"),
    [
        (("first", "first", "first"), "first", "unanimous"),
        (("first", "second", "second"), "second", "majority"),
        (("tie", "tie", "first"), "tie", "majority"),
        (("first", "second", "tie"), "tie", "split"),
    ],
)
def test_three_votes_settle_the_pair(choices, outcome, reason):
    study = open_study(pairs=1)
    for choice in choices:
        assert not Verdict.objects.exists()
        vote_for(member(study), choice)
    verdict = Verdict.objects.get()
    assert (verdict.outcome, verdict.reason) == (outcome, reason)
    assert verdict.rule == "priority-then-majority"
    assert verdict.votes == 3


@pytest.mark.parametrize(("simulated", "kept"), [(False, 2_000), (True, 3_600_000)])
def test_no_time_is_longer_than_the_pair_was_in_hand_but_a_program_s(simulated, kept):
    """Time is paid, and a fast answer that says it took long would not be seen as fast."""
    study = open_study(pairs=2, protocol={"min_view_ms": 2_500})
    who = member(study, user=make_user(simulated=simulated))
    slot = queue.hand(who, now=NOW)[0]
    claim = replace(ballot(slot.token), active_ms=3_600_000, elapsed_ms=3_600_000)
    voting.submit(who, claim, now=NOW + timedelta(seconds=2))
    vote = study.votes.get()
    assert (vote.active_ms, vote.elapsed_ms, vote.too_fast) == (kept, kept, not simulated)


def test_an_undone_vote_leaves_a_revision_and_the_pair_comes_back_first():
    study = open_study(pairs=5)
    who = member(study)
    slot = queue.hand(who, now=NOW)[0]
    voting.submit(who, ballot(slot.token), now=NOW)
    reopened, dropped = voting.undo(who, slot.token, now=NOW + timedelta(seconds=30))
    assert reopened.comparison_id == slot.comparison_id
    assert len(dropped) == 1
    assert not study.votes.exists()
    assert VoteRevision.objects.get().snapshot["answers"] == {"alignment": prefer_of(slot)}
    in_hand = queue.hand(who, now=NOW)
    assert in_hand[0].pk == reopened.pk
    assert len(in_hand) == 3
    with pytest.raises(voting.Undone):
        voting.submit(who, ballot(slot.token), now=NOW)
    assert voting.submit(who, ballot(reopened.token), now=NOW).created


def prefer_of(slot: Assignment) -> str:
    return "second" if slot.flipped else "first"


def test_undoing_a_deciding_vote_removes_the_verdict():
    study = open_study(pairs=1)
    for choice in ("first", "first"):
        vote_for(member(study), choice)
    who = member(study)
    vote = vote_for(who, "first")
    assert Verdict.objects.count() == 1
    voting.undo(who, vote.token, now=NOW)
    assert Verdict.objects.count() == 0


def test_only_the_last_vote_can_be_undone_and_only_for_a_minute():
    study = open_study(pairs=5)
    who = member(study)
    first = vote_next(who)
    second = vote_next(who, now=NOW + timedelta(seconds=5))
    with pytest.raises(voting.TooLate, match="last"):
        voting.undo(who, first.token, now=NOW + timedelta(seconds=6))
    with pytest.raises(voting.TooLate, match="60 seconds"):
        voting.undo(who, second.token, now=NOW + timedelta(seconds=66))


def test_an_invalidated_vote_is_refilled_by_somebody_new_and_the_verdict_settles_again():
    study = open_study(pairs=1)
    people = [member(study) for _ in range(3)]
    votes = [vote_for(p, c) for p, c in zip(people, ("first", "first", "second"), strict=True)]
    assert Verdict.objects.get().outcome == "first"
    voting.invalidate(votes[0], actor=study.owner, now=NOW)
    assert not Verdict.objects.exists()
    assert all(queue.hand(p, now=NOW) == [] for p in people)
    vote_for(member(study), "second")
    assert Verdict.objects.get().outcome == "second"
    comparison = study.comparisons.get()
    states = sorted(comparison.assignments.values_list("slot", "state"))
    assert states == [(1, "void"), (1, "voted"), (2, "voted"), (3, "voted")] or len(states) == 4


def test_invalidating_an_annotator_voids_all_their_votes_and_logs_it():
    study = open_study(pairs=4)
    who = member(study)
    for _ in range(4):
        vote_next(who)
    assert voting.invalidate_all(study, who.user, actor=study.owner) == 4
    assert not study.votes.exists()
    assert VoteRevision.objects.filter(reason="invalidated").count() == 4
    assert study.events.filter(kind="votes_invalidated").count() == 1


def test_a_vote_that_somebody_else_voids_meanwhile_keeps_no_other_from_being_voided():
    study = open_study(pairs=4)
    who = member(study)
    votes = [vote_next(who) for _ in range(4)]

    def another(created: bool, **_: object) -> None:
        post_save.disconnect(another, sender=VoteRevision)
        voting.invalidate(votes[1], actor=None, now=NOW)

    post_save.connect(another, sender=VoteRevision)
    assert voting.invalidate_all(study, who.user, actor=study.owner) == 3
    assert not study.votes.exists()
    assert VoteRevision.objects.count() == 4


@pytest.mark.parametrize("to", [4, 5])
def test_a_split_escalates_to_more_annotators(to):
    study = open_study(pairs=1, protocol={"split": "escalate", "escalate_to": to})
    for choice in ("first", "second", "tie"):
        vote_for(member(study), choice)
    assert not Verdict.objects.exists()
    assert study.assignments.count() == to
    for _ in range(3, to):
        vote_for(member(study), "second")
    verdict = Verdict.objects.get()
    assert (verdict.outcome, verdict.votes) == ("second", to)


def test_a_dropped_split_stays_undecided():
    study = open_study(pairs=1, protocol={"split": "drop"})
    for choice in ("first", "second", "tie"):
        vote_for(member(study), choice)
    assert not Verdict.objects.exists()


def test_a_report_passes_the_pair_on_and_enough_reports_hold_it():
    study = open_study(pairs=1)
    first, second, third = (member(study) for _ in range(3))
    slot = queue.hand(first, now=NOW)[0]
    report(first, slot.token, reason="broken", comment="grey square", now=NOW)
    assert queue.hand(first, now=NOW) == []
    slot = queue.hand(second, now=NOW)[0]
    report(second, slot.token, reason="nsfw", now=NOW)
    assert queue.hand(third, now=NOW) == []
    resolve(study.comparisons.get(), keep_held=False, actor=study.owner, now=NOW)
    assert len(queue.hand(third, now=NOW)) == 1


def test_a_report_with_an_unknown_reason_changes_nothing():
    study = open_study(pairs=1)
    who = member(study)
    slot = queue.hand(who, now=NOW)[0]
    with pytest.raises(BadReport, match="allowed"):
        report(who, slot.token, reason="boring", now=NOW)
    assert queue.hand(who, now=NOW)[0].token == slot.token


def test_a_vote_by_a_simulated_annotator_says_so():
    study = open_study(pairs=1)
    who = member(study)
    who.user.simulated = True
    assert vote_next(who).simulated


def test_a_vote_faster_than_the_minimum_viewing_time_is_flagged_not_refused():
    study = open_study(pairs=1)
    who = member(study)
    slot = queue.hand(who, now=NOW)[0]
    quick = voting.Ballot(token=slot.token, answers=LEFT, elapsed_ms=200)
    voting.submit(who, quick, now=NOW)
    assert Vote.objects.get().too_fast


def test_the_schema_refuses_a_fourth_slot_number_and_a_second_vote_of_one_person():
    study = open_study(pairs=1)
    who = member(study)
    vote = vote_next(who)
    other = study.assignments.filter(state="free").first()
    with pytest.raises(IntegrityError), transaction.atomic():
        Assignment.objects.filter(pk=other.pk).update(slot=vote.assignment.slot)
    with pytest.raises(IntegrityError), transaction.atomic():
        Assignment.objects.filter(pk=other.pk).update(state="voted", annotator=who.user)


def test_a_voted_slot_cannot_be_deleted():
    study = open_study(pairs=1)
    vote = vote_next(member(study))
    with pytest.raises(ProtectedError):
        vote.assignment.delete()
    assert Vote.objects.filter(pk=vote.pk).exists()


def test_all_27_vote_patterns_settle_as_the_pure_rule_says():
    patterns = list(itertools.product(("first", "second", "tie"), repeat=3))
    study = open_study(pairs=len(patterns))
    people = [member(study) for _ in range(3)]
    wanted = {c.pk: patterns[i] for i, c in enumerate(study.comparisons.order_by("order"))}
    for seat, who in enumerate(people):
        for _ in patterns:
            slot = queue.hand(who, now=NOW)[0]
            answers = prefer(slot, wanted[slot.comparison_id][seat])
            voting.submit(who, ballot(slot.token, answers), now=NOW)
    outcomes = list(Verdict.objects.values_list("outcome", "reason"))
    assert sum(o == "first" for o, _ in outcomes) == 7
    assert sum(o == "second" for o, _ in outcomes) == 7
    assert sum(o == "tie" and r != "split" for o, r in outcomes) == 7
    assert sum(r == "split" for _, r in outcomes) == 6


def test_both_bad_is_kept_and_counts_as_a_tie():
    study = open_study(pairs=1, protocol={"ties": "split"})
    vote = vote_next(member(study), {**EQUAL, "aesthetics": "bad"})
    assert vote.both_bad
    assert vote.choice == "tie"
