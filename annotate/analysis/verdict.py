"""From the votes on one comparison to its verdict, under a rule that has a name.
Must not know how votes were collected; imports numpy only when whole arrays are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, get_args

from annotate.analysis.votes import PRIORITY, Choice, Criterion, VoteRecord

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Reason = Literal["unanimous", "majority", "split"]
Split = Literal["tie", "drop", "escalate"]

SPLIT = -1
"""Code of `majority_array`: enough votes, but no label has most of them."""
UNDECIDED = -2
"""Code of `majority_array`: fewer votes than the quorum; excluded and counted, never imputed."""

ESCALATIONS = (4, 5)
_BLOCK = 65_536


class Rule(StrEnum):
    """In which order priority and majority apply; the name is stored with every verdict."""

    PRIORITY_THEN_MAJORITY = "priority-then-majority"
    MAJORITY_THEN_PRIORITY = "majority-then-priority"


@dataclass(frozen=True)
class Decision:
    """A verdict and what it rests on.

    `counts` are (first, tie, second) of the answers that were counted: the derived answers under
    priority-then-majority; the answers to the deciding criterion under majority-then-priority (to
    the last criterion of PRIORITY where none decided). `deciding` is the criterion most of the
    winning votes turned on (equal numbers: the higher priority); None on a tie.
    """

    outcome: Choice
    reason: Reason
    rule: Rule
    deciding: Criterion | None
    counts: tuple[int, int, int]


@dataclass(frozen=True)
class _Ballot:
    """One round of counting: what each vote said, and the criterion on which it said so."""

    choices: tuple[Choice, ...]
    criteria: tuple[Criterion | None, ...]


def majority(votes: Sequence[Choice]) -> Choice:
    """The choice most annotators made; a split without a single leader is a tie."""
    if not votes:
        raise ValueError("a verdict needs at least one vote; leave comparisons without votes out")
    return _leader(votes) or Choice.TIE


def decide(
    votes: Sequence[VoteRecord],
    *,
    rule: Rule,
    min_votes: int,
    split: Split,
    escalate_to: int | None = None,
    overlap: int = 3,
    on_demand: bool = False,
) -> Decision | None:
    """The verdict on one comparison, or None while it is undecided.

    Undecided are: fewer than `min_votes` votes, a split that the protocol drops, and a split that
    still waits for its escalation votes. Escalation to 4 takes the plurality of four; escalation
    to 5 asks for three equal of five, else it is a tie. The order of the votes is of no account.

    Args:
        votes: the valid votes, one per annotator.
        rule: see `RULES`.
        min_votes: the quorum.
        split: what becomes of a comparison without a leading choice.
        escalate_to: votes an escalated comparison gets; read only with split="escalate".
        overlap: votes a comparison gets before anyone speaks of escalation.
        on_demand: two votes that no third could outvote decide, whatever the quorum says.

    Raises:
        ValueError: the protocol contradicts itself, or majority-then-priority lacks answers.
    """
    rule = Rule(rule)
    _check_protocol(min_votes=min_votes, split=split, escalate_to=escalate_to, overlap=overlap)
    # Before the quorum is looked at, so that unfit votes are refused from the first one on.
    ballots = RULES[rule](votes)
    if on_demand and len(votes) == 2 and (early := _first_two(ballots, rule=rule)) is not None:
        return early
    if len(votes) < min_votes:
        return None
    wanted = escalate_to if split == "escalate" and escalate_to is not None else overlap
    waits = len(votes) < wanted
    escalated = len(votes) > overlap
    decision = _count(
        ballots,
        rule=rule,
        needed=3 if escalated and wanted == 5 else 1,
        more_to_come=escalated and waits,
    )
    if decision.reason == "split" and (split == "drop" or (split == "escalate" and waits)):
        return None
    return decision


def wants_third(votes: Sequence[VoteRecord], *, rule: Rule) -> bool:
    """Whether these two votes differ, so that a third one could change what they amount to.

    Under majority-then-priority they differ where a criterion that is reached has no two equal
    answers: lower criteria are of no account.

    Raises:
        ValueError: not two votes, or majority-then-priority lacks answers.
    """
    if len(votes) != 2:
        raise ValueError(f"{len(votes)} votes; give the first two of a comparison")
    return _first_two(RULES[Rule(rule)](votes), rule=Rule(rule)) is None


def _first_two(ballots: tuple[_Ballot, ...], *, rule: Rule) -> Decision | None:
    """What two votes settle for good, or None where they differ."""
    found = _count(ballots, rule=rule, needed=2, more_to_come=True)
    return None if found.reason == "split" else found


def _priority_then_majority(votes: Sequence[VoteRecord]) -> tuple[_Ballot, ...]:
    """One ballot: the priority works inside each annotator, then their answers are counted."""
    return (
        _Ballot(
            choices=tuple(vote.derived() for vote in votes),
            criteria=tuple(vote.deciding() for vote in votes),
        ),
    )


def _majority_then_priority(votes: Sequence[VoteRecord]) -> tuple[_Ballot, ...]:
    """A ballot per criterion, in the order of priority: the first that is no tie decides."""
    for place, vote in enumerate(votes, start=1):
        lacking = [criterion for criterion in PRIORITY if criterion not in vote.answers]
        if lacking:
            raise ValueError(
                f"vote {place} of {len(votes)} has no answer for {', '.join(lacking)}; "
                f"{Rule.MAJORITY_THEN_PRIORITY} needs {', '.join(PRIORITY)} in every vote: "
                f"use the protocol 'full', or the rule {Rule.PRIORITY_THEN_MAJORITY}"
            )
    return tuple(
        _Ballot(
            choices=tuple(vote.answers[criterion] for vote in votes),
            criteria=(criterion,) * len(votes),
        )
        for criterion in PRIORITY
    )


RULES: dict[Rule, Callable[[Sequence[VoteRecord]], tuple[_Ballot, ...]]] = {
    Rule.PRIORITY_THEN_MAJORITY: _priority_then_majority,
    Rule.MAJORITY_THEN_PRIORITY: _majority_then_priority,
}
"""Each rule turns votes into the ballots that are counted one after the other."""


def _count(
    ballots: tuple[_Ballot, ...], *, rule: Rule, needed: int, more_to_come: bool
) -> Decision:
    reasons: list[Reason] = []
    for ballot in ballots:
        leader = _leader(ballot.choices, needed=needed)
        reason = _reason(ballot.choices, leader)
        reasons.append(reason)
        if leader in (Choice.FIRST, Choice.SECOND):
            return Decision(leader, reason, rule, _turned_on(ballot, leader), _tally(ballot))
        if leader is None and more_to_come:
            # A lower criterion must not decide what the next vote may decide on this one.
            break
    # A tie is as firm as its weakest ballot.
    weakest = max(reasons, key=get_args(Reason).index)
    return Decision(Choice.TIE, weakest, rule, None, _tally(ballot))


def _leader(choices: Sequence[Choice], *, needed: int = 1) -> Choice | None:
    (leader, most), *others = Counter(choices).most_common()
    shared = bool(others) and others[0][1] == most
    return None if shared or most < needed else leader


def _reason(choices: Sequence[Choice], leader: Choice | None) -> Reason:
    if leader is None:
        return "split"
    return "unanimous" if len(set(choices)) == 1 else "majority"


def _tally(ballot: _Ballot) -> tuple[int, int, int]:
    seen = Counter(ballot.choices)
    return seen[Choice.FIRST], seen[Choice.TIE], seen[Choice.SECOND]


def _turned_on(ballot: _Ballot, outcome: Choice) -> Criterion:
    winning = Counter(_criteria_of(ballot, outcome))
    order = (*PRIORITY, Criterion.OVERALL)
    return max(winning, key=lambda criterion: (winning[criterion], -order.index(criterion)))


def _criteria_of(ballot: _Ballot, outcome: Choice) -> Iterable[Criterion]:
    for choice, criterion in zip(ballot.choices, ballot.criteria, strict=True):
        if choice is outcome and criterion is not None:
            yield criterion


def _check_protocol(*, min_votes: int, split: Split, escalate_to: int | None, overlap: int) -> None:
    if split not in get_args(Split):
        raise ValueError(f"split={split!r} is unknown; use one of {', '.join(get_args(Split))}")
    if overlap < 1 or not 1 <= min_votes <= overlap:
        raise ValueError(
            f"min_votes={min_votes} with overlap={overlap} can never be met sensibly; "
            "use 1 <= min_votes <= overlap"
        )
    if split == "escalate" and (escalate_to not in ESCALATIONS or escalate_to <= overlap):
        raise ValueError(
            f"escalate_to={escalate_to} with overlap={overlap} asks nobody; use 4 (plurality of "
            "four) or 5 (three equal of five), more than the overlap, or split='tie'"
        )


def majority_array(
    task: NDArray[np.integer[Any]],
    label: NDArray[np.integer[Any]],
    *,
    n_tasks: int,
    n_labels: int = 3,
    min_votes: int = 3,
) -> NDArray[np.int8]:
    """The leading label of every task at once: `majority` over millions of votes.

    Only counts are looked at, so neither row order nor names of annotators can matter.

    Args:
        task: (votes,) integers in [0, n_tasks).
        label: (votes,) integers in [0, n_labels).
        n_tasks: tasks, with or without votes.
        n_labels: labels offered, at most 127.
        min_votes: the quorum; a task below it is UNDECIDED.

    Returns:
        (n_tasks,) int8: the leading label, or SPLIT, or UNDECIDED.

    Raises:
        ValueError: shapes differ, values are no integers, or a code lies outside its range.
    """
    # Web processes import this module for `decide` and never count arrays: numpy can wait.
    import numpy as np

    task, label = np.asarray(task), np.asarray(label)
    if task.ndim != 1 or task.shape != label.shape:
        raise ValueError(
            f"task has shape {task.shape} and label {label.shape}; "
            "give two flat arrays with one row per vote"
        )
    if n_tasks < 0 or not 1 <= n_labels <= 127 or min_votes < 1:
        raise ValueError(
            f"n_tasks={n_tasks}, n_labels={n_labels}, min_votes={min_votes}; "
            "use n_tasks >= 0, 1 <= n_labels <= 127 and min_votes >= 1"
        )
    _check_codes(task, "task", below=n_tasks)
    _check_codes(label, "label", below=n_labels)

    # What `np.bincount(label * n_tasks + task)` counts, but by blocks that stay in the cache: whole
    # arrays of temporaries cost more in fresh memory pages than the counting itself.
    # Labels are the outer axis, so that each row of `counts` is contiguous in `_leaders`.
    counts = np.zeros((n_labels, n_tasks), dtype=np.int32)
    for start in range(0, len(task), _BLOCK):
        block = slice(start, start + _BLOCK)
        cell = np.multiply(label[block], n_tasks, dtype=np.intp)
        cell += task[block].astype(np.intp, copy=False)
        np.add.at(counts.reshape(-1), cell, np.int32(1))

    outcome = np.empty(n_tasks, dtype=np.int8)
    for start in range(0, n_tasks, _BLOCK):
        block = slice(start, start + _BLOCK)
        outcome[block] = _leaders(counts[:, block], min_votes=min_votes)
    return outcome


def _leaders(counts: NDArray[np.int32], *, min_votes: int) -> NDArray[np.int8]:
    import numpy as np

    most = counts.max(axis=0)
    leading = np.zeros(len(most), dtype=np.int8)
    outcome = np.zeros(len(most), dtype=np.int8)
    for code, row in enumerate(counts):
        leads = (row == most).view(np.int8)
        leading += leads
        outcome += leads * np.int8(code)
    _overwrite(outcome, leading != 1, SPLIT)
    _overwrite(outcome, counts.sum(axis=0) < min_votes, UNDECIDED)
    return outcome


def _overwrite(codes: NDArray[np.int8], where: NDArray[np.bool_], code: int) -> None:
    # The same as `codes[where] = code`, which on scattered places is six times slower.
    codes *= ~where
    codes += where * codes.dtype.type(code)


def _check_codes(codes: NDArray[np.integer[Any]], name: str, *, below: int) -> None:
    if codes.dtype.kind not in "iu":
        raise ValueError(f"{name} holds {codes.dtype} values; give integer codes")
    # Seen as unsigned, a negative code is a huge one: a single pass finds both.
    if codes.size and codes.view(f"u{codes.itemsize}").max() >= below:
        raise ValueError(
            f"{name} codes reach from {codes.min()} to {codes.max()}; "
            f"they must lie in [0, {below}): drop or recode the others"
        )
