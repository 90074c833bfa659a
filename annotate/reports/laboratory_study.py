"""A study's rows as the laboratory's branches: verdicts, votes and scores, prompt by prompt.

It must not compute. Present rows and frozen ones give equal branches.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from annotate.analysis.contrast import Result
from annotate.analysis.oracle import Cost
from annotate.judging.models import Verdict
from annotate.reports.branch_rows import BranchPair, BranchRow, EstimatorRow, branch_row
from annotate.reports.branches import Arm, Branches, Cast, Scores
from annotate.reports.contrast_analyses import RESULTS
from annotate.reports.frames import ItemRow, StudyFrame, VoteRow, as_side, read_frame, read_snapshot
from annotate.reports.waiting import missing_votes, open_pairs, withholds_tests
from annotate.studies.models import Study
from annotate.studies.protocol import Protocol

Slot = tuple[int, int]
"""A prompt's key in the database and a replica."""


@dataclass(frozen=True)
class _Row:
    """What one contrast says of one prompt, from the challenger's side."""

    item: ItemRow
    result: Result | None
    votes: tuple[Result, ...]
    cast: tuple[Result, ...]
    by: tuple[str | None, ...]
    voted: int
    simulated: int


def read_branches(study: Study, pair: BranchPair) -> Branches:
    """The branches of a pair as they stand now."""
    with read_snapshot():
        frame, row = read_frame(study), branch_row(study, pair)
    protocol = study.read_protocol()
    waiting = open_pairs(frame, missing_votes(frame, protocol))
    return replace(
        branches_of(frame, row, title=study.name, protocol=protocol),
        tests_withheld=withholds_tests(study.state, waiting=waiting),
    )


def branches_of(frame: StudyFrame, row: BranchRow, *, title: str, protocol: Protocol) -> Branches:
    """Verdicts, votes and scores of the prompts that both branches have a pair of."""
    on: dict[int, list[VoteRow]] = defaultdict(list)
    for vote in frame.votes:
        on[vote.comparison].append(vote)

    def met(challenger: str) -> dict[Slot, _Row]:
        return _rows(frame, on, challenger, row.teacher, protocol=protocol)

    student, refined = met(row.student), met(row.refined)
    slots = sorted(student.keys() & refined.keys())
    values: dict[tuple[str, str], dict[Slot, float]] = defaultdict(dict)
    for score in frame.scores:
        values[score.estimator, score.method][score.prompt, score.replica] = score.value
    cost = None
    if row.student_steps is not None and row.refine_steps is not None:
        cost = Cost(student_steps=row.student_steps, refine_steps=row.refine_steps)
    return Branches(
        title=title,
        student_label=row.student_label,
        refined_label=row.refined_label,
        teacher_label=row.teacher_label,
        prompts=tuple(frame.prompts[prompt].key for prompt, _ in slots),
        student=tuple(student[slot].result for slot in slots),
        refined=tuple(refined[slot].result for slot in slots),
        groups=tuple(student[slot].item.group or slot[0] for slot in slots),
        student_votes=tuple(student[slot].votes for slot in slots),
        refined_votes=tuple(refined[slot].votes for slot in slots),
        scores=tuple(
            _scores(estimator, row, values, slots, judged=met)
            for estimator in row.estimators
            if (estimator.name, row.student) in values
        ),
        cost=cost,
        votes=sum(rows[slot].voted for rows in (student, refined) for slot in slots),
        simulated=sum(rows[slot].simulated for rows in (student, refined) for slot in slots),
        student_cast=_cast(student, slots),
        refined_cast=_cast(refined, slots),
    )


def _rows(
    frame: StudyFrame,
    on: Mapping[int, Iterable[VoteRow]],
    challenger: str,
    teacher: str,
    *,
    protocol: Protocol,
) -> dict[Slot, _Row]:
    """The contrast's verdicts, mirrored where the challenger is its b; empty without a contrast.

    On demand a third vote stands where people differ: it is counted, but compared with no other.
    Two identical pictures tie without asking: nobody's answer could differ, so that their tie
    counts as if every annotator had given it.
    """
    turns = {(challenger, teacher): False, (teacher, challenger): True}
    mirrored = {c.pk: turns[c.a, c.b] for c in frame.contrasts if (c.a, c.b) in turns}
    found = {}
    for item in frame.items:
        if item.contrast not in mirrored:
            continue
        turned = mirrored[item.contrast]
        cast = list(on.get(item.comparison, ()))
        sides = [RESULTS[as_side(vote.choice, a_is_first=item.a_is_first)] for vote in cast]
        said = [r.mirrored() if turned else r for r in sides if r is not None]
        by: list[str | None] = [vote.annotator for vote in cast]
        early = [vote.early or not protocol.on_demand for vote in cast]
        if item.reason == Verdict.Reason.IDENTICAL:
            said = [Result.TIE] * protocol.votes_compared
            by, early = [None] * len(said), [True] * len(said)
        result = RESULTS[item.outcome]
        found[item.prompt, item.replica] = _Row(
            item=item,
            result=result.mirrored() if result and turned else result,
            votes=tuple(r for r, first in zip(said, early, strict=True) if first),
            cast=tuple(said),
            by=tuple(by),
            voted=len(cast),
            simulated=sum(vote.simulated for vote in cast),
        )
    return found


def _cast(rows: Mapping[Slot, _Row], slots: list[Slot]) -> Cast:
    return Cast(tuple(rows[slot].cast for slot in slots), tuple(rows[slot].by for slot in slots))


def _scores(
    estimator: EstimatorRow,
    row: BranchRow,
    values: Mapping[tuple[str, str], Mapping[Slot, float]],
    slots: list[Slot],
    *,
    judged: Callable[[str], dict[Slot, _Row]],
) -> Scores:
    """One estimator's scores, and the real arms that decide by it with their own verdicts."""

    def column(method: str) -> tuple[float | None, ...]:
        own = values[estimator.name, method]
        return tuple(own.get(slot) for slot in slots)

    arms = []
    for arm in estimator.arms:
        own = judged(arm.method)
        results = tuple(own[slot].result if slot in own else None for slot in slots)
        arms.append(Arm(arm.label, arm.percentile, arm.tau, results if own else None))
    return Scores(
        name=estimator.name,
        student=column(row.student),
        teacher=column(row.teacher) if (estimator.name, row.teacher) in values else None,
        tuning=estimator.tuning,
        arms=tuple(arms),
    )
