from functools import cache
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from annotate.analysis.winrate import (
    TieConvention,
    VoteShare,
    WinRate,
    three_conventions,
    vote_share,
    win_rate,
)

counts = st.integers(0, 300)
conventions = st.sampled_from(list(TieConvention))


@pytest.mark.parametrize(
    ("wins", "n", "method", "low", "high"),
    [
        (330, 600, "wilson", 0.510000, 0.589363),
        (330, 600, "jeffreys", 0.510032, 0.589487),
        (330, 600, "clopper-pearson", 0.509196, 0.590309),
        (0, 20, "wilson", 0, 0.161125),
        (0, 20, "clopper-pearson", 0, 0.168433),
        (8, 10, "wilson", 0.490162, 0.943318),
        (300, 600, "wilson", 0.46012, 0.53988),
        (390, 600, "wilson", 0.611, 0.687),
    ],
)
def test_intervals_have_their_known_answers(wins, n, method, low, high):
    rate = win_rate(wins, 0, n - wins, method=method)
    places = 6e-4 if wins == 390 else 6e-6
    assert rate.estimate == wins / n
    assert (rate.low, rate.high) == pytest.approx((low, high), abs=places)
    assert (rate.n, rate.method, rate.confidence) == (n, method, 0.95)


def test_wilson_covers_one_half_in_94_to_96_percent_of_600_decided_prompts():
    # The exact sum over all counts, no simulation: what is to be covered is known.
    chance = binom.pmf(np.arange(601), 600, 0.5)
    ends = ((rate.low, rate.high) for rate in (win_rate(k, 0, 600 - k) for k in range(601)))
    covered = chance @ [low <= 0.5 <= high for low, high in ends]
    assert 0.94 <= covered <= 0.96
    assert covered == pytest.approx(binom.cdf(324, 600, 0.5) - binom.cdf(275, 600, 0.5))


def test_the_three_conventions_stand_side_by_side():
    dropped, half, losses = three_conventions(280, 70, 250)
    assert [rate.convention.value for rate in (dropped, half, losses)] == [
        "dropped",
        "half",
        "losses",
    ]
    assert (dropped.estimate, dropped.n) == (280 / 530, 530)
    assert (half.estimate, half.n) == (315 / 600, 600)
    assert (losses.estimate, losses.n) == (280 / 600, 600)
    assert dropped.p_value == pytest.approx(0.2077, abs=5e-5)
    assert half.p_value == pytest.approx(0.2364, abs=5e-5)
    assert losses.p_value == pytest.approx(0.1112707, abs=1e-6)
    assert all((rate.wins, rate.ties, rate.losses) == (280, 70, 250) for rate in (dropped, half))


def test_the_half_interval_is_that_of_the_mean_of_scores_not_of_a_binomial():
    half = win_rate(280, 70, 250, convention=TieConvention.HALF)
    by_hand = 1.959964 * ((280 * 0.475**2 + 70 * 0.025**2 + 250 * 0.525**2) / 600 / 600) ** 0.5
    assert (half.high - half.low) / 2 == pytest.approx(by_hand, rel=5e-3)
    binomial = win_rate(315, 0, 285)
    assert half.high - half.low < 0.95 * (binomial.high - binomial.low)
    assert half.method == "score"


@cache
def half_of_60(wins: int, ties: int) -> WinRate:
    """Computed once for the four cases below, which differ in how often each count comes up."""
    return win_rate(wins, ties, 60 - wins - ties, convention=TieConvention.HALF)


@pytest.mark.parametrize(("p_win", "p_tie"), [(0.4, 0.2), (0.2, 0.6), (0.05, 0.9), (0.85, 0.1)])
def test_the_half_interval_covers_the_mean_about_as_often_as_it_says(p_win, p_tie):
    n, p_loss = 60, 1 - p_win - p_tie
    mean, covered = p_win + p_tie / 2, 0.0
    for wins in range(n + 1):
        for ties in range(n - wins + 1):
            losses = n - wins - ties
            rate = half_of_60(wins, ties)
            if rate.low <= mean <= rate.high:
                ways = comb(n, wins) * comb(n - wins, ties)
                covered += ways * p_win**wins * p_tie**ties * p_loss**losses
    # Conservative where nearly all verdicts are ties: few prompts then tell wins from losses.
    assert 0.93 <= covered <= 0.99


@pytest.mark.parametrize("counted", [(20, 0, 0), (0, 20, 0), (0, 0, 20)])
def test_unanimous_results_never_get_an_interval_without_width(counted):
    for rate in three_conventions(*counted):
        if rate.n:
            assert rate.high - rate.low > 0.1


def test_nothing_to_count_is_not_available_and_no_crash():
    for rate in three_conventions(0, 0, 0):
        assert (rate.estimate, rate.low, rate.high, rate.p_value, rate.n) == (*[None] * 4, 0)
    assert win_rate(0, 12, 0).estimate is None


