"""Held pairs, and votes on them that are taken back."""

import sys
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotate.judging import hotpath, queue, reporting, voting
from annotate.judging.launch import launch
from annotate.sampling.signals import swept
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


def test_whoever_changes_many_slots_locks_them_in_the_order_of_their_numbers():
    """In no order, two who change the same rows could each wait for the other on PostgreSQL."""
    study = launch(make_study(pairs=3), actor=None, now=NOW)
    who = member(study)
    queue.hand(who, now=NOW)
    everybody = (queue.release_study, lambda study: queue.release(study, who.user))
    hold = lambda study: queue.hold(study.comparisons.first(), held=True)  # noqa: E731
    for change in (*everybody, lambda _: queue.release_all(who.user), hold):
        with CaptureQueriesContext(connection) as asked:
            change(study)
        said = [q["sql"] for q in asked if '"judging_assignment"' in q["sql"]]
        if connection.vendor == "postgresql":
            assert '"id" AS "pk" FROM' in said[0]
            assert said[0].endswith("ORDER BY 1 ASC FOR UPDATE")
        else:
            assert not [sql for sql in said if sql.startswith("SELECT")]


def test_pairs_in_hand_come_in_the_order_of_their_turns_though_locked_by_number(monkeypatch):
    study = launch(make_study(pairs=3), actor=None, now=NOW)
    who = member(study)
    first, *rest = queue.hand(who, now=NOW)
    study.assignments.filter(pk=first.pk).update(turn=99)
    asked, fetch = [], hotpath.fetch
    monkeypatch.setattr(
        hotpath, "fetch", lambda sql, values: asked.append(sql) or fetch(sql, values)
    )
    again = queue.hand(who, now=NOW)
    assert [lease.pk for lease in again] == [*(lease.pk for lease in rest), first.pk]
    assert "ORDER BY a.id" in asked[0]


def test_a_pair_whose_hold_was_cut_short_is_held_by_the_next_sweep(monkeypatch):
    study = launch(make_study(pairs=2, protocol={"hold_after_reports": 1}), actor=None, now=NOW)
    who = member(study)
    token = queue.hand(who, now=NOW)[0].token
    with monkeypatch.context() as killed:
        killed.setattr(reporting, "hold", lambda *_, **__: sys.exit("killed"))
        with pytest.raises(SystemExit):
            reporting.report(who, token, reason="broken", now=NOW)
    assert not study.comparisons.filter(held=True).exists()
    swept.send(None, now=NOW)
    assert study.comparisons.filter(held=True).count() == 1
    # Where a researcher has looked, the reports are answered and the pair stays served.
    reporting.resolve(study.comparisons.get(held=True), keep_held=False, actor=study.owner)
    swept.send(None, now=NOW)
    assert not study.comparisons.filter(held=True).exists()
