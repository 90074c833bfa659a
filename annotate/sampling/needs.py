"""Which samples a study needs of each arm: prompts, replicas, and the students they start from.

It must write nothing, and not know jobs, pairs or votes.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from annotate.sampling.thresholds import provenance
from annotate.studies.arms import Json, ReadArm
from annotate.studies.models import Method, Prompt, Study
from annotate.studies.protocol import Protocol
from annotate.studies.selection import contrast_prompts, study_prompts
from generation.budget import planned, rejected_share
from generation.spec import Adaptive, Estimator, Student, Teacher, read_arm
from generation.threshold import percentile_for_budget

Arm = Teacher | Student | Adaptive
# A prompt by the digest of its text, and a replica.
Slot = tuple[str, int]


class WaitsForThreshold(ValueError):
    """An adaptive arm whose tau is still to be tuned."""


@dataclass(frozen=True)
class Family:
    """Arms whose samples are made together: a student and the adaptive arms on it, or a teacher."""

    key: str
    arms: dict[str, Arm]
    # The (prompt digest, replica) that each arm, by digest, needs; in serving order.
    needs: dict[str, list[Slot]] = field(default_factory=dict)
    # What the records of an arm's samples shall also say, by the arm's digest.
    about: dict[str, Json] = field(default_factory=dict)

    @property
    def slots(self) -> list[Slot]:
        """Everything any arm needs, in the order in which it was asked for."""
        return list(dict.fromkeys(slot for needed in self.needs.values() for slot in needed))


def arm_of(method: Method) -> Arm:
    """A generated method's arm.

    Raises:
        WaitsForThreshold: its tau has not been tuned yet.
    """
    recipe = method.settings["arm"]
    if recipe.get("kind") == "adaptive" and "threshold" not in recipe:
        rule = method.settings.get("threshold", {})
        raise WaitsForThreshold(
            f"method {method.name!r} waits for its threshold ({_words(rule)}). Calibrate it first "
            "(calibrate_threshold, or launch_study --calibrate), or set tau."
        )
    return read_arm(recipe)


def _words(rule: Mapping[str, float]) -> str:
    return ", ".join(f"{way} {value:g}" for way, value in rule.items()) or "no rule"


def families(
    study: Study, protocol: Protocol, *, order: Mapping[Slot, int] | None = None
) -> list[Family]:
    """The study's generated arms by what is made together, with what each needs.

    Args:
        order: the place of (prompt digest, replica) in the serving order, for pairs to open early.

    Raises:
        WaitsForThreshold: an adaptive arm has no tau yet.
    """
    replicas = range(study.read_spec().replicas)
    found: dict[str, Family] = {}
    for method, prompts in method_prompts(study, protocol):
        arm = arm_of(method)
        slots = [(p.digest, r) for p in prompts for r in replicas]
        if order:
            slots.sort(key=lambda slot: order.get(slot, len(order)))
        base = arm.student if isinstance(arm, Adaptive) else arm
        family = found.setdefault(base.digest(), Family(base.digest(), {base.digest(): base}))
        for one in (base, arm):
            family.arms[one.digest()] = one
            needed = family.needs.setdefault(one.digest(), [])
            known = set(needed)
            needed += [slot for slot in slots if slot not in known]
        if said := provenance(method):
            family.about.setdefault(arm.digest(), said)
    return list(found.values())


def method_prompts(study: Study, protocol: Protocol) -> Iterator[tuple[Method, list[Prompt]]]:
    """Each generated method with the prompts its contrasts show; without contrasts, all of them."""
    contrasts = list(study.contrasts.select_related("prompt_set").order_by("order", "pk"))
    chosen = {contrast.pk: contrast_prompts(contrast, protocol) for contrast in contrasts}
    for method in study.methods.exclude(kind="imported").order_by("order", "pk"):
        mine = [c for c in contrasts if method.pk in (c.a_id, c.b_id)]
        prompts = {p.pk: p for c in mine for p in chosen[c.pk]}
        yield method, list(prompts.values()) if mine else study_prompts(study, protocol)


def estimators_of(arms: Iterable[Arm]) -> list[Estimator]:
    """The estimators that decide in any of these arms, once each; lots are no estimators."""
    deciding = {a.estimator.digest(): a.estimator for a in arms if isinstance(a, Adaptive)}
    return [estimator for estimator in deciding.values() if estimator.name != "random"]


def priced(read: ReadArm) -> Arm:
    """The arm, with any finite tau where its own is yet to be tuned: its price does not ask."""
    return read.arm or read.at(0.0)


def planned_share(read: ReadArm) -> float | None:
    """The share of student samples an adaptive arm is planned to improve, in [0, 1].

    None for teachers and students, and where the rule does not tell (a tau or target that was set
    without a calibration).
    """
    arm = priced(read)
    if not isinstance(arm, Adaptive) or read.rule is None:
        return None
    if read.arm is not None and (known := rejected_share(arm)) is not None:
        return float(known)
    if read.tuned is not None:
        return read.tuned.percentile / 100
    if read.rule.percentile is not None:
        return read.rule.percentile / 100
    if read.rule.budget is not None:
        own, more = (float(planned(one).steps) for one in (arm.student, arm.teacher))
        return percentile_for_budget(int(own), int(more), read.rule.budget) / 100
    if arm.estimator.name == "random":
        # Lots are uniform on [0, 1): tau is the share itself.
        return min(max(arm.threshold, 0.0), 1.0)
    return None
