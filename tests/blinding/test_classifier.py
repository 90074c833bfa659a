"""The guesser itself: it finds what can be found, and chance is what it reaches on noise."""

import numpy as np
import pytest

from tests.blinding.classifier import accuracy

pytestmark = pytest.mark.whole

ROWS, COLUMNS = 2000, 300


@pytest.fixture
def noise():
    rng = np.random.default_rng(5)
    return rng.normal(size=(ROWS, COLUMNS)), rng.random(ROWS) < 0.5


def test_noise_is_guessed_by_chance(noise):
    features, labels = noise
    for share in accuracy(features, labels, seed=1).values():
        assert abs(share - 0.5) < 0.04


def test_one_telling_column_among_hundreds_is_found_by_both(noise):
    features, labels = noise
    features[:, 17] += 1.4 * labels
    assert min(accuracy(features, labels, seed=1).values()) > 0.6


def test_stumps_find_a_column_that_tells_by_one_value_alone(noise):
    features, labels = noise
    features[:, 40] = np.where(labels, 3.0, np.where(features[:, 40] > 0, 4.0, 2.0))
    assert accuracy(features, labels, seed=1)["stumps"] > 0.7


def test_a_column_that_never_changes_is_harmless(noise):
    features, labels = noise
    features[:, 3] = 7.0
    assert 0.4 < accuracy(features, labels, seed=1)["logistic"] < 0.6
