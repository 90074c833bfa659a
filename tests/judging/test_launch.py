"""From a draft to comparisons and slots."""

import pytest

from annotate.judging.launch import LaunchRefused, launch, plan
from annotate.judging.models import Assignment, Comparison, Verdict
from annotate.studies.lifecycle import IllegalMove, move
from annotate.studies.models import Contrast, Event, Study
from tests.factories import NOW, make_generated, make_study
from tests.judging.exam_items import add_items

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]


def test_launching_makes_overlap_slots_for_every_pair_and_freezes_the_protocol():
    study = launch(make_study(pairs=4), actor=None, now=NOW)
    assert study.state == "open"
    assert study.protocol_hash == study.read_protocol().digest()
    assert study.comparisons.count() == 4
    assert study.assignments.count() == 12


def test_launching_twice_is_refused():
    study = launch(make_study(pairs=1), actor=None, now=NOW)
    with pytest.raises(IllegalMove):
        launch(study, actor=None, now=NOW)
    stale = Study(pk=study.pk, state="draft", spec=study.spec)
    with pytest.raises(IllegalMove):
        launch(stale, actor=None, now=NOW)
    assert study.assignments.count() == 3


S = Study.State
TO = {S.OPEN: (), S.PAUSED: (S.PAUSED,), S.CLOSED: (S.CLOSED,), S.ARCHIVED: (S.CLOSED, S.ARCHIVED)}


def everything() -> list[list[object]]:
    kept = (Study, Comparison, Assignment, Verdict, Event)
    return [list(model.objects.order_by("pk").values()) for model in kept]


@pytest.mark.parametrize("make", [make_study, make_generated])
@pytest.mark.parametrize(
    ("state", "way_out"),
    [
        (S.OPEN, "is open.*Annotators find it"),
        (S.PAUSED, "is paused.*Resume"),
        (S.CLOSED, "is closed.*Reopen"),
        (S.ARCHIVED, "is archived.*Clone"),
    ],
)
def test_only_a_draft_is_launched_and_nothing_of_another_study_changes(state, way_out, make):
    study = launch(make(), actor=None, now=NOW)
    for target in TO[state]:
        move(study, target, actor=None)
    before = everything()
    with pytest.raises(IllegalMove, match=way_out):
        launch(study, actor=None, now=NOW)
    # As one who looked at the draft before somebody else launched it.
    stale = Study(pk=study.pk, uid=study.uid, state=S.DRAFT, spec=study.spec, owner=study.owner)
    with pytest.raises(IllegalMove, match=way_out):
        launch(stale, actor=None, now=NOW)
    assert everything() == before


def test_a_launch_that_is_lost_leaves_known_items_as_the_winner_showed_them():
    study = make_study(pairs=2)
    add_items(study, training=1, exam=0, ties=0)
    own_size = study.spec | {"protocol": study.spec["protocol"] | {"display": "native"}}
    seen = Study(pk=study.pk, uid=study.uid, state=S.DRAFT, spec=own_size, owner=study.owner)
    launch(study, actor=None, now=NOW)
    item = study.comparisons.get(kind="training")
    assert item.box_width > 0
    with pytest.raises(IllegalMove):
        launch(seen, actor=None, now=NOW)
    again = Comparison.objects.get(pk=item.pk)
    assert (again.box_width, again.wire_bytes) == (item.box_width, item.wire_bytes)


def test_a_study_without_pairs_is_refused_in_words():
    with pytest.raises(LaunchRefused, match="Import samples first"):
        launch(make_study(pairs=0), actor=None, now=NOW)


def test_identical_images_are_tied_without_asking_anyone():
    study = launch(make_study(pairs=3, same=frozenset({1})), actor=None, now=NOW)
    verdict = Verdict.objects.get()
    assert (verdict.outcome, verdict.reason, verdict.votes) == ("tie", "identical", 0)
    assert verdict.comparison.identical
    assert study.assignments.count() == 6


