"""Annotators who are flagged: told of, paused, or repaired, as the protocol says."""

import random
from collections import Counter
from datetime import timedelta

import pytest
from django.core.cache import cache

from annotate.judging import queue, watching
from annotate.judging.launch import launch
from annotate.judging.models import Assignment, Comparison, VoteRevision
from annotate.judging.voting import Ballot, invalidate, submit
from annotate.people.models import User
from annotate.reports.alerts import flag_alerts
from annotate.sampling.signals import swept
from annotate.studies.lifecycle import move
from annotate.studies.members import MemberRefused
from annotate.studies.models import Event, Membership, Study
from tests.factories import NOW, make_study
from tests.judging.arrange import member, vote_all
from tests.judging.test_mixing import add_controls, again

pytestmark = [pytest.mark.django_db, pytest.mark.whole]
S = Assignment.State


def truth(comparison: int) -> str:
    """Which picture is better; of a repeat, the one that was the first time."""
    row = Comparison.objects.get(pk=comparison)
    odd = (row.mirrors_id or row.pk) % 2
    return "first" if row.kind == Comparison.Kind.CONTROL or odd else "second"


def judge(who: Membership, *, careless: bool, rng: random.Random) -> bool:
    """One pair: right but for one in twenty, or always left and fast; False when none is left."""
    here = again(who)
    leases = queue.hand(here, now=NOW) if here.active else []
    if not leases:
        return False
    lease = leases[0]
    said = truth(lease.comparison_id)
    if rng.random() < 0.05:
        said = {"first": "second", "second": "first"}[said]
    side = "left" if careless or (said == "second") == lease.flipped else "right"
    ms = 800 if careless else rng.randint(2500, 6000)
    ballot = Ballot(token=lease.token, answers={"alignment": side}, active_ms=ms, elapsed_ms=ms)
    submit(here, ballot, now=NOW + timedelta(seconds=here.served))
    return True


def worked(*, careless: int, pairs: int = 40, **protocol: object) -> tuple[Study, list[Membership]]:
    """A study with six people, some of them careless, who judged until nothing was left."""
    study = make_study(pairs=pairs, protocol={"control_rate": 0.1} | protocol)
    add_controls(study, 10)
    launch(study, actor=None, now=NOW)
    people = [member(study) for _ in range(6)]
    finish(people, careless=people[:careless])
    return study, people


def finish(people: list[Membership], *, careless: list[Membership]) -> None:
    rng = random.Random(3)
    while sum(judge(who, careless=who in careless, rng=rng) for who in people):
        pass


def rules(study: Study) -> dict[str, set[str]]:
    return {w.membership.pseudonym: {flag.rule for flag in w.flags} for w in watching.watch(study)}


def test_only_the_careless_one_is_flagged_and_nothing_is_done_unasked():
    study, people = worked(careless=1)
    found = rules(study)
    assert {"speed", "run"} <= found["A-01"]
    assert all(not flags for name, flags in found.items() if name != "A-01")
    assert watching.act(study) == [people[0]]
    assert watching.act(study) == []  # told once
    people[0].refresh_from_db()
    assert people[0].active
    assert not VoteRevision.objects.exists()
    (alert,) = flag_alerts(study)
    assert alert.title == "A-01 is flagged"


def test_a_repair_voids_and_others_refill_until_every_pair_has_three_votes():
    study, people = worked(careless=1, watch_action="repair")
    spoilt = study.votes.filter(annotator=people[0].user).count()
    assert watching.act(study) == [people[0]]
    people[0].refresh_from_db()
    assert not people[0].active
    assert study.votes.filter(annotator=people[0].user).count() == 0
    voided = Assignment.objects.filter(study=study, state=S.VOID, annotator=people[0].user)
    assert voided.count() == VoteRevision.objects.count() == spoilt
    finish(people, careless=[])
    live = study.votes.filter(comparison__kind="live")
    assert set(Counter(live.values_list("comparison", flat=True)).values()) == {3}
    assert study.comparisons.filter(kind="live", verdict=None).count() == 0
    *_, flagged, begun, rest, voided = study.events.order_by("pk").values_list("kind", flat=True)
    assert (flagged, begun) == ("annotator_flagged", "repair_begun")
    assert (rest, voided) == ("member_deactivated", "votes_invalidated")


