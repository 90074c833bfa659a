import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from annotate.analysis.annotators import CLUSTERS, FIXED_EFFECTS
from annotate.analysis.clustered import crossed_share
from annotate.analysis.winrate import TieConvention
from tests.analysis.crowds import crowd, results, swapped, true_share

POINTS = {"win": 1.0, "tie": 0.5, "loss": 0.0}
mirrors = st.sampled_from([TieConvention.DROPPED, TieConvention.HALF])


def by_statsmodels(given, clusters):
    """Standard errors of the mean: two-way, and by each clustering alone."""
    model = sm.OLS(np.array([POINTS[result] for result in given]), np.ones(len(given)))
    codes = np.column_stack(clusters)
    groups = (codes, *codes.T)
    return [float(model.fit(cov_type="cluster", cov_kwds={"groups": g}).bse[0]) for g in groups]


@pytest.mark.parametrize("seed", range(20))
def test_the_standard_error_is_that_of_statsmodels_and_never_below_the_one_way_ones(seed):
    like_statsmodels(seed)


@pytest.mark.slow
def test_it_is_so_on_1000_random_data_sets():
    for seed in range(1000):
        like_statsmodels(seed)


def like_statsmodels(seed):
    given, prompts, people = crowd(seed, prompts=60, annotators=15, person_sd=0.1 * (seed % 20))
    share = crossed_share(given, prompts, people, convention=TieConvention.HALF)
    errors = by_statsmodels(given, (prompts, people))
    assert share.standard_error == pytest.approx(np.nanmax(errors), rel=1e-9)
    assert share.estimate == pytest.approx(np.mean([POINTS[g] for g in given]), rel=1e-12)


def test_below_twelve_annotators_no_interval_over_annotators_is_claimed():
    given, prompts, people = crowd(1, annotators=CLUSTERS - 1, person_sd=1.0)
    few = crossed_share(given, prompts, people, convention=TieConvention.HALF)
    both, by_prompt, _ = by_statsmodels(given, (prompts, people))
    assert few.standard_error == pytest.approx(by_prompt, rel=1e-9)
    assert few.standard_error < both
    assert "annotator" not in few.method
    assert "fewer than 12" in few.warning
    assert (few.by_annotator, few.leave_one_out) == ((), None)
    enough = crossed_share(*crowd(1, annotators=CLUSTERS, person_sd=1.0))
    assert "annotator" in enough.method
    assert enough.warning == ""


def test_below_six_annotators_each_stands_alone_and_is_left_out_once():
    given = results("WWLWWLLTL")
    share = crossed_share(given, [0, 1, 2] * 3, ["ann"] * 3 + ["bob"] * 3 + ["eve"] * 3)
    assert share.estimate == 4 / 8
    assert [(one.annotator, one.n, one.estimate) for one in share.by_annotator] == [
        ("ann", 3, 2 / 3),
        ("bob", 3, 2 / 3),
        ("eve", 2, 0.0),
    ]
    assert share.leave_one_out == (2 / 5, 4 / 6)
    assert "fewer than 6" in share.warning
    given, prompts, people = crowd(2, annotators=FIXED_EFFECTS, prompts=40)
    assert crossed_share(given, prompts, people).by_annotator == ()


def test_what_was_counted_and_what_was_not_is_said():
    given, prompts, people = crowd(3, prompts=50)
    share = crossed_share([*given, None, None], [*prompts, 0, 0], [*people, 0, 1])
    assert share.invalid == 2
    assert (share.wins, share.ties, share.losses) == tuple(map(given.count, POINTS))
    assert share.n == share.wins + share.losses
    assert (share.estimand, share.unit) == ("vote share (votes)", "vote")


