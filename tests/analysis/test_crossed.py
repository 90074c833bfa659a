import numpy as np
import pytest

from annotate.analysis.annotators import CLUSTERS
from annotate.analysis.clustered import crossed_share
from annotate.analysis.crossed import crossed_bootstrap
from annotate.analysis.winrate import TieConvention
from tests.analysis.crowds import crowd, results, swapped


def drawn(given, prompts, people, *, seed=1, **options):
    return crossed_bootstrap(given, prompts, people, rng=np.random.default_rng(seed), **options)


def everybody(seed, *, prompts=60, people=16):
    """Everybody judged everything; prompts and annotators differ."""
    rng = np.random.default_rng(seed)
    prompt, person = (x.ravel() for x in np.indices((prompts, people)))
    logit = rng.normal(0.2, 1, prompts)[prompt] + rng.normal(0, 1, people)[person]
    won = rng.random(len(prompt)) < 1 / (1 + np.exp(-logit))
    return results(np.where(won, "W", "L")), prompt.tolist(), person.tolist()


def test_where_everybody_judged_everything_it_is_near_the_two_way_interval():
    given = everybody(3)
    one, other = drawn(*given), crossed_share(*given)
    assert one.estimate == pytest.approx(other.estimate)
    assert (one.high - one.low) == pytest.approx(other.high - other.low, rel=0.15)


def test_with_three_votes_on_a_prompt_plain_draws_are_too_wide_and_are_drawn_together():
    given = crowd(2, prompts=200)
    one, other = drawn(*given), crossed_share(*given)
    assert one.spread < 0.8 < drawn(*everybody(3)).spread
    assert (one.high - one.low) == pytest.approx(other.high - other.low, rel=0.1)


@pytest.mark.parametrize("votes", [crowd(1, prompts=80, annotators=15), everybody(5, prompts=9)])
def test_swapping_the_methods_mirrors_it_and_neither_rows_nor_names_move_it(votes):
    given, prompts, people = votes
    one = drawn(given, prompts, people)
    other = drawn(swapped(given), prompts, people)
    mirrored = (1 - other.estimate, 1 - other.high, 1 - other.low)
    assert (one.estimate, one.low, one.high) == pytest.approx(mirrored, abs=1e-12)
    order = np.random.default_rng(0).permutation(len(given))
    again = drawn(*([column[i] for i in order] for column in (given, prompts, people)))
    renamed = drawn(given, prompts, [f"A-{(7 * person) % 41}" for person in people])
    for moved in (again, renamed):
        assert (moved.low, moved.high) == pytest.approx((one.low, one.high), abs=1e-12)


def test_votes_that_are_their_own_mirror_image_have_an_interval_that_is():
    columns = (results("WL" * 24), [i // 2 for i in range(48)], [i % 16 for i in range(48)])
    seen = drawn(*columns)
    assert (seen.low + seen.high) == pytest.approx(1.0)


def test_votes_that_are_all_alike_keep_the_two_way_interval():
    columns = (results("W" * 48), list(range(48)), [i % 16 for i in range(48)])
    seen, other = drawn(*columns), crossed_share(*columns)
    assert (seen.low, seen.high, seen.spread) == (other.low, other.high, None)
    assert seen.low < 1


def test_the_convention_decides_what_a_tie_counts_and_invalid_votes_are_left_out():
    given = results("WTL-" * 12)
    columns = (given, list(range(48)), [i // 4 for i in range(48)])
    assert drawn(*columns).n == 24
    assert drawn(*columns, convention=TieConvention.HALF).estimate == 0.5
    assert drawn(*columns, convention=TieConvention.LOSSES).estimate == pytest.approx(1 / 3)


def test_few_annotators_claim_no_interval_and_unfit_input_is_refused():
    few = drawn(*crowd(1, prompts=40, annotators=CLUSTERS - 1))
    assert few.estimate is not None
    assert (few.low, few.high) == (None, None)
    assert "fewer than 12" in few.warning
    assert drawn([], [], []).estimate is None
    with pytest.raises(ValueError, match="resamples=0"):
        drawn(*crowd(1, prompts=4), resamples=0)
    with pytest.raises(ValueError, match="columns have"):
        drawn(results("W"), [], [])
