"""What a study will cost before it is launched: images, steps, forwards, machine time, votes.

It must write nothing. Planned means come from the recipes, seconds from finished samples; what was
never measured stays unknown.
"""

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction

from annotate.sampling.costs import Costs, measured
from annotate.sampling.expected import expected_pairs
from annotate.sampling.models import Sample
from annotate.sampling.needs import method_prompts, planned_share, priced
from annotate.studies.arms import ReadArm
from annotate.studies.models import Study
from generation.budget import Budget, planned
from generation.spec import Adaptive, Student


@dataclass(frozen=True)
class ArmEstimate:
    """One arm. `steps` and `forwards` are planned means of an image; `seconds` is for all of them.

    `rejected` is the share of student samples that an adaptive arm is planned to improve; None
    where tau alone does not tell it: then all are priced, and the figures are upper limits.
    """

    name: str
    label: str
    kind: str
    preset: str
    images: int
    there: int
    steps: float
    forwards: float
    rejected: float | None
    at_most: bool
    seconds: float | None
    # Beside the student's sample, which is counted once for all arms on it.
    own_steps: float
    own_forwards: float

    @property
    def to_make(self) -> int:
        return self.images - self.there


@dataclass(frozen=True)
class Estimate:
    """A study's cost. `seconds` is None as long as one of its networks was never measured.

    Expected pairs and votes: what adaptive arms keep of one student is one image, so that pairs
    come up in several contrasts; those are judged once, and identical ones not at all.
    """

    arms: tuple[ArmEstimate, ...]
    # What is still to be done: a student's sample counts once for all arms on it.
    steps: float
    forwards: float
    seconds: float | None
    at_most: bool
    items: int
    pairs: float
    identical: float
    # Votes on a pair, in expectation.
    overlap: float

    @property
    def votes(self) -> int:
        return round(self.pairs * self.overlap)

    @property
    def votes_saved(self) -> int:
        """Votes that every item for itself would have taken beside these."""
        return round(self.items * self.overlap) - self.votes


def estimate(study: Study) -> Estimate:
    """What launching this draft would make and ask for."""
    costs, protocol = measured(), study.read_protocol()
    spec = {method.name: method for method in study.read_spec().methods}
    counted = _Counted(seed=protocol.seed, replicas=study.read_spec().replicas)
    arms: list[ArmEstimate] = []
    reads: dict[int, ReadArm] = {}
    # Students are made once for all arms on them, those that no method shows included.
    students: dict[Student, set[str]] = defaultdict(set)
    for method, prompts in method_prompts(study, protocol):
        read = reads[method.pk] = spec[method.name].read_arm()
        digests = {prompt.digest for prompt in prompts}
        arm = priced(read)
        if isinstance(arm, Adaptive):
            students[arm.student] |= digests
        elif isinstance(arm, Student):
            students[arm] |= digests
        arms.append(_arm(str(method), method.name, method.kind, read, digests, costs, counted))
    missing = {
        student: counted.missing(student.digest(), prompts) for student, prompts in students.items()
    }
    made_once = [_times(costs.seconds(student), n) for student, n in missing.items()]
    own = [arm.seconds for arm in arms if arm.kind != "student"]
    steps = sum(float(planned(student).steps) * n for student, n in missing.items())
    forwards = sum(float(planned(student).forwards) * n for student, n in missing.items())
    expected = expected_pairs(study, reads)
    return Estimate(
        arms=tuple(arms),
        steps=steps + sum(arm.own_steps * arm.to_make for arm in arms),
        forwards=forwards + sum(arm.own_forwards * arm.to_make for arm in arms),
        seconds=_sum([*own, *made_once]),
        at_most=any(arm.at_most for arm in arms),
        items=expected.items,
        pairs=expected.pairs,
        identical=expected.identical,
        overlap=protocol.votes_expected,
    )


@dataclass(frozen=True)
class _Counted:
    """Counts samples that are there under a study's seed and replicas."""

    seed: int
    replicas: int

    def there(self, method: str, prompts: set[str]) -> int:
        """By method and in memory: one IN cannot hold every prompt."""
        rows = Sample.objects.filter(
            method_digest=method,
            seed=self.seed,
            replica__lt=self.replicas,
            state=Sample.State.DONE,
        )
        return sum(digest in prompts for digest in rows.values_list("prompt_digest", flat=True))

    def missing(self, method: str, prompts: set[str]) -> int:
        return len(prompts) * self.replicas - self.there(method, prompts)


def _arm(
    label: str,
    name: str,
    kind: str,
    read: ReadArm,
    prompts: set[str],
    costs: Costs,
    counted: _Counted,
) -> ArmEstimate:
    arm, share = priced(read), planned_share(read)
    there = counted.there(read.digest, prompts)
    one = costs.seconds(arm, rejected=share)
    if isinstance(arm, Adaptive) and one is not None:
        # The teacher's part alone: the student's is counted with the students.
        one -= costs.seconds(arm.student) or 0.0
    adaptive = isinstance(arm, Adaptive)
    budget = planned(arm, rejected=1.0 if adaptive and share is None else share)
    base = planned(arm.student) if isinstance(arm, Adaptive) else Budget(Fraction(0), Fraction(0))
    own = Budget(budget.steps - base.steps, budget.forwards - base.forwards)
    if isinstance(arm, Student):
        own = Budget(Fraction(0), Fraction(0))
    return ArmEstimate(
        name=name,
        label=label,
        kind=kind,
        preset=read.preset,
        images=len(prompts) * counted.replicas,
        there=there,
        steps=float(budget.steps),
        forwards=float(budget.forwards),
        rejected=share,
        at_most=adaptive and share is None,
        seconds=_times(one, len(prompts) * counted.replicas - there),
        own_steps=float(own.steps),
        own_forwards=float(own.forwards),
    )


def _times(seconds: float | None, n: int) -> float | None:
    """Nothing to make costs nothing, measured or not."""
    return 0.0 if n == 0 else None if seconds is None else seconds * n


def _sum(parts: list[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None
