import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportion_effectsize

from annotate.analysis.power import (
    design_effect,
    exact_power,
    half_width,
    majority_of_three,
    on_demand_votes,
    resolution,
    sample_size,
)
from annotate.analysis.winrate import win_rate as win_rate_of

rates = st.floats(0.01, 0.99)


@pytest.mark.parametrize(
    ("win_rate", "at_80", "at_90"),
    [(0.52, 4904, 6563), (0.55, 783, 1047), (0.57, 399, 532), (0.60, 194, 259), (0.65, 85, 113)],
)
def test_the_closed_form_gives_the_known_numbers_of_prompts(win_rate, at_80, at_90):
    assert sample_size(win_rate).prompts == at_80
    assert sample_size(win_rate, power=0.9).prompts == at_90


@pytest.mark.parametrize("win_rate", [0.53, 0.55, 0.6, 0.75])
def test_the_arcsine_formula_is_that_of_statsmodels(win_rate):
    effect = proportion_effectsize(win_rate, 0.5)
    n = NormalIndPower(ddof=0).solve_power(effect_size=effect, alpha=0.05, power=0.8, ratio=0)
    assert sample_size(win_rate, formula="arcsine").decided == math.ceil(n)


def test_the_two_formulas_agree_at_the_known_answer():
    assert sample_size(0.55, formula="arcsine").decided == sample_size(0.55).decided == 783


@pytest.mark.parametrize(
    ("win_rate", "power", "places"),
    [(0.55, 0.6745, 5e-5), (0.56, 0.8279, 5e-5), (0.5, 0.0454, 5e-5)],
)
def test_exact_power_of_the_published_600_prompts_is_known(win_rate, power, places):
    assert exact_power(win_rate, 600) == pytest.approx(power, abs=places)


def test_600_prompts_resolve_a_win_rate_of_558_and_no_less():
    published = resolution(600)
    assert published.win_rate == pytest.approx(0.558, abs=5e-4)
    assert published.size == pytest.approx(0.0454, abs=5e-5)
    assert exact_power(published.win_rate, 600) >= 0.8 > exact_power(published.win_rate - 1e-5, 600)


def test_300_prompts_leave_five_and_a_half_points_on_either_side():
    assert resolution(300).half_width == pytest.approx(0.056, abs=5e-4)
    wilson = win_rate_of(150, 0, 150)
    assert half_width(300) == pytest.approx((wilson.high - wilson.low) / 2, abs=1e-12)


@pytest.mark.parametrize("n", [1, 6, 9, 23])
def test_exact_power_is_the_chance_of_the_outcomes_that_the_sign_test_rejects(n):
    by_hand = sum(
        math.comb(n, k) * 0.7**k * 0.3 ** (n - k)
        for k in range(n + 1)
        if binomtest(k, n).pvalue <= 0.05
    )
    assert exact_power(0.7, n) == pytest.approx(by_hand, abs=1e-12)


def test_with_ties_the_power_is_averaged_over_the_number_of_decided_verdicts():
    n, tie_rate = 40, 0.3
    by_hand = sum(
        math.comb(n, m) * 0.7**m * 0.3 ** (n - m) * exact_power(0.65, m) for m in range(n + 1)
    )
    assert exact_power(0.65, n, tie_rate=tie_rate) == pytest.approx(by_hand, abs=1e-12)


def test_a_handful_of_prompts_can_resolve_nothing():
    assert resolution(5).win_rate is None
    assert resolution(0).size == 0
    assert resolution(6).win_rate is not None


def test_ties_and_groups_ask_for_more_prompts():
    plain = sample_size(0.55)
    tied = sample_size(0.55, tie_rate=0.2)
    grouped = sample_size(0.55, design_effect=design_effect(5, 0.1))
    assert (plain.prompts, tied.prompts, grouped.prompts) == (783, 979, 1096)
    assert plain.decided == tied.decided == grouped.decided == 783


