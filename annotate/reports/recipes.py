"""How a study's pictures were made, method by method, as its specification says.

It must not write words for people; but for where thresholds were tuned it reads no rows, so that a
frozen study says the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from annotate.sampling.models import Threshold
from annotate.sampling.needs import planned_share, priced
from annotate.studies.arms import Kind
from annotate.studies.models import Study
from annotate.studies.spec import MethodSpec
from generation.budget import planned
from generation.spec import Adaptive, Student, Teacher, read_arm


class TunedRow(NamedTuple):
    """What a method's tau was read from: so many scores of a prompt set that is not shown."""

    method: str
    prompt_set: str
    scores: int
    scores_digest: str


@dataclass(frozen=True)
class MethodRecipe:
    """A method with all its settings.

    `settings` are every field of the arm, in JSON's words for infinities and without a threshold
    that is yet to be tuned; of an imported method what its researcher noted. `percentile` is k, the
    planned share of student samples to improve in percent, where the settings tell one; `steps` is
    the planned mean of an image, an upper limit where `at_most`.
    """

    name: str
    label: str
    kind: Kind
    settings: dict[str, Any]
    preset: str = ""
    # Fields that the paper leaves blank and the preset fills.
    our_choice: tuple[str, ...] = ()
    percentile: float | None = None
    steps: float | None = None
    at_most: bool = False
    tuned: TunedRow | None = None

    @property
    def imported(self) -> bool:
        return self.kind == "imported"

    @property
    def arm(self) -> Teacher | Student | Adaptive:
        """The settings read; a tau that is yet to be tuned stands at 0."""
        waits = self.kind.startswith("adaptive") and "threshold" not in self.settings
        return read_arm(self.settings | ({"threshold": 0.0} if waits else {}))


def recipes_of(study: Study, tuned: Sequence[TunedRow]) -> tuple[MethodRecipe, ...]:
    """The study's methods in the order they were written; none where votes came from elsewhere."""
    if study.external:
        return ()
    origin = {row.method: row for row in tuned}
    return tuple(
        _recipe(MethodSpec.model_validate(written), origin)
        for written in study.spec.get("methods", ())
    )


def _recipe(method: MethodSpec, origin: dict[str, TunedRow]) -> MethodRecipe:
    label = method.label or method.name
    if method.kind == "imported":
        return MethodRecipe(method.name, label, method.kind, method.settings)
    read = method.read_arm()
    share, arm = planned_share(read), priced(read)
    adaptive = isinstance(arm, Adaptive)
    plan = planned(arm, rejected=(1.0 if share is None else share) if adaptive else None)
    return MethodRecipe(
        name=method.name,
        label=label,
        kind=method.kind,
        settings=read.settings["arm"],
        preset=read.preset,
        our_choice=read.our_choice,
        percentile=None if share is None else 100 * share,
        steps=float(plan.steps),
        at_most=adaptive and share is None,
        tuned=origin.get(method.name) if read.tuned else None,
    )


def tuned_rows(study: Study) -> tuple[TunedRow, ...]:
    """Where the thresholds of the study's adaptive methods were tuned; a query for all of them."""
    named = {
        method["name"]: method["settings"]["tuned"]["threshold"]
        for method in study.spec.get("methods", ())
        if method.get("settings", {}).get("tuned") and method["kind"].startswith("adaptive")
    }
    if not named:
        return ()
    rows = Threshold.objects.select_related("calibration__prompt_set").in_bulk(named.values())
    return tuple(
        TunedRow(
            name,
            str(rows[pk].calibration.prompt_set or ""),
            len(rows[pk].calibration.scores),
            rows[pk].calibration.scores_digest,
        )
        for name, pk in named.items()
        if pk in rows
    )
