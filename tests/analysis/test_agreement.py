import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.analysis.agreement import (
    SplitShares,
    agreement_matrix,
    agreement_of_votes,
    cohen_kappa,
    counts_of,
    fleiss_kappa,
    free_marginal_kappa,
    gwet_ac1,
    krippendorff_alpha,
    percent_agreement,
    split_shares,
    stacked,
)

THREE_BY_15 = """
    * * * * * 3 4 1 2 1 1 3 3 * 3
    1 * 2 1 3 3 4 3 * * * * * * *
    * * 2 1 3 4 4 * 2 1 1 3 3 * 4
"""
FOUR_BY_12 = """
    1 2 3 3 2 1 4 1 2 * * *
    1 2 3 3 2 2 4 1 2 5 * 3
    * 3 3 3 2 3 4 2 2 5 1 *
    1 2 3 3 2 4 4 1 2 5 1 *
"""
FLEISS = """
    0 0 0 0 14
    0 2 6 4 2
    0 0 3 5 6
    0 3 9 2 0
    2 2 8 1 1
    7 7 0 0 0
    3 2 6 3 0
    2 5 3 2 2
    6 5 2 1 0
    0 2 2 3 7
"""


def table(text):
    rows = text.strip().splitlines()
    return [[None if cell == "*" else int(cell) for cell in row.split()] for row in rows]


def votes(table):
    """(unit, rater, label) of every rating given, last rater first."""
    given = np.array(table, dtype=float)[::-1]
    rater, unit = np.nonzero(~np.isnan(given))
    return unit, len(given) - 1 - rater, given[rater, unit]


def by_unit(ratings):
    """The same ratings without their raters."""
    unit, _, label = votes(ratings)
    return stacked(unit, label, n_units=np.shape(ratings)[1])


@pytest.fixture(params=[lambda ratings: ratings, by_unit], ids=["by rater", "by unit"])
def form(request):
    """Ratings as a table of raters, or as the votes on each unit whoever cast them."""
    return request.param


@pytest.mark.parametrize(
    ("text", "level", "alpha", "places"),
    [
        (THREE_BY_15, "nominal", 0.691358, 1e-6),
        (THREE_BY_15, "ordinal", 0.806722, 1e-6),
        (THREE_BY_15, "interval", 0.810845, 1e-6),
        (FOUR_BY_12, "nominal", 0.7434, 1e-4),
        (FOUR_BY_12, "ordinal", 0.8154, 1e-4),
        (FOUR_BY_12, "interval", 0.8491, 1e-4),
        (FOUR_BY_12, "ratio", 0.7974, 1e-4),
    ],
)
def test_alpha_has_krippendorffs_own_answers(text, level, alpha, places, form):
    given = form(table(text))
    assert krippendorff_alpha(given, level=level).estimate == pytest.approx(alpha, abs=places)


@pytest.mark.parametrize(
    "ratings",
    [
        [[1, 1, 1], [1, 1, 1]],
        [[1, None], [None, 2]],
        [[1, 2, 3]],
        [[1, 1, None], [1, 1, 2]],  # the only other category was never paired
        [[None, None], [None, None]],
        np.empty((3, 0)),
    ],
)
def test_alpha_without_two_paired_categories_is_not_available(ratings, form):
    assert krippendorff_alpha(form(ratings)).estimate is None


def test_alpha_ignores_raters_and_units_without_ratings():
    ratings = np.array(table(THREE_BY_15), dtype=float)
    padded = np.full((5, 20), np.nan)
    padded[:3, :15] = ratings
    assert krippendorff_alpha(padded).estimate == pytest.approx(
        krippendorff_alpha(ratings).estimate
    )


def test_fleiss_and_free_marginal_kappa_have_the_textbook_answers():
    assert fleiss_kappa(table(FLEISS)).estimate == pytest.approx(0.20993, abs=5e-6)
    assert free_marginal_kappa(table(FLEISS), 5).estimate == pytest.approx(0.22253, abs=5e-6)


def test_fleiss_kappa_refuses_units_with_different_numbers_of_votes():
    with pytest.raises(ValueError, match="from 2 to 3 votes"):
        fleiss_kappa([[2, 1], [1, 1]])


def test_cohens_kappa_has_the_textbook_answer():
    assert cohen_kappa([[20, 5], [10, 15]]).estimate == pytest.approx(0.4)


