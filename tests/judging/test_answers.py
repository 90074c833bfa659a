"""How a page's answers are read under each protocol."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.judging.answers import BadAnswer, read_answers
from annotate.studies.protocol import Protocol

CASCADE, SPLIT = Protocol(), Protocol(ties="split")
FORBID, SINGLE = Protocol(ties="forbid"), Protocol(judgement="single")
FULL = Protocol(judgement="full")
EQ = "equal"


@pytest.mark.parametrize(
    ("given_answers", "choice", "deciding"),
    [
        ({"alignment": "left"}, "first", "alignment"),
        ({"alignment": EQ, "quality": "right"}, "second", "quality"),
        ({"alignment": EQ, "quality": EQ, "aesthetics": "left"}, "first", "aesthetics"),
        ({"alignment": EQ, "quality": EQ, "aesthetics": EQ}, "tie", ""),
    ],
)
def test_a_cascade_stops_at_the_first_difference(given_answers, choice, deciding):
    read = read_answers(CASCADE, given_answers, flipped=False)
    assert (read.choice, read.deciding) == (choice, deciding)


@pytest.mark.parametrize(
    ("protocol", "given_answers"),
    [
        (CASCADE, {}),
        (CASCADE, {"alignment": EQ}),
        (CASCADE, {"alignment": "left", "quality": "left"}),
        (CASCADE, {"alignment": "bad", "quality": EQ, "aesthetics": EQ}),
        (CASCADE, {"alignment": "up"}),
        (CASCADE, {"alignment": EQ, "quality": EQ, "aesthetics": "bad"}),
        (FORBID, {"alignment": EQ, "quality": EQ, "aesthetics": EQ}),
        (SINGLE, {"alignment": "left"}),
        (FULL, {"alignment": "left", "quality": "left", "aesthetics": "left"}),
    ],
)
def test_answers_that_the_protocol_does_not_allow_are_refused_in_words(protocol, given_answers):
    with pytest.raises(BadAnswer, match=r"[Ss]end exactly|allowed here"):
        read_answers(protocol, given_answers, flipped=False)


def test_a_tie_may_be_forbidden_for_the_last_criterion_only():
    answers = {"alignment": EQ, "quality": EQ, "aesthetics": "right"}
    assert read_answers(FORBID, answers, flipped=False).choice == "second"


def test_both_bad_is_a_tie_that_is_remembered():
    answers = {"alignment": EQ, "quality": EQ, "aesthetics": "bad"}
    read = read_answers(SPLIT, answers, flipped=False)
    assert (read.choice, read.both_bad) == ("tie", True)


def test_in_full_the_derived_answer_wins_over_the_asked_overall():
    answers = {"alignment": EQ, "quality": "left", "aesthetics": "right", "overall": "right"}
    read = read_answers(FULL, answers, flipped=False)
    assert (read.choice, read.deciding) == ("first", "quality")
    assert read.answers["overall"] == "second"


def test_a_deciding_factor_needs_a_protocol_that_asks_for_it():
    asks = Protocol(judgement="single", deciding_factor=True)
    assert read_answers(asks, {"overall": "left"}, flipped=False, factor="quality").deciding == (
        "quality"
    )
    with pytest.raises(BadAnswer):
        read_answers(SINGLE, {"overall": "left"}, flipped=False, factor="quality")


@given(side=st.sampled_from(["left", "right", EQ]), flipped=st.booleans())
def test_swapping_the_sides_and_the_answer_keeps_the_vote(side, flipped):
    mirror = {"left": "right", "right": "left", EQ: EQ}
    one = read_answers(SINGLE, {"overall": side}, flipped=flipped)
    other = read_answers(SINGLE, {"overall": mirror[side]}, flipped=not flipped)
    assert one.choice == other.choice
