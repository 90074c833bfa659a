import csv
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotate.analysis.contrast import Result
from annotate.analysis.oracle import Cost, curve
from annotate.analysis.oracle_budget import FixedBudgetOracle, SkilledBudgetOracle, budget_range
from annotate.analysis.oracle_models import ClassConditionalOracle, SymmetricOracle
from annotate.analysis.oracle_table import Rule, cross_fit, tabulate
from tests.analysis.branches import COST, REFINED, STUDENT, random_branches, results

EVERY = list(Result)
branches = st.lists(
    st.tuples(st.sampled_from(EVERY), st.sampled_from(EVERY)), min_size=1, max_size=40
)
rules = st.sampled_from(list(Rule))


def worked(oracle, *, rule):
    return curve(tabulate(STUDENT, REFINED, rule=rule), oracle, cost=COST)


def test_the_worked_example_with_ties_kept():
    found = worked(SymmetricOracle((0.5, 0.65, 0.75, 1.0)), rule=Rule.NOT_WORSE)
    assert found.rates.win == pytest.approx([0.5, 0.56, 0.6, 0.7])
    assert found.rates.tie == pytest.approx([0.15, 0.165, 0.175, 0.2])
    assert found.rates.lose == pytest.approx([0.35, 0.275, 0.225, 0.1])
    assert found.rates.score == pytest.approx([0.575, 0.6425, 0.6875, 0.8])
    assert found.rates.kept == pytest.approx([0.5] * 4)
    assert found.rates.steps == pytest.approx([10.0] * 4)
    assert (found.n, found.label_share, found.excluded) == (10, 0.5, 0)
    assert (found.model, found.rule, found.cross_fitted) == ("M1 symmetric", "not_worse", False)
    assert found.feasible.all()
    assert found.band is None


def test_the_worked_example_with_wins_only_costs_more_the_better_the_oracle():
    found = worked(SymmetricOracle((0.0, 0.5, 0.75, 1.0)), rule=Rule.WIN_ONLY)
    assert found.rates.win == pytest.approx([0.2, 0.5, 0.65, 0.8])
    assert found.rates.tie == pytest.approx([0.2, 0.15, 0.125, 0.1])
    assert found.rates.lose == pytest.approx([0.6, 0.35, 0.225, 0.1])
    assert found.rates.kept == pytest.approx([0.6, 0.5, 0.45, 0.4])
    assert found.rates.steps == pytest.approx([9.0, 10.0, 10.5, 11.0])


def test_the_worked_example_at_a_fixed_budget_marks_what_is_infeasible():
    oracle = FixedBudgetOracle(50, (0.05, 0.1, 0.5, 0.7, 0.9, 0.95))
    found = worked(oracle, rule=Rule.WIN_ONLY)
    assert found.feasible.tolist() == [False, True, True, True, True, False]
    assert found.rates.win[2:5] == pytest.approx([0.5, 0.61666667, 0.73333333])
    assert found.rates.accuracy[1:5] == pytest.approx([0.1, 0.5, 0.7, 0.9])
    assert found.rates.kept[1:5] == pytest.approx([0.5] * 4)
    assert found.rates.steps[1:5] == pytest.approx([10.0] * 4)
    assert np.isnan([found.rates.win[0], found.rates.score[5], found.rates.steps[5]]).all()


def test_skill_runs_from_random_to_the_best_that_the_budget_allows():
    oracle = SkilledBudgetOracle(50, (-1.0, 0.0, 0.5, 1.0))
    found = worked(oracle, rule=Rule.WIN_ONLY)
    assert found.rates.accuracy == pytest.approx([0.1, 0.5, 0.7, 0.9])
    assert found.rates.win[1:] == pytest.approx([0.5, 0.61666667, 0.73333333])


