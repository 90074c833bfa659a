"""Finds the branches of a study and reads their verdicts, votes and scores for the laboratory.

It must not compute. Where recipes are known (methods sampled here) they say which arm refines every
sample of which student; imported pictures do not, so that a person names them.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Set
from dataclasses import dataclass

from annotate.analysis.contrast import Result
from annotate.analysis.oracle import Cost
from annotate.judging.models import ContrastItem, Verdict, Vote
from annotate.reports.branches import Arm, Branches, Scores
from annotate.reports.estimator_names import NAMES
from annotate.reports.frames import LIVE, after_two, as_side, read_snapshot
from annotate.sampling.models import Calibration, Score
from annotate.sampling.needs import WaitsForThreshold, arm_of
from annotate.sampling.samples import sample_prompt_digest, sample_seed
from annotate.studies.models import Contrast, Method, Prompt, Study
from generation.budget import planned, steps_of
from generation.spec import Adaptive

_RESULTS = {"a": Result.WIN, "tie": Result.TIE, "b": Result.LOSS}
Slot = tuple[int, int]
"""A prompt's key in the database and a replica."""


@dataclass(frozen=True)
class BranchPair:
    """Two contrasts with one teacher: a student's samples, and all of them refined.

    `certain` where the recipes say so.
    """

    student: Method
    refined: Method
    teacher: Method
    student_contrast: Contrast
    refined_contrast: Contrast
    certain: bool

    @property
    def key(self) -> str:
        """Names the pair in an address."""
        return f"{self.student_contrast.pk}-{self.refined_contrast.pk}-{self.teacher.pk}"


@dataclass(frozen=True)
class _Row:
    """What one contrast says of one prompt, from the challenger's side."""

    prompt: Prompt
    result: Result | None
    votes: tuple[Result, ...]
    cast: int
    simulated: int


def branch_pairs(study: Study) -> list[BranchPair]:
    """The pairs that may be branches; only those that recipes tell, where there are any."""
    against: dict[Method, dict[Method, Contrast]] = defaultdict(dict)
    contrasts = study.contrasts.select_related("a", "b").order_by("order", "pk")
    for contrast in contrasts:
        against[contrast.b][contrast.a] = contrast
        against[contrast.a][contrast.b] = contrast
    found = [
        BranchPair(student, refined, teacher, one, two, _refines_all(student, refined))
        for teacher, others in against.items()
        for student, one in others.items()
        for refined, two in others.items()
        if student != refined and _possible(student, refined, teacher)
    ]
    return [pair for pair in found if pair.certain] or found


def has_laboratory(study: Study) -> bool:
    """Whether a student arm and a refine-all arm meet the same teacher, as their recipes say."""
    return any(pair.certain for pair in branch_pairs(study))


def read_branches(study: Study, pair: BranchPair) -> Branches:
    """Verdicts, votes and scores of the pair's prompts, in the order of the prompts."""
    with read_snapshot():
        protocol = study.read_protocol()
        # As in the report: a third vote on demand stands where people differ.
        third = after_two(study) if protocol.on_demand else frozenset()
        identical = protocol.votes_compared
        student = _rows(
            pair.student_contrast, pair.student, identical_votes=identical, without=third
        )
        refined = _rows(
            pair.refined_contrast, pair.refined, identical_votes=identical, without=third
        )
        slots = [slot for slot in student if slot in refined]
        prompts = [student[slot].prompt for slot in slots]
        return Branches(
            title=study.name,
            student_label=str(pair.student),
            refined_label=str(pair.refined),
            teacher_label=str(pair.teacher),
            prompts=tuple(p.key for p in prompts),
            student=tuple(student[slot].result for slot in slots),
            refined=tuple(refined[slot].result for slot in slots),
            groups=tuple(p.group or p.pk for p in prompts),
            student_votes=tuple(student[slot].votes for slot in slots),
            refined_votes=tuple(refined[slot].votes for slot in slots),
            scores=tuple(_scores(study, pair, student, slots)),
            cost=_cost(pair),
            votes=sum(rows[s].cast for rows in (student, refined) for s in slots),
            simulated=sum(rows[s].simulated for rows in (student, refined) for s in slots),
        )


def _possible(student: Method, refined: Method, teacher: Method) -> bool:
    """Imported pictures could be anything; of generated ones the recipes speak."""
    if all(m.kind == "imported" for m in (student, refined, teacher)):
        return True
    return _refines_all(student, refined)


def _refines_all(student: Method, refined: Method) -> bool:
    arm = _adaptive(refined)
    return (
        student.kind == "student"
        and arm is not None
        and arm.threshold == math.inf
        and arm.student.digest() == student.digest
    )


def _adaptive(method: Method) -> Adaptive | None:
    if not method.kind.startswith("adaptive"):
        return None
    try:
        arm = arm_of(method)
    except WaitsForThreshold:
        return None
    return arm if isinstance(arm, Adaptive) else None


def _cost(pair: BranchPair) -> Cost | None:
    arm = _adaptive(pair.refined)
    if arm is None:
        return None
    return Cost(student_steps=steps_of(arm.student), refine_steps=int(planned(arm.teacher).steps))