def test_a_repair_that_was_cut_short_is_finished_by_the_next_sweep_and_only_once(monkeypatch):
    study, who = voted_by_one()
    mine = study.votes.filter(annotator=who.user)
    with monkeypatch.context() as patched:
        patched.setattr(watching, "invalidate_all", _cut_short_after_two)
        with pytest.raises(KeyboardInterrupt):
            watching.repair(who, actor=study.owner)
    assert (again(who).active, mine.count()) == (False, 2)
    for _ in range(2):
        swept.send(None, now=NOW)
        assert (mine.count(), study.events.filter(kind="votes_invalidated").count()) == (0, 1)


def voted_by_one() -> tuple[Study, Membership]:
    study = launch(make_study(pairs=4), actor=None, now=NOW)
    who = member(study)
    vote_all([who])
    return study, who


def _cut_short_after_two(study: Study, user: User, *, actor: User | None) -> int:
    for vote in study.votes.filter(annotator=user)[:2]:
        invalidate(vote, actor=actor)
    raise KeyboardInterrupt


def test_who_was_taken_back_amid_a_repair_keeps_what_is_left():
    study, who = voted_by_one()
    Event.objects.create(study=study, kind="repair_begun", data={"member": who.pseudonym})
    watching.resume(who, votes=4, actor=study.owner)
    assert watching.finish_repairs(study) == []
    assert study.votes.filter(annotator=who.user).count() == 4


def test_the_sweep_pauses_where_the_protocol_says_so_and_keeps_the_votes():
    study, people = worked(careless=1, watch_action="pause")
    before = study.votes.count()
    cache.clear()
    swept.send(None, now=NOW)
    people[0].refresh_from_db()
    assert (people[0].active, study.votes.count()) == (False, before)
    assert study.events.get(kind="annotator_flagged").data["member"] == "A-01"


def rounds(monkeypatch: pytest.MonkeyPatch) -> list[Study]:
    """The studies that rounds of the sweep look at from now on."""
    looked: list[Study] = []
    monkeypatch.setattr(watching, "act", looked.append)
    cache.clear()
    return looked


def test_the_last_votes_are_looked_at_once_when_no_slot_is_left(monkeypatch):
    study = launch(make_study(pairs=4), actor=None, now=NOW)
    people, looked = [member(study) for _ in range(3)], rounds(monkeypatch)
    for who, so_far in zip(people, (1, 1, 2), strict=True):
        vote_all([who])  # of the twenty new votes that a round waits for, four
        for _ in range(2):
            swept.send(None, now=NOW)
        assert looked == [study] * so_far
    assert not study.assignments.exclude(state="voted").exists()


@pytest.mark.parametrize("state", ["open", "paused"])
def test_votes_before_a_silence_are_looked_at_once_also_in_a_pause(monkeypatch, state):
    study = launch(make_study(pairs=4), actor=None, now=NOW)
    people, looked = [member(study) for _ in range(2)], rounds(monkeypatch)
    vote_all(people[:1])
    swept.send(None, now=NOW)
    vote_all(people[1:])
    if state == "paused":
        move(study, Study.State.PAUSED, actor=study.owner)
    for minutes, so_far in ((4, 1), (5, 2), (60, 2)):
        swept.send(None, now=NOW + timedelta(minutes=minutes))
        assert looked == [study] * so_far


def test_a_study_without_controls_tells_of_speed_and_runs_too():
    study, _ = worked(careless=1, control_rate=0)
    cache.clear()
    for _ in range(2):
        swept.send(None, now=NOW)
    assert {"speed", "run"} <= set(study.events.get(kind="annotator_flagged").data["reasons"])
    assert [alert.title for alert in flag_alerts(study)] == ["A-01 is flagged"]


def test_who_was_kept_by_a_researcher_is_left_alone():
    study, people = worked(careless=1, watch_action="repair")
    done = study.votes.filter(annotator=people[0].user).count()
    watching.keep(people[0], votes=done, actor=study.owner)
    assert watching.act(study) == []


def test_who_was_let_back_in_is_not_paused_again_for_the_same_votes():
    study, people = worked(careless=1, watch_action="pause")
    assert watching.act(study) == [people[0]]
    place = again(people[0])
    done = study.votes.filter(annotator=place.user).count()
    watching.resume(place, votes=done, actor=study.owner)
    assert watching.act(study) == []
    assert again(people[0]).active


def test_nothing_is_voided_where_nobody_would_judge_again():
    study, people = worked(careless=1, pairs=4)
    before = study.votes.count()
    move(study, Study.State.CLOSED, actor=study.owner)
    with pytest.raises(MemberRefused, match="the study is closed"):
        watching.repair(again(people[0]), actor=study.owner)
    assert (again(people[0]).active, study.votes.count()) == (True, before)