@pytest.mark.parametrize(
    ("rule", "low", "high", "steps"),
    [("not_worse", 0.05, 0.95, 10.5), ("win_only", 0.17, 0.83, 11.7)],
)
def test_the_published_student_allows_these_accuracies_at_half_the_budget(rule, low, high, steps):
    student = results("W" * 33 + "T" * 12 + "L" * 55)
    table = tabulate(student, results("W" * 100), rule=rule)
    allowed = budget_range(table.label_share, 50)
    assert (allowed.worst, allowed.random, allowed.best) == pytest.approx((low, 0.5, high))
    perfect = curve(table, SymmetricOracle((1.0,)), cost=COST)
    assert perfect.rates.steps == pytest.approx([steps])


# The published tables: student steps, k, refinement steps, and the printed "Adaptive" column.
REFINE_3 = ((5, 8), (10, 11), (15, 14), (25, 20), (35, 26), (45, 32))
TABLE_3 = [  # ImageReward, CLIP score, FID
    *((5, 60, refine, printed) for refine, printed in REFINE_3),
    *((5, 60, refine, printed) for refine, printed in REFINE_3),
    (3, 40, 5, 5),
    (3, 70, 15, 14),
]
TABLE_4 = [(5, 50, 10, 10), (5, 50, 20, 15), (5, 50, 40, 25)]
TABLE_5 = [(2, 50, 4, 4), (4, 70, 12, 13)]


@pytest.mark.parametrize(("student", "k", "refine", "printed"), TABLE_3 + TABLE_4 + TABLE_5)
def test_the_mean_budget_rounds_up_to_the_published_one(student, k, refine, printed):
    assert Cost(student, refine).published_steps(k) == printed


def test_the_published_budget_is_whole_numbers_where_floats_err():
    assert len(TABLE_3 + TABLE_4 + TABLE_5) == 19
    assert Cost(0, 25).published_steps(56) == 14
    assert Cost(5, 10).published_steps(0) == 5
    with pytest.raises(ValueError, match=r"percentile=12\.5 is no whole number"):
        Cost(5, 10).published_steps(12.5)


def test_the_estimator_is_paid_once_per_prompt():
    cost = Cost(5, 10, estimator_steps=0.26 / 3)
    assert cost.mean_steps(np.array([0.5, 1.0])) == pytest.approx([10.0867, 5.0867], abs=5e-5)


@given(branches, rules)
def test_m1_at_one_half_is_the_mean_of_the_envelopes_and_linear_between(pairs, rule):
    student, refined = zip(*pairs, strict=True)
    table = tabulate(student, refined, rule=rule)
    rates = curve(table, SymmetricOracle((0.0, 0.25, 0.5, 1.0)), cost=COST).rates
    for column in (rates.win, rates.tie, rates.lose, rates.score, rates.kept, rates.steps):
        assert column[2] == pytest.approx((column[0] + column[3]) / 2, abs=1e-12)
        assert column[1] == pytest.approx(0.75 * column[0] + 0.25 * column[3], abs=1e-12)
    assert rates.win + rates.tie + rates.lose == pytest.approx([1.0] * 4)


@given(branches, rules)
def test_the_envelopes_are_what_the_right_and_the_wrong_decisions_give(pairs, rule):
    student, refined = zip(*pairs, strict=True)
    rates = curve(
        tabulate(student, refined, rule=rule), SymmetricOracle((0.0, 1.0)), cost=COST
    ).rates
    right = [s if rule.keeps(s, r) else r for s, r in pairs]
    wrong = [r if rule.keeps(s, r) else s for s, r in pairs]
    for setting, chosen in enumerate((wrong, right)):
        assert rates.win[setting] == pytest.approx(chosen.count(Result.WIN) / len(pairs))
        assert rates.lose[setting] == pytest.approx(chosen.count(Result.LOSS) / len(pairs))


@given(branches, rules, st.floats(0, 1))
def test_turning_every_decision_around_swaps_the_envelopes(pairs, rule, p):
    student, refined = zip(*pairs, strict=True)
    one = tabulate(student, refined, rule=rule)
    opposite = [not rule.keeps(s, r) for s, r in pairs]
    other = tabulate(student, refined, rule=rule, labels=opposite)
    here = curve(one, SymmetricOracle((p,)), cost=COST).rates
    there = curve(other, SymmetricOracle((1 - p,)), cost=COST).rates
    assert here.win == pytest.approx(there.win)
    assert here.kept == pytest.approx(there.kept)