@pytest.mark.parametrize("table", [[[7, 0], [0, 0]], [[0, 0], [0, 0]]])
def test_cohens_kappa_of_two_raters_who_use_one_category_is_not_available(table):
    assert cohen_kappa(table).estimate is None


@pytest.mark.parametrize("counts", [[[3, 0], [3, 0]], [[1, 0], [0, 1]], np.empty((0, 3), int)])
def test_fleiss_kappa_without_two_categories_or_pairs_is_not_available(counts):
    assert fleiss_kappa(counts).estimate is None


def test_ac1_agrees_with_the_sum_by_hand():
    # p_a = (1 + 1 + 1/3 + 0) / 4 = 7/12; pi = (6, 4, 2) / 12; p_e = (1/4 + 2/9 + 5/36) / 2 = 11/36
    counts = [[3, 0, 0], [0, 3, 0], [2, 0, 1], [1, 1, 1]]
    shares = np.array([1 + 2 / 3 + 1 / 3, 1 + 1 / 3, 1 / 3 + 1 / 3]) / 4
    chance = (shares * (1 - shares)).sum() / 2
    assert chance == pytest.approx(11 / 36)
    assert gwet_ac1(counts, 3).estimate == pytest.approx((7 / 12 - 11 / 36) / (1 - 11 / 36))
    assert gwet_ac1(counts, 3).estimate == pytest.approx(0.4)


def test_ac1_counts_the_categories_offered_not_the_ones_chosen():
    counts = [[3, 0], [2, 1], [3, 0]]
    padded = [[3, 0, 0], [2, 1, 0], [3, 0, 0]]
    assert gwet_ac1(counts, 3).estimate == gwet_ac1(padded, 3).estimate
    assert gwet_ac1(counts, 3).estimate > gwet_ac1(counts, 2).estimate


def test_units_with_one_vote_tell_the_margins_of_ac1_but_hold_no_pair():
    assert percent_agreement([[2, 0], [1, 0]]).estimate == 1.0
    assert percent_agreement([[2, 0], [1, 1], [0, 0]]).estimate == 0.5
    assert gwet_ac1([[2, 0], [1, 1], [0, 1]], 2).estimate == pytest.approx((0.5 - 0.5) / 0.5)


def test_skewed_categories_pull_alpha_down_but_not_ac1():
    counts = np.array([[3, 0, 0]] * 95 + [[2, 1, 0]] * 5)
    ratings = [[0] * 100, [0] * 100, [0] * 95 + [1] * 5]
    assert np.array_equal(counts_of(ratings, 3), counts)
    assert percent_agreement(counts).estimate > 0.96
    assert gwet_ac1(counts, 3).estimate > 0.96
    assert krippendorff_alpha(ratings).estimate < 0.05


@pytest.mark.parametrize("counts", [[[1, 0], [0, 1]], [[0, 0]], np.empty((0, 2), int)])
def test_agreement_without_a_pair_of_votes_is_not_available(counts):
    assert percent_agreement(counts).estimate is None
    assert gwet_ac1(counts, 2).estimate is None
    assert free_marginal_kappa(counts, 2).estimate is None


def test_full_agreement_on_one_category_is_1_where_chance_is_below_1():
    counts = [[3, 0, 0]] * 4
    assert (
        percent_agreement(counts).estimate
        == gwet_ac1(counts, 3).estimate
        == free_marginal_kappa(counts, 3).estimate
        == 1
    )


def test_a_single_offered_category_leaves_chance_corrected_figures_undefined():
    assert gwet_ac1([[3], [3]], 1).estimate is None
    assert free_marginal_kappa([[3], [3]], 1).estimate is None


@pytest.mark.parametrize(
    "of",
    [
        agreement_matrix,
        lambda ratings: agreement_of_votes(*votes(ratings), n_raters=len(ratings)),
    ],
    ids=["table", "votes"],
)
def test_the_matrix_counts_common_units_and_leaves_the_diagonal_empty(of):
    ratings = [[0, 1, 2, None], [0, 1, 1, None], [None, None, 2, 2], [None, None, None, None]]
    matrix = of(ratings)
    expected = np.full((4, 4), np.nan)
    expected[0, 1] = expected[1, 0] = 2 / 3
    expected[0, 2] = expected[2, 0] = 1.0
    expected[1, 2] = expected[2, 1] = 0.0
    np.testing.assert_allclose(matrix.share, expected)
    assert matrix.common.tolist() == [[3, 3, 1, 0], [3, 3, 1, 0], [1, 1, 2, 0], [0, 0, 0, 0]]
    # Three units have two votes or more, the last has one.
    assert (matrix.n, matrix.excluded) == (3, 1)


