import itertools
from dataclasses import replace

import numpy as np
import pytest

from annotate.analysis.crowd import (
    Crowd,
    crowd_for,
    expected_shares,
    expected_votes,
    verdict_icc,
    verdict_shares,
)
from annotate.analysis.power import (
    design_effect,
    exact_power,
    majority_of_three,
    on_demand_votes,
)
from annotate.analysis.rehearsal import expected_power, rehearse
from annotate.analysis.verdict import majority_array

pytestmark = pytest.mark.whole

USUAL = {"tie_rate": 0.16, "prompt_sd": 1.0, "annotator_sd": 0.0, "annotators": 12}


def drawn(crowd, prompts=600, *, studies=300, seed=5, **how):
    return rehearse(crowd, prompts, studies=studies, rng=np.random.default_rng(seed), **how)


def test_without_differences_the_verdicts_are_those_of_the_majority_of_three():
    crowd = Crowd(lean=np.log(0.55 / 0.45), tie=0.2, prompt_sd=0, annotator_sd=0, annotators=5)
    won, lost = verdict_shares(crowd, np.zeros((1, 5)))
    win, _, loss = majority_of_three(0.8 * 0.55, 0.2, 0.8 * 0.45)
    assert (won[0], lost[0]) == pytest.approx((win, loss))


def test_the_average_over_triples_is_the_one_of_all_triples():
    biases = np.array([[-1.0, 0.2, 0.7, 2.0, 0.0]])
    crowd = Crowd(lean=0.3, tie=0.1, prompt_sd=0, annotator_sd=1, annotators=5)
    chances = 0.9 / (1 + np.exp(-(0.3 + biases[0])))
    by_hand = [
        a * b * c + a * b * (1 - c) + a * (1 - b) * c + (1 - a) * b * c
        for a, b, c in itertools.combinations(chances, 3)
    ]
    assert verdict_shares(crowd, biases)[0][0] == pytest.approx(np.mean(by_hand))


@pytest.mark.parametrize("overlap", [1, 2, 3, 4, 5, 7])
def test_the_shares_of_an_overlap_are_those_of_the_rule_over_all_choices_of_annotators(overlap):
    biases = np.array([[-1.0, 0.2, 0.7, 2.0, 0.0, -0.4, 1.1]])
    tie = 0.2
    crowd = Crowd(0.3, tie, prompt_sd=0, annotator_sd=1, annotators=7, overlap=overlap)
    chances = 0.8 / (1 + np.exp(-(0.3 + biases[0])))
    labels = np.array(list(itertools.product(range(3), repeat=overlap)))
    rows = np.repeat(np.arange(len(labels)), overlap)
    outcome = majority_array(rows, labels.ravel(), n_tasks=len(labels), min_votes=1)
    found = []
    for chosen in itertools.combinations(chances, overlap):
        single = np.array([[p, tie, 1 - tie - p] for p in chosen])
        often = np.prod([single[i, labels[:, i]] for i in range(overlap)], axis=0)
        found.append([often[outcome == 0].sum(), often[outcome == 2].sum()])
    won, lost = verdict_shares(crowd, biases)
    assert (won[0], lost[0]) == pytest.approx(np.mean(found, axis=0))


def test_the_expectation_over_annotators_is_that_of_many_pools():
    crowd = Crowd(0.3, 0.1, prompt_sd=1, annotator_sd=0.6, annotators=6)
    biases = 0.6 * np.random.default_rng(3).standard_normal((4_000, 6))
    pools = verdict_shares(crowd, biases)
    assert expected_shares(crowd) == pytest.approx([share.mean() for share in pools], abs=0.005)


@pytest.mark.parametrize("overlap", [1, 3, 5])
@pytest.mark.parametrize(("win_rate", "tie_rate"), [(0.55, 0.0), (0.55, 0.16), (0.62, 0.3)])
def test_a_crowd_is_found_for_the_verdicts_that_are_asked_for(win_rate, tie_rate, overlap):
    crowd = crowd_for(win_rate, **USUAL | {"tie_rate": tie_rate}, overlap=overlap)
    won, lost = expected_shares(crowd)
    assert (won / (won + lost), 1 - won - lost) == pytest.approx((win_rate, tie_rate), abs=1e-6)
    seen = drawn(crowd, studies=60)
    assert seen.win_rate == pytest.approx(win_rate, abs=0.01)
    assert seen.tie_rate == pytest.approx(tie_rate, abs=0.01)


@pytest.mark.parametrize("on_demand", [False, True])
def test_drawn_votes_have_the_shares_of_the_closed_form(on_demand):
    crowd = Crowd(0.4, 0.15, prompt_sd=1.2, annotator_sd=0.5, annotators=8)
    seen, (won, lost) = drawn(crowd, studies=200, on_demand=on_demand), expected_shares(crowd)
    assert seen.win_rate == pytest.approx(won / (won + lost), abs=0.02)
    assert seen.tie_rate == pytest.approx(1 - won - lost, abs=0.005)


