"""The paper's arms by name: every row of Tables 3, 4 and 5 and what they were compared with.

Must not know torch: studies are written and priced in web processes.

A row's name is `table3/ir-8`, `table4/adaptive-15`, `table5/add-xl`; behind each stand

    <row>-regenerate   the other strategy with the same threshold and steps (supplement D.2)
    <row>-all          refine-all: every student sample is improved (tau = +inf)
    <row>-random       the control: as many samples improved, chosen by lot

Opponents: `ddim-50`, `dpm-25`, `unipc-10` (SD1.5, any number of steps), `sdxl-ddim-50` and its
kind, `cd-5`, `cd-sdxl-4`, `add-xl-4`, `table4/refine-10|15|25` (all refined at an equal mean
budget), and `-null` behind a teacher: the same recipe from another seed.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from generation import published
from generation.budget import Budget, planned
from generation.published import EQUAL_BUDGET, OPPONENTS, ROWS, Json
from generation.spec import Adaptive, Student, Teacher, read_arm

VARIANTS = ("-regenerate", "-all", "-random")
_teacher = re.compile(r"(sdxl-)?(ddim|dpm|unipc)-([1-9]\d{0,2})(-null)?")
_student = re.compile(r"(cd-sdxl|cd|add-xl)-([1-9]\d?)")
_students = {"cd": published.cd, "cd-sdxl": published.cd_sdxl, "add-xl": published.add_xl}
# Ways to a threshold and what each may be.
RULES = {
    "percentile": (0.0, 100.0),
    "budget": (0.0, math.inf),
    "target": (-math.inf, math.inf),
    "tau": (-math.inf, math.inf),
}


@dataclass(frozen=True)
class Preset:
    """An arm of the paper by name.

    `recipe` is the arm as plain data. An adaptive one that is tuned has no "threshold": tau is the
    `percentile` (k) of validation scores. `rejected` is the planned share of improved samples.
    `our_choice` names the fields that the paper leaves blank, `printed` is the table's cell
    "Adaptive", `opponents` are the arms that the paper compares this one with.
    """

    name: str
    source: str
    recipe: Json
    percentile: int | None = None
    rejected: Fraction | None = None
    our_choice: tuple[str, ...] = ()
    printed: int | None = None
    opponents: tuple[str, ...] = ()

    @property
    def arm(self) -> Teacher | Student | Adaptive:
        """The recipe read; a tau that is yet to be tuned stands at 0."""
        return _read(self.recipe)

    @property
    def budget(self) -> Budget:
        """Mean cost of one image."""
        return planned(self.arm, rejected=self.rejected)

    def __str__(self) -> str:
        lines = [f"{self.name} ({self.source}): {self.budget}"]
        if self.printed is not None:
            lines.append(f"  printed in the paper: {self.printed} steps")
        if self.our_choice:
            lines.append(f"  blank in the paper, our choice: {', '.join(self.our_choice)}")
        return "\n".join(lines)


def names() -> tuple[str, ...]:
    """Every name worth listing; teachers and students also exist at any other number of steps."""
    rows = [row + variant for row in ROWS for variant in ("", *VARIANTS)]
    teachers = ["ddim-50", "ddim-50-null", "dpm-5", "dpm-10", "dpm-15", "dpm-25", "unipc-10"]
    teachers += ["unipc-15", "unipc-25", "sdxl-ddim-50", "sdxl-ddim-50-null", "sdxl-unipc-13"]
    students = ["cd-3", "cd-5", "cd-sdxl-4", "add-xl-2", "add-xl-4"]
    return (*rows, *EQUAL_BUDGET, *teachers, *students)


def preset(name: str) -> Preset:
    """The arm of that name.

    Raises:
        ValueError: nothing has the name.
    """
    if name in EQUAL_BUDGET:
        return _refined_at_equal_budget(name)
    if found := _teacher.fullmatch(name):
        return _lone_teacher(name, found)
    if found := _student.fullmatch(name):
        return _lone_student(name, found)
    if name in ROWS:
        return _row(name)
    for variant in VARIANTS:
        if name.endswith(variant) and name.removesuffix(variant) in ROWS:
            return _row(name.removesuffix(variant), variant)
    raise ValueError(
        f"there is no preset {name!r}. Take one of {', '.join(ROWS)}, alone or with one of "
        f"{', '.join(VARIANTS)} behind it; {', '.join(EQUAL_BUDGET)}; or an opponent such as "
        "ddim-50, dpm-25, unipc-15, sdxl-ddim-50, cd-5, cd-sdxl-4, add-xl-4."
    )


def resolve(name: str, overrides: Mapping[str, Any] | None = None) -> Json:
    """A method's settings, as JSON has them: the preset's recipe under a study's own choices.

    `overrides` mirrors the recipe and wins field by field, as {"student": {"steps": 4}}. Beside
    the recipe's fields an adaptive arm takes "threshold": tau itself (a number), or one of
    {"tau": t}, {"percentile": k}, {"budget": mean steps}, {"target": mean score}.

    Infinities are written as "Infinity" and "-Infinity".

    Returns:
        {"preset", "arm", "threshold", "our_choice"}: "arm" has every field, but "threshold" only
        when tau is known; the rule in "threshold" says how it is found. `arm_of` reads both.

    Raises:
        ValueError: nothing has the name, or a choice is no field or outside what is allowed.
    """
    found = preset(name)
    own = dict(overrides or {})
    wanted = own.pop("threshold", None)
    recipe = _merged(found.recipe, own)
    rule: Json = {} if found.percentile is None else {"percentile": found.percentile}
    if "threshold" in recipe:
        rule = {"tau": recipe["threshold"]}
    if wanted is not None:
        if recipe["kind"] != "adaptive":
            raise ValueError(f"preset {name!r} has no threshold. Remove it from the overrides.")
        rule = _rule(wanted)
    if "tau" in rule:
        recipe["threshold"] = rule["tau"]
    else:
        recipe.pop("threshold", None)
    arm = _read(recipe).model_dump(mode="json")
    if "tau" in rule:
        rule = {"tau": arm["threshold"]}
    elif recipe["kind"] == "adaptive":
        del arm["threshold"]
    blank = [field for field in found.our_choice if not _set_by(own, field)]
    return {"preset": name, "arm": arm, "threshold": rule, "our_choice": blank}


def arm_of(
    settings: Mapping[str, Any], *, threshold: float | None = None
) -> Teacher | Student | Adaptive:
    """The arm that settings from `resolve` describe, with the tuned tau put in.

    Raises:
        ValueError: an arm that is tuned gets no tau, or one that is not gets one.
    """
    arm = dict(settings["arm"])
    waits = arm["kind"] == "adaptive" and "threshold" not in arm
    if waits and threshold is None:
        raise ValueError(
            f"the arm of {settings.get('preset')!r} waits for its threshold "
            f"({settings.get('threshold')}). Calibrate it first, or set tau."
        )
    if not waits and threshold is not None:
        raise ValueError(
            f"threshold={threshold:g} for an arm of kind {arm['kind']!r} that needs none "
            f"(it has {arm.get('threshold')!r}). Leave it out."
        )
    if waits:
        arm["threshold"] = threshold
    return read_arm(arm)


def _row(row: str, variant: str = "") -> Preset:
    _, k, _, steps, printed = ROWS[row]
    recipe, blank = published.adaptive(row)
    source = f"Table {row[5]}"
    percentile: int | None = k
    rejected: Fraction | None = Fraction(k, 100)
    if variant == "-regenerate":
        if row == "table5/add-xl":
            # The refiner was trained on low noise only: a sample from nothing needs the base.
            recipe["teacher"] = published.solver(published.SDXL, "unipc", steps)
            blank += ("teacher.model.path",)
        recipe |= {"strategy": "regenerate", "regenerate_noise": "fresh"}
        blank = tuple(field for field in blank if not field.startswith("rollback"))
        blank += ("regenerate_noise",)
        source += ", regeneration as D.2 describes it"
    elif variant == "-all":
        recipe |= {"threshold": math.inf}
        percentile = rejected = None
        source += ", every sample improved"
    elif variant == "-random":
        recipe |= {"estimator": published.RANDOM, "threshold": k / 100}
        percentile = None
        blank = tuple(field for field in blank if not field.startswith("estimator"))
        source += ", samples to improve drawn by lot: a control of ours"
    return Preset(
        name=row + variant,
        source=source,
        recipe=recipe,
        percentile=percentile,
        rejected=rejected,
        our_choice=blank,
        printed=printed if variant in ("", "-regenerate") else None,
        opponents=OPPONENTS.get(row, ()),
    )


def _refined_at_equal_budget(name: str) -> Preset:
    sigma, steps = EQUAL_BUDGET[name]
    recipe, blank = published.adaptive("table4/adaptive-10")
    teacher = published.solver(published.SD15, "unipc", steps)
    recipe |= {"teacher": teacher, "rollback": sigma, "threshold": math.inf}
    return Preset(
        name=name,
        source="Figure 9c: all samples refined",
        recipe=recipe,
        our_choice=(*blank, "rollback", "student.steps", "teacher.steps"),
        opponents=(name.replace("refine", "adaptive"),),
    )


def _lone_teacher(name: str, found: re.Match[str]) -> Preset:
    xl, solver, steps, null = found.groups()
    model = published.SDXL if xl else published.SD15
    recipe = published.solver(model, published.SOLVERS[solver], int(steps))
    if null:
        recipe |= {"noise": "null"}
    return Preset(
        name=name,
        source=("SDXL" if xl else "SD1.5") + (", another seed: a null arm of ours" if null else ""),
        recipe=recipe,
        our_choice=(*published.BLANK_MODEL, "guidance", "negative_prompt"),
    )


def _lone_student(name: str, found: re.Match[str]) -> Preset:
    family, steps = found.groups()
    blank = (*published.BLANK_MODEL, "guidance")
    return Preset(
        name=name,
        source={"cd": "CD-SD1.5", "cd-sdxl": "CD-SDXL [28]", "add-xl": "ADD-XL [44]"}[family],
        recipe=_students[family](int(steps)),
        our_choice=(*blank, "height", "width") if family == "add-xl" else blank,
        opponents=OPPONENTS.get(name, ()),
    )


def _read(recipe: Json) -> Teacher | Student | Adaptive:
    waits = recipe["kind"] == "adaptive" and "threshold" not in recipe
    return read_arm({"threshold": 0.0, **recipe} if waits else recipe)


def _merged(recipe: Json, own: Mapping[str, Any]) -> Json:
    merged = dict(recipe)
    for field, value in own.items():
        before = merged.get(field)
        both = isinstance(before, dict) and isinstance(value, Mapping)
        merged[field] = _merged(before, value) if both else value  # type: ignore[arg-type]
    return merged


def _rule(wanted: Any) -> Json:
    rule = dict(wanted) if isinstance(wanted, Mapping) else {"tau": wanted}
    if len(rule) == 1:
        ((way, value),) = rule.items()
        if value in ("Infinity", "-Infinity"):
            value = rule[way] = float(value)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if way in RULES and number and RULES[way][0] <= value <= RULES[way][1]:
            return rule
    raise ValueError(
        f"threshold={wanted!r} cannot be read. Write tau as a number, or one of "
        '{"percentile": 0 to 100}, {"budget": mean steps}, {"target": mean score}, {"tau": number}.'
    )


def _set_by(own: Mapping[str, Any], field: str) -> bool:
    first, _, rest = field.partition(".")
    if first not in own:
        return False
    return _set_by(own[first], rest) if rest and isinstance(own[first], Mapping) else True
