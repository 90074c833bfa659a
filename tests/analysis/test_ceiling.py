"""D.4's question in numbers: noise that leaves an agreement, and what a cut then reaches."""

import numpy as np
import pytest

from annotate.analysis.association import associate
from annotate.analysis.ceiling import ceiling, expected_agreement, noise_for_agreement
from annotate.analysis.contrast import Result
from annotate.analysis.estimators import pair_agreement

pytestmark = pytest.mark.whole

WIN, TIE, LOSS = Result.WIN, Result.TIE, Result.LOSS


def pairs(n: int = 400, *, seed: int = 0) -> tuple[list[float], list[float], list[Result]]:
    """Scores that are right on every decided pair; every tenth pair is a tie."""
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(2, n))
    results = [WIN if a > b else LOSS for a, b in zip(first, second, strict=True)]
    results[::10] = [TIE] * len(results[::10])
    return first.tolist(), second.tolist(), results


def test_noise_leaves_just_the_agreement_that_was_asked_for():
    first, second, results = pairs(4000)
    noise = noise_for_agreement(first, second, results, agreement=0.65)
    assert expected_agreement(first, second, results, noise=noise) == pytest.approx(0.65, abs=1e-9)
    rng = np.random.default_rng(1)
    noisy = [(np.array(s) + noise * rng.standard_normal(4000)).tolist() for s in (first, second)]
    drawn = pair_agreement(*noisy, results, estimator="noisy").estimate
    # Four standard errors of 3600 decided pairs.
    assert drawn == pytest.approx(0.65, abs=4 * np.sqrt(0.65 * 0.35 / 3600))


def test_one_pair_loses_agreement_as_the_normal_distribution_says():
    # A margin of sqrt(2) noises is one standard deviation of the difference.
    assert expected_agreement([2**0.5], [0.0], [WIN], noise=1.0) == pytest.approx(0.8413447)


@pytest.mark.parametrize("agreement", [0.5, 0.4, 1.01])
def test_noise_cannot_leave_chance_or_more_than_there_is(agreement):
    first, second, results = pairs(50)
    with pytest.raises(ValueError, match="a number in between"):
        noise_for_agreement(first, second, results, agreement=agreement)


def test_a_level_for_each_prompt_spoils_the_cut_and_leaves_the_pairs():
    first, second, results = pairs()
    # The reference is always the same: the student alone tells who wins.
    second = [0.0] * len(second)
    results = [WIN if a > 0 else LOSS for a in first]
    labels = [result is WIN for result in results]
    plain = ceiling(first, second, results, labels, name="plain", seed=3)
    moved = ceiling(first, second, results, labels, name="moved", seed=3, offset=3.0, seeds=5)
    assert plain.agreement.value == moved.agreement.value == 1
    # The median is not quite 0, so that k = 50 errs on the few prompts in between.
    assert plain.at_k.value == pytest.approx(plain.reach)
    assert moved.best.high < plain.best.low
    assert (plain.seeds, moved.seeds) == (1, 5)


def test_an_area_without_noise_is_as_uncertain_as_its_few_prompts():
    first, second, results = pairs(100)
    labels = [result is not LOSS for result in results]
    few, many = (
        ceiling(n * first, n * second, n * results, n * labels, name="x", seed=1, resamples=400).auc
        for n in (1, 16)
    )
    assert few is not None
    assert many is not None
    assert few.value == pytest.approx(many.value)
    assert few.low < few.value < few.high
    assert (few.high - few.low) / (many.high - many.low) == pytest.approx(4, rel=0.25)


def test_the_same_seed_gives_the_same_ceiling_and_another_seed_another():
    first, second, results = pairs(100)
    labels = [result is not LOSS for result in results]

    def degraded(seed: int) -> object:
        return ceiling(
            first, second, results, labels, name="x", seed=seed, noise=1.0, seeds=5, resamples=50
        )

    assert degraded(1) == degraded(1)
    assert degraded(1) != degraded(2)


def test_wins_that_grow_with_distance_are_found_and_binned():
    distances = [i / 100 for i in range(100)]
    results = [WIN if i % 100 >= 60 else LOSS for i in range(100)]
    found = associate(distances, results, name="student", seed=0, bins=5, resamples=200)
    assert found.rho is not None
    assert found.low is not None
    assert found.low > 0.7
    assert [row.wins for row in found.bins] == [0, 0, 0, 20, 20]
    mirrored = associate(distances, [r.mirrored() for r in results], name="teacher", seed=0)
    assert mirrored.rho == pytest.approx(-found.rho)


def test_without_any_variation_there_is_no_correlation():
    assert associate([1.0, 2.0, 3.0], [WIN] * 3, name="x", seed=0, bins=2).rho is None
