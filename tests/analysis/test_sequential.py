import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.analysis.contrast import Result
from annotate.analysis.sequential import confidence_sequence, log_e_values, monitor
from annotate.studies.protocol import Protocol
from benchmarks.coverage import false_alarms, null_verdicts

W, T, L = Result.WIN, Result.TIE, Result.LOSS
results = st.lists(st.sampled_from(list(Result)), max_size=60)


def e_value(wins, losses, a):
    return math.exp(float(log_e_values(wins, losses, a=a)))


@pytest.mark.parametrize(
    ("wins", "n", "a", "e"),
    [
        (8, 10, 1, 2**10 / (11 * 45)),
        (8, 10, 0.5, 1.675781),
        (330, 600, 0.5, 0.657273),
        (330, 600, 1, 1.026421),
        (330, 600, 20, 4.174105),
    ],
)
def test_e_values_have_their_known_answers(wins, n, a, e):
    assert e_value(wins, n - wins, a) == pytest.approx(e, abs=6e-7)


@pytest.mark.parametrize(
    ("a", "low", "high"), [(1, 0.47948, 0.61920), (0.5, 0.47690, 0.62168), (20, 0.48831, 0.61068)]
)
def test_the_confidence_sequence_has_its_known_answers(a, low, high):
    assert confidence_sequence(330, 270, a=a) == pytest.approx((low, high), abs=6e-6)


def test_the_ends_of_the_confidence_sequence_are_where_the_e_value_reaches_its_bound():
    low, high = confidence_sequence(33, 12, a=2.0, confidence=0.9)
    for end in (float(low), float(high)):
        reached = math.exp(float(log_e_values(33, 12, a=2.0, win_rate=end)))
        assert reached == pytest.approx(10, rel=1e-9)


def test_nothing_excludes_the_end_that_every_outcome_points_to():
    low, high = confidence_sequence([0, 40, 0], [40, 0, 0], a=0.5)
    assert (low[0], high[1], low[2], high[2]) == (0, 1, 0, 1)
    assert 0.05 < high[0] < 0.2
    assert low[1] == pytest.approx(1 - high[0])


def test_a_study_without_verdicts_says_nothing():
    empty = monitor([None, W, L], a=0.5)
    assert (empty.estimate, empty.e_value, empty.p_value) == (None, 1.0, 1.0)
    assert (empty.low, empty.high, empty.n, empty.stopped_after, empty.looks) == (0, 1, 0, None, ())
    assert (empty.prefix, empty.beyond, empty.planned) == (0, 2, 3)


def test_only_the_prefix_before_the_first_open_prompt_counts():
    seen = monitor([W, T, L, W, None, W, W, None, L], a=1)
    assert (seen.wins, seen.ties, seen.losses) == (2, 1, 1)
    assert (seen.prefix, seen.beyond, seen.planned) == (4, 3, 9)
    assert [look.prompt for look in seen.looks] == [1, 3, 4]
    assert seen.e_value == pytest.approx(e_value(2, 1, 1))


@given(results, results)
def test_what_is_decided_behind_an_open_prompt_changes_no_number(before, behind):
    alone, with_more = monitor([*before, None], a=0.5), monitor([*before, None, *behind], a=0.5)
    assert alone.looks == with_more.looks
    assert alone.p_value == with_more.p_value


@given(results)
def test_naming_the_other_method_first_mirrors_the_interval_and_keeps_the_evidence(served):
    one, other = monitor(served, a=2), monitor([r.mirrored() for r in served], a=2)
    assert one.log_e_value == pytest.approx(other.log_e_value, abs=1e-9)
    assert one.p_value == pytest.approx(other.p_value, rel=1e-9)
    assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low), abs=1e-9)


@given(results)
def test_ties_carry_no_evidence(served):
    without = monitor([r for r in served if r is not T], a=0.5)
    assert monitor(served, a=0.5).log_e_value == without.log_e_value


def test_a_rejection_stands_for_ever_and_p_never_rises():
    seen = monitor([W] * 12 + [L] * 12, a=0.5)
    ps = [look.p_value for look in seen.looks]
    assert seen.stopped_after == 7  # 2^7 B(7.5, .5) / B(.5, .5) = 26.8, after six 14.4
    assert ps == sorted(ps, reverse=True)
    assert seen.e_value < 1
    assert seen.p_value < 0.01


def test_it_stops_at_the_prompt_where_the_anytime_p_falls_to_the_level():
    seen = monitor([T, *[W] * 3, T, *[W] * 9], a=0.5)
    reached = [look.prompt for look in seen.looks if look.p_value <= 0.05]
    assert seen.stopped_after == reached[0] == 9