@given(counts, counts, counts, conventions, st.floats(0.5, 0.999))
def test_the_interval_holds_the_estimate_and_stays_within_0_and_1(
    wins, ties, losses, convention, confidence
):
    rate = win_rate(wins, ties, losses, convention=convention, confidence=confidence)
    if rate.n:
        assert 0 <= rate.low <= rate.estimate + 1e-12
        assert rate.estimate - 1e-12 <= rate.high <= 1
        assert 0 < rate.p_value <= 1


@given(counts, counts, counts, st.sampled_from([TieConvention.DROPPED, TieConvention.HALF]))
def test_swapping_the_models_mirrors_the_rate_and_keeps_p(wins, ties, losses, convention):
    one = win_rate(wins, ties, losses, convention=convention)
    other = win_rate(losses, ties, wins, convention=convention)
    if not one.n:
        assert other.estimate is None
        return
    mirrored = (1 - other.estimate, 1 - other.high, 1 - other.low)
    assert (one.estimate, one.low, one.high) == pytest.approx(mirrored, abs=1e-9)
    assert one.p_value == pytest.approx(other.p_value, rel=1e-9)


@given(counts, counts)
def test_without_ties_the_three_conventions_agree(wins, losses):
    dropped, half, as_losses = three_conventions(wins, 0, losses)
    for rate in (half, as_losses):
        assert rate.p_value == dropped.p_value
        if rate.n:
            assert (rate.low, rate.high) == pytest.approx((dropped.low, dropped.high), abs=1e-9)


@given(counts, st.integers(1, 300), counts)
def test_ties_never_help_the_challenger_when_they_count_as_losses(wins, ties, losses):
    dropped, half, as_losses = three_conventions(wins, ties, losses)
    assert as_losses.estimate <= half.estimate
    if dropped.n:
        assert as_losses.estimate <= dropped.estimate


@pytest.mark.parametrize(
    ("given_counts", "options", "message"),
    [
        ((-1, 0, 3), {}, "wins=-1 is no count"),
        ((1, 0.5, 3), {}, "ties=0.5 is no count"),
        ((1, 0, 3), {"confidence": 95}, "confidence=95 lies outside"),
        ((1, 0, 3), {"method": "wald"}, "'wald' is unknown; use one of wilson, jeffreys"),
        ((1, 0, 3), {"convention": "ignored"}, "'ignored' is not a valid TieConvention"),
        ((1, 0, 3), {"convention": "half", "method": "jeffreys"}, "take 'wilson'"),
    ],
)
def test_unfit_input_is_refused_with_the_way_out(given_counts, options, message):
    with pytest.raises(ValueError, match=message):
        win_rate(*given_counts, **options)


def test_win_rate_and_vote_share_name_their_estimands():
    assert WinRate.estimand == "win rate (verdicts)"
    assert VoteShare.estimand.startswith("vote share")


@pytest.fixture(params=[list, lambda rows: np.array(rows, dtype=np.int64).reshape(-1, 3)])
def form(request):
    """Prompts as rows of Python, or as an array."""
    return request.param


def test_votes_that_agree_within_prompts_count_once_per_prompt(form):
    share = vote_share(form([(3, 0, 0), (0, 0, 3)] * 50))
    assert share.estimate == 0.5
    assert share.effective_n == pytest.approx(99)
    by_prompt = win_rate(50, 0, 50)
    assert share.high - share.low == pytest.approx(by_prompt.high - by_prompt.low, rel=0.01)


@pytest.mark.parametrize("row", [(1, -1, 2), (1, 0.5, 2), (1, float("nan"), 2)])
def test_a_vote_share_refuses_what_is_no_count(row):
    with pytest.raises(ValueError, match="is no count"):
        vote_share([(1, 0, 2), row])


def test_votes_that_spread_evenly_never_count_more_than_once(form):
    share = vote_share(form([(2, 0, 1), (1, 0, 2)] * 50))
    assert (share.estimate, share.effective_n) == (0.5, 300)


def test_the_vote_share_follows_the_tie_convention(form):
    prompts = form([(2, 1, 0), (1, 1, 1), (0, 3, 0)])
    shares = {name: vote_share(prompts, convention=name).estimate for name in TieConvention}
    assert shares == pytest.approx({"dropped": 3 / 4, "half": 5.5 / 9, "losses": 3 / 9})
    assert vote_share(prompts).prompts == 2


def test_a_unanimous_vote_share_counts_prompts_not_votes(form):
    share = vote_share(form([(3, 0, 0)] * 5))
    assert (share.estimate, share.effective_n) == (1.0, 5)
    assert share.low == pytest.approx(win_rate(5, 0, 0).low)


@pytest.mark.parametrize("prompts", [[], [(0, 0, 0)], [(0, 3, 0)]])
def test_a_vote_share_without_votes_is_not_available(prompts, form):
    share = vote_share(form(prompts))
    assert (share.estimate, share.low, share.high, share.prompts) == (None, None, None, 0)
