"""What levels tell of whoever gave them."""

import itertools

import pytest

from annotate.analysis.raters import (
    Rated,
    as_most,
    control_right,
    lean,
    near_others,
    said_again,
)
from annotate.analysis.watching import Judged, Limits, rule_flags, suspicions

NONE, HALF, FULL = (0.0,) * 4, (0.5,) * 4, (1.0,) * 4


@pytest.mark.parametrize(
    ("scores", "identical", "right"),
    [
        (NONE, True, True),
        ((0.0, 0.0, 0.0, 1.0), True, True),  # one slip
        ((0.0, 0.5, 0.0, 1.0), True, False),
        ((None, None, 0.0, 0.0), True, False),
        ((0.0, 1.0, 1.0, 0.0), False, True),  # the style and the angle may be shared
        ((0.0, 1.0, 0.5, 0.0), False, False),
        ((None,) * 4, False, False),
    ],
)
def test_a_control_is_right_at_its_end_of_the_scale(scores, identical, right):
    assert control_right(scores, identical=identical) is right


@pytest.mark.parametrize("scale", [(0.0, 1.0), (0.0, 0.5, 1.0), (0.0, 0.25, 0.5, 0.75, 1.0)])
def test_answers_at_random_are_right_on_at_most_half_of_both_ends(scale):
    every = list(itertools.product(scale, repeat=4))
    same, high = (sum(control_right(s, identical=i) for s in every) for i in (True, False))
    assert (same + high) / (2 * len(every)) <= 0.5


def test_the_others_are_those_beside_the_vote_and_cannot_judge_is_left_out():
    assert near_others(NONE, []) is None
    assert near_others(NONE, [NONE, HALF]) is True
    assert near_others(NONE, [HALF, FULL]) is False
    assert near_others((None, None, None, 1.0), [NONE, FULL]) is False
    assert lean(FULL, [NONE, HALF]) == 0.75
    assert [as_most("1", others) for others in ([], ["0", "1"], ["1", "1"], ["0"])] == [
        *(None, None, True, False),
    ]


def test_a_repeat_is_as_before_within_a_quarter_of_the_scale():
    assert said_again(NONE, (0.5, 0.5, 0.0, 0.0))
    assert not said_again(NONE, (0.5, 0.5, 0.5, 0.0))
    assert said_again((None, 0.0, 0.0, 0.0), (None, 0.0, 0.0, 0.0))
    assert not said_again((None, 0.0, 0.0, 0.0), (0.0, 0.5, 0.0, 0.0))


def rated(levels: str, *, others: bool | None = None) -> Judged:
    return Judged("/".join(levels), 5.0, others=others, rated=Rated(tuple(levels)))


def test_straight_lines_count_only_where_the_others_say_otherwise():
    said = [rules for others in (True, None, False) for rules in (flags("0000", others=others),)]
    assert said == [[], [], ["run"]]
    # One level on every line, another one each time.
    many = [rated(level * 4, others=False) for level in "012" * 6]
    assert [flag.rule for flag in rule_flags(many, Limits())] == ["run"]


def flags(levels: str, *, others: bool | None) -> list[str]:
    votes = [rated(levels, others=others)] * 15
    return [flag.rule for flag in rule_flags(votes, Limits())]


def test_sides_are_no_signal_where_there_are_none():
    pool = {name: [rated("0120", others=True)] * 30 for name in "ab"}
    assert all("side" not in found.signals for found in suspicions(pool).values())
