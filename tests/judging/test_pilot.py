"""A pilot is a study of its own, and only what everybody said at each question becomes an item."""

import pytest

from annotate.judging.answers import read_answers
from annotate.judging.controls import is_right
from annotate.judging.launch import launch
from annotate.judging.models import Vote
from annotate.judging.pilot import PilotRefused, in_words, make_pilot, promote
from annotate.studies.models import Study
from tests.factories import make_image, make_study
from tests.judging.arrange import EQUAL, member, prefer, vote_all
from tests.judging.raters import NAMES
from tests.judging.test_diversity import make_diverse, open_study

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]


def test_a_pilot_asks_the_same_on_few_prompts_and_touches_nothing():
    study = make_study(pairs=6, protocol={"qualification": True})
    pilot = make_pilot(study, prompts=2, owner=study.owner)
    launch(pilot, actor=study.owner)
    protocol = pilot.read_protocol()
    assert (protocol.overlap, protocol.qualification) == (5, False)
    assert pilot.comparisons.count() == 2
    assert pilot.assignments.count() == 10
    assert not study.comparisons.exists()
    assert make_pilot(study, prompts=2, owner=study.owner).prompt_sets.get() == (
        pilot.prompt_sets.get()
    )


def test_a_pilot_of_contrasts_over_a_prompt_set_is_over_its_own_prompts_with_their_contexts():
    study = make_study(pairs=3)
    prompts = study.prompt_sets.get()
    context = make_image().digest
    prompts.prompts.update(context=context, context_role="mask")
    set_of = [{**c, "prompt_set": prompts.name} for c in study.spec["contrasts"]]
    sets = [{"name": prompts.name, "role": "test", "prompts": []}]
    Study.objects.filter(pk=study.pk).update(
        spec=study.spec | {"contrasts": set_of, "prompt_sets": sets}
    )
    study.refresh_from_db()
    study.contrasts.update(prompt_set=prompts)
    pilot = launch(make_pilot(study, prompts=2, owner=study.owner), actor=study.owner)
    assert pilot.comparisons.count() == 2
    vote_all([member(pilot) for _ in range(5)], lambda lease: prefer(lease, "first"))
    promote(pilot, study, kind="exam", limit=1, actor=study.owner)
    shown = study.comparisons.get(kind="exam").prompt
    assert (shown.context, shown.context_role) == (context, "mask")


def test_pairs_on_which_all_agreed_become_items_with_the_answer_of_all():
    study = make_study(pairs=4)
    pilot = launch(make_pilot(study, prompts=4, owner=study.owner), actor=study.owner)
    people = [member(pilot) for _ in range(5)]
    pairs = list(pilot.comparisons.order_by("order"))
    quality = {"alignment": "equal", "quality": "left"}

    def answers(lease):
        # All say first; all say equal; all find a winner by different criteria; four against one.
        place = [pair.pk for pair in pairs].index(lease.comparison_id)
        first = prefer(lease, "first")
        if place == 1:
            return EQUAL
        if place == 2 and lease.slot == 5:
            return quality if first == {"alignment": "left"} else quality | {"quality": "right"}
        if place == 3 and lease.slot == 5:
            return prefer(lease, "second")
        return first

    vote_all(people, answers)
    assert promote(pilot, study, kind="exam", limit=10, actor=study.owner) == 2
    items = study.comparisons.filter(kind="exam").order_by("-order")
    tie = dict.fromkeys(("alignment", "quality", "aesthetics"), "tie")
    assert [item.expected for item in items] == [{"alignment": "first"}, tie]
    assert [(item.first_id, item.second_id) for item in items] == [
        (pair.first_id, pair.second_id) for pair in pairs[:2]
    ]
    assert not Vote.objects.filter(study=study).exists()
    with pytest.raises(PilotRefused, match="items already"):
        promote(pilot, study, kind="training", limit=10, actor=study.owner)


def test_a_pilot_asks_all_five_where_the_study_asks_the_third_on_demand():
    study = make_study(pairs=2, protocol={"overlap_mode": "on_demand"})
    pilot = launch(make_pilot(study, prompts=2, owner=study.owner), actor=study.owner)
    assert pilot.assignments.filter(held=False).count() == 10


