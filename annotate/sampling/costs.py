"""What a step costs here, measured on finished samples: for sizing jobs and for estimates.

It must not guess: what was never measured is None.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Avg, F, QuerySet, Sum

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
    by_arm: dict[str, float] = {}
    spent: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for digest, mean, seconds, forwards in _plain(arms):
        arm = arms[digest]
        assert not isinstance(arm, Adaptive)
        by_arm[digest] = mean
        spent[network(arm)][0] += seconds
        spent[network(arm)][1] += forwards or 0
    for digest, more, ran in _improvements(arms):
        arm = arms[digest]
        assert isinstance(arm, Adaptive)
        spent[network(arm.teacher)][0] += more or 0.0
        spent[network(arm.teacher)][1] += ran or 0
    by_network = {key: seconds / forwards for key, (seconds, forwards) in spent.items() if forwards}
    return Costs(by_arm, by_network)


def _plain(arms: dict[str, Arm]) -> Iterable[tuple[str, float, float, int | None]]:
    """(arm, mean seconds, all seconds, all forwards) of teachers and students."""
    digests = [digest for digest, arm in arms.items() if not isinstance(arm, Adaptive)]
    made = _measured(digests).annotate(
        mean=Avg("seconds"), spent=Sum("seconds"), ran=Sum("forwards")
    )
    return made.values_list("method_digest", "mean", "spent", "ran")


def _improvements(arms: dict[str, Arm]) -> Iterable[tuple[str, float | None, int | None]]:
    """(arm, all seconds, all forwards) of what teachers did to the samples of adaptive arms."""
    digests = [digest for digest, arm in arms.items() if isinstance(arm, Adaptive)]
    improved = _measured(digests).filter(parent__seconds__isnull=False)
    made = improved.exclude(decision=Sample.Decision.KEPT).annotate(
        spent=Sum(F("seconds") - F("parent__seconds")),
        ran=Sum(F("forwards") - F("parent__forwards")),
    )
    return made.values_list("method_digest", "spent", "ran")


def _measured(digests: list[str]) -> QuerySet[Sample, Any]:
    done = Sample.objects.filter(
        method_digest__in=digests, state=Sample.State.DONE, seconds__isnull=False
    )
    return done.order_by().values("method_digest")