def test_identical_images_are_asked_about_where_the_protocol_says_show():
    draft = make_study(pairs=2, same=frozenset({0, 1}), protocol={"identical": "show"})
    study = launch(draft, actor=None, now=NOW)
    assert not Verdict.objects.exists()
    assert study.assignments.count() == 6


def three_arms(**options) -> Study:
    """Two arms with the same images against one baseline: every pair serves two contrasts."""
    from annotate.sampling.models import Sample

    study = make_study(pairs=5, methods=("adaptive", "student", "teacher"), **options)
    student, adaptive = study.methods.get(name="student"), study.methods.get(name="adaptive")
    for sample in Sample.objects.filter(method_digest=student.digest):
        Sample.objects.filter(
            method_digest=adaptive.digest, prompt_digest=sample.prompt_digest
        ).update(image=sample.image)
    Contrast.objects.filter(study=study, a=adaptive, b=student).delete()
    return study


def test_pairs_equal_by_content_are_judged_once_and_serve_every_contrast():
    study = launch(three_arms(), actor=None, now=NOW)
    assert study.comparisons.count() == 5
    assert sum(c.items.count() for c in study.contrasts.all()) == 10
    for comparison in study.comparisons.all():
        orientations = set(comparison.items.values_list("a_is_first", flat=True))
        assert len(orientations) == 1


def test_reuse_fresh_asks_again():
    study = launch(three_arms(protocol={"reuse": "fresh"}), actor=None, now=NOW)
    assert study.comparisons.count() == 10


def test_orientation_follows_the_content_digests():
    study = launch(make_study(pairs=12), actor=None, now=NOW)
    for comparison in study.comparisons.select_related("first", "second"):
        assert comparison.first.digest < comparison.second.digest
    orientations = [c.items.get().a_is_first for c in study.comparisons.all()]
    assert set(orientations) == {True, False}


def test_the_serving_order_depends_on_the_seed_alone():
    from annotate.judging.pairing import pair_up

    study = make_study(pairs=20)
    protocol = study.read_protocol()
    orders = [[p.prompt.key for p in pair_up(study, protocol).pairs] for _ in range(2)]
    other = protocol.model_copy(update={"seed": 7})
    assert orders[0] == orders[1]
    assert [p.prompt.key for p in pair_up(study, other).pairs] != orders[0]


def test_one_prompt_of_each_group_is_sampled():
    study = make_study(pairs=6)
    prompts = study.prompt_sets.get().prompts
    prompts.update(group="one photo")
    assert plan(study).items == 1
    spec = {**study.spec, "protocol": {**study.spec["protocol"], "one_per_group": False}}
    Study.objects.filter(pk=study.pk).update(spec=spec)
    study.refresh_from_db()
    assert plan(study).items == 6


def test_the_plan_names_what_is_missing_and_warns_of_too_few_annotators():
    from annotate.sampling.models import Sample

    study = make_study(pairs=3)
    student = study.methods.get(name="student")
    Sample.objects.filter(method_digest=student.digest).first().delete()
    described = plan(study)
    assert described.items == 2
    assert described.missing[0].startswith("student: no picture for 1 of 3 prompts")
    assert any("0 annotators so far" in w for w in described.warnings)


def test_half_of_all_pairs_begin_with_the_leading_method_on_the_left():
    study = launch(make_study(pairs=21), actor=None, now=NOW)
    begins = list(study.assignments.filter(slot=1).values_list("lead_left", flat=True))
    assert sum(begins) in (10, 11)
    for slot in study.assignments.select_related("comparison"):
        assert slot.flipped == (slot.lead_left != slot.comparison.lead_first)


def test_a_draft_that_changed_meanwhile_is_not_launched():
    seen = make_study(pairs=2)
    changed = Study.objects.get(pk=seen.pk)
    changed.spec = {**changed.spec, "description": "changed by somebody else"}
    changed.save()
    with pytest.raises(LaunchRefused, match="changed while"):
        launch(seen, actor=None, now=NOW)
    assert not seen.assignments.exists()
    assert Study.objects.get(pk=seen.pk).state == "draft"