def test_more_annotators_on_a_pair_give_labels_nearer_to_what_most_people_say():
    crowd = crowd_for(0.56, **USUAL)
    right = [drawn(replace(crowd, overlap=k), studies=60).right for k in (1, 3, 5, 9)]
    assert all(more > less + 0.01 for less, more in itertools.pairwise(right)), right


def test_a_third_on_demand_costs_two_votes_and_the_chance_that_they_differ_and_changes_no_label():
    alike = Crowd(0.4, 0.2, prompt_sd=0, annotator_sd=0, annotators=9)
    toward = 0.8 / (1 + np.exp(-0.4))
    by_hand = on_demand_votes(toward, 0.2, 0.8 - toward)
    assert expected_votes(alike, on_demand=True) == pytest.approx(by_hand)
    crowd = Crowd(0.4, 0.2, prompt_sd=1.5, annotator_sd=0.5, annotators=9)
    spared, full = drawn(crowd, on_demand=True), drawn(crowd)
    assert spared.votes == pytest.approx(expected_votes(crowd, on_demand=True), abs=0.005)
    assert (full.votes, expected_votes(crowd)) == (3, 3)
    kept = ("win_rate", "tie_rate", "power", "right", "spread")
    assert [getattr(spared, name) for name in kept] == [getattr(full, name) for name in kept]


def test_prompts_that_differ_ask_for_fewer_thirds_than_prompts_that_are_alike():
    for win_rate, tie_rate in itertools.product((0.51, 0.65, 0.9), (0.0, 0.16, 0.5)):
        votes = [
            expected_votes(
                crowd_for(win_rate, **USUAL | {"tie_rate": tie_rate, "prompt_sd": sd}),
                on_demand=True,
            )
            for sd in (0.0, 1.0, 3.0)
        ]
        assert votes == sorted(votes, reverse=True), (win_rate, tie_rate)


def test_groups_that_correlate_widen_the_win_rate_by_the_design_effect():
    alone = drawn(crowd_for(0.56, **USUAL), studies=1_000)
    crowd = crowd_for(0.56, **USUAL, icc=0.2)
    together = drawn(crowd, studies=1_000, group_size=5)
    assert verdict_icc(crowd) == pytest.approx(0.2, abs=1e-6)
    ratio = (together.spread / alone.spread) ** 2
    # The spread of 1,000 draws is known to 2.2 %, hence the ratio of two squares to 6.3 %.
    assert ratio == pytest.approx(design_effect(5, 0.2), rel=3 * 0.063)
    assert together.power < alone.power - 0.1
    assert together.expected.power < alone.expected.power - 0.1


def test_groups_without_a_correlation_change_nothing_but_the_test():
    crowd = crowd_for(0.56, **USUAL)
    alone, grouped = drawn(crowd), drawn(crowd, group_size=2.5)
    assert verdict_icc(crowd) == pytest.approx(0, abs=1e-12)
    assert (alone.win_rate, alone.spread) == (grouped.win_rate, grouped.spread)
    assert alone.power == pytest.approx(grouped.power, abs=0.05)
    assert (alone.method, grouped.method) == (
        "simulated votes, exact two-sided sign test",
        "simulated votes, score test over groups of prompts",
    )


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"overlap": 2}, "or an odd overlap"),
        ({"icc": 0.6}, "at most, when all of a group"),
        ({"icc": 0.1, "prompt_sd": 0}, "at most, when all of a group"),
        ({"annotators": 4, "overlap": 5}, "no fewer annotators"),
        ({"tie_rate": 1.0}, "give shares"),
    ],
)
def test_verdicts_that_no_such_crowd_gives_are_refused(asked, told):
    with pytest.raises(ValueError, match=told):
        crowd_for(0.56, **USUAL | asked)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"group_size": 0.5}, "at least one"),
        ({"studies": 0}, "at least one"),
        ({"on_demand": True}, "overlap of 3"),
    ],
)
def test_a_rehearsal_that_cannot_be_drawn_is_refused(how, told):
    with pytest.raises(ValueError, match=told):
        drawn(Crowd(0, 0, 1, 0, 5, overlap=5), **how)


def test_the_same_seed_draws_the_same_studies():
    crowd = crowd_for(0.56, **USUAL | {"annotator_sd": 0.3})
    assert drawn(crowd, studies=20) == drawn(crowd, studies=20)
    assert drawn(crowd, studies=20) != drawn(crowd, studies=20, seed=6)


def test_where_annotators_are_alike_the_averaged_formula_is_the_plain_one():
    found = expected_power(crowd_for(0.56, **USUAL), 600, rng=np.random.default_rng(0))
    assert found.power == pytest.approx(exact_power(0.56, 600, tie_rate=0.16), abs=1e-5)
    assert found.error == 0


