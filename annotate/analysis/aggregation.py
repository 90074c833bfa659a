"""One label per task from several annotators: the plurality, and what every method returns.
Must not know what the labels mean, nor the models of annotators, which build on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Codes = NDArray[np.int64]

Ties = Literal["none", "random"]
# Below it an annotator's estimate rests on too little to be read; flagged, not left out.
ENOUGH_VOTES = 20
# Shares nearer than this are equal: they are sums of floats.
_EQUAL = 1e-9
_SHOWN = 5


class Answer(NamedTuple):
    """What one annotator said about one task."""

    task: Hashable
    annotator: Hashable
    label: Hashable


class DuplicateAnswersError(ValueError):
    """An annotator answered a task more than once; `duplicates` has all answers of each case."""

    def __init__(self, duplicates: Mapping[tuple[Hashable, Hashable], tuple[Hashable, ...]]):
        self.duplicates = dict(duplicates)
        shown = [
            f"task {task!r} by annotator {annotator!r} ({', '.join(map(repr, said))})"
            for (task, annotator), said in list(self.duplicates.items())[:_SHOWN]
        ]
        more = len(self.duplicates) - len(shown)
        super().__init__(
            f"{len(self.duplicates)} (task, annotator) have several answers: {'; '.join(shown)}"
            f"{f' and {more} more' if more else ''}; give only the current answer of each"
        )


@dataclass(frozen=True)
class Skill:
    """How an annotator answers, as a model sees it.

    `accuracy` is the expected share of right answers (one-coin: drawn towards the prior).
    `confusion[true][said]` follows Dawid-Skene's labels, None under one-coin. `enough` is False
    below ENOUGH_VOTES.
    """

    annotator: Hashable
    votes: int
    accuracy: float
    enough: bool
    confusion: tuple[tuple[float, ...], ...] | None


@dataclass(frozen=True, eq=False)
class Aggregation:
    """A label for each task, and how sure the method is of it.

    `posterior` is (tasks, labels), rows sum to 1 (vote shares under the majority). `tied` tasks
    have no single best label: `chosen` is None there, or drawn under ties="random". `objective` is
    the log-likelihood (plus the prior's log density up to a constant) after each iteration.
    """

    estimand: ClassVar[str] = "label of each task"
    unit: ClassVar[str] = "task"

    method: str
    tasks: tuple[Hashable, ...]
    labels: tuple[Hashable, ...]
    posterior: Array
    chosen: tuple[Hashable | None, ...]
    n: int
    votes: int
    tied: int
    ties: Ties
    annotators: tuple[Skill, ...]
    objective: tuple[float, ...]
    converged: bool
    warning: str


@dataclass(frozen=True)
class Accuracy:
    """The share of tasks that got their known label; Wilson's interval.

    A tied task without a label counts its chance of a random draw. Left out and counted: tasks
    `without_truth`, and known tasks `without_votes`. None where no task could be compared.
    """

    estimand: ClassVar[str] = "share of tasks with the known label"
    unit: ClassVar[str] = "task"

    aggregated_by: str
    correct: float
    n: int
    tied: int
    without_truth: int
    without_votes: int
    estimate: float | None
    low: float | None
    high: float | None
    confidence: float
    method: str = "wilson"


@dataclass(frozen=True)
class Coded:
    """Answers as codes into tasks, annotators and labels; `shares` are vote shares by task."""

    tasks: tuple[Hashable, ...]
    annotators: tuple[Hashable, ...]
    labels: tuple[Hashable, ...]
    task: Codes
    annotator: Codes
    label: Codes
    shares: Array


def majority_labels(
    answers: Sequence[Answer],
    *,
    labels: Sequence[Hashable] | None = None,
    ties: Ties = "none",
    rng: np.random.Generator | None = None,
) -> Aggregation:
    """The label that most annotators gave each task, whoever they are.

    Args:
        answers: one for each task and annotator, in any order.
        labels: all that were offered; None takes those that were given.
        ties: what a task without a single best label gets: "none", or one of its best at random.
        rng: draws for ties="random".

    Raises:
        DuplicateAnswersError: an annotator answered a task more than once.
        ValueError: there is no answer, one is missing or not among `labels`, or ties lacks its rng.
    """
    data = coded(answers, labels)
    return aggregated("majority", data, data.shares, ties=ties, rng=rng)


def known_accuracy(
    found: Aggregation, truth: Mapping[Any, Hashable], *, confidence: float = 0.95
) -> Accuracy:
    """How many tasks got the label that `truth` has for them.

    Raises:
        ValueError: the confidence lies outside (0, 1).
    """
    from statsmodels.stats.proportion import proportion_confint

    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence} lies outside (0, 1); use for example 0.95")
    place = {label: i for i, label in enumerate(found.labels)}
    correct, n, tied = 0.0, 0, 0
    for task, chosen, best in zip(found.tasks, found.chosen, _best(found.posterior), strict=True):
        if task not in truth:
            continue
        n += 1
        tied += int(best.sum() > 1)
        if chosen is not None:
            correct += chosen == truth[task]
        elif truth[task] in place:
            correct += float(best[place[truth[task]]] / best.sum())
    estimate = low = high = None
    if n:
        estimate = correct / n
        bounds = proportion_confint(correct, n, alpha=1 - confidence, method="wilson")
        low, high = float(bounds[0]), float(bounds[1])
    return Accuracy(
        aggregated_by=found.method,
        correct=correct,
        n=n,
        tied=tied,
        without_truth=len(found.tasks) - n,
        without_votes=len(truth) - n,
        estimate=estimate,
        low=low,
        high=high,
        confidence=confidence,
    )


def coded(answers: Sequence[Answer], labels: Sequence[Hashable] | None) -> Coded:
    """Checked and counted answers; raises as `majority_labels`."""
    import numpy as np

    if not answers:
        raise ValueError("no answer was given; leave tasks without votes out and give the others")
    cases: dict[tuple[Hashable, Hashable], list[Hashable]] = defaultdict(list)
    for task, annotator, label in answers:
        if label is None or label != label:
            raise ValueError(
                f"annotator {annotator!r} has no label for task {task!r} ({label!r}); "
                "leave out what was not answered"
            )
        cases[task, annotator].append(label)
    if len(cases) < len(answers):
        twice = {case: tuple(said) for case, said in cases.items() if len(said) > 1}
        raise DuplicateAnswersError(twice)
    tasks, people, given = (tuple(dict.fromkeys(column)) for column in zip(*answers, strict=True))
    # In an order of their own: which row comes first must not matter.
    offered = tuple(sorted(given, key=repr) if labels is None else dict.fromkeys(labels))
    strange = [label for label in given if label not in set(offered)]
    if strange:
        raise ValueError(f"label {strange[0]!r} is none of {offered}; give in `labels` all offered")
    codes = [
        np.array([place[value] for value in column], dtype=np.int64)
        for place, column in zip(
            ({value: i for i, value in enumerate(names)} for names in (tasks, people, offered)),
            zip(*answers, strict=True),
            strict=True,
        )
    ]
    cell = codes[0] * len(offered) + codes[2]
    counts = np.bincount(cell, minlength=len(tasks) * len(offered)).reshape(-1, len(offered))
    shares = counts / counts.sum(axis=1, keepdims=True)
    return Coded(tasks, people, offered, codes[0], codes[1], codes[2], shares)


def _best(posterior: Array) -> NDArray[np.bool_]:
    best: NDArray[np.bool_] = posterior >= posterior.max(axis=1, keepdims=True) - _EQUAL
    return best


def aggregated(
    method: str,
    data: Coded,
    posterior: Array,
    *,
    ties: Ties,
    rng: np.random.Generator | None,
    skills: tuple[Skill, ...] = (),
    objective: tuple[float, ...] = (),
    converged: bool = True,
) -> Aggregation:
    """The result of a method: labels by the largest posterior, ties broken as `ties` says."""
    import numpy as np

    if ties not in get_args(Ties):
        raise ValueError(f"ties={ties!r} is unknown; use one of {', '.join(get_args(Ties))}")
    if ties == "random" and rng is None:
        raise ValueError("ties='random' needs an rng to draw with; give one, or ties='none'")
    best = _best(posterior)
    tied = best.sum(axis=1) > 1
    chosen: list[Hashable | None] = [data.labels[i] for i in posterior.argmax(axis=1)]
    for row in np.flatnonzero(tied):
        drawn = None if rng is None else rng.choice(np.flatnonzero(best[row]))
        chosen[row] = None if ties == "none" or drawn is None else data.labels[drawn]
    sparse = sum(not skill.enough for skill in skills)
    said = [
        f"{sparse} of {len(skills)} annotators gave fewer than {ENOUGH_VOTES} answers: a model "
        "knows little of them; read the majority"
    ]
    stopped = [f"stopped after {len(objective)} iterations before it had converged"]
    return Aggregation(
        method=method,
        tasks=data.tasks,
        labels=data.labels,
        posterior=posterior,
        chosen=tuple(chosen),
        n=len(data.tasks),
        votes=len(data.task),
        tied=int(tied.sum()),
        ties=ties,
        annotators=skills,
        objective=objective,
        converged=converged,
        warning=". ".join(said * bool(sparse) + stopped * (not converged)),
    )
