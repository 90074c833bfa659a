"""Two estimators on the same pairs: what is counted, what is drawn, how many tests there were."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.analysis.contrast import Result
from annotate.analysis.estimator_pairs import (
    agreement_difference,
    differences_together,
    sign_flip_p,
)
from annotate.analysis.estimators import pair_agreement
from annotate.analysis.significance import holm, mcnemar
from tests.analysis.branches import results

NAMES = ("clip", "reward")


def rng():
    return np.random.default_rng(5)


def difference(first, second, said, **settings):
    """Scores are of the challenger; the other sample has 0 of either estimator."""
    nothing = [0.0] * len(said)
    return agreement_difference(
        (first, nothing), (second, nothing), said, estimators=NAMES, rng=rng(), **settings
    )


def test_two_estimators_by_hand():
    #     both, only first, only second, neither, second half, a tie, undecided
    said = [*results("WWLWWT"), None]
    one = [1.0, 1.0, 1.0, -1.0, 1.0, 1.0, 1.0]
    two = [1.0, -1.0, -1.0, -1.0, 0.0, -1.0, 1.0]
    found = difference(one, two, said)
    assert (found.n, found.units, found.human_ties, found.undecided) == (5, 5, 1, 1)
    assert found.estimate == pytest.approx((3 - 2.5) / 5)
    assert (found.only_first, found.only_second) == (2, 1)
    assert found.p_value == mcnemar([[1, 2], [1, 1]]).p_value
    assert (found.first, found.second) == NAMES


rows = st.lists(
    st.tuples(
        st.integers(-2, 2), st.integers(-2, 2), st.sampled_from(["W", "L", "T"]), st.integers(0, 5)
    ),
    min_size=1,
    max_size=40,
).filter(lambda drawn: any(said != "T" for _, _, said, _ in drawn))


@given(rows)
def test_the_difference_is_that_of_the_two_agreements_whichever_stands_first(drawn):
    one, two, said, prompts = zip(*drawn, strict=True)
    said = results("".join(said))
    here = difference(one, two, said, prompts=prompts, resamples=20)
    there = difference(two, one, said, prompts=prompts, resamples=20)
    zero = [0.0] * len(said)
    alone = [
        pair_agreement(scores, zero, said, estimator="e", prompts=prompts, rng=rng(), resamples=2)
        for scores in (one, two)
    ]
    assert here.estimate == pytest.approx(alone[0].estimate - alone[1].estimate)
    assert here.estimate == pytest.approx(-there.estimate)
    assert (here.only_first, here.only_second) == (there.only_second, there.only_first)
    assert here.p_value == there.p_value
    if here.low is not None:
        assert (here.low, here.high) == pytest.approx((-there.high, -there.low))


def test_pairs_of_one_prompt_are_one_unit_of_the_test_and_of_the_interval():
    draw = np.random.default_rng(3)
    said = results("".join(draw.choice(["W", "L"], 80)))
    one, two = draw.choice([-1.0, 1.0], (2, 80)).tolist()
    alone = difference(one, two, said)
    four = difference(one * 4, two * 4, said * 4, prompts=[*range(80)] * 4)
    assert (four.n, four.units) == (320, 80)
    assert four.estimate == pytest.approx(alone.estimate)
    assert (four.only_first, four.only_second, four.p_value) == (
        alone.only_first,
        alone.only_second,
        alone.p_value,
    )
    assert (four.low, four.high) == pytest.approx((alone.low, alone.high))
    assert "McNemar" in alone.method
    assert "sign-flip" in four.method


def test_one_prompt_alone_has_no_interval():
    found = difference([1.0, 1.0], [-1.0, 1.0], results("WW"), prompts=["p", "p"])
    assert (found.estimate, found.low, found.high, found.p_value) == (0.5, None, None, 1.0)


def test_holm_is_over_the_pairs_of_estimators():
    draw = np.random.default_rng(8)
    said = results("".join(draw.choice(["W", "L"], 60)))
    found = [difference(*draw.normal(size=(2, 60)).tolist(), said) for _ in range(3)]
    assert [d.adjusted for d in found] == [None] * 3
    together = differences_together(found)
    assert [d.adjusted for d in together] == list(holm([d.p_value for d in found]))


def test_an_estimator_that_knows_more_is_found_and_equal_ones_are_mostly_left_alone():
    draw = np.random.default_rng(2)
    alarms = found = 0
    for _ in range(60):
        truth = draw.normal(size=300)
        said = [Result.WIN if x > 0 else Result.LOSS for x in truth]
        good, fair, alike = (truth + s * draw.normal(size=300) for s in (1.0, 2.5, 1.0))
        found += difference(good, fair, said, resamples=50).p_value < 0.05
        alarms += difference(good, alike, said, resamples=50).p_value < 0.05
    assert found >= 50
    assert alarms <= 8


def test_columns_of_other_lengths_and_pairs_without_a_winner_are_refused():
    with pytest.raises(ValueError, match="no pair has a winner"):
        difference([1.0], [1.0], results("T"))
    with pytest.raises(ValueError, match="one row per prompt in each"):
        difference([1.0, 2.0], [1.0], results("WW"))


@given(st.lists(st.integers(-6, 6), min_size=1, max_size=11))
def test_the_sign_flip_p_is_the_share_of_all_flips_as_far_away(halves):
    flips = [
        abs(sum(s * h for s, h in zip(signs, halves, strict=True)))
        for signs in product((-1, 1), repeat=len(halves))
    ]
    wanted = sum(total >= abs(sum(halves)) for total in flips) / len(flips)
    assert sign_flip_p([h / 2 for h in halves]) == pytest.approx(wanted)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 9))
def test_gains_of_one_size_make_mcnemars_exact_test(first, second, neither):
    gains = [1.0] * first + [-1.0] * second + [0.0] * neither
    wanted = mcnemar([[0, first], [second, neither]]).p_value
    assert sign_flip_p(gains) == pytest.approx(wanted, rel=1e-9)


def test_equal_estimators_are_told_apart_as_often_as_the_level_says():
    draw = np.random.default_rng(6)
    runs = [sign_flip_p(draw.choice([-1.5, -0.5, 0, 0.5, 1.5], 60)) for _ in range(400)]
    assert sum(p <= 0.05 for p in runs) / 400 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
    assert sum(p <= 0.05 for p in runs) >= 4
