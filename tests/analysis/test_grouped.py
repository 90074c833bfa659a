import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.analysis.grouped import grouped_rate
from annotate.analysis.winrate import TieConvention, win_rate
from tests.analysis.crowds import grouped, results, swapped, true_share

letters = st.text("WTL-", min_size=1, max_size=40)


def rng():
    return np.random.default_rng(3)


def test_with_one_verdict_per_group_it_is_close_to_wilson():
    given = results("W" * 330 + "L" * 270)
    found = grouped_rate(given, range(600), rng=rng(), resamples=20_000)
    assert found.estimate == 0.55
    assert (found.low, found.high) == pytest.approx((0.510000, 0.589363), abs=2e-3)
    assert (found.n, found.groups, found.undecided) == (600, 600, 0)
    assert found.method == "bootstrap over groups of prompts"


def test_verdicts_that_repeat_within_a_group_count_once():
    once = grouped_rate(results("W" * 60 + "L" * 40), range(100), rng=rng())
    copies = grouped_rate(results("W" * 240 + "L" * 160), [i // 4 for i in range(400)], rng=rng())
    assert (copies.estimate, copies.low, copies.high) == (once.estimate, once.low, once.high)


def test_undecided_verdicts_are_left_out_and_counted():
    found = grouped_rate(results("WL-TW--"), [0, 0, 1, 1, 2, 3, 3], rng=rng())
    assert (found.wins, found.ties, found.losses, found.undecided) == (2, 1, 1, 3)
    assert (found.n, found.groups, found.estimate) == (3, 3, 2 / 3)


@given(letters, st.integers(1, 9), st.sampled_from(list(TieConvention)))
def test_the_estimate_is_that_of_the_plain_win_rate(text, groups, convention):
    found = grouped_rate(
        results(text),
        [i % groups for i in range(len(text))],
        rng=rng(),
        convention=convention,
        resamples=20,
    )
    plain = win_rate(text.count("W"), text.count("T"), text.count("L"), convention=convention)
    assert (found.estimate, found.n) == (pytest.approx(plain.estimate), plain.n)


@given(
    letters,
    st.integers(1, 9),
    st.sampled_from([TieConvention.DROPPED, TieConvention.HALF]),
)
def test_swapping_the_methods_mirrors_every_number(text, groups, convention):
    def rate(given_):
        where = [i % groups for i in range(len(text))]
        return grouped_rate(given_, where, rng=rng(), convention=convention, resamples=50)

    plain, turned = rate(results(text)), rate(swapped(results(text)))
    assert (plain.wins, plain.losses) == (turned.losses, turned.wins)
    if plain.estimate is not None:
        assert 1 - turned.estimate == pytest.approx(plain.estimate)
        assert (1 - turned.high, 1 - turned.low) == pytest.approx((plain.low, plain.high))


@given(st.randoms(use_true_random=False))
def test_row_order_and_names_of_groups_change_nothing_at_all(random):
    rows = list(zip(*grouped(4, groups=30), strict=True))
    plain = grouped_rate(*zip(*rows, strict=True), rng=rng(), resamples=100)
    random.shuffle(rows)
    renamed = [(result, f"photo {group}") for result, group in rows]
    assert grouped_rate(*zip(*renamed, strict=True), rng=rng(), resamples=100) == plain


def test_groups_that_do_not_differ_still_have_an_interval_with_width():
    found = grouped_rate(results("L" * 20), range(20), rng=rng())
    assert (found.low, found.high) == pytest.approx((0, 0.161125), abs=1e-6)
    assert found.method.startswith("wilson")


def test_groups_that_differ_widen_the_interval_and_shuffled_ones_do_not():
    given_, groups = grouped(1, groups=100, size=6, sd=3.0)
    mixed = np.random.default_rng(0).permutation(groups).tolist()
    alone = grouped_rate(given_, range(600), rng=rng())
    within = grouped_rate(given_, groups, rng=rng())
    shuffled = grouped_rate(given_, mixed, rng=rng())
    assert within.high - within.low > 1.4 * (alone.high - alone.low)
    assert shuffled.high - shuffled.low < 1.2 * (alone.high - alone.low)


def test_nothing_decided_has_no_rate():
    found = grouped_rate(results("T-T"), [0, 0, 1], rng=rng())
    assert (found.estimate, found.low, found.high, found.n) == (None, None, None, 0)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="resamples=0"):
        grouped_rate(results("W"), [0], rng=rng(), resamples=0)
    with pytest.raises(ValueError, match="one row per prompt"):
        grouped_rate(results("W"), [0, 1], rng=rng())


def covered(seeds, *, groups):
    truth = true_share(0.2, 1.0)
    found = [
        grouped_rate(*grouped(s, groups=groups), rng=np.random.default_rng([s, 1]), resamples=1000)
        for s in seeds
    ]
    return np.mean([rate.low <= truth <= rate.high for rate in found])


def test_the_bootstrap_covers_as_often_as_it_says():
    share = covered(range(150), groups=100)
    assert share == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / 150))


@pytest.mark.slow
def test_the_bootstrap_covers_93_to_97_percent_of_600_prompts_in_300_groups():
    assert 0.93 <= covered(range(3000), groups=300) <= 0.97
