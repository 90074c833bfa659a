"""Two calls at the same instant: threads with own connections, on a real file or server."""

import random
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from annotate.judging import hotpath_votes, queue, reporting, voting
from annotate.judging.hotpath import Lease
from annotate.judging.launch import launch
from annotate.judging.models import Report, Verdict, VoteRevision
from annotate.judging.verdicts import protocol_of, records, rule_on
from annotate.judging.voting import Receipt
from annotate.studies.entry import EntryRefused, Why, enter, make_link, read_visit, token_of
from annotate.studies.lifecycle import IllegalMove
from annotate.studies.models import Membership, Study
from tests.factories import NOW, make_study
from tests.judging.arrange import ballot, member, prefer

pytestmark = [
    pytest.mark.bothdb,
    pytest.mark.server,
    pytest.mark.django_db(transaction=True),
]

LEFT, RIGHT = {"alignment": "left"}, {"alignment": "right"}
ALONE = {"overlap": 1, "min_votes": 1}


@pytest.fixture(autouse=True)
def _a_real_file(transactional_db: None, tmp_path: Path) -> Iterator[None]:
    """SQLite in memory refuses where a file makes writers wait: copy the database into a file."""
    if connection.vendor != "sqlite":
        yield
        return
    connection.ensure_connection()
    in_memory, name = connection.connection, connection.settings_dict["NAME"]
    connection.settings_dict["NAME"] = str(tmp_path / "races.sqlite3")
    connection.connection = None
    try:
        connection.ensure_connection()
        in_memory.backup(connection.connection)
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"], connection.connection = name, in_memory


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What each call returned or raised when all started together."""
    barrier, results = threading.Barrier(len(calls)), [None] * len(calls)

    def run(n: int, call: Callable[[], Any]) -> None:
        barrier.wait()
        results[n] = outcome(call)

    threads = [threading.Thread(target=run, args=item) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return results


def outcome(call: Callable[[], Any]) -> Any:
    """What a call in a thread returned or raised; its connection is closed."""
    try:
        return call()
    except (ValueError, LookupError, RuntimeError, PermissionError) as refusal:
        return refusal
    finally:
        connection.close()


def beside(first: Callable[[], Any], second: Callable[[], Any]) -> list[Any]:
    """`second` begins when `first` has written and not yet committed: the worst instant."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(outcome(second)))
    with transaction.atomic():
        done = first()
        thread.start()
        thread.join(0.4)
    thread.join(60)
    return [done, *results]


def again(who: Membership) -> Membership:
    """As another request finds the same person."""
    return Membership.objects.select_related("study", "user").get(pk=who.pk)


def submits(who: Membership, slot: Lease, said: dict[str, str] = LEFT) -> Callable[[], Receipt]:
    """A vote by this person, as a request of its own."""
    return partial(voting.submit, again(who), ballot(slot.token, said), now=NOW)


def check(study: Study) -> None:
    """No pair over its votes, nobody twice, every verdict what the rule says."""
    protocol = protocol_of(study)
    for comparison in study.comparisons.all():
        voters = list(comparison.votes.values_list("annotator", flat=True))
        assert len(voters) == len(set(voters)) <= protocol.overlap
        votes = records(hotpath_votes.answers_on(comparison.pk))
        decision = rule_on(votes, protocol) if votes else None
        verdict = Verdict.objects.filter(comparison=comparison).first()
        stored = verdict and (verdict.outcome, verdict.reason, verdict.votes)
        assert stored == (decision and (decision.outcome.value, decision.reason, len(votes)))


@pytest.mark.parametrize("start", [at_once, beside])
def test_two_submits_of_one_ballot_at_once_are_one_vote(start):
    study = launch(make_study(pairs=8), actor=None, now=NOW)
    who = member(study)
    for _ in range(6):
        slot = queue.hand(again(who), now=NOW)[0]
        receipts = start(submits(who, slot), submits(who, slot))
        assert sorted(r.created for r in receipts) == [False, True]
    assert study.votes.count() == 6
    check(study)


def test_two_different_answers_at_once_leave_the_first_to_come():
    study = launch(make_study(pairs=1), actor=None, now=NOW)
    who = member(study)
    slot = queue.hand(who, now=NOW)[0]
    stored, refused = beside(submits(who, slot, LEFT), submits(who, slot, RIGHT))
    assert stored.created
    assert isinstance(refused, voting.Conflict)
    assert study.votes.get().side == "left"


