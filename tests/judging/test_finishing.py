"""Limits per person, the end of somebody's work and their code, leaving and erasing."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotate.judging import limits, qualification
from annotate.judging.finishing import End, Found, accept_codes, end_of, give_code
from annotate.judging.launch import launch
from annotate.judging.leaving import leave, leave_and_erase
from annotate.judging.models import Assignment, Vote
from annotate.judging.queue import hand, left_for, release_all
from annotate.judging.statements import fetch
from annotate.judging.voting import Ballot, submit
from annotate.people.accounts import deactivate
from annotate.people.models import Role
from annotate.reports.pay import pay_lines
from annotate.studies.lifecycle import move
from annotate.studies.models import Event
from tests.factories import NOW, make_study, make_user
from tests.judging.arrange import member
from tests.judging.exam_items import make_examined, prepare

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]


def open_study(pairs=6, **protocol):
    study = make_study(pairs=pairs, protocol=protocol)
    return launch(study, actor=study.owner)


def vote(place, count=1, *, active_ms=6000, now=NOW):
    for _ in range(count):
        token = hand(place, now=now)[0].token
        held(token, active_ms, now=now)
        ballot = Ballot(token=token, answers={"alignment": "left"}, active_ms=active_ms)
        assert submit(place, ballot, now=now).created


def held(token, ms, *, now):
    """The pair was taken so long ago."""
    taken = now - timedelta(milliseconds=ms)
    assert Assignment.objects.filter(token=token).update(leased_at=taken) == 1


def test_nobody_is_handed_more_pairs_than_their_quota():
    place = member(open_study(votes_per_annotator=4))
    assert (len(hand(place, now=NOW)), left_for(place, now=NOW)) == (3, 4)
    vote(place, 2)
    assert (len(hand(place, now=NOW)), left_for(place, now=NOW)) == (2, 2)
    assert end_of(place, now=NOW) is None
    vote(place, 2)
    assert (hand(place, now=NOW), left_for(place, now=NOW)) == ([], 0)
    assert end_of(place, now=NOW) is End.QUOTA


def test_after_the_daily_minutes_work_goes_on_a_day_later():
    """The pairs that are in hand when time is up may still be answered."""
    place = member(open_study(daily_minutes=2))
    vote(place, 2, active_ms=60_000)
    assert (len(hand(place, now=NOW)), left_for(place, now=NOW)) == (2, 2)
    vote(place, 2)
    assert (hand(place, now=NOW), end_of(place, now=NOW)) == ([], End.TODAY)
    with pytest.raises(ValueError, match="tomorrow"):
        give_code(place, End.TODAY, now=NOW)
    tomorrow = NOW + timedelta(hours=24)
    assert len(hand(place, now=tomorrow)) == 2
    assert end_of(place, now=tomorrow) is None


def test_limits_cost_one_statement_where_there_are_some_and_none_elsewhere(monkeypatch):
    asked = []
    # Counted on the way: on PostgreSQL these statements go past Django's own list.
    monkeypatch.setattr(limits, "fetch", lambda *sql: asked.append(sql) or fetch(*sql))
    for protocol, statements in (({}, 0), ({"votes_per_annotator": 9, "daily_minutes": 120}, 1)):
        asked.clear()
        limits.room(member(open_study(**protocol)), now=NOW)
        assert len(asked) == statements


def test_who_comes_late_to_an_empty_pool_gets_a_code_all_the_same():
    study = open_study(pairs=1, overlap=1, min_votes=1)
    first, late = member(study), member(study)
    held = hand(first, now=NOW)
    assert (end_of(first, now=NOW), end_of(late, now=NOW)) == (None, End.EMPTY)
    code = give_code(late, End.EMPTY, now=NOW)
    assert give_code(late, End.EMPTY, now=NOW + timedelta(hours=1)) == code
    assert code.reason == "no_work"
    # The lease ran out: there is work again, and the code stays theirs.
    assert end_of(late, now=held[0].lease_until + timedelta(seconds=1)) is None
    move(study, "paused", actor=study.owner)
    late.study.refresh_from_db()
    assert end_of(late, now=NOW) is None
    move(study, "closed", actor=study.owner)
    late.study.refresh_from_db()
    assert end_of(late, now=NOW) is End.CLOSED


def test_a_code_is_accepted_once_and_in_its_own_study_only():
    study, other = open_study(), open_study()
    people = [member(one) for one in (study, other)]
    for place in people:
        vote(place)
    mine, foreign = (give_code(place, End.EMPTY, now=NOW).code for place in people)
    given = [mine.lower() + " ", mine, foreign, "NEVERGIVEN"]
    checked = accept_codes(study, given, actor=study.owner, now=NOW)
    assert [(one.found, one.pseudonym, one.before) for one in checked] == [
        (Found.ACCEPTED, "A-01", None),
        (Found.REUSED, "A-01", NOW),
        (Found.FOREIGN, "", None),
        (Found.UNKNOWN, "", None),
    ]
    assert Event.objects.get(kind="codes_accepted").data == {"members": ["A-01"]}


def leases_of(user):
    return Assignment.objects.filter(annotator=user, state="leased").count()


@pytest.mark.parametrize("how", ["left", "erased", "deactivated"])
def test_whoever_goes_gives_back_their_pairs_at_once_and_their_votes_stay(how):
    study = open_study(pairs=3, overlap=1, min_votes=1)
    place, next_one = member(study), member(study)
    user = place.user
    vote(place)
    assert (leases_of(user), len(hand(next_one, now=NOW))) == (2, 0)
    if how == "left":
        leave(place)
    elif how == "erased":
        leave_and_erase(user)
    else:
        deactivate(user, actor=make_user(Role.ADMIN), now=NOW)
        release_all(user)
    assert (leases_of(user), len(hand(next_one, now=NOW))) == (0, 2)
    (line, _) = pay_lines(study)
    assert (line.pseudonym, line.votes, line.external_id) == ("A-01", 1, "")
    assert Vote.objects.get().annotator == user
    assert line.active == (how == "deactivated")


def test_who_is_erased_gives_slots_back_before_their_rows_change_as_a_vote_locks_them():
    place = member(open_study(pairs=1))
    hand(place, now=NOW)
    with CaptureQueriesContext(connection) as asked:
        assert leave_and_erase(place.user) == 1
    changed = [q["sql"].split()[1] for q in asked if q["sql"].startswith("UPDATE")]
    assert changed[0] == '"judging_assignment"'
    last = len(changed) - changed[::-1].index('"judging_assignment"')
    assert {'"people_user"', '"studies_membership"'} <= set(changed[last:])


def test_training_and_exam_are_paid_unless_told_otherwise_and_stand_apart():
    place = member(make_examined())
    prepare(place)  # three items of 1.5 seconds
    (line,) = pay_lines(place.study, rate=3600.0)
    assert (line.hours, line.prepared_ms, line.amount) == (0, 4500, pytest.approx(4.5))
    (line,) = pay_lines(place.study, rate=3600.0, pays_preparation=False)
    assert (line.prepared_ms, line.paid_hours, line.amount) == (4500, 0, 0)


def test_a_training_is_paid_for_no_longer_than_it_lasted():
    place = member(make_examined())
    qualification.consent(place, device={}, now=NOW)
    qualification.instructed(place, now=NOW)
    sitting = qualification.begin(place, now=NOW)
    for item in qualification.in_hand(sitting):
        ballot = Ballot(token=item.token, answers={"alignment": "left"}, active_ms=3_600_000)
        qualification.answer(place, ballot, now=NOW + timedelta(seconds=30))
    (line,) = pay_lines(place.study, rate=12.0)
    assert line.prepared_ms == 30_000


def test_the_pay_sheet_counts_hours_and_pays_no_program():
    study = open_study()
    person, program = member(study), member(study, user=make_user(simulated=True))
    vote(person, 3, active_ms=600_000)
    vote(program, 2, active_ms=600_000)
    first, second = pay_lines(study, rate=12.0)
    assert (first.votes, first.hours, first.votes_per_hour, first.amount) == (3, 0.5, 6.0, 6.0)
    assert (second.simulated, second.votes, second.amount) == (True, 2, None)
