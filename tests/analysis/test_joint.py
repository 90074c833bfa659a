import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import chi2

from annotate.analysis.joint import joint_shares

METHODS = ["goodman", "sison-glaz"]
counts = st.integers(0, 300)


def bounds(found):
    return [(share.low, share.high) for share in (found.win, found.tie, found.loss)]


@pytest.mark.parametrize("triple", [(258, 96, 246), (5, 20, 35), (300, 1, 299)])
def test_goodman_is_the_wilson_form_at_a_third_of_alpha(triple):
    n, z2 = sum(triple), chi2.ppf(1 - 0.05 / 3, 1)
    for count, found in zip(triple, bounds(joint_shares(*triple)), strict=True):
        centre = (2 * count + z2) / (2 * (n + z2))
        half = np.sqrt(z2 * (z2 + 4 * count * (n - count) / n)) / (2 * (n + z2))
        assert found == pytest.approx((centre - half, centre + half), abs=1e-9)


@given(counts, counts, counts)
def test_swapping_the_methods_swaps_wins_and_losses(wins, ties, losses):
    assume(wins + ties + losses)
    mirrored("goodman", wins, ties, losses)


@pytest.mark.parametrize("triple", [(0, 0, 7), (1, 0, 3), (12, 30, 25), (0, 9, 9)])
def test_so_do_the_narrower_bounds(triple):
    mirrored("sison-glaz", *triple)


def mirrored(method, wins, ties, losses):
    plain = joint_shares(wins, ties, losses, method=method)
    turned = joint_shares(losses, ties, wins, method=method)
    assert np.allclose(bounds(plain), bounds(turned)[::-1])
    for share in (plain.win, plain.tie, plain.loss):
        assert 0 <= share.low <= share.estimate <= share.high <= 1


def test_sison_and_glaz_are_narrower_and_warn_that_three_classes_are_few():
    wide, narrow = (joint_shares(258, 96, 246, method=method) for method in METHODS)
    assert narrow.win.high - narrow.win.low < wide.win.high - wide.win.low
    assert "here are 3" in narrow.warning
    assert wide.warning == ""
    assert (wide.n, wide.confidence, wide.method) == (600, 0.95, "goodman")


def test_small_counts_are_warned_of_and_undecided_prompts_are_said():
    found = joint_shares(10, 2, 8, undecided=3)
    assert "smallest count is 2" in found.warning
    assert (found.n, found.undecided) == (20, 3)


@pytest.mark.parametrize(
    ("given_", "options", "message"),
    [
        ((0, 0, 0), {}, "no prompt is decided"),
        ((-1, 2, 3), {}, "wins=-1"),
        ((1, 2, 3), {"method": "wald"}, "method='wald'"),
        ((1, 2, 3), {"confidence": 1}, "confidence=1"),
    ],
)
def test_what_has_no_joint_shares_is_refused(given_, options, message):
    with pytest.raises(ValueError, match=message):
        joint_shares(*given_, **options)


def test_goodman_covers_all_three_shares_at_least_as_often_as_it_says():
    truth = (0.43, 0.16, 0.41)
    draws = np.random.default_rng(0).multinomial(600, truth, 1000).tolist()
    held = [
        all(
            low <= p <= high for p, (low, high) in zip(truth, bounds(joint_shares(*d)), strict=True)
        )
        for d in draws
    ]
    assert np.mean(held) >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / 1000)