def test_overwhelming_evidence_is_infinite_not_an_error():
    seen = monitor([W] * 1200, a=0.5)
    assert seen.e_value == math.inf
    assert seen.p_value == 0
    assert seen.low > 0.99


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"a": 0}, "a=0 is no weight"),
        ({"a": float("inf")}, "a=inf is no weight"),
        ({"a": 1, "confidence": 1}, "confidence=1 lies outside"),
    ],
)
def test_a_mixture_that_cannot_be_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        monitor([W], **given)


def test_counts_and_hypotheses_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match=r"losses=-1\.0 is no count"):
        log_e_values(3, -1, a=1)
    with pytest.raises(ValueError, match="win_rate=0 cannot be tested"):
        log_e_values(3, 1, a=1, win_rate=0)
    with pytest.raises(ValueError, match="'draw' is not a valid"):
        monitor(["draw"], a=1)


RUNS, PROMPTS = 10_000, 600


def studies(win_rate, *, runs=RUNS):
    """Wins after each prompt of many studies, and the number of prompts: (runs, n), (n,)."""
    wins = np.random.default_rng(20240611).random((runs, PROMPTS)) < win_rate
    return np.cumsum(wins, axis=1, dtype=np.int32), np.arange(1, PROMPTS + 1)


def ever(log_e):
    return (log_e.max(axis=1) >= math.log(20)).mean()


def within(share, expected, *, runs=RUNS):
    """Three Monte Carlo standard errors, of this run and of the one `expected` comes from."""
    return abs(share - expected) < 3 * math.sqrt(
        expected * (1 - expected) * (1 / runs + 1 / 20_000)
    )


def test_null_studies_peeked_at_after_every_prompt_are_rejected_in_at_most_5_percent():
    wins, n = studies(0.5)
    # E depends on the two counts only: a table once instead of 6 million logarithms.
    table = log_e_values(np.arange(601)[:, None], np.arange(601)[None, :], a=0.5)
    false_alarms = ever(table[wins, n - wins])
    assert false_alarms <= 0.05
    assert within(false_alarms, 0.036)
    z = np.abs(2 * wins - n)[:, 9:] / np.sqrt(n[9:])
    naive = (z.max(axis=1) >= 1.959964).mean()
    assert naive > 0.35
    assert within(naive, 0.434)


@pytest.mark.parametrize(
    ("a", "win_rate", "power"), [(0.5, 0.55, 0.26), (0.5, 0.6, 0.946), (20, 0.55, 0.41)]
)
def test_power_by_600_prompts_is_the_known_one(a, win_rate, power):
    wins, n = studies(win_rate, runs=3000)
    table = log_e_values(np.arange(601)[:, None], np.arange(601)[None, :], a=a)
    # The known values are printed with two places.
    assert abs(ever(table[wins, n - wins]) - power) < 0.005 + 3 * math.sqrt(0.25 / 3000)


@pytest.mark.parametrize(("a", "win_rate"), [(0.5, 0.5), (0.5, 0.6), (20, 0.55)])
def test_the_confidence_sequence_covers_the_win_rate_at_all_looks_at_once(a, win_rate):
    wins, n = studies(win_rate, runs=3000)
    table = log_e_values(np.arange(601)[:, None], np.arange(601)[None, :], a=a, win_rate=win_rate)
    covered = 1 - ever(table[wins, n - wins])
    assert covered > 0.95 - 3 * math.sqrt(0.05 * 0.95 / 3000)


@pytest.mark.slow
@pytest.mark.parametrize("on_demand", [False, True])
@pytest.mark.parametrize("a", [0.5, Protocol().stopping_prior])
def test_of_10_000_null_studies_at_most_5_percent_are_stopped(a, on_demand):
    along_the_serving_order, _ = false_alarms(a=a, on_demand=on_demand)
    assert along_the_serving_order <= 0.05


@pytest.mark.parametrize("on_demand", [False, True])
@pytest.mark.parametrize("a", [0.5, Protocol().stopping_prior])
def test_null_studies_with_clustered_votes_are_stopped_in_at_most_5_percent(a, on_demand):
    """As above, but in every run of the suite: fewer studies, with three Monte Carlo errors."""
    along_the_serving_order, _ = false_alarms(a=a, on_demand=on_demand, studies=1000)
    assert 0 < along_the_serving_order <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 1000)


def test_a_third_vote_on_demand_gives_the_verdicts_of_three_votes_each():
    drawn = [
        null_verdicts(np.random.default_rng(1), 40, on_demand=on_demand)[0]
        for on_demand in (False, True)
    ]
    assert (drawn[0] == drawn[1]).all()
    assert set(np.unique(drawn[0])) == {-1, 0, 1}
