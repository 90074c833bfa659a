"""The demo on the reference models, without them: its prompts, its studies, its judge's verdict."""

import numpy as np
import pytest
from PIL import Image as Pixels

from annotate.cli import demo, demo_reference
from annotate.cli.demo_reference import FullyRight, Judged, refuse_untrained
from annotate.cli.demo_run import DemoError
from annotate.sampling.models import Sample
from annotate.sampling.storage import put
from annotate.studies.create import create_study
from annotate.studies.models import PromptSet, Study
from annotate.studies.recipes.reference import (
    CONTRASTS,
    REFINE_ALL,
    judged_prompts,
    reference_study,
)
from annotate.studies.spec import StudySpec
from generation.reference.s1 import draw, words
from generation.reference.s1.kept import S1
from generation.reference.s1.pictures import to_bytes


def texts(spec: StudySpec, role: str) -> set[str]:
    return {p.text for one in spec.prompt_sets if one.role == role for p in one.prompts}


def test_nothing_is_tuned_on_a_prompt_that_is_judged() -> None:
    first, second = demo_reference.plan()
    assert len(texts(first, "test")) == demo_reference.JUDGED
    assert not texts(first, "test") & texts(second, "test")
    for spec in (first, second):
        assert not texts(spec, "tune") & (texts(first, "test") | texts(second, "test"))


def test_every_arm_is_pinned_to_the_weights_of_the_repository() -> None:
    first, _ = demo_reference.plan()
    recipes = {m.name: m.read_arm().recipe for m in first.methods}
    assert set(recipes) == {name for contrast in CONTRASTS for name in contrast}
    hashes = S1.pinned["sha256"]
    assert recipes["teacher"]["model"]["sha256"] == hashes["teacher"]
    assert recipes["student"]["model"]["sha256"] == hashes["student"]
    for name in ("refine", "regenerate", REFINE_ALL):
        assert recipes[name]["student"] == recipes["student"]
        assert recipes[name]["estimator"]["sha256"] == hashes["estimator"]


def write_pictures(study: Study, name: str, *, of: list[str]) -> None:
    """Finished samples of a method: true pictures of these captions, in the prompts' order."""
    method = study.methods.get(name=name)
    prompts = study.prompt_sets.get(role=PromptSet.Role.TEST).prompts.order_by("order")
    looks = draw.settle(words.asked_by(of), rng=np.random.default_rng(1))
    for prompt, pixels in zip(prompts, to_bytes(draw.draw(looks)), strict=True):
        Sample.objects.create(
            method_digest=method.digest,
            prompt_digest=prompt.digest,
            seed=demo.SEED,
            state=Sample.State.DONE,
            image=put(Pixels.fromarray(pixels)),
        )


@pytest.mark.django_db
def test_the_judge_tells_an_arm_that_follows_its_prompts_from_one_that_does_not() -> None:
    captions = judged_prompts(24, seed=demo.SEED)
    spec = reference_study(
        "Two arms",
        captions,
        tune=[],
        contrasts=[("student", "teacher")],
        protocol={"seed": demo.SEED},
    )
    study = create_study(spec, owner=demo.owner_of_demo())
    write_pictures(study, "teacher", of=captions)
    write_pictures(study, "student", of=captions[1:] + captions[:1])
    judged = demo_reference.judge_pictures(study)
    right = {arm.label: arm.trained for arm in judged.arms}
    assert right == {"50-step teacher": True, "2-step student": False}
    assert len(judged.truths) == 48
    with pytest.raises(DemoError, match=r"trained model: 2-step student: \d+ % of 24") as refused:
        refuse_untrained(judged)
    assert "50-step" not in str(refused.value)


def test_a_share_at_chance_is_not_trained_however_many_pictures_there_are() -> None:
    at_chance = FullyRight("x", 37, 1000, low=0.027, high=0.051)
    with pytest.raises(DemoError):
        refuse_untrained(Judged({}, (at_chance,)))


@pytest.mark.django_db
def test_a_study_of_other_weights_or_prompts_is_not_taken_for_this_one() -> None:
    owner = demo.owner_of_demo()
    spec, _ = demo_reference.plan(judged=3, yours=1)
    assert demo_reference.find(spec, owner=owner) is None
    made = create_study(spec, owner=owner)
    assert demo_reference.find(spec, owner=owner) == made
    more, _ = demo_reference.plan(judged=4, yours=1)
    assert demo_reference.find(more, owner=owner) is None
    written = spec.model_dump(mode="json")
    written["methods"][0]["settings"]["arm"]["model"]["sha256"] = "0" * 64
    assert demo_reference.find(StudySpec.model_validate(written), owner=owner) is None
