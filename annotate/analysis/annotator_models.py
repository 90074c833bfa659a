"""Labels weighed by what annotators are worth, by EM: one-coin, Dawid-Skene, and GLAD of crowd-kit.
Must not know what the labels mean. The models stand beside the majority, never instead of it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from annotate.analysis.aggregation import (
    ENOUGH_VOTES,
    Aggregation,
    Answer,
    Coded,
    Skill,
    Ties,
    aggregated,
    coded,
)
from annotate.analysis.glad_steps import e_step, m_step

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Codes = NDArray[np.int64]
    # (log joint of task and label (tasks, labels), log prior of the parameters)
    Step = Callable[[Array], tuple[Array, float]]

GLAD_NEEDS = "GLAD needs crowd-kit: pip install crowd-kit==1.4.2"
"""How to get what `glad` runs on: 44 packages, transformers among them, hence no requirement."""


class NoCrowdKitError(ImportError):
    """crowd-kit is not installed; the message says how to get it."""


def dawid_skene(
    answers: Sequence[Answer],
    *,
    labels: Sequence[Hashable] | None = None,
    max_iterations: int = 2000,
    tolerance: float = 1e-10,
    ties: Ties = "none",
    rng: np.random.Generator | None = None,
) -> Aggregation:
    """Every annotator has a confusion matrix; maximum likelihood by EM from the vote shares.

    Three votes per task are few for so many parameters: prefer `one_coin` then. For a label that
    an annotator never met, the likelihood says nothing; that row is even over what they ever said.

    Args:
        max_iterations: at which EM stops, converged or not; likelihood may still rise.
        tolerance: relative gain of the log-likelihood under which it has converged.

    Raises:
        DuplicateAnswersError, ValueError: as `majority_labels`.

    Source: Dawid and Skene, Applied Statistics 28 (1979).
    """
    import numpy as np

    data = coded(answers, labels)
    people, kinds = len(data.annotators), len(data.labels)
    cell = data.annotator * kinds + data.label
    used = np.bincount(cell, minlength=people * kinds).reshape(people, kinds, 1) > 0
    even = used / used.sum(axis=1, keepdims=True)

    def confusion(posterior: Array) -> Array:
        """(annotators, said, true)."""
        counts = _sums(cell, posterior[data.task], people * kinds).reshape(people, kinds, kinds)
        mass = counts.sum(axis=1, keepdims=True)
        return np.where(mass > 0, counts / np.where(mass > 0, mass, 1.0), even)

    def step(posterior: Array) -> tuple[Array, float]:
        with np.errstate(divide="ignore"):  # log 0: what was never said is impossible
            said = np.log(confusion(posterior)).reshape(people * kinds, kinds)[cell]
            prior = np.log(posterior.mean(axis=0))
        return prior + _sums(data.task, said, len(data.tasks)), 0.0

    posterior, objective, converged = _em(data.shares, step, max_iterations, tolerance)
    matrices = confusion(posterior).transpose(0, 2, 1)
    skills = _skills(data, _right(data, posterior), matrices)
    return aggregated(
        "dawid-skene",
        data,
        posterior,
        ties=ties,
        rng=rng,
        skills=skills,
        objective=objective,
        converged=converged,
    )


def one_coin(
    answers: Sequence[Answer],
    *,
    labels: Sequence[Hashable] | None = None,
    prior: tuple[float, float] = (3.0, 1.0),
    max_iterations: int = 2000,
    tolerance: float = 1e-10,
    ties: Ties = "none",
    rng: np.random.Generator | None = None,
) -> Aggregation:
    """Every annotator has one accuracy; errors fall evenly on the other labels offered.

    All labels are as likely beforehand. Accuracies are posterior modes: `prior` adds that many
    right and wrong votes to each annotator, (3, 1) being our choice, so that nobody is certain.

    Args:
        labels: all that were offered, at least two: an error is one of them.

    Raises:
        DuplicateAnswersError, ValueError: as `majority_labels`; or fewer than two labels, or a
            prior that is not positive.
    """
    import numpy as np

    data = coded(answers, labels)
    kinds = _kinds(data)
    right, wrong = prior
    if not (0 < right < np.inf and 0 < wrong < np.inf):
        raise ValueError(f"prior={prior} must be two positive numbers of votes, e.g. (3, 1)")
    votes = np.bincount(data.annotator)

    def accuracy(posterior: Array) -> Array:
        return np.asarray((_right(data, posterior) + right) / (votes + right + wrong))

    def step(posterior: Array) -> tuple[Array, float]:
        skill = accuracy(posterior)
        hit, miss = np.log(skill), np.log((1 - skill) / (kinds - 1))
        said = np.repeat(miss[data.annotator, None], kinds, axis=1)
        said[np.arange(len(said)), data.label] = hit[data.annotator]
        joint = _sums(data.task, said, len(data.tasks)) - np.log(kinds)
        return joint, float((right * hit + wrong * np.log(1 - skill)).sum())

    posterior, objective, converged = _em(data.shares, step, max_iterations, tolerance)
    return aggregated(
        f"one-coin, prior of {right:g} right and {wrong:g} wrong votes",
        data,
        posterior,
        ties=ties,
        rng=rng,
        skills=_skills(data, accuracy(posterior) * votes, None),
        objective=objective,
        converged=converged,
    )


def has_glad() -> bool:
    """Whether crowd-kit is installed, without loading it."""
    return importlib.util.find_spec("crowdkit") is not None


def glad(
    answers: Sequence[Answer],
    *,
    labels: Sequence[Hashable] | None = None,
    max_iterations: int = 100,
    ties: Ties = "none",
    rng: np.random.Generator | None = None,
) -> Aggregation:
    """Every annotator has an ability, every task an ease: P(right) = logistic(ability * ease).

    By crowd-kit, which stops when its own measure of fit rests (`objective`, a mean over votes and
    labels), mostly after two rounds. Its two steps are taken on arrays (`glad_steps`): the same
    labels and chances in a thirtieth of the time. Errors fall evenly on the other labels offered,
    and all labels are as likely beforehand.

    Args:
        labels: all that were offered, at least two: an error is one of them.

    Raises:
        NoCrowdKitError: crowd-kit is not installed.
        DuplicateAnswersError, ValueError: as `majority_labels`; or fewer than two labels.

    Source: Whitehill et al., NeurIPS 22 (2009).
    """
    if not has_glad():
        raise NoCrowdKitError(GLAD_NEEDS)
    data = coded(answers, labels)
    kinds = _kinds(data)
    if max_iterations < 1:
        raise ValueError(f"max_iterations={max_iterations}; give at least 1")
    import numpy as np
    import pandas as pd
    from crowdkit.aggregation import GLAD

    rows = pd.DataFrame({"task": data.task, "worker": data.annotator, "label": data.label})
    even = pd.Series(1 / kinds, index=range(kinds))
    model = GLAD(n_iter=max_iterations, labels_priors=even)
    # Its own steps join and group tables some hundred times.
    model._e_step, model._m_step = partial(e_step, model), partial(m_step, model)
    model.fit(rows)
    found = model.probas_.loc[range(len(data.tasks)), range(kinds)]
    posterior: Array = np.asarray(found, dtype=np.float64)
    return aggregated(
        "GLAD by crowd-kit",
        data,
        posterior,
        ties=ties,
        rng=rng,
        skills=_skills(data, _right(data, posterior), None),
        objective=tuple(float(value) for value in model.loss_history_),
        converged=len(model.loss_history_) < max_iterations,
    )


def _kinds(data: Coded) -> int:
    if len(data.labels) < 2:
        raise ValueError(f"the only label is {data.labels[0]!r}; give in `labels` all offered")
    return len(data.labels)


def _em(
    start: Array, step: Step, max_iterations: int, tolerance: float
) -> tuple[Array, tuple[float, ...], bool]:
    import numpy as np
    from scipy.special import logsumexp

    if max_iterations < 1:
        raise ValueError(f"max_iterations={max_iterations}; give at least 1")
    posterior, trace = start, list[float]()
    for _ in range(max_iterations):
        joint, log_prior = step(posterior)
        evidence = logsumexp(joint, axis=1, keepdims=True)
        posterior = np.exp(joint - evidence)
        trace.append(float(evidence.sum()) + log_prior)
        if len(trace) > 1 and trace[-1] - trace[-2] <= tolerance * max(1.0, abs(trace[-1])):
            return posterior, tuple(trace), True
    return posterior, tuple(trace), False


def _sums(place: Codes, rows: Array, size: int) -> Array:
    """Sums of the rows of each place: (size, columns)."""
    import numpy as np

    return np.column_stack([np.bincount(place, weights=c, minlength=size) for c in rows.T])


def _right(data: Coded, posterior: Array) -> Array:
    """The expected number of right answers of each annotator."""
    import numpy as np

    right = np.bincount(data.annotator, weights=posterior[data.task, data.label])
    return np.asarray(right, dtype=np.float64)


def _skills(data: Coded, right: Array, confusion: Array | None) -> tuple[Skill, ...]:
    import numpy as np

    return tuple(
        Skill(
            annotator=annotator,
            votes=int(votes),
            accuracy=float(right[i] / votes),
            enough=bool(votes >= ENOUGH_VOTES),
            confusion=None if confusion is None else tuple(map(tuple, confusion[i].tolist())),
        )
        for i, (annotator, votes) in enumerate(
            zip(data.annotators, np.bincount(data.annotator), strict=True)
        )
    )