def _rows(
    contrast: Contrast,
    challenger: Method,
    *,
    identical_votes: int,
    without: Set[tuple[int, int]] = frozenset(),
) -> dict[Slot, _Row]:
    """The contrast's verdicts, mirrored where the challenger is its b.

    `without` are votes, by comparison and annotator, that are counted but compared with no other.

    Two identical pictures tie without asking: nobody's answer could differ, so that their tie
    counts as if every annotator had given it.
    """
    mirrored = contrast.b_id == challenger.pk
    items = list(
        ContrastItem.objects.filter(contrast=contrast, comparison__kind=LIVE)
        .select_related("prompt", "comparison__verdict")
        .order_by("prompt__order", "prompt_id", "replica")
    )
    votes: dict[int, list[tuple[str, bool, bool]]] = defaultdict(list)
    theirs = ContrastItem.objects.filter(contrast=contrast).values("comparison")
    cast = Vote.objects.filter(comparison__in=theirs, comparison__kind=LIVE)
    for comparison, who, choice, simulated in cast.order_by("annotator_id").values_list(
        "comparison_id", "annotator_id", "choice", "simulated"
    ):
        votes[comparison].append((choice, simulated, (comparison, who) not in without))
    found = {}
    for item in items:
        verdict: Verdict | None = getattr(item.comparison, "verdict", None)

        def read(choice: str, item: ContrastItem = item) -> Result:
            result = _RESULTS[as_side(choice, a_is_first=item.a_is_first)]
            return result.mirrored() if mirrored else result

        said = tuple(read(choice) for choice, _, early in votes[item.comparison_id] if early)
        if verdict and verdict.reason == Verdict.Reason.IDENTICAL:
            said = (Result.TIE,) * identical_votes
        found[item.prompt_id, item.replica] = _Row(
            prompt=item.prompt,
            result=read(verdict.outcome) if verdict else None,
            votes=said,
            cast=len(votes[item.comparison_id]),
            simulated=sum(simulated for _, simulated, _ in votes[item.comparison_id]),
        )
    return found


def _scores(
    study: Study, pair: BranchPair, rows: dict[Slot, _Row], slots: list[Slot]
) -> Iterator[Scores]:
    """Every estimator that scored the student's samples, under its name where it has one."""
    seed = study.read_protocol().seed
    own = _stored(pair.student, rows, slots, seed=seed)
    teacher = _stored(pair.teacher, rows, slots, seed=seed)
    tuned = {
        row.estimator_digest: row
        for row in Calibration.objects.filter(student_digest=pair.student.digest).order_by("pk")
    }
    arms: dict[str, list[Arm]] = defaultdict(list)
    names = {
        digest: row.provenance.get("estimator", {}).get("name") for digest, row in tuned.items()
    }
    refined = _adaptive(pair.refined)
    for method in study.methods.order_by("order", "pk"):
        arm = _adaptive(method)
        if arm is None:
            continue
        names.setdefault(arm.estimator.digest(), arm.estimator.name)
        all_of_it = arm.model_copy(update={"threshold": math.inf})
        if refined is not None and math.isfinite(arm.threshold) and all_of_it == refined:
            arms[arm.estimator.digest()].append(_arm(study, pair, method, arm, slots))
    taken = [NAMES.get(name or "", "Estimator") for d, name in names.items() if d in own]
    # The study's own estimator comes first: its decisions are the current state.
    for digest, values in sorted(
        own.items(), key=lambda pair: (pair[0] not in arms, names.get(pair[0]) or pair[0])
    ):
        name = NAMES.get(names.get(digest) or "", "Estimator")
        short = f"{name} {digest[:6]}" if taken.count(name) != 1 else name
        calibration = tuned.get(digest)
        yield Scores(
            name=short,
            student=tuple(values),
            teacher=tuple(teacher[digest]) if digest in teacher else None,
            tuning=tuple(calibration.scores) if calibration else None,
            arms=tuple(arms[digest]),
        )


def _arm(study: Study, pair: BranchPair, method: Method, arm: Adaptive, slots: list[Slot]) -> Arm:
    """A real adaptive arm on the same student, with its own verdicts where it has a contrast."""
    contrast = (
        study.contrasts.filter(a=method, b=pair.teacher).first()
        or study.contrasts.filter(a=pair.teacher, b=method).first()
    )
    judged = None
    if contrast is not None:
        rows = _rows(contrast, method, identical_votes=0)
        judged = tuple(rows[slot].result if slot in rows else None for slot in slots)
    tuned = method.settings.get("tuned", {})
    return Arm(str(method), tuned.get("percentile"), arm.threshold, judged)


def _stored(
    method: Method, rows: dict[Slot, _Row], slots: list[Slot], *, seed: int
) -> dict[str, list[float | None]]:
    """Scores of a method's samples by estimator, in the order of the slots."""
    place = {
        (sample_prompt_digest(method, rows[slot].prompt), slot[1]): i
        for i, slot in enumerate(slots)
    }
    found: dict[str, list[float | None]] = defaultdict(lambda: [None] * len(slots))
    stored = Score.objects.filter(
        sample__method_digest=method.digest, sample__seed=sample_seed(method, seed=seed)
    )
    for digest, prompt, replica, value in stored.values_list(
        "estimator_digest", "sample__prompt_digest", "sample__replica", "value"
    ):
        if (prompt, replica) in place:
            found[digest][place[prompt, replica]] = value
    return dict(found)
