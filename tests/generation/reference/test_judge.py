"""The exact judge and the annotators who err around it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.errors import ProfileError
from generation.reference.judge import (
    CRITERIA,
    NoisyJudge,
    alignment,
    attributes,
    cascade,
    compare,
    overall,
)
from generation.reference.scenes import parse

MIRROR = {"first": "second", "second": "first", "tie": "tie"}
truths = st.fixed_dictionaries({name: st.floats(0, 1) for name in CRITERIA})


def truth(alignment=1.0, quality=1.0, aesthetics=1.0):
    return {"alignment": alignment, "quality": quality, "aesthetics": aesthetics}


@given(truths, truths, st.floats(0, 0.5), st.sampled_from(CRITERIA))
def test_swapping_the_pictures_swaps_the_answer(a, b, width, criterion):
    forth = compare(a, b, criterion=criterion, tie_width=width)
    assert compare(b, a, criterion=criterion, tie_width=width) == MIRROR[forth]
    assert (
        overall(cascade(b, a, tie_width=width)) == MIRROR[overall(cascade(a, b, tie_width=width))]
    )


@given(truths)
def test_a_picture_ties_with_itself(a):
    assert cascade(a, a, tie_width=0) == dict.fromkeys(CRITERIA, "tie")


def test_a_difference_as_wide_as_the_tie_is_a_tie():
    a, b = truth(quality=0.75), truth(quality=0.5)
    assert compare(a, b, criterion="quality", tie_width=0.25) == "tie"
    assert compare(a, b, criterion="quality", tie_width=0.24) == "first"


def test_a_lower_criterion_speaks_only_when_those_above_are_equal():
    assert cascade(truth(0.5), truth(quality=0.2)) == {"alignment": "second"}
    assert cascade(truth(quality=0.2), truth(aesthetics=0.2)) == {
        "alignment": "tie",
        "quality": "second",
    }
    assert cascade(truth(), truth(aesthetics=0.2)) == {
        "alignment": "tie",
        "quality": "tie",
        "aesthetics": "first",
    }


def test_overall_is_the_first_answer_that_is_not_equal():
    assert overall({"alignment": "tie", "quality": "second"}) == "second"
    assert overall({"aesthetics": "second", "alignment": "first"}) == "first"
    assert overall({"alignment": "tie"}) == "tie"


def test_a_criterion_without_truth_is_refused_by_name():
    with pytest.raises(ProfileError, match=r"'charm'.*alignment, quality, aesthetics"):
        compare(truth(), truth(), criterion="charm")


def test_only_what_the_caption_says_is_judged():
    asked = parse("two red stars")
    shown = parse("two small red stars in the snow")
    assert attributes(asked, shown) == {"count": 1, "colour": 1, "shape": 1}
    assert alignment(asked, shown) == 1


def test_each_attribute_has_its_own_verdict():
    asked = parse("two small red stars in the snow")
    shown = parse("three large red stars at sunset")
    assert attributes(asked, shown) == {
        "count": 0,
        "colour": 1,
        "shape": 1,
        "size": 0,
        "background": 0,
    }
    assert alignment(asked, shown) == pytest.approx(2 / 5)


def test_the_order_of_the_groups_does_not_matter():
    asked = parse("two red stars and a blue heart")
    assert alignment(asked, parse("a blue heart and two red stars")) == 1


def test_a_missing_or_an_extra_group_costs():
    one, two = parse("two red stars"), parse("two red stars and a blue heart")
    assert alignment(two, one) == alignment(one, two) == 0.5


@pytest.mark.parametrize("accuracy", [0.55, 0.8, 0.97])
@pytest.mark.parametrize("b", [truth(0.5), truth()], ids=["decided", "tie"])
def test_a_noisy_judge_is_right_as_often_as_stated(accuracy, b):
    judge = NoisyJudge(accuracy=accuracy, rng=np.random.default_rng(11))
    right = compare(truth(), b, criterion="alignment")
    given = [judge.answer(truth(), b, criterion="alignment") for _ in range(4000)]
    error = (accuracy * (1 - accuracy) / 4000) ** 0.5
    assert abs(given.count(right) / 4000 - accuracy) <= 4 * error
    wrong = [given.count(answer) for answer in MIRROR if answer != right]
    assert abs(wrong[0] - wrong[1]) <= 4 * sum(wrong) ** 0.5


def test_a_perfect_judge_gives_the_exact_cascade():
    judge = NoisyJudge(accuracy=1, rng=np.random.default_rng(0))
    rng = np.random.default_rng(1)
    for _ in range(200):
        a, b = (truth(*rng.choice([0.2, 0.6, 1.0], 3)) for _ in range(2))
        assert judge.answers(a, b) == cascade(a, b)


def test_side_bias_answers_without_looking_in_its_share():
    for bias, side in ((0.3, "first"), (-0.3, "second")):
        judge = NoisyJudge(accuracy=1, side_bias=bias, rng=np.random.default_rng(5))
        given = [judge.answer(truth(), truth(), criterion="quality") for _ in range(4000)]
        assert abs(given.count(side) / 4000 - 0.3) <= 4 * (0.21 / 4000) ** 0.5
        assert given.count(MIRROR[side]) == 0


def test_equal_generators_give_equal_answers():
    one, two = (
        NoisyJudge(accuracy=0.6, side_bias=0.1, rng=np.random.default_rng(3)) for _ in range(2)
    )
    for _ in range(50):
        assert one.answers(truth(), truth(0.4)) == two.answers(truth(), truth(0.4))


def test_answers_stop_at_the_deciding_criterion():
    judge = NoisyJudge(accuracy=0.5, rng=np.random.default_rng(2))
    for _ in range(300):
        *before, last = judge.answers(truth(), truth(quality=0.3)).items()
        assert all(answer == "tie" for _, answer in before)
        assert last[1] != "tie" or last[0] == CRITERIA[-1]


@pytest.mark.parametrize(
    "wrong",
    [{"accuracy": 1.1}, {"accuracy": -0.1}, {"side_bias": 2}, {"tie_width": -1}],
    ids=str,
)
def test_a_judge_with_impossible_settings_is_refused(wrong):
    with pytest.raises(ProfileError):
        NoisyJudge(**{"accuracy": 0.9, "rng": np.random.default_rng(0), **wrong})
