"""Training and exam: who passes, when the next attempt opens, what opens live work."""

import random
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotate.judging import qualification, queue
from annotate.judging.admission import Unqualified, is_qualified
from annotate.judging.answers import read_answers
from annotate.judging.controls import BadItem, KnownItem, add_item, is_right, outcome
from annotate.judging.exams import draw_exam, usable
from annotate.judging.growing import GrowthRefused
from annotate.judging.hotpath import annotator_place
from annotate.judging.launch import LaunchRefused, launch, plan
from annotate.judging.models import Verdict, Vote
from annotate.judging.qualification import NotNow, Stage
from annotate.judging.voting import Conflict, submit
from annotate.sampling.models import Sample
from annotate.studies.models import Study
from annotate.studies.protocol import Protocol
from tests.factories import NOW, make_image, make_study
from tests.judging.arrange import ballot, member, vote_for
from tests.judging.exam_items import SMALL, add_items, make_examined, prepare, raise_version, sit

pytestmark = pytest.mark.django_db
DAY = timedelta(hours=24)


def launched(**options) -> Study:
    study = make_study(**options)
    return launch(study, actor=study.owner)


@pytest.mark.bothdb
def test_the_way_to_live_work_is_consent_training_exam_wait_and_exam():
    who = member(make_examined())
    stages = [qualification.standing(who, now=NOW).stage]
    qualification.consent(who, device={}, now=NOW)
    stages.append(qualification.standing(who, now=NOW).stage)
    qualification.instructed(who, now=NOW)
    assert not sit(who, right=False).passed  # another round of training follows
    stages.append(qualification.standing(who, now=NOW).stage)
    assert sit(who).passed
    stages.append(qualification.standing(who, now=NOW).stage)
    first = sit(who, right=False)
    stages.append(qualification.standing(who, now=NOW).stage)
    with pytest.raises(NotNow, match="2026-03-03 09:00"):
        qualification.begin(who, now=NOW + DAY - timedelta(seconds=1))
    assert queue.hand(who, now=NOW) == []
    second = sit(who, now=NOW + DAY)
    stages.append(qualification.standing(who, now=NOW + DAY).stage)
    assert stages == ["consent", "instructions", "training", "exam", "wait", "qualified"]
    seen = [set(s.items.values_list("comparison", flat=True)) for s in (first, second)]
    assert not seen[0] & seen[1]
    assert len(queue.hand(who, now=NOW + DAY)) == 2
    assert not Vote.objects.exists()


def test_after_the_last_attempt_the_exam_stays_closed():
    who = member(make_examined())
    prepare(who)
    for day in (0, 1):
        sit(who, right=False, now=NOW + day * DAY)
    assert qualification.standing(who, now=NOW + 9 * DAY).stage is Stage.FAILED
    with pytest.raises(NotNow, match="all attempts"):
        qualification.begin(who, now=NOW + 9 * DAY)


@pytest.mark.bothdb
def test_an_exam_passed_under_one_version_does_not_open_the_next():
    study = make_examined(exam=14)
    who = member(study)
    prepare(who)
    sit(who)
    assert is_qualified(who)
    vote_for(who, "first")
    before = study.protocol_hash
    lease = queue.hand(who, now=NOW)[0]
    grown = raise_version(study, instructions="Count first.")
    assert (grown.items, grown.version) == (0, 2)
    assert study.protocol_hash != before == Verdict.objects.get().protocol_hash
    who = type(who).objects.select_related("study", "user").get(pk=who.pk)
    assert not is_qualified(who)
    assert qualification.standing(who, now=NOW).stage is Stage.CONSENT
    with pytest.raises(Unqualified, match="version 2"):
        submit(who, ballot(lease.token), now=NOW)
    other = member(make_examined(qualification_version=2), user=who.user)
    assert not is_qualified(other)
    prepare(who)
    assert sit(who).passed
    assert who.qualified_version == 2
    assert len(queue.hand(who, now=NOW)) == 1


def test_a_version_is_raised_only_where_everybody_finds_items_they_have_not_seen():
    study = make_examined()
    who = member(study)
    prepare(who)
    sit(who)
    before = study.protocol_hash
    with pytest.raises(GrowthRefused, match=r"4 exam items .* are missing for A-01"):
        raise_version(study)
    with pytest.raises(GrowthRefused, match=r"instructions is .* Raise qualification_version too"):
        raise_version(study, 1, instructions="Count first.")
    with pytest.raises(GrowthRefused, match="can only be raised"):
        raise_version(launched(pairs=1))
    study.refresh_from_db()
    assert study.protocol_hash == before


