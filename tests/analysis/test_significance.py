import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from annotate.analysis.significance import benjamini_hochberg, holm, mcnemar, sign_test

counts = st.integers(0, 400)


@pytest.mark.parametrize(
    ("wins", "losses", "p"),
    [
        (330, 270, 0.01594044),
        (9, 1, 22 / 1024),
        (8, 2, 0.109375),
        (280, 250, 0.2077432),
        (5, 5, 1.0),
        (0, 0, 1.0),
    ],
)
def test_the_sign_test_gives_the_exact_binomial_p(wins, losses, p):
    assert sign_test(wins, losses).p_value == pytest.approx(p, abs=1e-7)


@given(counts, counts)
def test_p_is_the_same_whichever_model_is_named_first(wins, losses):
    other = sign_test(losses, wins).p_value
    assert sign_test(wins, losses).p_value == pytest.approx(other, rel=1e-9)


def test_ties_change_no_sign_test_and_are_counted_apart():
    found = sign_test(9, 1, ties=40)
    assert found.p_value == sign_test(9, 1).p_value
    assert (found.n, found.ties, found.method) == (10, 40, "exact two-sided sign test")


@pytest.mark.parametrize(
    ("counts", "message"),
    [((-1, 3), "wins=-1"), ((3, 2.5), "losses=2.5"), ((3, float("nan")), "losses=nan")],
)
def test_what_is_no_count_is_refused(counts, message):
    with pytest.raises(ValueError, match=message):
        sign_test(*counts)


def test_holm_and_benjamini_hochberg_give_the_known_answers_in_the_order_given():
    p = (0.01, 0.04, 0.03, 0.005)
    assert holm(p) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert benjamini_hochberg(p) == pytest.approx((0.02, 0.04, 0.04, 0.02))


def test_no_tests_need_no_correction():
    assert holm([]) == ()
    assert benjamini_hochberg([]) == ()


@pytest.mark.parametrize("p", [1.2, -0.1, float("nan")])
def test_what_is_no_p_value_is_refused(p):
    with pytest.raises(ValueError, match="is no p-value"):
        holm([0.01, p])


@pytest.mark.parametrize(("ours", "method"), [(holm, "holm"), (benjamini_hochberg, "fdr_bh")])
def test_the_corrections_are_those_of_statsmodels(ours, method):
    p = np.random.default_rng(1).beta(0.5, 3, 60).round(2)  # some are equal, some 0
    assert ours(p) == pytest.approx(multipletests(p, method=method)[1], rel=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_a_correction_never_lowers_a_p_value_and_holm_is_the_stricter(p):
    for raw, strict, mild in zip(p, holm(p), benjamini_hochberg(p), strict=True):
        assert raw - 1e-12 <= mild <= strict + 1e-12
        assert strict <= 1


def test_mcnemar_gives_the_textbook_answers():
    table = [[101, 121], [59, 33]]
    chi2 = mcnemar(table, exact=False)
    assert chi2.statistic == pytest.approx(20.6722, abs=1e-4)
    assert chi2.p_value == pytest.approx(5.4501e-6, rel=1e-4)
    exact = mcnemar(table)
    assert exact.p_value == pytest.approx(4.4344e-6, rel=1e-4)
    assert (exact.only_first, exact.only_second, exact.correction) == (121, 59, False)
    assert (chi2.n, exact.n) == (314, 314)
    assert (exact.method, chi2.method) == (
        "McNemar, exact",
        "McNemar, chi-squared, with continuity correction",
    )


@pytest.mark.parametrize("exact", [True, False])
def test_judges_who_never_differ_show_no_difference(exact):
    found = mcnemar([[10, 0], [0, 7]], exact=exact)
    assert (found.p_value, found.n) == (1.0, 17)


@pytest.mark.parametrize("table", [[[1, 2]], [[1, 2, 3], [4, 5, 6]], [[1, 2], [3]]])
def test_mcnemar_needs_two_by_two_counts(table):
    with pytest.raises(ValueError, match="give 2 x 2 counts"):
        mcnemar(table)