@pytest.mark.parametrize("people", [2, 8])
def test_of_people_who_claim_the_last_slot_at_once_one_gets_it(people):
    for _ in range(4):
        study = launch(make_study(pairs=1, protocol=ALONE), actor=None, now=NOW)
        members = [member(study) for _ in range(people)]
        hands = at_once(*[partial(queue.hand, who, now=NOW) for who in members])
        assert sorted(map(len, hands)) == [0] * (people - 1) + [1]


def test_two_tabs_that_ask_at_once_share_one_hand():
    study = launch(make_study(pairs=9), actor=None, now=NOW)
    who = member(study)
    hands = at_once(*[partial(queue.hand, again(who), now=NOW) for _ in range(4)])
    assert len({tuple(lease.token for lease in hand) for hand in hands}) == 1
    assert study.assignments.filter(state="leased").count() == 3


def test_a_vote_does_not_wait_for_pairs_that_others_are_claiming():
    study = launch(make_study(pairs=6), actor=None, now=NOW)
    who = member(study)
    slot = queue.hand(who, now=NOW)[0]
    vote, receipts = submits(who, slot), []
    thread = threading.Thread(target=lambda: receipts.append(outcome(vote)))
    with transaction.atomic():
        list(study.assignments.select_for_update().filter(state="free"))
        thread.start()
        thread.join(0.5 if connection.vendor == "sqlite" else 30)
        # In SQLite there is one writer at a time, and that is the one who claims.
        assert connection.vendor == "sqlite" or not thread.is_alive()
    thread.join(60)
    assert receipts[0].created
    assert connection.vendor == "sqlite" or receipts[0].fresh == []


@pytest.mark.parametrize("start", [at_once, beside])
def test_the_last_two_votes_at_once_settle_the_pair(start):
    study = launch(make_study(pairs=6), actor=None, now=NOW)
    people = [member(study) for _ in range(3)]
    rng = random.Random(7)
    while hands := [hand for who in people if (hand := queue.hand(again(who), now=NOW))]:
        (a, b, c), said = (hand[0] for hand in hands), rng.choices(("first", "second", "tie"), k=3)
        assert a.comparison_id == b.comparison_id == c.comparison_id
        slots = zip(people, (a, b, c), said, strict=True)
        early, *late = [submits(who, slot, prefer(slot, x)) for who, slot, x in slots]
        early()
        receipts = start(*late)
        assert [r.created for r in receipts] == [True, True]
        assert Verdict.objects.get(comparison=a.comparison_id).votes == 3
    assert Verdict.objects.count() == 6
    check(study)


def test_a_second_vote_at_the_same_instant_takes_an_early_verdict_back():
    protocol = {"overlap": 3, "min_votes": 1, "split": "drop"}
    study = launch(make_study(pairs=1, protocol=protocol), actor=None, now=NOW)
    one, other = member(study), member(study)
    a, b = (queue.hand(who, now=NOW)[0] for who in (one, other))
    beside(
        submits(one, a, prefer(a, "first")),
        submits(other, b, prefer(b, "second")),
    )
    assert study.votes.count() == 2
    assert not Verdict.objects.exists()


def test_of_two_who_launch_at_once_one_does():
    for _ in range(4):
        study = make_study(pairs=5)
        copies = [Study.objects.get(pk=study.pk) for _ in range(2)]
        results = at_once(*[partial(launch, copy, actor=None, now=NOW) for copy in copies])
        assert sorted(isinstance(r, IllegalMove) for r in results) == [False, True]
        assert study.comparisons.count() == 5
        assert study.assignments.count() == 15
        assert study.events.filter(kind="study_launched").count() == 1


@pytest.mark.parametrize("start", [at_once, beside])
def test_an_undo_beside_the_next_vote_leaves_one_story(start):
    """Whichever comes first, the later one is as if it had come alone."""
    study = launch(make_study(pairs=9), actor=None, now=NOW)
    who = member(study)
    for _ in range(3):
        first, second = queue.hand(again(who), now=NOW)[:2]
        submits(who, first)()
        before = study.votes.count()
        undo = partial(voting.undo, again(who), first.token, now=NOW)
        undone, receipt = start(undo, submits(who, second))
        assert receipt.created
        taken_back = not isinstance(undone, voting.TooLate)
        assert study.votes.count() == before + (0 if taken_back else 1)
        hand = queue.hand(again(who), now=NOW)
        assert len(hand) == len({lease.lane for lease in hand}) == 3
        assert (first.comparison_id in {lease.comparison_id for lease in hand}) == taken_back
        check(study)


