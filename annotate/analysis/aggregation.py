"""One label per task from several annotators: plurality, one-coin and Dawid-Skene by EM.
Must not know what the labels mean. The models stand beside the majority, never instead of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Codes = NDArray[np.int64]
    # (log joint of task and label (tasks, labels), log prior of the parameters)
    Step = Callable[[Array], tuple[Array, float]]

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
class _Coded:
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
    data = _coded(answers, labels)
    return _result("majority", data, data.shares, ties=ties, rng=rng)


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

    data = _coded(answers, labels)
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
    return _result(
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

    data = _coded(answers, labels)
    kinds = len(data.labels)
    if kinds < 2:
        raise ValueError(f"the only label is {data.labels[0]!r}; give in `labels` all offered")
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
    return _result(
        f"one-coin, prior of {right:g} right and {wrong:g} wrong votes",
        data,
        posterior,
        ties=ties,
        rng=rng,
        skills=_skills(data, accuracy(posterior) * votes, None),
        objective=objective,
        converged=converged,
    )


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


def _coded(answers: Sequence[Answer], labels: Sequence[Hashable] | None) -> _Coded:
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
    return _Coded(tasks, people, offered, codes[0], codes[1], codes[2], shares)


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


def _right(data: _Coded, posterior: Array) -> Array:
    """The expected number of right answers of each annotator."""
    import numpy as np

    right = np.bincount(data.annotator, weights=posterior[data.task, data.label])
    return np.asarray(right, dtype=np.float64)


def _skills(data: _Coded, right: Array, confusion: Array | None) -> tuple[Skill, ...]:
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


def _best(posterior: Array) -> NDArray[np.bool_]:
    best: NDArray[np.bool_] = posterior >= posterior.max(axis=1, keepdims=True) - _EQUAL
    return best


def _result(
    method: str,
    data: _Coded,
    posterior: Array,
    *,
    ties: Ties,
    rng: np.random.Generator | None,
    skills: tuple[Skill, ...] = (),
    objective: tuple[float, ...] = (),
    converged: bool = True,
) -> Aggregation:
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