@given(rates, st.integers(0, 400), st.floats(0, 0.9))
def test_power_is_the_same_for_the_mirrored_win_rate(win_rate, n, tie_rate):
    one = exact_power(win_rate, n, tie_rate=tie_rate)
    assert one == pytest.approx(exact_power(1 - win_rate, n, tie_rate=tie_rate), abs=1e-12)
    assert exact_power(0.5, n, tie_rate=tie_rate) <= 0.05
    assert one <= 1 + 1e-12


def test_exact_power_agrees_with_simulated_studies():
    draws = np.random.default_rng(31).multinomial(300, (0.48, 0.2, 0.32), size=4000)
    values, count = np.unique(draws[:, [0, 2]], axis=0, return_counts=True)
    rejected = [binomtest(w, w + x).pvalue <= 0.05 for w, x in values.tolist()]
    simulated = count[rejected].sum() / 4000
    exact = exact_power(0.6, 300, tie_rate=0.2)
    assert simulated == pytest.approx(exact, abs=3 * math.sqrt(exact * (1 - exact) / 4000))


def test_the_planned_power_holds_in_studies_with_groups_of_prompts():
    """600 prompts of 200 photos; the photos' win rates are Beta with ICC = 1 / (a + b + 1)."""
    rng, icc, mean = np.random.default_rng(8), 0.1, 0.56
    weight = 1 / icc - 1
    photos = rng.beta(mean * weight, (1 - mean) * weight, size=(4000, 200))
    won = rng.binomial(3, photos)
    share = won.sum(axis=1) / 600
    # The test that a report would make: variance between photos, not between prompts.
    spread = won.std(axis=1, ddof=1) / 3 / math.sqrt(200)
    simulated = (np.abs(share - 0.5) / spread > 1.959964).mean()
    planned = exact_power(mean, 600, design_effect=design_effect(3, icc))
    assert simulated == pytest.approx(planned, abs=0.02 + 3 * math.sqrt(0.25 / 4000))


@pytest.mark.parametrize(("vote", "verdict"), [(0.55, 0.57475), (0.6, 0.648), (0.5, 0.5)])
def test_a_majority_of_three_amplifies(vote, verdict):
    assert majority_of_three(vote, 0, 1 - vote)[0] == pytest.approx(verdict, abs=1e-12)


@given(rates, rates, rates)
def test_the_majority_is_the_sum_over_all_27_triples(win, tie, loss):
    shares = [weight / (win + tie + loss) for weight in (win, tie, loss)]
    by_hand, differ = [0.0, 0.0, 0.0], 0.0
    for triple in itertools.product(range(3), repeat=3):
        chance = math.prod(shares[vote] for vote in triple)
        leader = next((vote for vote in range(3) if triple.count(vote) >= 2), 1)
        by_hand[leader] += chance
        differ += chance * (triple[0] != triple[1])
    assert majority_of_three(*shares) == pytest.approx(by_hand, abs=1e-12)
    assert on_demand_votes(*shares) == pytest.approx(2 + differ, abs=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sample_size(0.5), "infinitely many prompts"),
        (lambda: sample_size(1.2), r"win_rate=1\.2 is no share"),
        (lambda: sample_size(0.6, formula="t"), "formula='t' is unknown"),
        (lambda: sample_size(0.6, power=1), r"power=1 lies outside"),
        (lambda: resolution(600, alpha=0), "alpha=0 lies outside"),
        (lambda: exact_power(0.6, 600, tie_rate=1), "tie_rate=1 lies outside"),
        (lambda: exact_power(0.6, 600, design_effect=0.5), r"design_effect=0\.5 is below 1"),
        (lambda: exact_power(0.6, -1), "prompts=-1 is no count"),
        (lambda: design_effect(0, 0.1), "cluster_size=0 with icc"),
        (lambda: half_width(-1), "decided=-1"),
        (lambda: majority_of_three(0.5, 0.1, 0.1), "are no shares"),
    ],
)
def test_what_cannot_be_planned_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
