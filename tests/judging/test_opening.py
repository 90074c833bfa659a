"""Pairs open as their pictures come, each once, in an order and on sides drawn at launch."""

import itertools
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from annotate.judging import opening, queue
from annotate.judging.launch import LaunchRefused, launch, plan
from annotate.judging.models import Verdict
from annotate.sampling.models import Sample
from annotate.sampling.signals import samples_finished, swept
from annotate.studies.lifecycle import move
from annotate.studies.models import Membership, Study
from tests.factories import ADAPTIVE, NOW, STUDENT, TEACHER, make_generated, make_picture
from tests.judging.arrange import member, vote_next

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb, pytest.mark.whole]

EAGER = ADAPTIVE | {"threshold": {"tau": 0.9}}
ARMS = {
    "teacher": ("teacher", TEACHER),
    "student": ("student", STUDENT),
    "calm": ("adaptive-refine", ADAPTIVE),
    "eager": ("adaptive-refine", EAGER),
}


def launched(**options: Any) -> Study:
    return launch(make_generated(**options), actor=None, now=NOW)


def came(study: Study, *pictures: tuple[Any, ...]) -> int:
    """Finish these pictures (method, prompt, seed) and tell."""
    return opening.open_finished([make_picture(study, *picture) for picture in pictures], now=NOW)


def test_a_study_opens_at_once_and_its_pairs_follow_their_pictures():
    study = launched(prompts=2)
    assert (study.state, study.comparisons.count(), opening.waiting(study)) == ("open", 0, 2)
    assert came(study, ("teacher", "p0")) == 0
    assert came(study, ("adaptive", "p0")) == 1
    assert (study.comparisons.count(), study.assignments.count()) == (1, 3)
    assert came(study, ("teacher", "p1"), ("adaptive", "p1")) == 1
    assert opening.waiting(study) == 0


def test_pictures_told_twice_open_their_pair_once():
    study = launched(prompts=1)
    ids = [make_picture(study, arm, "p0") for arm in ("teacher", "adaptive")]
    assert [opening.open_finished(ids, now=NOW) for _ in range(3)] == [1, 0, 0]
    assert study.assignments.count() == 3


def test_a_finished_job_is_heard_and_a_missed_one_is_found_by_the_sweep():
    study = launched(prompts=2)
    heard = {make_picture(study, arm, "p0") for arm in ("teacher", "adaptive")}
    samples_finished.send_robust(None, sample_ids=heard, study_ids={study.pk})
    assert study.comparisons.count() == 1
    for arm in ("teacher", "adaptive"):
        make_picture(study, arm, "p1")
    swept.send_robust(None, now=NOW)
    assert study.comparisons.count() == 2


def test_pictures_that_are_there_at_launch_open_at_once():
    draft = make_generated(prompts=1)
    first = launch(draft, actor=None, now=NOW)
    came(first, ("teacher", "p0"), ("adaptive", "p0"))
    text = first.prompt_sets.get().prompts.get().text
    again = make_generated(
        prompts=1, prompt_sets=[{"name": "same", "prompts": [{"id": "x", "text": text}]}]
    )
    assert launch(again, actor=None, now=NOW).comparisons.count() == 1


def test_another_seed_waits_for_pictures_of_its_own():
    first = launched(prompts=1)
    came(first, ("teacher", "p0"), ("adaptive", "p0"))
    text = first.prompt_sets.get().prompts.get().text
    other = launched(
        prompts=1,
        prompt_sets=[{"name": "same", "prompts": [{"id": "x", "text": text}]}],
        protocol={"seed": 5},
    )
    assert other.comparisons.count() == 0


def test_a_kept_sample_against_its_student_is_tied_without_asking():
    study = launched(prompts=1, contrasts=(("adaptive", "student"),))
    came(study, ("adaptive", "p0", "same"), ("student", "p0", "same"))
    assert Verdict.objects.get().reason == "identical"
    assert study.assignments.count() == 0


def test_a_sample_that_two_arms_kept_is_judged_once_against_the_teacher():
    contrasts = (("calm", "teacher"), ("eager", "teacher"))
    study = launched(prompts=2, contrasts=contrasts, methods=ARMS)
    came(study, ("calm", "p0", "kept"), ("teacher", "p0"))
    came(study, ("eager", "p0", "kept"))
    came(study, ("calm", "p1", "kept1"), ("eager", "p1", "refined1"), ("teacher", "p1"))
    assert study.comparisons.count() == 3
    assert sum(c.items.count() for c in study.contrasts.all()) == 4
    assert study.assignments.count() == 9


def test_fresh_askings_share_no_pair():
    contrasts = (("calm", "teacher"), ("eager", "teacher"))
    study = launched(prompts=1, contrasts=contrasts, methods=ARMS, protocol={"reuse": "fresh"})
    came(study, ("calm", "p0", "kept"), ("teacher", "p0"), ("eager", "p0", "kept"))
    assert study.comparisons.count() == 2


def test_a_closed_study_opens_nothing_until_it_is_opened_again():
    study = launched(prompts=1)
    study = move(study, Study.State.CLOSED, actor=None)
    assert came(study, ("teacher", "p0"), ("adaptive", "p0")) == 0
    move(study, Study.State.OPEN, actor=None)
    assert opening.sweep(now=NOW) == 1


def test_a_study_is_not_complete_while_pairs_are_to_come():
    study = launched(prompts=2, protocol={"overlap": 1, "min_votes": 1})
    assert not queue.is_complete(study)
    came(study, ("teacher", "p0"), ("adaptive", "p0"))
    vote_next(member(study))
    assert not queue.is_complete(study)
    came(study, ("teacher", "p1"), ("adaptive", "p1"))
    vote_next(member(study))
    assert queue.is_complete(study)