@given(branches, rules, st.floats(0, 1))
def test_relabelling_the_two_sides_mirrors_every_number(pairs, rule, p):
    student, refined = zip(*pairs, strict=True)
    labels = [rule.keeps(s, r) for s, r in pairs]
    oracle = SymmetricOracle((p,))
    here = curve(tabulate(student, refined, rule=rule, labels=labels), oracle, cost=COST).rates
    mirrored = tabulate(
        [s.mirrored() for s in student], [r.mirrored() for r in refined], rule=rule, labels=labels
    )
    there = curve(mirrored, oracle, cost=COST).rates
    assert (here.win, here.tie, here.lose) == (
        pytest.approx(there.lose),
        pytest.approx(there.tie),
        pytest.approx(there.win),
    )
    assert here.score == pytest.approx(1 - there.score)
    assert here.kept == pytest.approx(there.kept)


@given(st.permutations(range(10)), rules)
def test_the_order_of_the_prompts_changes_nothing(order, rule):
    oracle, rng = SymmetricOracle((0.5, 0.8)), np.random.default_rng
    shuffled = tabulate([STUDENT[i] for i in order], [REFINED[i] for i in order], rule=rule)
    one = curve(tabulate(STUDENT, REFINED, rule=rule), oracle, cost=COST, rng=rng(3), resamples=20)
    other = curve(shuffled, oracle, cost=COST, rng=rng(3), resamples=20)
    assert one.rates.win.tolist() == other.rates.win.tolist()
    assert one.band.low.win.tolist() == other.band.low.win.tolist()


@given(branches, rules, st.floats(0, 1))
def test_m1_is_m2_with_equal_error_rates(pairs, rule, p):
    table = tabulate(*zip(*pairs, strict=True), rule=rule)
    one = curve(table, SymmetricOracle((p,)), cost=COST).rates
    other = curve(table, ClassConditionalOracle((p,), (1 - p,)), cost=COST).rates
    assert one.score == pytest.approx(other.score)
    assert one.accuracy == pytest.approx([p])
    assert other.accuracy == pytest.approx([p])


@given(branches, rules, st.floats(0, 100), st.floats(0, 1))
def test_a_fixed_budget_is_kept_at_every_accuracy_it_allows(pairs, rule, percentile, place):
    table = tabulate(*zip(*pairs, strict=True), rule=rule)
    allowed = budget_range(table.label_share, percentile)
    p = min(1.0, max(0.0, allowed.worst + place * (allowed.best - allowed.worst)))
    found = curve(table, FixedBudgetOracle(percentile, (p,)), cost=COST)
    assert found.feasible.all()
    assert found.rates.kept == pytest.approx([1 - percentile / 100], abs=1e-6)
    assert found.rates.accuracy == pytest.approx([p], abs=1e-6)
    assert found.rates.win + found.rates.tie + found.rates.lose == pytest.approx([1.0])


def test_prompts_without_both_verdicts_are_excluded_and_counted():
    table = tabulate([*STUDENT, None, Result.WIN], [*REFINED, Result.TIE, None], rule="not_worse")
    assert (table.n, table.excluded) == (10, 2)
    assert table.shares.tolist() == tabulate(STUDENT, REFINED, rule="not_worse").shares.tolist()


def test_the_band_has_the_width_of_a_binomial_where_the_curve_is_one():
    student, refined = random_branches(600)
    table = tabulate(student, refined, rule=Rule.NOT_WORSE)
    found = curve(table, SymmetricOracle((1.0,)), cost=COST, rng=np.random.default_rng(1))
    win = found.rates.win[0]
    width = (found.band.high.win[0] - found.band.low.win[0]) / (2 * 1.959964)
    assert width == pytest.approx((win * (1 - win) / 600) ** 0.5, rel=0.06)
    assert (found.band.resamples, found.band.confidence) == (2000, 0.95)


