"""People who do not look at the pictures."""

from collections import Counter

import numpy as np
import pytest

from annotate.analysis.habits import answers_on, cast, press

N = 2000


def pressed(habit, **options):
    rng = np.random.default_rng(1)
    return [press(habit, rng=rng, **options) for _ in range(N)]


def test_each_spammer_presses_by_habit_and_honest_people_look():
    assert set(pressed("honest")) == {None}
    sides = Counter(p.side for p in pressed("random"))
    assert sides["left"] / N == pytest.approx(0.45, abs=0.03)
    assert sides["equal"] / N == pytest.approx(0.1, abs=0.03)
    assert Counter(p.side for p in pressed("left"))["left"] / N > 0.94
    assert sum(p.copied for p in pressed("copies")) / N == pytest.approx(0.9, abs=0.03)
    assert {p.side for p in pressed("random", ties=False)} == {"left", "right"}
    with pytest.raises(ValueError, match="'lazy' is unknown"):
        pressed("lazy")


def test_a_share_of_spammers_is_of_all_kinds_in_drawn_places():
    people = cast(30, spammers=0.2, rng=np.random.default_rng(1))
    assert Counter(people) == {"honest": 24, "random": 2, "left": 2, "copies": 1, "fast": 1}
    assert people != cast(30, spammers=0.2, rng=np.random.default_rng(2))
    with pytest.raises(ValueError, match=r"spammers=1\.5"):
        cast(30, spammers=1.5, rng=np.random.default_rng(1))


def test_a_cascade_ends_with_the_first_answer_that_is_not_equal():
    asked = ("alignment", "quality")
    assert answers_on("left", questions=asked, cascade=True) == {"alignment": "left"}
    for side, cascade in (("equal", True), ("left", False)):
        assert answers_on(side, questions=asked, cascade=cascade) == dict.fromkeys(asked, side)
