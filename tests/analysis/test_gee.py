"""Estimating equations in whole arrays, beside statsmodels' and where there is no solution."""

import numpy as np
import pytest
import statsmodels.api as sm

from annotate.analysis.gee import binomial_gee


def drawn(seed, *, groups=80, most=4):
    """Answers of groups of unequal sizes whose own leaning correlates them, on three terms."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), rng.integers(1, most + 1, groups))
    design = np.column_stack([np.ones(len(group)), rng.normal(size=(len(group), 2))])
    lean = design @ [0.3, 0.5, -0.2] + rng.normal(size=groups)[group]
    return (rng.random(len(group)) < 1 / (1 + np.exp(-lean))).astype(float), design, group


@pytest.mark.parametrize("seed", range(6))
def test_the_solution_is_statsmodels_in_groups_of_any_size(seed):
    answers, design, group = drawn(seed)
    found = binomial_gee(answers, design, group)
    within = sm.cov_struct.Exchangeable()
    model = sm.GEE(answers, design, groups=group, family=sm.families.Binomial(), cov_struct=within)
    fit = model.fit(ctol=1e-12, maxiter=500)
    assert found.beta == pytest.approx(fit.params, rel=1e-6)
    assert found.covariance == pytest.approx(fit.cov_params(), rel=1e-6)
    assert found.correlation == pytest.approx(within.dep_params, rel=1e-6)


def test_answers_that_stand_alone_make_a_logit_with_robust_errors():
    answers, design, _ = drawn(9)
    found = binomial_gee(answers, design, np.arange(len(answers)))
    fit = sm.Logit(answers, design).fit(disp=0, tol=1e-12, cov_type="HC0")
    assert found.beta == pytest.approx(fit.params, rel=1e-6)
    assert found.covariance == pytest.approx(fit.cov_params(), rel=1e-6)
    assert found.correlation == 0.0


def test_which_number_a_group_has_changes_nothing():
    answers, design, group = drawn(4)
    other = np.random.default_rng(1).permutation(80)[group]
    one, two = binomial_gee(answers, design, group), binomial_gee(answers, design, other)
    assert one.beta == pytest.approx(two.beta, rel=1e-9)
    assert one.covariance == pytest.approx(two.covariance, rel=1e-9)


@pytest.mark.parametrize(
    "broken",
    [
        lambda y, x: (x[:, 1] > 0, x),  # a term that tells every answer
        lambda y, x: (y, np.column_stack([x, x[:, 1]])),  # the same term twice
    ],
)
def test_without_a_finite_solution_there_is_none(broken):
    answers, design, group = drawn(2)
    answers, design = broken(answers, design)
    assert binomial_gee(np.asarray(answers, dtype=float), design, group) is None
