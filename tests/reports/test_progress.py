"""What a dashboard counts in SQL is what one finds by looking at every row."""

import random
import statistics
from collections import Counter
from datetime import datetime, timedelta

import pytest
from django.core.cache import cache

from annotate.judging import queue
from annotate.judging.launch import launch
from annotate.judging.models import Assignment, Comparison, Report, Verdict, Vote
from annotate.judging.voting import submit
from annotate.people.models import Role
from annotate.reports import snapshot
from annotate.reports.alerts import alerts, chips, fast_alert, side_alert
from annotate.reports.people_lines import AnnotatorLine, annotators
from annotate.reports.progress import counts, expired_leases, overview, pace, reported
from annotate.studies.models import Membership, Study
from annotate.web.dashboard_figures import annotator_rows
from tests.factories import NOW, make_study, make_user
from tests.judging.arrange import EQUAL, ballot, member

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]
HOUR = timedelta(hours=1)


def voted_study() -> tuple[Study, list[Membership]]:
    """Thirty pairs, two of them identical, judged half through by four people and a program."""
    rng = random.Random(7)
    study = launch(make_study(pairs=30, same=frozenset({3, 4})), actor=None, now=NOW)
    people = [member(study) for _ in range(4)]
    people.append(member(study, user=make_user(Role.ANNOTATOR, simulated=True)))
    for turn in range(60):
        who = people[turn % 5]
        at = NOW - timedelta(minutes=rng.randrange(300))
        slots = queue.hand(who, now=at)
        if not slots:
            continue
        answers = rng.choice([EQUAL, {"alignment": "left"}, {"alignment": "right"}])
        submit(who, ballot(slots[0].token, answers), now=at)
    for vote in Vote.objects.all():
        Vote.objects.filter(pk=vote.pk).update(active_ms=rng.randrange(500, 30_000))
    return study, people


def test_counts_equal_a_look_at_every_row() -> None:
    study, _ = voted_study()
    found = counts(study)
    live = list(study.comparisons.filter(kind="live"))
    asked = [c for c in live if not c.identical]
    per_pair = Counter(Vote.objects.filter(comparison=c).count() for c in asked)
    verdicts = list(Verdict.objects.filter(comparison__in=asked))
    assert found.prompts == len({c.prompt_id for c in live}) == 30
    assert (found.pairs, found.identical) == (len(asked), 2)
    assert found.by_votes == tuple(per_pair[n] for n in range(4))
    assert found.votes == Vote.objects.count() > 20
    assert found.slots == 3 * len(asked)
    assert found.needed == found.slots - found.votes
    assert found.decided == len(verdicts)
    assert found.split == sum(v.reason == "split" for v in verdicts)


def test_controls_and_repeats_are_left_out_of_every_count() -> None:
    study, _ = voted_study()
    before = counts(study)
    voted = study.comparisons.filter(votes__isnull=False).distinct()[:3]
    moved = [c.pk for c in voted]
    gone = Vote.objects.filter(comparison__in=moved).count()
    Comparison.objects.filter(pk__in=moved).update(kind="control")
    after = counts(study)
    assert after.pairs == before.pairs - 3
    assert after.votes == before.votes - gone
    assert after.slots == before.slots - 9
    assert sum(line.votes for line in annotators(study, now=NOW)) == after.votes
    recent = Vote.objects.exclude(comparison__in=moved).filter(created_at__gt=NOW - HOUR)
    assert pace(study, needed=0, now=NOW).last_hour == recent.filter(created_at__lte=NOW).count()