def test_replicas_are_items_of_their_own():
    study = launched(prompts=1, replicas=2)
    assert study.planned_items.count() == 2
    for replica in (0, 1):
        ids = [make_picture(study, arm, "p0", replica=replica) for arm in ("teacher", "adaptive")]
        assert opening.open_finished(ids, now=NOW) == 1


def test_imported_pictures_meet_generated_ones():
    methods = {"ours": ("imported", {}), "teacher": ("teacher", TEACHER)}
    study = make_generated(prompts=2, contrasts=(("ours", "teacher"),), methods=methods)
    assert "ours: no picture for 2 of 2 prompts" in plan(study).missing[0]
    with pytest.raises(LaunchRefused, match="import samples first"):
        launch(study, actor=None, now=NOW)
    from annotate.sampling.samples import sample_prompt_digest
    from tests.factories import make_image

    ours, prompt = study.methods.get(name="ours"), study.prompt_sets.get().prompts.first()
    Sample.objects.create(
        method_digest=ours.digest,
        prompt_digest=sample_prompt_digest(ours, prompt),
        state="done",
        image=make_image("ours"),
    )
    launch(study, actor=None, now=NOW)
    assert study.planned_items.count() == 1
    assert came(study, ("teacher", prompt.key)) == 1


def test_of_every_contrast_half_the_prompts_begin_with_a_on_the_left():
    contrasts = (("calm", "teacher"), ("teacher", "eager"))
    study = launched(prompts=9, contrasts=contrasts, methods=ARMS)
    for contrast in study.contrasts.all():
        begins = [item.sides & 1 for item in contrast.planned_items.all()]
        assert sum(begins) in (4, 5)


def test_what_somebody_was_shown_keeps_its_sides_when_another_contrast_joins():
    contrasts = (("calm", "teacher"), ("teacher", "eager"))
    study = launched(prompts=1, contrasts=contrasts, methods=ARMS)
    later, sooner = study.planned_items.order_by("-order")
    names = [n for n in ("calm", "eager") if n in (later.contrast.a.name, later.contrast.b.name)]
    came(study, (names[0], "p0", "kept"), ("teacher", "p0"))
    vote_next(member(study))
    before = dict(study.assignments.values_list("slot", "flipped"))
    other = {"calm": "eager", "eager": "calm"}[names[0]]
    came(study, (other, "p0", "kept"))
    comparison = study.comparisons.get()
    assert comparison.order == sooner.order
    assert dict(study.assignments.values_list("slot", "flipped")) == before
    for slot in study.assignments.all():
        assert slot.order == comparison.order
        assert slot.flipped == (slot.lead_left != comparison.lead_first)


def test_annotators_go_back_to_a_place_that_has_opened_behind_them():
    study = launched(prompts=6)
    last, first = (
        study.planned_items.order_by("-order")[0],
        study.planned_items.order_by("order")[0],
    )
    who = member(study)
    came(study, *[(arm, last.prompt.key) for arm in ("teacher", "adaptive")])
    assert len(queue.hand(who, now=NOW)) == 1
    came(study, *[(arm, first.prompt.key) for arm in ("teacher", "adaptive")])
    assert Membership.objects.get(pk=who.pk).cursor < first.order
    who.refresh_from_db()
    assert len(queue.hand(who, now=NOW)) == 2


def picture_of(study: Study) -> tuple[Any, ...]:
    """Everything that must not depend on the order of completion."""
    return (
        [
            (c.order, c.lead_first, c.first.digest, c.second.digest, c.asking)
            for c in study.comparisons.select_related("first", "second").order_by("order")
        ],
        list(
            study.assignments.order_by("comparison__order", "slot").values_list(
                "order", "slot", "flipped", "lead_left"
            )
        ),
        sorted(
            (item.contrast.order, item.prompt.key, item.comparison.order, item.a_is_first)
            for contrast in study.contrasts.all()
            for item in contrast.items.select_related("contrast", "prompt", "comparison")
        ),
    )


class AnyOrder(TestCase):
    @settings(max_examples=6)
    @given(seed=st.integers(0, 10**6), reuse=st.sampled_from(["by_content", "fresh"]))
    def test_no_order_of_completion_shows_in_the_serving_order_or_the_sides(
        self, seed: int, reuse: str
    ) -> None:
        contrasts = (("calm", "teacher"), ("teacher", "eager"), ("student", "teacher"))
        study = launched(
            prompts=2, contrasts=contrasts, methods=ARMS, protocol={"seed": seed, "reuse": reuse}
        )
        rng = random.Random(seed)
        pictures = [
            (arm, f"p{i}", f"student {i}" if arm != "teacher" and rng.random() < 0.6 else None)
            for arm, i in itertools.product(ARMS, range(2))
        ]
        outcomes = []
        for _ in range(2):
            self._forget(study)
            rng.shuffle(pictures)
            for picture in pictures:
                came(study, picture)
            assert opening.waiting(study) == 0
            outcomes.append(picture_of(study))
        assert outcomes[0] == outcomes[1]

    def _forget(self, study: Study) -> None:
        for contrast in study.contrasts.all():
            contrast.items.all().delete()
        study.comparisons.all().delete()
        study.planned_items.update(opened_at=None)
        Sample.objects.filter(method_digest__in=study.methods.values("digest")).update(
            state="queued", image=None
        )