def test_making_room_for_an_undone_vote_never_takes_somebody_elses_pair(monkeypatch):
    study = launch(
        make_study(pairs=4, protocol=ALONE | {"undo_seconds": 600, "lease_minutes": 5}),
        actor=None,
        now=NOW,
    )
    who, other = member(study), member(study)
    slot = queue.hand(who, now=NOW)[0]
    voting.submit(who, ballot(slot.token), now=NOW)
    later = NOW + timedelta(minutes=6)  # the leases have run out, undo is still open
    make_room, taken = voting.make_room, []

    def asks() -> list[Lease]:
        while True:
            try:
                return queue.hand(asking, now=later)
            except queue.Busy:  # all pairs are locked; a browser would ask again, too
                continue

    def someone_asks_meanwhile(*given: Any) -> Any:
        thread = threading.Thread(target=lambda: taken.append(outcome(asks)))
        thread.start()
        thread.join(0.5)
        threads.append(thread)
        return make_room(*given)

    threads: list[threading.Thread] = []
    asking = again(other)
    monkeypatch.setattr(voting, "make_room", someone_asks_meanwhile)
    voting.undo(who, slot.token, now=later)
    threads[0].join(60)
    theirs = {lease.token for lease in taken[0]}
    assert theirs
    assert study.assignments.filter(token__in=theirs, annotator=other.user).count() == len(theirs)


def test_two_reports_at_once_hold_the_pair():
    study = launch(make_study(pairs=1), actor=None, now=NOW)
    one, other = member(study), member(study)
    tokens = [queue.hand(who, now=NOW)[0].token for who in (one, other)]
    at_once(
        partial(reporting.report, one, tokens[0], reason="broken", now=NOW),
        partial(reporting.report, other, tokens[1], reason="other", now=NOW),
    )
    assert Report.objects.count() == 2
    assert study.comparisons.get().held
    assert queue.hand(member(study), now=NOW) == []


def test_a_report_is_stored_with_its_skip_or_not_at_all(monkeypatch):
    study = launch(make_study(pairs=1), actor=None, now=NOW)
    who = member(study)
    slot = queue.hand(who, now=NOW)[0]

    def dies(*given: Any, **named: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Report.objects, "get_or_create", dies)
        with pytest.raises(KeyboardInterrupt):
            reporting.report(who, slot.token, reason="broken", now=NOW)
    reporting.report(who, slot.token, reason="broken", now=NOW)
    assert Report.objects.count() == 1


def test_the_sides_of_two_tabs_are_counted_together():
    study = launch(make_study(pairs=12, protocol=ALONE), actor=None, now=NOW)
    who = member(study)
    for _ in range(3):
        a, b = queue.hand(again(who), now=NOW)[:2]
        beside(submits(who, a), submits(who, b))
    had = study.assignments.filter(annotator=who.user).values_list("lead_left", flat=True)
    assert again(who).left_lead == sum(1 if left else -1 for left in had)


@pytest.mark.parametrize("start", [at_once, beside])
def test_an_undo_beside_an_invalidation_retracts_the_vote_once(start):
    study = launch(make_study(pairs=1), actor=None, now=NOW)
    who = member(study)
    slot = queue.hand(who, now=NOW)[0]
    voting.submit(who, ballot(slot.token), now=NOW)
    vote = study.votes.get()
    results = start(
        partial(voting.undo, again(who), slot.token, now=NOW),
        partial(voting.invalidate, vote, actor=study.owner, now=NOW),
    )
    assert sum(isinstance(r, voting.Undone | voting.TooLate) for r in results) == 1
    assert VoteRevision.objects.count() == 1
    assert not study.votes.exists()
    states = study.assignments.exclude(state="void").values_list("slot", flat=True)
    assert sorted(states) == [1, 2, 3]


def test_a_link_for_three_people_lets_in_three_and_a_worker_at_two_devices_once():
    study = make_study(pairs=1)
    launch(study, actor=study.owner)
    link = make_link(
        study,
        source="prolific",
        created_by=study.owner,
        now=NOW,
        expires_at=NOW + timedelta(days=1),
        people=3,
    )

    def arrive(who: str) -> Membership:
        visit = read_visit(token_of(link), {"PROLIFIC_PID": who}, browser=f"of {who}")
        return enter(visit, now=NOW)

    came = at_once(*(partial(arrive, who) for who in ("a", "a", "b", "c", "d", "e")))
    refused = [one for one in came if isinstance(one, EntryRefused)]
    places = {one.pk: one for one in came if isinstance(one, Membership)}
    assert {one.why for one in refused} == {Why.FULL}
    assert len(refused) + len(places) in {5, 6}  # "a" came twice and was let in or refused twice
    assert sorted(one.pseudonym for one in places.values()) == ["A-01", "A-02", "A-03"]
    assert link.entries.count() == 3
