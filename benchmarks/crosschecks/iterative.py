"""Methods that iterate beside another optimiser or library on the same random data set.

Each check yields what ours and the counterpart found. It must not decide how far apart they may be.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from annotate.analysis.aggregation import Answer
from annotate.analysis.annotator_models import one_coin
from annotate.analysis.effects import vote_effects
from annotate.analysis.ranking import Match, Ranking, rank
from annotate.analysis.sides import SidedVote
from benchmarks.crosschecks.closed import RESULTS, Array, Pairs

KINDS = 3


def answers(
    seed: int, *, tasks: int = 30, people: int = 6, skills: tuple[float, float] = (0.5, 0.95)
) -> NDArray[np.int64]:
    """(votes, 3): task, annotator and label; three annotators of differing skill on each task."""
    rng = np.random.default_rng([20261123, seed])
    truth, skill = rng.integers(0, KINDS, tasks), rng.uniform(*skills, people)
    task = np.repeat(np.arange(tasks), 3)
    person = np.argsort(rng.random((tasks, people)), axis=1)[:, :3].ravel()
    right = rng.random(len(task)) < skill[person]
    wrong = (truth[task] + rng.integers(1, KINDS, len(task))) % KINDS
    return np.column_stack([task, person, np.where(right, truth[task], wrong)])


def _matches(rng: np.random.Generator) -> tuple[Array, Array, list[Match]]:
    """Wins and ties of four methods, every pair eight times or more, and the same one by one."""
    wins, ties, rows = np.zeros((4, 4)), np.zeros((4, 4)), list[Match]()
    strength = rng.normal(0, 0.7, 4)
    for i in range(4):
        for j in range(i + 1, 4):
            chance = 1 / (1 + np.exp(strength[j] - strength[i]))
            w, t, ell = rng.multinomial(
                rng.integers(8, 40), [0.7 * chance, 0.3, 0.7 * (1 - chance)]
            )
            wins[i, j], wins[j, i], ties[i, j] = w, ell, t
            for result, often in zip(RESULTS, (w, t, ell), strict=True):
                rows += [Match(str(i), str(j), result, f"{i} {j} {k}") for k in range(often)]
    return wins, ties, rows


def _logs(found: Ranking) -> Array:
    logs = {strength.method: strength.log_strength for strength in found.strengths}
    return np.array([logs[str(i)] for i in range(4)])


def bradley_terry(rng: np.random.Generator) -> Pairs:
    import statsmodels.api as sm

    wins, ties, rows = _matches(rng)
    ours = rank(rows, rng=rng, resamples=1)
    if ours.regularised:
        return
    i, j = np.triu_indices(4, 1)
    won = np.column_stack([wins[i, j] + ties[i, j] / 2, wins[j, i] + ties[i, j] / 2])
    design = (np.eye(4)[i] - np.eye(4)[j])[:, :3]
    fit = sm.GLM(won, design, family=sm.families.Binomial()).fit(tol=1e-14, maxiter=200)
    logs = np.append(fit.params, 0.0)
    yield _logs(ours), logs - logs.mean()


def newman(rng: np.random.Generator) -> Pairs:
    from scipy.optimize import minimize

    wins, ties, rows = _matches(rng)
    ours = rank(rows, rng=rng, resamples=1, model="newman")
    if ours.regularised or not ties.sum():
        return

    def cost(free: Array) -> float:
        log = np.append(free[:3], 0.0)
        tie = np.log(2) + free[3] + (log[:, None] + log[None, :]) / 2
        total = np.logaddexp(np.logaddexp(log[:, None], log[None, :]), tie)
        return float(-(wins * (log[:, None] - total)).sum() - (ties * (tie - total)).sum())

    best = minimize(cost, np.zeros(4), method="BFGS", jac="3-point", options={"gtol": 1e-9})
    logs = np.append(best.x[:3], 0.0)
    assert ours.tie_strength is not None
    yield _logs(ours), logs - logs.mean()
    yield np.log(ours.tie_strength), best.x[3]


def coins(rng: np.random.Generator) -> Pairs:
    """Modes of the accuracies beside a quasi-Newton method on the same posterior."""
    from scipy.optimize import minimize
    from scipy.special import expit, logsumexp

    rows = answers(int(rng.integers(2**31)))
    said = [Answer(*row) for row in rows.tolist()]
    found = one_coin(said, labels=range(KINDS), tolerance=0.0, max_iterations=20_000)
    ours = {skill.annotator: skill.accuracy for skill in found.annotators}
    task, person, label = rows.T
    votes = np.bincount(person, minlength=6)

    def cost(free: Array) -> tuple[float, Array]:
        skill = expit(free)
        hit, miss = np.log(skill)[person], np.log((1 - skill) / (KINDS - 1))[person]
        joint = np.zeros((30, KINDS))
        for code in range(KINDS):
            np.add.at(joint[:, code], task, np.where(label == code, hit, miss))
        evidence = logsumexp(joint, axis=1)
        right = np.exp(joint - evidence[:, None])[task, label]
        prior = 3 * np.log(skill) + np.log(1 - skill)
        slope = np.bincount(person, right, minlength=6) + 3 - skill * (votes + 4)
        return -float(evidence.sum() + prior.sum()), -slope

    near = np.array([ours[i] for i in range(6)])
    start = np.log(near / (1 - near)) + rng.normal(0, 0.05, 6)
    best = minimize(cost, start, method="BFGS", jac=True, options={"gtol": 1e-9})
    yield near, expit(best.x)


def _sided(rng: np.random.Generator, *, each: int) -> list[SidedVote]:
    """Votes of four annotators who lean differently, `each` of them on a prompt of its own mood."""
    prompts, people = 132 // each, 4
    lean, mood = rng.normal(0.1, 0.4, people), rng.normal(0, 1, prompts)
    votes = []
    for prompt in range(prompts):
        for person in rng.choice(people, each, replace=False).tolist():
            left = bool(rng.random() < 0.5)
            chance = 1 / (1 + np.exp(-(lean[person] + mood[prompt] + (0.3 if left else -0.3))))
            kind = 1 if rng.random() < 0.1 else 0 if rng.random() < chance else 2
            votes.append(SidedVote(prompt, f"A-{person}", RESULTS[kind], left))
    return votes


def effects(rng: np.random.Generator) -> Pairs:
    """GEE with annotators and sides, beside statsmodels' GEE and its Logit."""
    for each in (3, 1):
        votes = _sided(rng, each=each)
        ours = vote_effects(votes)
        # Too few votes of somebody, who then has no effect of their own: another model.
        if ours.challenger is None or ours.side is None or ours.pooled:
            continue
        decided = [vote for vote in votes if vote.result != RESULTS[1]]
        names = sorted({str(vote.annotator) for vote in decided})
        person = np.array([names.index(str(vote.annotator)) for vote in decided])
        left = np.array([0.5 if vote.left else -0.5 for vote in decided])
        won = np.array([vote.result == RESULTS[0] for vote in decided], dtype=np.float64)
        design = np.column_stack([np.eye(len(names))[person], left])
        _, group = np.unique([int(str(vote.group)) for vote in decided], return_inverse=True)
        beta, spread, within = (
            _exchangeable(won, design, group) if each > 1 else _alone(won, design)
        )
        yield ours.correlation, within
        middle = np.append(np.full(len(names), 1 / len(names)), 0.0)
        side = np.append(np.zeros(len(names)), 1.0)
        for effect, about in ((ours.challenger, middle), (ours.side, side)):
            yield effect.estimate, about @ beta
            yield effect.standard_error, np.sqrt(about @ spread @ about)
        own = {effect.name: effect for effect in ours.annotators}
        apart = np.eye(len(middle))[: len(names)] - middle
        covariance = apart @ spread @ apart.T
        yield [own[name].estimate for name in names], apart @ beta
        yield [own[name].standard_error for name in names], np.sqrt(np.diag(covariance))
        yield ours.annotators_p, _all_equal(beta[:-1], spread[:-1, :-1])


def _exchangeable(won: Array, design: Array, group: NDArray[np.intp]) -> tuple[Array, Array, float]:
    """Coefficients, their robust covariance and the correlation within groups."""
    import statsmodels.api as sm

    within = sm.cov_struct.Exchangeable()
    model = sm.GEE(won, design, groups=group, family=sm.families.Binomial(), cov_struct=within)
    fit = model.fit(maxiter=500, ctol=1e-12)
    return np.asarray(fit.params), np.asarray(fit.cov_params()), float(within.dep_params)


def _alone(won: Array, design: Array) -> tuple[Array, Array, float]:
    """Where every vote stands alone: a logit with errors robust to its variance."""
    import statsmodels.api as sm

    fit = sm.Logit(won, design).fit(disp=0, tol=1e-12, cov_type="HC0")
    return np.asarray(fit.params), np.asarray(fit.cov_params()), 0.0


def _all_equal(beta: Array, spread: Array) -> float:
    """Wald's test that neighbouring coefficients do not differ."""
    from scipy.stats import chi2

    apart = np.diff(np.eye(len(beta)), axis=0)
    off = apart @ beta
    return float(chi2.sf(off @ np.linalg.solve(apart @ spread @ apart.T, off), len(off)))