@given(st.integers(0, 10_000), mirrors, st.sampled_from([4, 9, 14]))
def test_swapping_the_methods_mirrors_every_number(seed, convention, annotators):
    given_, prompts, people = crowd(seed, prompts=12, annotators=annotators, tie=0.3)
    plain = crossed_share(given_, prompts, people, convention=convention)
    turned = crossed_share(swapped(given_), prompts, people, convention=convention)
    assert (plain.wins, plain.losses) == (turned.losses, turned.wins)
    assert 1 - turned.estimate == pytest.approx(plain.estimate)
    assert (1 - turned.high, 1 - turned.low) == pytest.approx((plain.low, plain.high))
    assert turned.p_value == pytest.approx(plain.p_value, abs=1e-9)
    assert turned.standard_error == pytest.approx(plain.standard_error, abs=1e-12)


@given(st.randoms(use_true_random=False))
def test_row_order_and_names_of_workers_change_nothing(random):
    rows = list(zip(*crowd(4, prompts=30, annotators=14), strict=True))
    plain = crossed_share(*zip(*rows, strict=True))
    random.shuffle(rows)
    renamed = [(result, prompt, f"worker {person}") for result, prompt, person in rows]
    again = crossed_share(*zip(*renamed, strict=True))
    for name in ("estimate", "standard_error", "low", "high", "p_value"):
        assert getattr(again, name) == pytest.approx(getattr(plain, name), rel=1e-9)


@given(st.integers(0, 10_000), st.sampled_from([5, 14]))
def test_p_is_small_just_where_the_interval_leaves_one_half_out(seed, annotators):
    share = crossed_share(*crowd(seed, prompts=30, annotators=annotators, lean=0.5))
    assert (share.p_value < 0.05) == (not share.low <= 0.5 <= share.high)


def test_votes_that_all_agree_still_have_an_interval_with_width():
    share = crossed_share(results("W" * 60), list(range(20)) * 3, [i % 15 for i in range(60)])
    assert (share.estimate, share.high) == (1.0, 1.0)
    assert 0.7 < share.low < 0.9


def test_votes_shuffled_across_prompts_and_people_lose_their_clusters():
    given, prompts, people = crowd(5, prompt_sd=2.0, person_sd=1.0)
    rng = np.random.default_rng(0)
    shuffled = [given[i] for i in rng.permutation(len(given))]
    iid = 0.5 / np.sqrt(crossed_share(given, prompts, people).n)
    assert crossed_share(given, prompts, people).standard_error > 1.8 * iid
    assert crossed_share(shuffled, prompts, people).standard_error < 1.25 * iid


@pytest.mark.parametrize("letters", ["", "TTT", "---"])
def test_without_a_decided_vote_there_is_no_share(letters):
    share = crossed_share(results(letters), list(letters), list(letters))
    assert (share.estimate, share.low, share.p_value, share.n) == (None, None, None, 0)


def test_one_prompt_has_a_share_and_no_interval():
    share = crossed_share(results("WWL"), [0, 0, 0], [0, 1, 2])
    assert share.estimate == pytest.approx(2 / 3)
    assert (share.low, share.high, share.standard_error, share.p_value) == (None,) * 4


def test_what_is_no_vote_is_refused():
    with pytest.raises(ValueError, match="one row per prompt"):
        crossed_share(results("WW"), [0], [0, 1])
    with pytest.raises(ValueError, match="'left' is no result"):
        crossed_share(["left"], [0], [0])
    with pytest.raises(ValueError, match="confidence=95"):
        crossed_share(results("WW"), [0, 1], [0, 1], confidence=95)


def covered(seeds, **crowd_of):
    truth = true_share(crowd_of["lean"], np.hypot(1.0, 0.4))
    shares = [crossed_share(*crowd(seed, **crowd_of)) for seed in seeds]
    return np.mean([share.low <= truth <= share.high for share in shares])


def test_the_two_way_interval_covers_as_often_as_it_says():
    share = covered(range(150), prompts=150, annotators=40, lean=0.2)
    assert share == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / 150))


@pytest.mark.slow
@pytest.mark.parametrize("lean", [0.0, 0.2, 1.5])
def test_the_two_way_interval_covers_93_to_97_percent_of_600_prompts_and_40_annotators(lean):
    assert 0.93 <= covered(range(3000), prompts=600, annotators=40, lean=lean) <= 0.97
