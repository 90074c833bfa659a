"""Who gets which pair next."""

from datetime import timedelta

import pytest

from annotate.judging import queue
from annotate.judging.launch import launch
from annotate.judging.models import Assignment
from annotate.studies.models import Membership, Study
from tests.factories import NOW, make_study
from tests.judging.arrange import member, vote_all, vote_next

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]


def open_study(**options) -> Study:
    return launch(make_study(**options), actor=None, now=NOW)


def test_an_annotator_holds_three_pairs_and_keeps_them_on_reload():
    study = open_study(pairs=5)
    who = member(study)
    first = queue.hand(who, now=NOW)
    again = queue.hand(who, now=NOW)
    assert len(first) == 3
    assert [a.token for a in again] == [a.token for a in first]


def test_every_pair_gets_exactly_three_votes_by_three_people():
    study = open_study(pairs=7)
    people = [member(study) for _ in range(4)]
    vote_all(people)
    for comparison in study.comparisons.all():
        voters = list(comparison.votes.values_list("annotator", flat=True))
        assert len(voters) == len(set(voters)) == 3


def test_a_fourth_annotator_gets_nothing():
    study = open_study(pairs=4)
    vote_all([member(study) for _ in range(3)])
    assert queue.hand(member(study), now=NOW) == []


def test_nobody_sees_a_pair_twice():
    study = open_study(pairs=3)
    who = member(study)
    vote_all([who])
    assert study.votes.count() == 3
    assert queue.hand(who, now=NOW) == []


def test_a_lease_that_ran_out_goes_to_somebody_else():
    study = open_study(pairs=1, protocol={"overlap": 1, "min_votes": 1})
    slow, quick = member(study), member(study)
    (lost,) = queue.hand(slow, now=NOW)
    assert queue.hand(quick, now=NOW) == []
    later = NOW + timedelta(minutes=11)
    (taken,) = queue.hand(quick, now=later)
    assert taken.pk == lost.pk
    with pytest.raises(queue.PassedOn):
        queue.renew(slow, lost.token, now=later)


def test_a_renewed_lease_stays():
    study = open_study(pairs=1, protocol={"overlap": 1, "min_votes": 1})
    slow, quick = member(study), member(study)
    (held,) = queue.hand(slow, now=NOW)
    queue.renew(slow, held.token, now=NOW + timedelta(minutes=9))
    assert queue.hand(quick, now=NOW + timedelta(minutes=11)) == []


def test_a_skipped_pair_never_comes_back_to_the_same_person_but_goes_to_others_first():
    study = open_study(pairs=6, protocol={"overlap": 1, "min_votes": 1})
    who, other = member(study), member(study)
    skipped = queue.hand(who, now=NOW)[0]
    queue.skip(who, skipped.token, now=NOW)
    assert skipped.comparison_id not in {a.comparison_id for a in queue.hand(who, now=NOW)}
    assert queue.hand(other, now=NOW)[0].comparison_id == skipped.comparison_id


def test_leases_return_at_once_when_a_person_is_released():
    study = open_study(pairs=2, protocol={"overlap": 1, "min_votes": 1})
    gone, other = member(study), member(study)
    assert len(queue.hand(gone, now=NOW)) == 2
    assert queue.release(study, gone.user) == 2
    assert len(queue.hand(other, now=NOW)) == 2


@pytest.mark.parametrize("state", ["paused", "closed"])
def test_a_study_that_is_not_open_serves_nothing_new(state):
    study = open_study(pairs=2)
    Study.objects.filter(pk=study.pk).update(state=state)
    assert queue.hand(member(study), now=NOW) == []


def test_a_deactivated_member_gets_nothing():
    study = open_study(pairs=2)
    who = member(study)
    who.active = False
    assert queue.hand(who, now=NOW) == []


def test_begun_pairs_are_finished_before_fresh_ones():
    study = open_study(pairs=10)
    for who in [member(study) for _ in range(3)]:
        vote_next(who)
    first = study.comparisons.order_by("order").first()
    assert first.votes.count() == 3


def test_sides_are_balanced_within_a_pair_and_for_each_annotator():
    study = open_study(pairs=40)
    for comparison in study.comparisons.all():
        lefts = [a.lead_left for a in comparison.assignments.all()]
        assert sorted(lefts) in ([False, False, True], [False, True, True])
    people = [member(study) for _ in range(3)]
    vote_all(people)
    for who in people:
        lefts = list(
            Assignment.objects.filter(annotator=who.user).values_list("lead_left", flat=True)
        )
        assert len(lefts) == 40
        assert abs(2 * sum(lefts) - len(lefts)) <= 4


def test_what_is_left_counts_open_leases_and_free_pairs_once_each():
    study = open_study(pairs=5)
    who = member(study)
    assert queue.left_for(who, now=NOW) == 5
    queue.hand(who, now=NOW)
    assert queue.left_for(who, now=NOW) == 5
    vote_next(who)
    assert (queue.left_for(who, now=NOW), queue.done_by(who)) == (4, 1)


def test_what_is_left_falls_back_to_totals_in_large_pools(monkeypatch):
    study = open_study(pairs=5)
    who = member(study)
    vote_next(who)
    exact = queue.left_for(who, now=NOW)
    monkeypatch.setattr(queue, "EXACT_BELOW", 2)
    assert queue.left_for(who, now=NOW) == exact == 4


def test_the_walk_starts_over_when_pairs_behind_the_cursor_are_open():
    study = open_study(pairs=6, protocol={"overlap": 1, "min_votes": 1})
    who = member(study)
    Membership.objects.filter(pk=who.pk).update(cursor=3)
    who.refresh_from_db()
    vote_all([who])
    assert study.votes.count() == 6


def test_a_held_pair_is_not_served():
    study = open_study(pairs=1)
    queue.hold(study.comparisons.get(), held=True)
    assert queue.hand(member(study), now=NOW) == []
    queue.hold(study.comparisons.get(), held=False)
    assert len(queue.hand(member(study), now=NOW)) == 1


def test_a_lease_is_renewed_and_skipped_in_its_own_study_only():
    study, other = open_study(pairs=2), open_study(pairs=2)
    who = member(study)
    elsewhere = member(other, user=who.user)
    token = queue.hand(who, now=NOW)[0].token
    for verb in (queue.renew, queue.skip):
        with pytest.raises(queue.PassedOn):
            verb(elsewhere, token, now=NOW)
    assert queue.hand(who, now=NOW)[0].token == token