def test_prompts_of_one_photo_are_drawn_together():
    student, refined = random_branches(300)
    groups = [*range(300), *range(300)]
    oracle = SymmetricOracle((0.75,))
    pairs = tabulate(student * 2, refined * 2, rule=Rule.NOT_WORSE, groups=groups)
    single = tabulate(student, refined, rule=Rule.NOT_WORSE)
    assert (pairs.n, pairs.units, single.units) == (600, 300, 300)
    one, other = (
        curve(table, oracle, cost=COST, rng=np.random.default_rng(2)) for table in (pairs, single)
    )
    assert one.rates.score == pytest.approx(other.rates.score)
    widths = [found.band.high.score - found.band.low.score for found in (one, other)]
    assert widths[0] == pytest.approx(widths[1], rel=0.08)


def test_the_band_covers_the_expected_curve_as_often_as_it_says():
    oracle, covered, studies = SymmetricOracle((0.75,)), 0, 200
    truth = curve(
        tabulate(*random_branches(100_000, seed=1), rule=Rule.NOT_WORSE), oracle, cost=COST
    ).rates.score[0]
    for seed in range(studies):
        table = tabulate(*random_branches(200, seed=100 + seed), rule=Rule.NOT_WORSE)
        rng = np.random.default_rng(seed)
        band = curve(table, oracle, cost=COST, rng=rng, resamples=400).band
        covered += band.low.score[0] <= truth <= band.high.score[0]
    assert abs(covered / studies - 0.95) < 3 * (0.95 * 0.05 / studies) ** 0.5


def test_the_band_of_a_fixed_budget_is_that_of_equal_skill():
    table = tabulate(*random_branches(400), rule=Rule.NOT_WORSE)
    allowed = budget_range(table.label_share, 50)
    by_accuracy = FixedBudgetOracle(50, (allowed.random, allowed.best, 1.0))
    by_skill = SkilledBudgetOracle(50, (0.0, 1.0))
    one, other = (
        curve(table, oracle, cost=COST, rng=np.random.default_rng(4), resamples=300)
        for oracle in (by_accuracy, by_skill)
    )
    assert one.rates.score[:2] == pytest.approx(other.rates.score)
    assert one.band.low.score[:2] == pytest.approx(other.band.low.score)
    assert one.band.high.score[:2] == pytest.approx(other.band.high.score)
    assert np.isnan([one.band.low.score[2], one.band.high.win[2]]).all()
    assert one.band.low.kept[:2] == pytest.approx([0.5, 0.5])


@settings(max_examples=30)
@given(rules, st.integers(0, 100))
def test_a_study_in_which_every_prompt_is_alike_has_a_curve_at_any_budget(rule, percentile):
    table = tabulate(results("WWW"), results("LLL"), rule=rule)
    skilled = SkilledBudgetOracle(percentile, (0.0, 1.0))
    found = curve(table, skilled, cost=COST, rng=np.random.default_rng(0), resamples=5)
    assert found.rates.win == pytest.approx([1 - percentile / 100] * 2)
    assert np.isfinite(found.band.low.win).all()


def test_cross_fit_takes_the_label_from_one_vote_and_the_result_from_the_others():
    # Student W W L: two thirds of the time a W is the label and W, L the rest: a tie.
    table = cross_fit([results("WWL")], [results("LLL")], rule=Rule.NOT_WORSE)
    assert table.cross_fitted
    assert table.shares[1, 1, 2] == pytest.approx(2 / 3)
    assert table.shares[0, 0, 2] == pytest.approx(1 / 3)
    assert (table.n, table.units) == (1, 1)


def test_cross_fit_counts_prompts_with_too_few_votes_and_ignores_the_order_of_votes():
    student = [results("WL"), results("W"), results("WTL"), results("LTW")]
    refined = [results("WWT"), results("WWW"), results("LLT"), results("TLL")]
    table = cross_fit(student, refined, rule=Rule.BEST_BRANCH)
    assert (table.n, table.excluded, table.counts.tolist()) == (3, 1, [2, 1])


