"""tau is the percentile the paper says, knows whose it is, and is refused to anybody else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.errors import ThresholdRefused
from generation.spec import Adaptive, Estimator, Student, Teacher, Weights
from generation.threshold import (
    Calibration,
    Validation,
    percentile_for_budget,
    percentile_for_target,
    percentile_threshold,
    plain,
    refuse_overlap,
)

STUDENT = Student(model=Weights(path="cd"), steps=5, guidance=8.0)
ESTIMATOR = Estimator(path="ir")
PROMPTS = [Validation("a dog", "1"), Validation("a cat", "2"), Validation("a cow", "3")]
scores = st.lists(st.floats(-3, 3, allow_nan=False), min_size=2, max_size=30)


def calibration(percentile=50, **changes):
    return Calibration.of(
        [0.1, 0.5, 0.9], PROMPTS, student=STUDENT, estimator=ESTIMATOR, percentile=percentile
    ).model_copy(update=changes)


def test_percentiles_interpolate_linearly():
    assert percentile_threshold([1, 2, 3, 4], 50) == 2.5
    assert percentile_threshold([10, 20, 30, 40, 50], 60) == 34


def test_the_lowest_percentile_rejects_none_and_the_highest_all_but_the_best():
    values = np.array([3.0, 1.0, 2.0])
    assert (values < percentile_threshold(values, 0)).sum() == 0
    assert (values < percentile_threshold(values, 100)).sum() == 2


@pytest.mark.parametrize("wrong", [[], [1.0, float("nan")], [float("inf")]])
def test_no_threshold_comes_of_missing_or_infinite_scores(wrong):
    with pytest.raises(ValueError, match="scores"):
        percentile_threshold(wrong, 50)


def test_a_percentile_lies_between_zero_and_a_hundred():
    with pytest.raises(ValueError, match="between 0 and 100"):
        percentile_threshold([1.0], 101)


@pytest.mark.parametrize(
    ("student", "improvement", "budget", "k"),
    [(5, 20, 15, 50), (5, 15, 14, 60), (5, 10, 4.99 + 0.01, 0), (5, 10, 99, 100), (4, 3, 5, 33.33)],
)
def test_a_budget_of_steps_chooses_the_percentile(student, improvement, budget, k):
    assert percentile_for_budget(student, improvement, budget) == k


@given(st.integers(1, 20), st.integers(1, 60), st.integers(0, 60))
@settings(max_examples=50)
def test_a_budgets_percentile_never_overspends_and_one_more_hundredth_would(student, more, extra):
    budget = student + min(extra, more)
    k = percentile_for_budget(student, more, budget)
    spent = student * 10_000 + round(k * 100) * more
    assert spent <= budget * 10_000
    assert k == 100 or spent + more > budget * 10_000


def test_a_budget_below_the_student_is_refused():
    with pytest.raises(ValueError, match="student alone takes 5"):
        percentile_for_budget(5, 10, 4)


def test_a_target_takes_the_smallest_percentile_that_reaches_it():
    found = percentile_for_target([0.0, 1.0, 2.0], [1.0, 1.5, 2.0], 1.3)
    assert found.reachable
    assert (found.percentile, found.rejected) == (0.01, pytest.approx(1 / 3))
    assert found.mean == pytest.approx(4 / 3)
    more = percentile_for_target([0.0, 1.0, 2.0], [1.0, 1.5, 2.0], 1.5)
    assert (more.percentile, more.mean) == (50.01, 1.5)


def test_a_target_that_the_student_reaches_alone_rejects_none():
    found = percentile_for_target([0.0, 1.0], [9.0, 9.0], 0.5)
    assert (found.percentile, found.rejected) == (0, 0)


def test_a_target_beyond_reach_says_so_and_names_the_best_there_is():
    found = percentile_for_target([0.0, 1.0, 2.0], [1.0, 0.0, 0.0], 5.0)
    assert not found.reachable
    assert found.mean == pytest.approx(4 / 3)
    assert found.percentile == 0.01


@given(scores, st.integers(0, 2**32 - 1), st.floats(-3, 3))
@settings(max_examples=50)
def test_the_target_found_is_what_algorithm_1_gives_at_its_threshold(student, seed, target):
    own = np.array(student)
    improved = np.random.default_rng(seed).normal(size=own.size)
    found = percentile_for_target(own, improved, target)
    adaptive = np.where(own < found.threshold, improved, own)
    assert found.mean == pytest.approx(adaptive.mean(), abs=1e-9)
    assert found.rejected == pytest.approx((own < found.threshold).mean())
    assert found.reachable == (found.mean >= target - 1e-9)


def test_branches_that_do_not_pair_up_are_refused():
    with pytest.raises(ValueError, match="same order"):
        percentile_for_target([1.0, 2.0], [1.0], 1.0)
    with pytest.raises(ValueError, match="not finite"):
        percentile_for_target([1.0], [1.0], float("nan"))


def test_a_calibration_carries_its_threshold_and_where_it_came_from():
    found = calibration()
    assert (found.threshold, found.samples, found.percentile) == (0.5, 3, 50)
    assert found.rule == {"percentile": 50}
    assert Calibration.model_validate_json(found.model_dump_json()) == found
    assert calibration(percentile=60).digest() != found.digest()


def test_a_calibration_knows_its_prompts_and_scores_by_content():
    other = Calibration.of(
        [0.1, 0.5, 0.8], PROMPTS, student=STUDENT, estimator=ESTIMATOR, percentile=50
    )
    assert other.threshold == calibration().threshold
    assert other.scores_digest != calibration().scores_digest
    assert other.prompts_digest == calibration().prompts_digest
    with pytest.raises(ValueError, match="Give each score its prompt"):
        Calibration.of([1.0], PROMPTS, student=STUDENT, estimator=ESTIMATOR, percentile=50)


def test_its_own_student_and_estimator_pass():
    calibration().refuse(student=STUDENT, estimator=ESTIMATOR)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"guidance": 0.0}, "guidance 8.0, not 0.0"),
        ({"steps": 4}, "steps 5, not 4"),
        ({"model": Weights(path="lcm")}, "model.path 'cd', not 'lcm'"),
        ({"legacy_tail": True}, "legacy_tail"),
    ],
)
def test_a_threshold_of_another_student_guidance_or_step_count_is_refused(change, told):
    with pytest.raises(ThresholdRefused, match=told):
        calibration().refuse(student=STUDENT.model_copy(update=change), estimator=ESTIMATOR)


def test_a_threshold_of_another_estimator_is_refused():
    other = Estimator(name="clip", path="ir")
    with pytest.raises(ThresholdRefused, match="another estimator: name 'imagereward', not 'clip'"):
        calibration().refuse(student=STUDENT, estimator=other)


def test_an_arm_that_claims_a_calibration_has_its_threshold():
    arm = Adaptive(
        student=STUDENT,
        teacher=Teacher(model=Weights(path="sd")),
        estimator=ESTIMATOR,
        threshold=0.5,
    )
    calibration().refuse_arm(arm)
    with pytest.raises(ThresholdRefused, match="its calibration says"):
        calibration().refuse_arm(arm.model_copy(update={"threshold": 0.6}))


def test_prompts_that_differ_by_case_spaces_or_a_final_stop_are_one():
    assert plain("  A Dog  on\ta beach.") == plain("a dog on a beach") == "a dog on a beach"
    assert plain("a dog on a beach") != plain("a dog on the beach")


def test_tuning_on_a_test_prompt_is_refused():
    with pytest.raises(ThresholdRefused, match="1 of 3 tuning prompts are test prompts too"):
        refuse_overlap(PROMPTS, [Validation("A  DOG."), Validation("a tree")])


def test_tuning_on_another_caption_of_a_test_photo_is_refused():
    with pytest.raises(ThresholdRefused, match="share 1 groups"):
        refuse_overlap(PROMPTS, [Validation("a kitten", "2")])


def test_prompts_without_a_group_share_none():
    refuse_overlap([Validation("a"), Validation("b", "")], [Validation("c"), Validation("d")])
