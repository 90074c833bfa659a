"""What a step costs here, measured on finished samples: for sizing jobs and for estimates.

It must not guess: what was never measured is None.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Avg, Sum

from annotate.sampling.models import Job, Sample
from generation.budget import planned
from generation.spec import Adaptive, Student, Teacher, read_arm

Arm = Teacher | Student | Adaptive
# Arms are known by the jobs that made them; the newest tell how fast the machines are now.
RECENT = 500


@dataclass(frozen=True)
class Costs:
    """Seconds of work by what was measured: an image of an arm, a forward of a network."""

    by_arm: dict[str, float]
    by_network: dict[str, float]

    def seconds(self, arm: Arm, *, rejected: float | None = None) -> float | None:
        """Mean seconds of one image of this arm; None when its networks were never measured.

        For an adaptive arm this includes the student's sample, made for it or for several.

        Args:
            rejected: the planned share of improved samples, where tau does not tell it.
        """
        if isinstance(arm, Adaptive):
            return self._adaptive(arm, rejected=rejected)
        own = self.by_arm.get(arm.digest())
        if own is not None:
            return own
        forward = self.by_network.get(network(arm))
        return None if forward is None else forward * float(planned(arm).forwards)

    def _adaptive(self, arm: Adaptive, *, rejected: float | None) -> float | None:
        student, teacher = self.seconds(arm.student), self.seconds(arm.teacher)
        if student is None or teacher is None:
            return None
        steps = planned(arm, rejected=1.0 if rejected is None else rejected).steps
        own, more = planned(arm.student).steps, planned(arm.teacher).steps
        return student + teacher * float((steps - own) / more)


def network(arm: Teacher | Student) -> str:
    """What one forward's cost depends on: the weights, their precision and the picture's size."""
    size = {"height": arm.height, "width": arm.width}
    return json.dumps(arm.model.model_dump(mode="json") | size, sort_keys=True)


def measured() -> Costs:
    """Costs from the samples of the latest finished jobs."""
    jobs = Job.objects.filter(kind="produce", state=Job.State.DONE).order_by("-pk")[:RECENT]
    arms: dict[str, Arm] = {}
    for payload in jobs.values_list("payload", flat=True):
        for digest, recipe in payload.get("arms", {}).items():
            if digest not in arms:
                arms[digest] = read_arm(recipe)
    return _costs(arms)


def _costs(arms: dict[str, Arm]) -> Costs:
    rows = _rows(digest for digest, arm in arms.items() if not isinstance(arm, Adaptive))
    by_arm: dict[str, float] = {}
    spent: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for digest, mean, seconds, forwards in rows:
        arm = arms[digest]
        assert not isinstance(arm, Adaptive)
        by_arm[digest] = mean
        if forwards:
            spent[network(arm)][0] += seconds
            spent[network(arm)][1] += forwards
    by_network = {key: seconds / forwards for key, (seconds, forwards) in spent.items()}
    return Costs(by_arm, by_network)


def _rows(digests: Iterable[str]) -> Iterable[tuple[str, float, float, int]]:
    done = Sample.objects.filter(
        method_digest__in=list(digests), state=Sample.State.DONE, seconds__isnull=False
    )
    return (
        done.order_by()
        .values("method_digest")
        .annotate(mean=Avg("seconds"), spent=Sum("seconds"), made=Sum("forwards"))
        .values_list("method_digest", "mean", "spent", "made")
    )