def test_annotator_lines_equal_a_look_at_every_row() -> None:
    study, people = voted_study()
    lines = annotators(study, now=NOW)
    assert [line.pseudonym for line in lines] == ["A-01", "A-02", "A-03", "A-04", "A-05"]
    for line, who in zip(lines, people, strict=True):
        votes = list(Vote.objects.filter(annotator=who.user))
        assert line.votes == len(votes)
        assert line.left == sum(v.side == "left" for v in votes)
        assert line.right == sum(v.side == "right" for v in votes)
        assert line.equal == sum(v.choice == "tie" for v in votes)
        assert line.late == sum(v.late for v in votes)
        assert line.simulated == who.user.simulated
        tenths = [v.active_ms // 100 for v in votes]
        assert line.median_seconds == statistics.median(tenths) / 10
        held = Assignment.objects.filter(annotator=who.user, state="leased").count()
        assert line.holding == held


def test_the_pace_equals_a_look_at_every_vote() -> None:
    study, _ = voted_study()
    now = NOW + timedelta(minutes=7)
    found = pace(study, needed=10, now=now)
    first = datetime(2026, 3, 2, 5, 10, tzinfo=NOW.tzinfo)
    by_hand = [0] * 24
    times = list(Vote.objects.values_list("created_at", flat=True))
    for at in times:
        place = int((at - first).total_seconds() // 600)
        if 0 <= place < 24:
            by_hand[place] += 1
    assert found.buckets == tuple(by_hand)
    assert found.last_hour == sum(now - timedelta(hours=1) < at <= now for at in times)


def test_the_end_is_reckoned_from_the_last_hour() -> None:
    study, _ = voted_study()
    found = pace(study, needed=10, now=NOW)
    assert found.last_hour > 0
    assert found.done_in == timedelta(minutes=-(-600 // found.last_hour))
    assert found.done_at == NOW + found.done_in
    assert pace(study, needed=0, now=NOW).done_in is None
    assert pace(study, needed=10, now=NOW + timedelta(days=1)).done_in is None


def test_an_open_page_counts_as_working_and_an_old_lease_as_run_out() -> None:
    study = launch(make_study(pairs=6), actor=None, now=NOW)
    who = member(study)
    queue.hand(who, now=NOW)
    (line,) = annotators(study, now=NOW + timedelta(minutes=2))
    assert (line.working, line.holding, line.seen) == (True, 3, NOW)
    later = NOW + timedelta(minutes=11)
    (line,) = annotators(study, now=later)
    assert not line.working
    assert expired_leases(study, now=later) == 3
    assert expired_leases(study, now=NOW) == 0


def test_reports_are_listed_by_pair_with_pseudonyms_until_they_are_resolved() -> None:
    study = launch(make_study(pairs=2), actor=None, now=NOW)
    pair = study.comparisons.first()
    assert pair is not None
    for minute in (0, 1):
        Report.objects.create(
            comparison=pair,
            annotator=member(study).user,
            reason="nsfw",
            comment=f"c{minute}",
            at=NOW + timedelta(minutes=minute),
        )
    (found,) = reported(study)
    assert found.comparison == pair.pk
    assert found.reports == (
        ("A-02", "Not safe for work", "c1"),
        ("A-01", "Not safe for work", "c0"),
    )
    Report.objects.update(resolved_at=NOW)
    assert reported(study) == []


def test_the_list_counts_each_study_by_itself() -> None:
    study, _ = voted_study()
    other = make_study(owner=study.owner)
    rows = {s.pk: s for s in overview(Study.objects.all(), viewer=study.owner)}
    assert rows[study.pk].voted == Vote.objects.count()
    assert rows[study.pk].wanted == 3 * 28
    assert rows[study.pk].last_vote == max(Vote.objects.values_list("created_at", flat=True))
    assert (rows[other.pk].voted, rows[other.pk].wanted, rows[other.pk].last_vote) == (0, 0, None)


def test_a_slow_count_is_kept_for_ten_times_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    study, _ = voted_study()
    cache.clear()
    clock = iter([0.0, 2.0])
    monkeypatch.setattr(snapshot.time, "perf_counter", lambda: next(clock))
    stored: dict[str, float] = {}
    monkeypatch.setattr(
        snapshot.cache, "set", lambda key, value, timeout: stored.update({key: timeout})
    )
    snapshot.recent(study, now=NOW)
    assert stored == {f"snapshot|{study.pk}": 20.0}


def test_a_quick_count_is_made_anew_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    study, people = voted_study()
    cache.clear()
    # By a clock that stands still: on a busy machine a quick count may take long.
    monkeypatch.setattr(snapshot.time, "perf_counter", lambda: 0.0)
    first = snapshot.recent(study, now=NOW)
    who = next(p for p in people if queue.hand(p, now=NOW))
    submit(who, ballot(queue.hand(who, now=NOW)[0].token), now=NOW)
    assert snapshot.recent(study, now=NOW).counts.votes == first.counts.votes + 1


def line(**changes: object) -> AnnotatorLine:
    fields = {
        "member": 1,
        "pseudonym": "A-06",
        "active": True,
        "simulated": False,
        "votes": 163,
        "median_seconds": 3.9,
        "left": 96,
        "right": 52,
        "equal": 15,
        "too_fast": 0,
        "late": 0,
        "holding": 0,
        "seen": NOW,
        "working": False,
    }
    return AnnotatorLine(**(fields | changes))  # type: ignore[arg-type]


def test_a_side_preferred_beyond_chance_is_said_with_its_numbers() -> None:
    found = side_alert(line())
    assert found is not None
    assert found.title == "A-06 chose the left picture 65 % of the time"
    assert found.text == "96 of 148 choices; chance alone gives this in 1 of 2,700 annotators."
    assert chips(line()) == ["Picks left often"]


@pytest.mark.parametrize(("left", "right"), [(80, 68), (20, 2), (0, 0)])
def test_what_chance_explains_or_too_few_choices_is_not_flagged(left: int, right: int) -> None:
    assert side_alert(line(left=left, right=right)) is None


def test_too_fast_votes_are_flagged_from_a_tenth_on() -> None:
    assert fast_alert(line(too_fast=16)) is None
    found = fast_alert(line(too_fast=17))
    assert found is not None
    assert "17 of 163 votes; median 3.9 s" in found.text


def test_whom_the_rules_flagged_the_table_does_not_call_unflagged() -> None:
    (row,) = annotator_rows([line(left=1, right=1)], flagged={"A-06"})
    assert row.flags == ["Flagged"]
    (row,) = annotator_rows([line(left=1, right=1)], flagged={"A-07"})
    assert row.flags == []


def test_nobody_at_all_is_an_alert_in_words() -> None:
    study = launch(make_study(pairs=2), actor=None, now=NOW)
    (alert,) = alerts(snapshot.take(study, now=NOW))
    assert alert.title == "No active annotator"


def test_too_few_people_to_finish_is_an_alert() -> None:
    study = launch(make_study(pairs=2), actor=None, now=NOW)
    member(study)
    found = alerts(snapshot.take(study, now=NOW))
    assert [alert.title for alert in found] == ["Only 1 active annotator"]
