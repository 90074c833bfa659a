"""More prompts make a threshold surer, and its two spreads are told apart."""

import numpy as np
import pytest

from generation.convergence import convergence


def matrix(*, prompt_sd, noise_sd, replicas=4, prompts=2000):
    rng = np.random.default_rng(5)
    per_prompt = rng.normal(0, prompt_sd, prompts) if prompt_sd else np.zeros(prompts)
    return per_prompt + rng.normal(0, noise_sd, (replicas, prompts))


def test_both_spreads_fall_with_the_root_of_the_number_of_prompts():
    table = convergence(
        matrix(prompt_sd=1, noise_sd=0.5), 50, rng=np.random.default_rng(1), sizes=(100, 1600)
    )
    few, many = table
    assert few.spread_prompts / many.spread_prompts == pytest.approx(4, rel=0.25)
    assert few.spread_noise / many.spread_noise == pytest.approx(4, rel=0.25)


def test_the_spread_over_prompts_is_what_theory_says_of_a_median():
    (row,) = convergence(
        matrix(prompt_sd=1, noise_sd=0.01, replicas=1),
        50,
        rng=np.random.default_rng(2),
        sizes=(400,),
        draws=400,
    )
    assert row.spread_prompts == pytest.approx(np.sqrt(np.pi / 2 / 400), rel=0.15)
    assert row.spread_noise is None


def test_noise_spreads_the_threshold_less_than_other_prompts_do():
    table = convergence(
        matrix(prompt_sd=1, noise_sd=0.3), 60, rng=np.random.default_rng(3), sizes=(200,)
    )
    assert 0 < table[0].spread_noise < table[0].spread_prompts


def test_time_grows_with_the_samples_made_and_is_unknown_unless_measured():
    scores = np.arange(10.0)
    timed = convergence(
        scores, 50, rng=np.random.default_rng(0), sizes=(150, 500), seconds_per_sample=0.3
    )
    assert [row.seconds for row in timed] == [45.0, 150.0]
    untimed = convergence(scores, 50, rng=np.random.default_rng(0), sizes=(150,))
    assert untimed[0].seconds is None
    assert "-" in str(untimed[0])


def test_the_same_draws_give_the_same_table():
    scores = np.random.default_rng(8).normal(size=50)
    first, again = (
        convergence(scores, 50, rng=np.random.default_rng(4), sizes=(20, 40)) for _ in range(2)
    )
    assert first == again


@pytest.mark.parametrize("wrong", [{"sizes": (1,)}, {"draws": 1}, {"sizes": ()}])
def test_a_spread_of_one_is_refused(wrong):
    with pytest.raises(ValueError, match="at least 2"):
        convergence([1.0, 2.0], 50, rng=np.random.default_rng(0), **wrong)