def test_two_who_agree_are_all_where_the_third_is_asked_on_demand_and_programs_are_named():
    study = make_study(pairs=1)
    source = launch(make_study(pairs=1, protocol={"overlap_mode": "on_demand"}), actor=None)
    people = [member(source) for _ in range(2)]
    for who in people:
        who.user.simulated = True
        who.user.save()
    vote_all(people, lambda lease: prefer(lease, "first"))
    assert promote(source, study, kind="training", limit=1, actor=study.owner) == 1
    item = study.comparisons.get(kind="training")
    assert item.explanation == "All 2 annotators of a pilot (simulated) gave this answer."


@pytest.mark.parametrize("said", ["left", "equal"])
def test_one_overall_answer_of_all_is_known_for_a_control_of_such_a_study_and_teaches_nobody(said):
    study = make_study(pairs=1, protocol={"judgement": "single"})
    pilot = launch(make_pilot(study, prompts=1, owner=study.owner), actor=study.owner)
    first = {False: "left", True: "right"}
    vote_all(
        [member(pilot) for _ in range(5)],
        lambda lease: {"overall": first[lease.flipped] if said == "left" else "equal"},
    )
    for kind, target in (("exam", study), ("control", make_study(protocol={}))):
        with pytest.raises(PilotRefused, match="control of a study that asks one question"):
            promote(pilot, target, kind=kind, limit=1, actor=study.owner)
    assert promote(pilot, study, kind="control", limit=1, actor=study.owner) == 1
    known = study.comparisons.get(kind="control").expected
    assert known == {"overall": "first" if said == "left" else "tie"}
    asked = study.read_protocol()
    for answer in ("left", "right", "equal"):
        given = read_answers(asked, {"overall": answer}, flipped=False)
        assert is_right(known, given) == (answer == said)


def test_lines_of_a_diversity_pilot_that_all_answered_alike_become_known_levels():
    study = open_study(prompts=3, same=("student",), qualification=False)
    pilot = launch(make_pilot(study, prompts=3, owner=study.owner), actor=study.owner)
    assert pilot.read_protocol().overlap == 5
    people = [member(pilot) for _ in range(5)]
    pairs = list(pilot.comparisons.filter(kind="live", identical=False).order_by("order"))

    def answers(lease):
        if lease.comparison_id not in {pair.pk for pair in pairs}:
            return dict.fromkeys(NAMES, "1")  # all mistaken about a picture beside itself
        place = [pair.pk for pair in pairs].index(lease.comparison_id)
        differing = lease.slot == 5
        return {
            "angle_of_view": "1" if place == 1 or differing else "0",
            "background": "cannot",
            "main_object": "2",
            "style": str(lease.slot % 3) if place < 2 else "0",
        }

    vote_all(people, answers)
    assert promote(pilot, study, kind="exam", limit=9, actor=study.owner) == 3
    items = study.comparisons.filter(kind="exam").order_by("-order")
    assert [len(item.expected) for item in items] == [2, 2, 1]
    known = {(item.first_id, item.second_id): item.expected for item in items}
    told = [known[pair.first_id, pair.second_id] for pair in pairs]
    assert told[0] == {"main_object": "2"}
    assert told[1] == {"main_object": "2", "angle_of_view": "1"}
    assert told[2] == {"main_object": "2", "style": "0"}
    assert {in_words(item.explanation) for item in items} == {
        "All 5 annotators of a pilot answered these lines so; the others are not marked here."
    }


def test_levels_become_no_items_where_another_scale_or_a_winner_is_asked_nor_controls():
    source = open_study(prompts=1, overlap=1, min_votes=1)
    vote_all([member(source)], lambda _: dict.fromkeys(NAMES, "2"))
    for target in (make_study(pairs=1), make_diverse(attribute_levels=5)):
        with pytest.raises(PilotRefused, match=r"asks 3 levels of difference and .* asks"):
            promote(source, target, kind="exam", limit=1, actor=source.owner)
    with pytest.raises(PilotRefused, match="draws its control tasks itself"):
        promote(source, make_diverse(), kind="control", limit=1, actor=source.owner)