def test_an_attempt_is_balanced_and_attempts_share_no_item():
    study = make_examined()
    protocol = study.read_protocol()
    who = member(study)
    prepare(who)
    attempts = [sit(who, right=False), sit(who, now=NOW + DAY)]
    seen: set[int] = set()
    for sitting in attempts:
        items = list(sitting.items.select_related("comparison"))
        known = [outcome(i.comparison.expected) for i in items]
        on_left = [
            (k == "second") == i.flipped for k, i in zip(known, items, strict=True) if k != "tie"
        ]
        assert known.count("tie") == 2
        assert sorted(on_left) == [False, False, True, True]
        drawn = {item.comparison_id for item in items}
        assert (len(drawn), drawn & seen) == (6, set())
        seen |= drawn
    pool = usable(study, "exam", protocol)
    assert len(pool) == 14
    with pytest.raises(ValueError, match="are left"):
        draw_exam(pool, protocol, seen={i.pk for i in pool[:12]}, rng=random.Random(1))


def test_two_tabs_begin_one_sitting_and_a_second_answer_does_not_replace_the_first():
    who = member(make_examined())
    qualification.consent(who, device={"dpr": 2}, now=NOW)
    qualification.consent(who, device={"dpr": 1}, now=NOW)
    qualification.instructed(who, now=NOW)
    sitting = qualification.begin(who, now=NOW)
    assert qualification.begin(who, now=NOW).pk == sitting.pk
    assert sitting.qualification.device == {"dpr": 2}
    token = qualification.in_hand(sitting)[0].token
    assert qualification.answer(who, ballot(token), now=NOW).created
    assert not qualification.answer(who, ballot(token), now=NOW).created
    with pytest.raises(Conflict):
        qualification.answer(who, ballot(token, {"alignment": "right"}), now=NOW)


def test_a_launch_without_enough_items_for_all_attempts_is_refused():
    study = make_study(pairs=2, protocol={"overlap": 1, "min_votes": 1} | SMALL)
    add_items(study, training=2, exam=7, ties=4)
    with pytest.raises(
        LaunchRefused, match=r"2 training items of the 3 .*\n7 exam items .* need 8"
    ):
        launch(study, actor=study.owner)


def test_an_item_that_is_also_a_live_pair_is_warned_of_and_fitted_anew_at_launch():
    study = make_study(pairs=1, protocol={"overlap": 1, "min_votes": 1} | SMALL)
    add_items(study)
    a, b = (sample.image.digest for sample in Sample.objects.select_related("image")[:2])
    both = add_item(study, KnownItem("exam", "p", a, b, {"alignment": "a"}, "Two."), actor=None)
    assert (both.box_width, both.wire_bytes) == (8, 1024)
    assert any("training or exam items too: 1." in line for line in plan(study).warnings)
    study.spec["protocol"]["display"] = "native"
    study.save()
    launch(study, actor=study.owner)
    both.refresh_from_db()
    assert (both.box_width, both.wire_bytes) == (0, 0)


def test_asking_for_an_exam_costs_a_vote_no_statement():
    counts = []
    for study in (
        launched(pairs=4, protocol={"overlap": 1, "min_votes": 1}),
        make_examined(pairs=4),
    ):
        who = member(study)
        if study.read_protocol().qualification:
            prepare(who)
            sit(who)
        queue.hand(who, now=NOW)
        place = annotator_place(who.user_id, study.uid)
        place.user = who.user
        token = queue.hand(place, now=NOW)[0].token
        with CaptureQueriesContext(connection) as caught:
            again = annotator_place(who.user_id, study.uid)
            again.user = who.user
            submit(again, ballot(token), now=NOW)
        counts.append(len(caught))
    assert counts[0] == counts[1], counts


@pytest.mark.parametrize(
    ("expected", "given", "right"),
    [
        ({"alignment": "first"}, {"alignment": "left"}, True),
        ({"alignment": "first"}, {"alignment": "right"}, False),
        # The right picture for the wrong reason.
        ({"alignment": "tie", "quality": "first"}, {"alignment": "left"}, False),
        ({"alignment": "tie", "quality": "first"}, {"alignment": "equal", "quality": "left"}, True),
    ],
)
def test_an_answer_is_right_when_every_criterion_asked_is(expected, given, right):
    judgement = read_answers(Protocol(), given, flipped=False)
    assert is_right(expected, judgement) is right


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"quality": "a"}, "alignment is missing"),
        ({"alignment": "equal"}, "quality is missing"),
        ({"alignment": "c"}, "answers a, b or equal"),
    ],
)
def test_an_item_whose_answer_is_left_open_is_refused(answers, said):
    a, b = make_image(), make_image()
    item = KnownItem("exam", "two cats", a.digest, b.digest, answers, "Two, not three.")
    with pytest.raises(BadItem, match=said):
        add_item(make_study(), item, actor=None)