def test_a_perfect_oracle_gains_nothing_from_noise_once_label_and_result_are_kept_apart():
    every = list(Result)
    votes = np.random.default_rng(9).choice(3, p=(0.4, 0.2, 0.4), size=(2, 3000, 3))
    student, refined = ([[every[v] for v in row] for row in branch] for branch in votes)
    plain = tabulate(
        *([majority_of(row) for row in b] for b in (student, refined)), rule="not_worse"
    )
    oracle = SymmetricOracle((0.5, 1.0))
    naive = curve(plain, oracle, cost=COST).rates.score
    honest = curve(cross_fit(student, refined, rule="not_worse"), oracle, cost=COST).rates.score
    assert naive[1] - naive[0] > 0.1
    assert honest[1] - honest[0] == pytest.approx(0, abs=0.02)


def majority_of(votes):
    return next((vote for vote in votes if votes.count(vote) >= 2), Result.TIE)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SymmetricOracle((0.5, 1.2)), r"accuracy=1\.2 lies outside \[0, 1\]"),
        (lambda: ClassConditionalOracle((0.5,), (0.1, 0.2)), "one pair per setting"),
        (lambda: FixedBudgetOracle(101, (0.5,)), "percentile=101 lies outside"),
        (lambda: SkilledBudgetOracle(50, (1.5,)), r"skill=1\.5 lies outside \[-1, 1\]"),
        (lambda: Cost(-1, 10), "negative number of steps"),
        (lambda: tabulate([Result.WIN], [], rule="not_worse"), "one row per prompt"),
        (lambda: tabulate([None], [Result.WIN], rule="not_worse"), "no prompt has a verdict"),
        (lambda: tabulate([], [], rule="best"), "'best' is not a valid Rule"),
        (lambda: cross_fit([results("W")], [results("WW")], rule="win_only"), "two votes"),
        (
            lambda: curve(
                tabulate(STUDENT, REFINED, rule="win_only"),
                SymmetricOracle((1.0,)),
                cost=COST,
                confidence=1.0,
            ),
            r"confidence=1\.0 lies outside",
        ),
    ],
)
def test_what_cannot_be_simulated_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.realdata
def test_real_ratings_of_160_prompts_give_the_known_curve(real_data):
    ratings = defaultdict(dict)
    with (real_data / "tifa160_likert" / "tifa160-likert-anns.csv").open() as file:
        for row in csv.DictReader(file):
            ratings[row["item_id"], row["t2i_model"]][int(row["worker_id"])] = int(row["answer"])
    prompts = sorted({item for item, _ in ratings})

    def verdicts(model):
        return [verdict(ratings[item, model], ratings[item, "sd2dot1"]) for item in prompts]

    def verdict(ours, teachers):
        workers = sorted(ours.keys() & teachers.keys())[:3]
        return majority_of([EVERY[1 - np.sign(ours[w] - teachers[w])] for w in workers])

    student, refined = verdicts("sd1dot1"), verdicts("sd1dot5")
    assert [student.count(r) for r in EVERY] == [16, 69, 75]
    assert [refined.count(r) for r in EVERY] == [23, 100, 37]
    table = tabulate(student, refined, rule=Rule.NOT_WORSE)
    assert (table.n, table.label_share) == (160, pytest.approx(0.53125))
    rates = curve(table, SymmetricOracle((0.0, 0.75, 1.0)), cost=COST).rates
    right, wrong = ([rates.win[i], rates.tie[i], rates.lose[i]] for i in (2, 0))
    assert np.multiply(right, 160) == pytest.approx([22, 105, 33])
    assert np.multiply(wrong, 160) == pytest.approx([17, 64, 79])
    assert rates.win[1] == pytest.approx(0.129688, abs=5e-7)
    assert rates.lose[1] == pytest.approx(0.278125, abs=5e-7)