def test_annotators_who_differ_average_the_formula_over_their_win_rates():
    crowd = crowd_for(0.56, **USUAL | {"annotator_sd": 0.4})
    found = expected_power(crowd, 600, rng=np.random.default_rng(0))
    biases = 0.4 * np.random.default_rng(1).standard_normal((300, 12))
    plain = [
        exact_power(won / (won + lost), 600, tie_rate=1 - won - lost)
        for won, lost in zip(*verdict_shares(crowd, biases), strict=True)
    ]
    noise = np.hypot(found.error, np.std(plain) / np.sqrt(300))
    assert found.power == pytest.approx(np.mean(plain), abs=3 * noise)


@pytest.mark.parametrize(
    ("how", "groups"),
    [({}, 1), ({"win_rate": 0.55, "tie_rate": 0.0}, 1), ({"overlap": 5}, 1), ({"icc": 0.2}, 5)],
)
def test_where_annotators_are_alike_the_plain_formula_is_within_two_points(how, groups):
    asked = {"win_rate": 0.56} | USUAL | how
    seen = drawn(crowd_for(**asked), studies=6_000, group_size=groups)
    planned = exact_power(
        asked["win_rate"],
        600,
        tie_rate=asked["tie_rate"],
        design_effect=design_effect(groups, asked.get("icc", 0)),
        group_size=groups,
    )
    assert planned == pytest.approx(seen.power, abs=0.02)


def test_mirrored_crowds_have_mirrored_verdicts():
    crowd = Crowd(lean=0.4, tie=0.2, prompt_sd=1, annotator_sd=0.5, annotators=6)
    other = Crowd(lean=-0.4, tie=0.2, prompt_sd=1, annotator_sd=0.5, annotators=6)
    biases = np.random.default_rng(4).normal(size=(8, 6))
    won, lost = verdict_shares(crowd, biases)
    again_lost, again_won = verdict_shares(other, -biases)
    assert won == pytest.approx(again_won)
    assert lost == pytest.approx(again_lost)


@pytest.mark.parametrize(
    "wrong",
    [
        {"tie": 1.0},
        {"annotators": 2},
        {"prompt_sd": -1.0},
        {"annotator_sd": -0.1},
        {"overlap": 0},
        {"photo": 1.1},
    ],
)
def test_an_impossible_crowd_is_refused(wrong):
    with pytest.raises(ValueError, match="give"):
        Crowd(**{"lean": 0, "tie": 0, "prompt_sd": 0, "annotator_sd": 0, "annotators": 9} | wrong)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("win_rate", "tie_rate", "prompt_sd", "annotator_sd", "annotators", "overlap", "icc"),
    [
        (0.55, 0.0, 0.0, 0.0, 12, 3, 0.0),
        (0.56, 0.16, 1.0, 0.0, 12, 3, 0.0),
        (0.56, 0.16, 1.0, 0.4, 12, 3, 0.0),
        (0.57, 0.3, 1.5, 0.3, 40, 3, 0.0),
        (0.5, 0.16, 1.0, 0.4, 6, 3, 0.0),
        (0.56, 0.16, 1.0, 0.3, 12, 1, 0.0),
        (0.56, 0.5, 1.0, 0.3, 20, 2, 0.0),
        (0.56, 0.16, 1.0, 0.3, 12, 7, 0.0),
        (0.56, 0.16, 1.0, 0.3, 12, 5, 0.2),
        (0.58, 0.3, 1.5, 0.0, 12, 3, 0.3),
    ],
)
def test_the_planned_power_is_within_two_points_of_the_simulated(
    win_rate, tie_rate, prompt_sd, annotator_sd, annotators, overlap, icc
):
    crowd = crowd_for(
        win_rate,
        tie_rate=tie_rate,
        prompt_sd=prompt_sd,
        annotator_sd=annotator_sd,
        annotators=annotators,
        overlap=overlap,
        icc=icc,
    )
    group_size = 5 if icc else 1
    seen = drawn(crowd, studies=10_000, seed=11, group_size=group_size)
    assert seen.expected.power == pytest.approx(seen.power, abs=0.02)
    assert seen.gap_error < 0.009


@pytest.mark.slow
def test_few_annotators_with_opinions_raise_false_alarms():
    rng = np.random.default_rng(12)
    own = Crowd(lean=0, tie=0.16, prompt_sd=1, annotator_sd=0.4, annotators=6)
    none = Crowd(lean=0, tie=0.16, prompt_sd=1, annotator_sd=0, annotators=6)
    assert rehearse(none, 600, studies=4_000, rng=rng).power < 0.055
    assert rehearse(own, 600, studies=4_000, rng=rng).power > 0.15
