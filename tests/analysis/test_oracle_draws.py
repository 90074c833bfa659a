import numpy as np
import pytest
from scipy.stats import norm

from annotate.analysis.oracle import curve
from annotate.analysis.oracle_budget import (
    FixedBudgetOracle,
    ScoreOracle,
    SkilledBudgetOracle,
    whole_budget,
)
from annotate.analysis.oracle_draws import simulate
from annotate.analysis.oracle_models import ClassConditionalOracle, SymmetricOracle
from annotate.analysis.oracle_table import Rule, tabulate
from tests.analysis.branches import COST, REFINED, STUDENT, random_branches, results

DRAWS = 2000
BRANCHES = random_branches(400)
NUMBERS = ("accuracy", "win", "tie", "lose", "score", "kept", "steps")


def both(oracle, *, rule, branches=BRANCHES, draws=DRAWS):
    rng = np.random.default_rng(77)
    drawn = simulate(*branches, oracle, rule=rule, cost=COST, draws=draws, rng=rng)
    return curve(tabulate(*branches, rule=rule), oracle, cost=COST), drawn


@pytest.mark.parametrize("rule", list(Rule))
@pytest.mark.parametrize(
    "oracle",
    [
        SymmetricOracle((0.3, 0.5, 0.65, 1.0)),
        ClassConditionalOracle((0.9, 0.2), (0.4, 0.0)),
        FixedBudgetOracle(50, (0.45, 0.5, 0.613, 0.7)),
        SkilledBudgetOracle(30, (-0.5, 0.0, 0.37, 1.0)),
    ],
    ids=lambda oracle: oracle.name,
)
def test_drawing_decisions_agrees_with_the_closed_form(oracle, rule):
    found, drawn = both(oracle, rule=rule)
    for name in NUMBERS:
        error = getattr(drawn.deviation, name) / DRAWS**0.5
        gap = np.abs(getattr(drawn.mean, name) - getattr(found.rates, name))
        assert (gap <= 4 * error + 1e-12).all(), name
    assert (drawn.n, drawn.draws, drawn.rule) == (400, DRAWS, rule)


@pytest.mark.parametrize("rule", list(Rule))
def test_a_score_oracle_agrees_with_its_limit_of_many_prompts(rule):
    found, drawn = both(ScoreOracle(50, (0.5, 0.7, 1.0)), rule=rule)
    for name in ("accuracy", "win", "tie", "lose", "score"):
        error = getattr(drawn.deviation, name) / DRAWS**0.5
        gap = np.abs(getattr(drawn.mean, name) - getattr(found.rates, name))
        # The cut of a finite study is random: a bias of the order of 1 / n.
        assert (gap <= 4 * error + 0.5 / 400).all(), name
    assert drawn.mean.kept == pytest.approx([0.5] * 3)
    assert drawn.deviation.kept == pytest.approx([0.0] * 3)


def test_the_auc_of_a_score_oracle_is_the_one_asked_for():
    rng, labels = np.random.default_rng(6), np.array([True] * 2000 + [False] * 2000)
    kept_by_share = [
        ScoreOracle(k, (0.75,)).keep(np.array([0.5])) for k in np.linspace(0, 100, 401).tolist()
    ]
    hits = np.array([float(keep.good[0]) for keep in kept_by_share])
    alarms = np.array([float(keep.bad[0]) for keep in kept_by_share])
    assert -np.trapezoid(hits, alarms) == pytest.approx(0.75, abs=1e-4)
    keep = ScoreOracle(50, (0.75,)).decide(labels, 0, draws=50, rng=rng)
    half = norm.cdf(norm.ppf(0.75) / 2**0.5)  # mu / 2, as the cut lies half-way
    assert keep[:, :2000].mean() == pytest.approx(half, abs=0.005)


def test_a_score_oracle_runs_from_random_to_the_best_that_the_budget_allows():
    table = tabulate(*BRANCHES, rule=Rule.NOT_WORSE)
    scored = curve(table, ScoreOracle(30, (0.5, 1.0)), cost=COST).rates
    skilled = curve(table, SkilledBudgetOracle(30, (0.0, 1.0)), cost=COST).rates
    assert scored.score == pytest.approx(skilled.score, abs=1e-9)
    assert scored.kept == pytest.approx([0.7, 0.7])


def test_one_run_of_the_worked_example_spreads_as_the_formula_says():
    branches = (STUDENT, REFINED)
    oracle = SymmetricOracle((0.75,))
    _, drawn = both(oracle, rule=Rule.NOT_WORSE, branches=branches, draws=50_000)
    assert drawn.deviation.win == pytest.approx([(0.1875 * 0.6 / 10) ** 0.5], rel=0.02)
    assert drawn.mean.win == pytest.approx([0.6], abs=4 * 0.10607 / 50_000**0.5)


def test_a_fixed_budget_hits_the_accuracy_and_the_budget_in_every_draw_on_the_lattice():
    oracle = FixedBudgetOracle(50, (0.1, 0.3, 0.5, 0.7, 0.9))
    _, drawn = both(oracle, rule=Rule.WIN_ONLY, branches=(STUDENT, REFINED), draws=200)
    assert drawn.mean.accuracy == pytest.approx(oracle.accuracy)
    assert drawn.deviation.accuracy == pytest.approx([0.0] * 5, abs=1e-12)
    assert drawn.mean.kept == pytest.approx([0.5] * 5)
    assert drawn.deviation.kept == pytest.approx([0.0] * 5, abs=1e-12)


def test_between_lattice_points_the_accuracy_is_right_on_average():
    oracle = FixedBudgetOracle(50, (0.6,))
    _, drawn = both(oracle, rule=Rule.WIN_ONLY, branches=(STUDENT, REFINED), draws=4000)
    assert drawn.mean.accuracy == pytest.approx([0.6], abs=4 * 0.1 / 4000**0.5)
    assert drawn.deviation.accuracy == pytest.approx([0.1], rel=0.02)


@pytest.mark.parametrize(
    ("prompts", "k", "kept"), [(11, 50, 6), (10, 33, 7), (7, 100, 0), (7, 0, 7)]
)
def test_whole_prompts_are_kept_and_a_half_one_is_too(prompts, k, kept):
    assert whole_budget(prompts, k) == kept


def test_an_accuracy_that_the_budget_forbids_is_refused():
    with pytest.raises(ValueError, match=r"accuracy=0\.95 is infeasible when 5 of 10"):
        both(FixedBudgetOracle(50, (0.95,)), rule=Rule.WIN_ONLY, branches=(STUDENT, REFINED))
    with pytest.raises(ValueError, match="draws=1 have no spread"):
        both(SymmetricOracle((0.9,)), rule=Rule.WIN_ONLY, draws=1)


def test_prompts_without_both_verdicts_are_never_drawn():
    branches = ([*STUDENT, None], [*REFINED, *results("W")])
    _, drawn = both(SymmetricOracle((1.0,)), rule="not_worse", branches=branches, draws=2)
    assert (drawn.n, drawn.excluded) == (10, 1)
    assert drawn.mean.win == pytest.approx([0.7])
