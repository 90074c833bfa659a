"""What a method costs and whose choice its settings are, in words, before anything is saved.

It must not compute a budget: `generation.budget` does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import ValidationError

from annotate.sampling.needs import planned_share, priced
from annotate.studies.arms import ReadArm
from annotate.studies.mistakes import explain
from annotate.studies.spec import MethodSpec
from annotate.web.method_text import IMPORTED, MethodMistake, in_the_form, plain_method
from generation.budget import Budget, planned
from generation.presets import VARIANTS, names, preset
from generation.spec import Adaptive

KIND_WORDS = {
    IMPORTED: "Imported pictures",
    "teacher": "Teacher",
    "student": "Student",
    "adaptive-refine": "Student, refined by the teacher where it scores low",
    "adaptive-regenerate": "Student, made anew by the teacher where it scores low",
}


@dataclass(frozen=True)
class Price:
    """One method: what it is, what an image takes, and which fields the paper leaves to us."""

    what: str
    cost: str = ""
    source: str = ""
    rule: str = ""
    # (field, value) of what the paper leaves blank and nobody has set.
    our_choice: tuple[tuple[str, str], ...] = ()
    mistakes: tuple[str, ...] = ()


def price_of(row: Mapping[str, str]) -> Price:
    """The price of a method as the form's texts say it."""
    try:
        written = plain_method(0, row)
        spec = MethodSpec.model_validate(written | {"name": written["name"] or "method"})
    except MethodMistake as error:
        return Price("", mistakes=(str(error),))
    except ValidationError as error:
        said = [in_the_form(line) for one in error.errors() for line in explain(one).splitlines()]
        return Price("", mistakes=tuple(said))
    if spec.kind == IMPORTED:
        return Price(KIND_WORDS[IMPORTED], "They come with a manifest and a zip, after saving.")
    read = spec.read_arm()
    found = preset(read.preset) if read.preset else None
    printed = f"; the table prints {found.printed} steps" if found and found.printed else ""
    return Price(
        what=KIND_WORDS[spec.kind],
        cost=_cost(read),
        source=f"{found.source}{printed}" if found else "",
        rule=_rule(read),
        our_choice=tuple((field, _value(read.recipe, field)) for field in read.our_choice),
    )


def _cost(read: ReadArm) -> str:
    arm, share = priced(read), planned_share(read)
    if not isinstance(arm, Adaptive):
        return _budget(planned(arm))
    if share is None:
        return f"at most {_budget(planned(arm, rejected=1.0))}"
    return f"{_budget(planned(arm, rejected=share))} on average; improves {100 * share:g} %"


def _budget(budget: Budget) -> str:
    steps = float(budget.steps)
    return f"{steps:g} step{'' if steps == 1 else 's'}, {float(budget.forwards):g} UNet forwards"


def _rule(read: ReadArm) -> str:
    if read.rule is None:
        return ""
    if read.tuned is not None:
        return f"Cut-off: {read.rule}, tuned to tau {read.tuned.tau:.4g}"
    if read.arm is None:
        return f"Cut-off: {read.rule}, to be tuned before the launch"
    return f"Cut-off: {read.rule}"


def _value(recipe: Any, field: str) -> str:
    """The value a recipe has at a dotted place, as people read it."""
    for part in field.split("."):
        recipe = recipe.get(part) if isinstance(recipe, Mapping) else None
    return "none" if recipe in (None, "") else str(recipe)


@dataclass(frozen=True)
class Choice:
    """An entry of the list of sources."""

    value: str
    label: str
    adaptive: bool


@cache
def choices() -> tuple[tuple[str, tuple[Choice, ...]], ...]:
    """Presets by heading, the most used first; each says its price."""
    groups: dict[str, list[Choice]] = {heading: [] for heading in _HEADINGS}
    for name in names():
        groups[_heading(name)].append(choice_of(name))
    return tuple((heading, tuple(listed)) for heading, listed in groups.items())


_HEADINGS = (
    "Table 4: adaptive, SD1.5",
    "Table 5: adaptive, SDXL",
    "Table 3: adaptive, SD1.5, by metric",
    "Teachers",
    "Students",
    "The same by regeneration",
    "All samples improved",
    "Control: improved by lot",
)


def _heading(name: str) -> str:
    for variant, heading in zip(VARIANTS, _HEADINGS[5:], strict=True):
        if name.endswith(variant):
            return heading
    if name.startswith("table4/refine"):
        return "All samples improved"
    if name.startswith("table"):
        return next(heading for heading in _HEADINGS if heading.startswith(f"Table {name[5]}"))
    return "Students" if preset(name).recipe["kind"] == "student" else "Teachers"


def choice_of(name: str) -> Choice:
    """A preset as an entry; one that is not listed (another number of steps) has one too."""
    found = preset(name)
    budget = found.budget
    cost = f"{float(budget.steps):g} steps, {float(budget.forwards):g} forwards"
    return Choice(name, f"{name}: {cost}", found.recipe["kind"] == "adaptive")


def own_recipes() -> Iterator[Choice]:
    """Recipes written out whole."""
    for kind in ("teacher", "student", "adaptive-refine", "adaptive-regenerate"):
        yield Choice(
            kind, f"Own recipe: {kind.replace('-', ', ')}", adaptive=kind.startswith("adaptive")
        )
