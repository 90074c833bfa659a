"""Training and exam of a study of diversity: items whose levels are known."""

import pytest

from annotate.analysis.diversity import Attribute
from annotate.judging import qualification
from annotate.judging.answers import read_answers
from annotate.judging.controls import BadItem, KnownItem, add_item, is_right
from annotate.judging.drawn_items import NoPictures, add_drawn_examples, add_drawn_items
from annotate.judging.launch import LaunchRefused, launch
from annotate.judging.qualification import Stage, begin, in_hand, standing
from annotate.studies.protocol import Protocol
from tests.factories import NOW, make_image
from tests.judging.arrange import ballot, member
from tests.judging.test_diversity import CLEARLY, make_diverse, open_study

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]
SAME = dict.fromkeys(map(str, Attribute), "0")
EXAM = {
    "qualification": True,
    "training_pairs": 2,
    "training_pass": 2,
    "exam_items": 4,
    "exam_pass": 4,
    "exam_attempts": 1,
}
PROTOCOL = Protocol(kind="diversity")


def rightly(expected, given, protocol=PROTOCOL):
    return is_right(expected, read_answers(protocol, given, flipped=False))


@pytest.mark.parametrize(
    ("expected", "given", "right"),
    [
        ({"style": "0"}, SAME, True),
        ({"style": "1"}, SAME, False),
        ({"style": "1", "tolerance": "1"}, SAME, True),
        ({"style": "2", "tolerance": "1"}, SAME, False),
        ({"style": "cannot"}, SAME | {"style": "cannot"}, True),
        ({"style": "1", "tolerance": "1"}, SAME | {"style": "cannot"}, False),
        ({"style": "cannot", "tolerance": "1"}, SAME, False),
        ({"style": "0", "background": "2"}, SAME, False),
    ],
)
def test_an_answer_is_right_when_every_known_line_is_within_its_tolerance(expected, given, right):
    assert rightly(expected, given) is right


def item(answers, *, kind="exam", a="a", b="b"):
    pictures = [make_image(name).digest for name in (a, b)]
    return KnownItem(kind, "a cup", *pictures, answers, "Look at the cup.")


@pytest.mark.parametrize(
    ("answers", "b", "kind", "said"),
    [
        ({}, "b", "exam", "no level is stated"),
        ({"style": "3"}, "b", "exam", "levels 0, 1, 2, cannot"),
        ({"alignment": "a"}, "b", "exam", "attributes are angle_of_view"),
        ({"style": "1"}, "a", "exam", "both pictures are the same"),
        ({"style": "1", "tolerance": "2"}, "b", "exam", "allowed are 0 and 1"),
        ({"style": "1"}, "b", "control", "draws its control tasks itself"),
    ],
)
def test_an_item_that_nobody_could_get_wrong_or_right_is_refused(answers, b, kind, said):
    study = make_diverse()
    with pytest.raises(BadItem, match=said):
        add_item(study, item(answers, b=b, kind=kind), actor=None)
    assert not study.comparisons.exists()


def test_a_study_of_diversity_with_an_exam_is_launched_once_it_has_items():
    study = make_diverse(prompts=1, **EXAM)
    with pytest.raises(LaunchRefused, match="0 exam items; 1 attempts of 4 items"):
        launch(study, actor=None, now=NOW)
    for n in range(6):
        known = item({"style": "2"}, kind="exam" if n < 4 else "training", a=f"{n} a", b=f"{n} b")
        add_item(study, known, actor=None)
    assert launch(study, actor=None, now=NOW).state == "open"


def examined():
    """An open study of diversity with an exam that was drawn from its own pictures."""
    open_study(prompts=4)  # made the pictures of these prompts
    study = make_diverse(prompts=4, **EXAM)
    for kind in ("training", "exam"):
        assert add_drawn_items(study, kind=kind, count=4, actor=None) == 4
    return launch(study, actor=None, now=NOW)


def test_items_are_drawn_without_work_one_picture_and_two_prompts_in_turn():
    study = examined()
    drawn = study.comparisons.filter(kind="exam")
    assert [row.identical for row in drawn.order_by("-order")] == [True, False] * 2
    for row in drawn:
        assert row.explanation
        known = {"main_object": "2", "tolerance": "1"}
        assert row.expected == (SAME if row.identical else known)
    again = {(row.first_id, row.second_id) for row in drawn}
    add_drawn_items(study, kind="exam", count=2, actor=None)
    assert len({(r.first_id, r.second_id) for r in drawn.all()}) == len(again) + 2


def test_no_drawn_pair_is_asked_twice_once_it_was_explained_in_the_training():
    open_study(prompts=3)
    study = make_diverse(prompts=3, **EXAM)
    add_drawn_items(study, kind="training", count=8, actor=None)
    for kind in ("exam", "control"):
        with pytest.raises(NoPictures, match="more items can be drawn"):
            add_drawn_items(study, kind=kind, count=6, actor=None)
    add_drawn_items(study, kind="exam", count=4, actor=None)
    pairs = list(study.comparisons.values_list("first__digest", "second__digest"))
    assert len(set(pairs)) == len(pairs) == 12


def test_drawn_worked_pairs_teach_the_ends_of_the_scale_and_are_no_items():
    open_study(prompts=6)
    study = make_diverse(prompts=6, **EXAM)
    add_drawn_items(study, kind="exam", count=4, actor=None)
    assert add_drawn_examples(study, count=4, actor=study.owner) == 4
    assert add_drawn_examples(study, count=2, actor=study.owner) == 2
    worked = study.read_protocol().rated_examples
    assert [(pair.attribute, pair.level) for pair in worked] == [
        ("angle_of_view", 0),
        ("main_object", 2),
        ("background", 0),
        ("main_object", 2),
        ("main_object", 0),
        ("main_object", 2),
    ]
    assert [pair.first == pair.second for pair in worked] == [True, False] * 3
    assert all(pair.explanation for pair in worked)
    add_drawn_items(study, kind="exam", count=2, actor=None)
    asked = study.comparisons.values_list("first__digest", "second__digest")
    taught = {tuple(sorted((pair.first, pair.second))) for pair in worked}
    assert (len(taught), taught & set(asked)) == (6, set())


def test_worked_pairs_are_drawn_into_a_draft_only():
    study = examined()
    with pytest.raises(NoPictures, match="only a draft can change"):
        add_drawn_examples(study, count=2, actor=study.owner)
    assert not study.read_protocol().rated_examples


def test_no_items_are_drawn_where_there_are_too_few_pictures():
    study = make_diverse()
    with pytest.raises(NoPictures, match="0 more items can be drawn"):
        add_drawn_items(study, kind="exam", count=2, actor=None)
    assert not study.comparisons.exists()


def test_whoever_looks_passes_and_whoever_says_one_level_does_not():
    study = examined()
    for looks in (True, False):
        who = member(study)
        qualification.consent(who, device={}, now=NOW)
        qualification.instructed(who, now=NOW)
        for kind in ("training", "exam"):
            if standing(who, now=NOW).stage != kind:
                break
            for one in in_hand(begin(who, now=NOW)):
                assert one.sitting.kind == kind
                seen = SAME if one.comparison.identical else CLEARLY
                answers = seen if looks or kind == "training" else CLEARLY
                qualification.answer(who, ballot(one.token, answers), now=NOW)
        found = standing(type(who).objects.select_related("study").get(pk=who.pk), now=NOW).stage
        assert found is (Stage.QUALIFIED if looks else Stage.FAILED)
