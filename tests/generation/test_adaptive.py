"""Decisions are Algorithm 1's; batches are full, in order, and shared by what may share them."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.adaptive import (
    Queues,
    Row,
    improvement,
    improvement_task,
    keeps,
    student_key,
    student_task,
    teacher_task,
)
from generation.spec import Adaptive, Estimator, Student, Teacher, Weights

ROW = Row("a dog", "d" * 64, 1, 0)
finite = st.floats(allow_nan=False, allow_infinity=False)


def arm(**changes):
    recipe = {
        "student": Student(model=Weights(path="cd")),
        "teacher": Teacher(model=Weights(path="sd"), scheduler="unipc", steps=5),
        "estimator": Estimator(path="ir"),
        "threshold": 0.5,
    }
    return Adaptive(**(recipe | changes))


def test_an_equal_score_keeps():
    assert keeps(0.5, 0.5)
    assert not keeps(math.nextafter(0.5, 0), 0.5)


@given(finite)
def test_infinite_thresholds_keep_all_or_none(score):
    assert keeps(score, -math.inf)
    assert not keeps(score, math.inf)


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_decides_nothing(score):
    with pytest.raises(ValueError, match="decides nothing"):
        keeps(score, 0.0)


def test_a_full_rollback_regenerates():
    assert improvement(arm(rollback=0.7)) == "refined"
    assert improvement(arm(rollback=1)) == "regenerated"


def test_thresholds_and_estimators_do_not_part_a_batch():
    for other in (arm(threshold=math.inf), arm(estimator=Estimator(name="clip", path="c"))):
        assert improvement_task(other, ROW)[1] == improvement_task(arm(), ROW)[1]


@pytest.mark.parametrize(
    "change",
    [
        {"rollback": 0.4},
        {"rollback_kind": "strength"},
        {"rollback_from": "image"},
        {"teacher": Teacher(model=Weights(path="sd"), scheduler="unipc", steps=6)},
        {"teacher": Teacher(model=Weights(path="sd"), scheduler="unipc", steps=5, guidance=7)},
        {"teacher": Teacher(model=Weights(path="xl"), scheduler="unipc", steps=5)},
        {"student": Student(model=Weights(path="cd"), height=256)},
        {"student": Student(model=Weights(path="lcm"))},
    ],
)
def test_what_changes_a_refinement_parts_its_batches(change):
    assert improvement_task(arm(**change), ROW)[0].key != improvement_task(arm(), ROW)[0].key


def test_students_of_one_model_share_a_refining_batch_but_not_an_image():
    other = arm(student=Student(model=Weights(path="cd"), steps=3))
    (one, first), (two, second) = improvement_task(arm(), ROW), improvement_task(other, ROW)
    assert one.key == two.key
    assert first != second
    assert second.source == student_key(other.student, ROW)


def test_a_regeneration_from_the_teachers_noise_is_the_teachers_own_image():
    regenerating = arm(strategy="regenerate", regenerate_noise="shared")
    assert improvement_task(regenerating, ROW)[1] == teacher_task(regenerating.teacher, ROW)[1]


def test_a_fresh_regeneration_shares_the_teachers_batches_but_not_its_noise():
    regenerating = arm(strategy="regenerate")
    (own, image), (teachers, baseline) = (
        improvement_task(regenerating, ROW),
        teacher_task(regenerating.teacher, ROW),
    )
    assert own.key == teachers.key
    assert image.stage != baseline.stage


def test_the_null_arm_shares_the_teachers_batches_but_not_its_noise():
    teacher = Teacher(model=Weights(path="sd"))
    null = teacher.model_copy(update={"noise": "null"})
    (one, first), (two, second) = teacher_task(teacher, ROW), teacher_task(null, ROW)
    assert one.key == two.key
    assert first != second


def test_a_student_starts_from_the_noise_that_the_teacher_starts_from():
    student, teacher = arm().student, arm().teacher
    assert student_task(student, ROW)[1].stage == teacher_task(teacher, ROW)[1].stage


@given(st.lists(st.sampled_from("ab"), max_size=40), st.integers(1, 5), st.integers(0, 2**16))
@settings(max_examples=50)
def test_batches_depend_on_the_order_of_arrival_and_not_on_when_they_are_taken(keys, size, when):
    def drain(eager):
        queues = Queues(lambda setting: size)
        taken = []
        for number, key in enumerate(keys):
            queues.put(key, number)
            while eager >> (number % 16) & 1 and (full := queues.full()):
                taken.append((full, queues.take(full)))
        while key := queues.any():
            taken.append((key, queues.take(key)))
        assert len(queues) == 0
        return taken

    batches = drain(when)
    for key in "ab":
        own = [batch for setting, batch in batches if setting == key]
        assert [n for batch in own for n in batch] == [n for n, k in enumerate(keys) if k == key]
        assert all(len(batch) == size for batch in own[:-1])
        assert own == [batch for setting, batch in drain(0) if setting == key]


def test_a_batch_that_was_too_large_is_taken_again_smaller_and_in_order():
    size = {"a": 4}
    queues = Queues(size.__getitem__)
    for number in range(5):
        queues.put("a", number)
    first = queues.take("a")
    size["a"] = 2
    queues.put_back("a", first)
    assert [queues.take("a") for _ in range(3)] == [[0, 1], [2, 3], [4]]
    assert queues.any() is None
