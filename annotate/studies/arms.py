"""A generated method's settings, read: preset and overrides, or a whole recipe, become one arm.

It must know no database and no torch. What a researcher writes:

    [methods.settings]
    preset = "table4/adaptive-15"            # or the whole recipe under `arm`
    arm.student.model.path = "/models/cd"    # what differs from the preset
    threshold = { percentile = 50 }          # or budget, target, tau
    pins."owner/name" = "0123…"              # the commit of a hub id, wherever the arm names it
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from annotate.studies.mistakes import lines
from annotate.studies.pins import pinned
from generation.budget import planned
from generation.presets import arm_of, preset, resolve
from generation.spec import Adaptive, Student, Teacher, read_arm

Json = dict[str, Any]
Arm = Teacher | Student | Adaptive
Kind = Literal["imported", "teacher", "student", "adaptive-refine", "adaptive-regenerate"]


class Rule(BaseModel):
    """How an adaptive arm's tau is found: exactly one of the four."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # k: the share of student samples to improve, in percent.
    percentile: Annotated[float, Field(ge=0, le=100)] | None = None
    # Mean steps of an image.
    budget: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    # Mean score on the validation prompts that the adaptive arm has to reach.
    target: Annotated[float, Field(allow_inf_nan=False)] | None = None
    tau: Annotated[float, Field(allow_inf_nan=True)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = self.written()
        if len(given) != 1 or given.get("tau") != given.get("tau"):
            raise ValueError(
                f"{given or 'nothing'} was given; a threshold is exactly one of percentile (0 to "
                "100), budget (mean steps), target (mean score) and tau (a number, inf or -inf). "
                "Write one."
            )
        return self

    def written(self) -> dict[str, float]:
        return {
            k: v
            for k in ("percentile", "budget", "target", "tau")
            if (v := getattr(self, k)) is not None
        }

    def __str__(self) -> str:
        return ", ".join(f"{way} {value:g}" for way, value in self.written().items())


class Tuned(BaseModel):
    """The tau that a calibration gave, and for what (`sampling.calibration` writes it)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tau: Annotated[float, Field(allow_inf_nan=True)]
    percentile: Annotated[float, Field(ge=0, le=100)]
    # Key of the stored threshold, whose calibration says which student and prompts it is of.
    threshold: int
    rule: Rule


class ArmSettings(BaseModel):
    """`settings` of a generated method, as written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: str = ""
    arm: dict[str, Any] = Field(default_factory=dict)
    threshold: Rule | None = None
    tuned: Tuned | None = None
    # Commits by hub id, for every place of the arm that names the id without one.
    pins: dict[str, str] = Field(default_factory=dict)

    @field_validator("pins", mode="after")
    @classmethod
    def _pins_are_commits(cls, pins: dict[str, str]) -> dict[str, str]:
        for name, commit in pins.items():
            if not re.fullmatch(r"[0-9a-f]{40}", commit):
                raise ValueError(
                    f"{name!r} is pinned to {commit!r}; a commit is 40 hexadecimal digits, since "
                    "a branch or a short form may mean another one tomorrow. Write it in full."
                )
        return pins


@dataclass(frozen=True)
class ReadArm:
    """A method's arm.

    `recipe` has every field but a tau that is yet to be tuned; `arm` is None until it is. `rule`
    says how tau is found (None for teachers and students). `our_choice` names the fields that the
    paper leaves blank and neither it nor the researcher has set.
    """

    recipe: Json
    arm: Arm | None
    rule: Rule | None
    tuned: Tuned | None
    preset: str
    our_choice: tuple[str, ...]

    @property
    def digest(self) -> str:
        """What its samples belong to: the arm's digest, once there is an arm."""
        if self.arm is not None:
            return self.arm.digest()
        waiting = {"waits": self.recipe, "rule": self.rule.written() if self.rule else {}}
        return hashlib.sha256(json.dumps(waiting, sort_keys=True).encode()).hexdigest()

    @property
    def settings(self) -> Json:
        """What a Method row keeps."""
        arm = self.recipe if self.arm is None else plain(self.arm.model_dump(mode="json"))
        kept: Json = {"arm": arm}
        kept |= {"preset": self.preset, "our_choice": list(self.our_choice)}
        if self.rule is not None:
            kept["threshold"] = plain(self.rule.written())
        if self.tuned is not None:
            kept["tuned"] = plain(self.tuned.model_dump(mode="json"))
        return kept

    def at(self, tau: float) -> Arm:
        """The arm with this threshold in the place of its own."""
        return read_arm(self.recipe | {"threshold": tau})


def read_settings(kind: str, written: Mapping[str, Any]) -> ReadArm:
    """The arm that a method's settings describe.

    Raises:
        ValueError: with a line for each mistake.
    """
    try:
        settings = ArmSettings.model_validate(dict(written))
    except ValidationError as error:
        raise _refused(error, "settings") from error
    own = dict(settings.arm)
    rule = settings.threshold
    if "threshold" in own and rule is None:
        rule = Rule(tau=own["threshold"])
    own.pop("threshold", None)
    try:
        resolved = _resolved(kind, settings.preset, own, rule)
        if settings.pins:
            own = pinned(own, resolved["arm"], settings.pins)
            resolved = _resolved(kind, settings.preset, own, rule)
    except ValidationError as error:
        raise ValueError(
            "\n".join(lines(error, whole="settings.arm", below="settings.arm", skip=1))
        ) from error
    recipe = resolved["arm"]
    _check_kind(kind, recipe, settings.preset)
    if recipe["kind"] != "adaptive":
        if rule is not None or settings.tuned is not None:
            raise ValueError(f"settings.threshold: a {kind} has none. Remove it.")
        return _read(recipe, None, None, resolved)
    rule = rule or (Rule(**resolved["threshold"]) if resolved["threshold"] else None)
    if rule is None:
        raise ValueError(
            "settings.threshold: nothing was given and an adaptive arm needs a cut-off. Write "
            "{ percentile = 50 }, { budget = 15 }, { target = 0.6 } or { tau = 0.2 }."
        )
    _check_budget(recipe, rule)
    # A tau tuned for another rule is none: the percentile was changed since.
    tuned = settings.tuned if settings.tuned and settings.tuned.rule == rule else None
    return _read(recipe, rule, tuned, resolved)


def _refused(error: ValidationError, place: str, *, skip: int = 0) -> ValueError:
    return ValueError("\n".join(lines(error, whole=place, below=place, skip=skip)))


def _read(recipe: Json, rule: Rule | None, tuned: Tuned | None, resolved: Json) -> ReadArm:
    tau = tuned.tau if tuned else rule.tau if rule else None
    recipe = {k: v for k, v in recipe.items() if k != "threshold"}
    waits = recipe["kind"] == "adaptive" and tau is None
    arm = None if waits else arm_of({"arm": recipe}, threshold=tau)
    choice = tuple(resolved.get("our_choice", ()))
    return ReadArm(recipe, arm, rule, tuned, resolved.get("preset", ""), choice)


def _resolved(kind: str, name: str, own: Json, rule: Rule | None) -> Json:
    return _from_preset(name, own, rule) if name else _own(kind, own)


def _from_preset(name: str, own: Json, rule: Rule | None) -> Json:
    adaptive = preset(name).recipe["kind"] == "adaptive"
    return resolve(name, own | ({"threshold": rule.written()} if rule and adaptive else {}))


def _own(kind: str, own: Json) -> Json:
    """A whole recipe written out; what the method's kind says need not be said again."""
    strategy = kind.removeprefix("adaptive-")
    said = {"kind": "adaptive", "strategy": strategy} if strategy != kind else {"kind": kind}
    recipe = said | own
    waits = recipe["kind"] == "adaptive"
    arm = read_arm(recipe | {"threshold": 0.0} if waits else recipe).model_dump(mode="json")
    return {"arm": arm, "threshold": {}}


def _check_budget(recipe: Json, rule: Rule) -> None:
    """A mean budget is paid by improving none to all: outside of that no percentile reaches it."""
    if rule.budget is None:
        return
    arm = read_arm(recipe | {"threshold": 0.0})
    least, most = (float(planned(arm, rejected=share).steps) for share in (0, 1))
    if not least <= rule.budget <= most:
        raise ValueError(
            f"settings.threshold.budget: {rule.budget:g} was given, but this arm takes {least:g} "
            f"steps when it keeps every student sample and {most:g} when it improves them all. "
            "Give a number between the two."
        )


def _check_kind(kind: str, recipe: Json, name: str) -> None:
    means = recipe["kind"]
    if means == "adaptive":
        means = f"adaptive-{recipe['strategy']}"
    if means == kind:
        return
    said = f"preset {name!r} is" if name else "the recipe is"
    remedy = f"Set kind = {means!r}"
    if name and {means, kind} == {"adaptive-refine", "adaptive-regenerate"}:
        row = name.removesuffix("-regenerate")
        remedy += f", or take preset {row!r} with or without -regenerate behind it"
    why = " (rollback 1 leaves nothing to refine)" if recipe.get("rollback") == 1 else ""
    raise ValueError(f"kind: {kind!r} was given, but {said} {means!r}{why}. {remedy}.")


def plain(value: Any) -> Any:
    """Data that JSON and TOML can both hold: infinities as words, nothing that says nothing."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
