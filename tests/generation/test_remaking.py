"""Made again from its record alone an image has the same bytes, and what changed is named."""

import json
import math

import numpy as np
import pytest

from generation.batches import Source
from generation.errors import SamplingError
from generation.produce import Known
from generation.remaking import remake
from tests.generation.production import adaptive, made, models, rows, stored, student, teacher

pytestmark = pytest.mark.torch

ARMS = {
    "teacher": teacher(),
    "null teacher": teacher(noise="null"),
    "student": student(3),
    "kept": adaptive(-math.inf),
    "refined": adaptive(math.inf),
    "refined from the image": adaptive(math.inf, rollback_from="image"),
    "regenerated": adaptive(math.inf, strategy="regenerate"),
}


def again(record, **more):
    return remake(json.loads(json.dumps(record)), models=models(), stop=lambda: None, **more)


@pytest.fixture(scope="module")
def family():
    """Batches of four and, with six prompts, a last one of two."""
    return made(list(ARMS.values()), rows(list(ARMS.values()))[: 6 * len(ARMS)])


@pytest.mark.parametrize("number", range(len(ARMS)), ids=ARMS)
@pytest.mark.parametrize("prompt", [1, 5])
def test_made_again_with_the_recorded_batch_it_has_the_same_bytes(family, number, prompt):
    before = family.of(number)[prompt]
    found = again(before.record)
    assert found.same
    assert found.differs == ()
    assert (found.image == before.image).all()


def test_a_refinement_of_a_stored_student_is_made_again_from_it(family):
    number = list(ARMS).index("refined")
    own = made([student()])
    record = made([ARMS["refined"]], known=stored(own, student())).of(0)[3].record
    first = own.of(0)[3]
    assert again(record).same
    assert again(record, student=Source(first.latents, first.image)).same
    assert family.of(number)[3].record["arm_digest"] == record["arm_digest"]


def test_a_student_without_a_record_has_to_be_given():
    own = made([student()])
    bare = {
        key: Known(each.latents, each.image, each.scores)
        for key, each in stored(own, student()).items()
    }
    record = made([adaptive(math.inf)], known=bare).of(0)[0].record
    first = own.of(0)[0]
    with pytest.raises(SamplingError, match="Give the stored student's sample"):
        again(record)
    assert again(record, student=Source(first.latents, first.image)).same


def test_what_is_not_as_it_was_is_named(family):
    record = json.loads(json.dumps(family.of(0)[0].record))
    record["versions"]["torch"] = "1.0"
    record["runs"][0]["model"]["weights"]["vae"] = "f" * 64
    record["host"]["threads"] = 99
    record["image_sha256"] = "0" * 64
    found = again(record)
    assert not found.same
    assert [line.split(":")[0] for line in found.differs] == ["weights of vae", "torch", "threads"]


def test_a_stop_ends_the_making_again(family):
    def stop():
        raise InterruptedError

    with pytest.raises(InterruptedError):
        remake(family.of(0)[0].record, models=models(), stop=stop)


def test_a_record_of_another_format_is_not_read(family):
    with pytest.raises(SamplingError, match="format 0"):
        again(family.of(0)[0].record | {"format": 0})


def test_the_neighbours_of_an_image_do_not_change_its_bytes():
    """Why a record need not hold its neighbours' prompts: their place is filled by the image."""
    own = rows([teacher()])[:4]
    first = made([teacher()], own)
    strangers = rows([teacher()], ["w", "x", "y", "z"], seed=9)[1:]
    other = made([teacher()], [own[0], *strangers])
    assert np.array_equal(first.of(0)[0].image, other.made[0].image)