@pytest.mark.parametrize(
    ("found", "method"),
    [
        (percent_agreement([[2, 0], [1, 1], [1, 0]]), "percent agreement, mean over units"),
        (krippendorff_alpha([[0, 0, 1], [0, 1, None]]), "Krippendorff's alpha, nominal"),
        (gwet_ac1([[2, 0], [1, 1], [0, 1]], 3), "Gwet's AC1, 3 categories"),
        (
            free_marginal_kappa([[2, 0], [1, 1], [0, 1]], 2),
            "Randolph's free-marginal kappa, 2 categories",
        ),
    ],
)
def test_a_coefficient_names_its_method_and_counts_units_without_a_pair_apart(found, method):
    assert (found.method, found.n, found.excluded) == (method, 2, 1)


def test_kappas_have_a_pair_on_every_unit_or_none_at_all():
    cohen = cohen_kappa([[20, 5], [10, 15]])
    assert (cohen.n, cohen.excluded) == (50, 0)
    assert (fleiss_kappa(table(FLEISS)).n, fleiss_kappa([[1, 0], [0, 1]]).excluded) == (10, 2)


def test_units_split_three_ways_and_others_are_counted_apart():
    assert split_shares(["AAA", "AAB", "ABT", "TTB", "AA", "ABTA", ""]) == SplitShares(1, 2, 1, 3)
    assert split_shares([]) == SplitShares(0, 0, 0, 0)
    assert SplitShares(1, 2, 1, 3).n == 4


ratings_tables = st.lists(
    st.lists(st.sampled_from([0, 1, 2, None]), min_size=6, max_size=6), min_size=2, max_size=5
)


@given(ratings_tables, st.randoms(use_true_random=False), st.permutations([0, 1, 2]))
def test_agreement_does_not_know_the_order_of_raters_or_units_or_the_names(table, random, names):
    columns = random.sample(range(6), k=6)
    shuffled = [
        [None if row[column] is None else names[row[column]] for column in columns]
        for row in random.sample(table, k=len(table))
    ]
    for figure in (
        krippendorff_alpha,
        lambda ratings: percent_agreement(counts_of(ratings, 3)),
        lambda ratings: gwet_ac1(counts_of(ratings, 3), 3),
        lambda ratings: free_marginal_kappa(counts_of(ratings, 3), 3),
    ):
        assert figure(shuffled).estimate == pytest.approx(figure(table).estimate, abs=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: agreement_of_votes([0, 0], [1, 1], [2, 2], n_raters=2), "rater 1 has two votes"),
        (lambda: agreement_of_votes([0, 0], [1], [2, 2], n_raters=2), "columns have"),
        (lambda: stacked([0, 0], [1], n_units=1), "columns have"),
        (lambda: krippendorff_alpha([1, 2, 3]), "raters \\(rows\\) by units"),
        (lambda: krippendorff_alpha([[1, float("inf")]]), "infinite"),
        (lambda: krippendorff_alpha([[1, 2]], level="cardinal"), "'cardinal' is unknown"),
        (lambda: krippendorff_alpha([[-1, 2], [1, 2]], level="ratio"), "rating of -1"),
        (lambda: percent_agreement([3, 2]), "units \\(rows\\) by categories"),
        (lambda: percent_agreement([[0.5, 2]]), "not shares"),
        (lambda: percent_agreement([[-1, 2]]), "at least 0"),
        (lambda: cohen_kappa([[1, 2]]), "one row and one column for every category"),
        (lambda: gwet_ac1([[1, 2, 0]], 2), "n_categories=2 but the table has 3 columns"),
        (lambda: free_marginal_kappa([[1, 2, 0]], 2), "n_categories=2"),
        (lambda: counts_of([[0, 3]], 3), "rating of 3 was given with n_categories=3"),
        (lambda: counts_of([[0.5, 1]], 3), "whole numbers from 0"),
        (lambda: counts_of([[-1, 1]], 3), "whole numbers from 0"),
    ],
)
def test_unfit_tables_are_refused_with_the_way_out(call, message):
    with pytest.raises(ValueError, match=message):
        call()
