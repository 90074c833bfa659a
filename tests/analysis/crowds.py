"""Simulated votes on one contrast from prompts and annotators who differ, with the true share."""

import numpy as np

from annotate.analysis.clustered import kinds
from annotate.analysis.contrast import Result
from annotate.analysis.verdict import SPLIT, majority_array

KINDS = np.array([Result.WIN, Result.TIE, Result.LOSS], dtype=object)
LETTERS = dict(zip("WTL", KINDS, strict=True))


def results(letters):
    """One verdict per letter of W, T and L; "-" is undecided."""
    return [LETTERS.get(letter) for letter in letters]


def swapped(given):
    return [result and result.mirrored() for result in given]


def crowd(
    seed,
    *,
    prompts=600,
    annotators=40,
    lean=0.2,
    prompt_sd=1.0,
    person_sd=0.4,
    tie=0.16,
    size=1,
    opinions=None,
):
    """(results, prompts, annotators) of three votes by different annotators on each prompt.

    `size` prompts in a row are one group and equally hard; `opinions` are the annotators' own
    leanings in logits, else drawn.
    """
    rng = np.random.default_rng(seed)
    prompt = np.repeat(np.arange(prompts), 3)
    person = np.argsort(rng.random((prompts, annotators)), axis=1)[:, :3].ravel()
    logit = lean + rng.normal(0, prompt_sd, prompts // size)[prompt // size]
    if opinions is None:
        opinions = rng.normal(0, person_sd, annotators)
    logit = logit + opinions[person]
    won = rng.random(len(prompt)) < 1 / (1 + np.exp(-logit))
    kind = np.where(rng.random(len(prompt)) < tie, 1, np.where(won, 0, 2))
    return KINDS[kind].tolist(), prompt.tolist(), person.tolist()


def verdicts(seed, *, prompts=600, **crowd_of):
    """(results, groups, annotators of each) of the majorities of a `crowd`; splits are ties."""
    cast, prompt, person = crowd(seed, prompts=prompts, **crowd_of)
    led = majority_array(np.array(prompt), kinds(cast)[0], n_tasks=prompts)
    groups = np.arange(prompts) // crowd_of.get("size", 1)
    asked = np.array(person).reshape(prompts, 3)
    return KINDS[np.where(led == SPLIT, 1, led)].tolist(), groups.tolist(), asked.tolist()


def true_share(lean, sd):
    """The mean of logistic(lean + N(0, sd^2)): the share of decided votes over all who may vote."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    return float(weights @ (1 / (1 + np.exp(-(lean + sd * nodes)))) / weights.sum())


def true_win_rate(lean, *, prompt_sd=1.0, person_sd=0.4, tie=0.16):
    """The win rate of majorities of three over all prompts and all annotators there might be."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    weights = weights / weights.sum()
    own = lean + prompt_sd * nodes[:, None] + person_sd * nodes
    chance = (1 - tie) * (1 / (1 + np.exp(-own)) @ weights)
    won, lost = (float(weights @ (3 * p**2 - 2 * p**3)) for p in (chance, 1 - tie - chance))
    return won / (won + lost)


def grouped(seed, *, groups=300, size=2, lean=0.2, sd=1.0, tie=0.16):
    """(results, groups) of verdicts whose groups differ."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), size)
    logit = lean + rng.normal(0, sd, groups)[group]
    won = rng.random(len(group)) < 1 / (1 + np.exp(-logit))
    kind = np.where(rng.random(len(group)) < tie, 1, np.where(won, 0, 2))
    return KINDS[kind].tolist(), group.tolist()
