"""The settings of every method as tables in the layout of the paper's Tables 4 and 5.

It must not look anything up: recipes in, tables and notes out. Folders of this machine are
named by their last part, since reports go to people outside.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from annotate.reports.estimator_names import NAMES, SAMPLERS, SOLVERS
from annotate.reports.plates import Section
from annotate.reports.recipe_words import TITLE
from annotate.reports.recipes import MethodRecipe
from annotate.reports.tables import Cell, Column, Table
from annotate.reports.words import counted, listed
from generation.budget import steps_of
from generation.spec import Adaptive, Estimator, Student, Teacher, Weights

NOTHING = "–"
# Of a commit or SHA-256, where a page has no room for all of it.
SHORT = 12


def recipe_sections(recipes: Sequence[MethodRecipe], *, whole: bool = False) -> tuple[Section, ...]:
    """One section, or none where nothing is known of any method's pictures.

    Args:
        whole: commits and digests in full, which no page has room for.
    """
    if not any(recipe.settings for recipe in recipes):
        return ()
    models = _models_table(recipes, whole=whole)
    return (
        Section(
            "recipes",
            TITLE,
            tables=(_settings_table(recipes), *((models,) if models.rows else ())),
            notes=tuple(_notes(recipes)),
        ),
    )


def _settings_table(recipes: Sequence[MethodRecipe]) -> Table:
    """σ, k, τ and steps as the paper prints them, then what it leaves to the text."""
    titles = ("σ", "k", "τ", "Student", "Teacher", "Mean", "Guidance")
    return Table(
        "Settings of every method; steps of an image",
        (
            Column("Method", numeric=False),
            *(Column(title) for title in titles),
            Column("Sampler", numeric=False),
        ),
        tuple((Cell(recipe.label, numeric=False), *_settings(recipe)) for recipe in recipes),
    )


def _settings(recipe: MethodRecipe) -> tuple[Cell, ...]:
    if recipe.imported:
        noted = "; ".join(f"{name}: {_noted(value)}" for name, value in recipe.settings.items())
        words = f"imported; {noted}" if noted else "imported"
        return (*[_number("")] * 7, Cell(words, numeric=False))
    arm = recipe.arm
    student, teacher = _student(arm), _teacher(arm)
    runs = [run for run in (student, teacher) if run is not None]
    guidance = list(dict.fromkeys(_guidance(run) for run in runs))
    adaptive = arm if isinstance(arm, Adaptive) else None
    mean = f"{'≤ ' if recipe.at_most else ''}{recipe.steps:.4g}" if adaptive else ""
    return (
        _number(f"{adaptive.rollback:g}" if adaptive else ""),
        _number(f"{recipe.percentile:.4g}" if recipe.percentile is not None else ""),
        _number(_tau(recipe) if adaptive else ""),
        _number(f"{steps_of(student)}" if student else ""),
        _number(f"{steps_of(teacher)}" if teacher else ""),
        _number(mean),
        _number(", ".join(guidance)),
        Cell(", then ".join(_sampler(run) for run in runs), numeric=False),
    )


def _number(words: str) -> Cell:
    return Cell(words or NOTHING, faint=not words)


def _student(arm: Teacher | Student | Adaptive) -> Student | None:
    if isinstance(arm, Adaptive):
        return arm.student
    return arm if isinstance(arm, Student) else None


def _teacher(arm: Teacher | Student | Adaptive) -> Teacher | None:
    if isinstance(arm, Adaptive):
        return arm.teacher
    return arm if isinstance(arm, Teacher) else None


def _guidance(run: Student | Teacher) -> str:
    return "none" if isinstance(run, Student) and run.sampler == "add" else f"{run.guidance:g}"


def _sampler(run: Student | Teacher) -> str:
    return SAMPLERS[run.sampler] if isinstance(run, Student) else SOLVERS[run.scheduler]


def _tau(recipe: MethodRecipe) -> str:
    tau = recipe.settings.get("threshold")
    if tau is None:
        return "not tuned"
    value = float(tau)
    written = "∞" if math.isinf(value) else f"{abs(value):.4g}"
    return f"−{written}" if value < 0 else written


def _noted(value: Any) -> str:
    """What a researcher noted of imported pictures, without the way to a folder."""
    return _named(value) if isinstance(value, str) else str(value)


def _named(path: str) -> str:
    """A hub id as it is, a folder by its last part."""
    away = path.startswith(("/", "~", ".")) or path[1:3] in {":\\", ":/"}
    return PurePosixPath(path.replace("\\", "/")).name if away else path


def _models_table(recipes: Sequence[MethodRecipe], *, whole: bool) -> Table:
    """Every network once, with the methods it is part of."""
    methods: dict[tuple[str, ...], list[str]] = {}
    for recipe in recipes:
        for row in _networks(recipe, whole=whole):
            methods.setdefault(row, []).append(recipe.label)
    # A column that says nothing of any of them is left out.
    negative = any(row[-1] for row in methods)
    titles = ("Part", "Of", "Model", "Version", "Precision", "Pixels", "Negative prompt")
    kept = titles if negative else titles[:-1]
    return Table(
        "Models",
        tuple(Column(title, numeric=False) for title in kept),
        tuple(
            tuple(
                Cell(words or NOTHING, numeric=False)
                for words in (row[0], listed(labels), *row[1:])[: len(kept)]
            )
            for row, labels in methods.items()
        ),
    )


def _networks(recipe: MethodRecipe, *, whole: bool) -> Iterator[tuple[str, ...]]:
    """Part, model, version, precision, pixels and negative prompt of each network of a method."""
    if recipe.imported:
        return
    arm = recipe.arm
    if (student := _student(arm)) is not None:
        yield ("Student", *_weights(student.model, whole=whole), _pixels(student), "")
    if (teacher := _teacher(arm)) is not None:
        told = (*_weights(teacher.model, whole=whole), _pixels(teacher), teacher.negative_prompt)
        yield ("Teacher", *told)
    if isinstance(arm, Adaptive) and arm.estimator.name != "random":
        part = f"Estimator, {NAMES[arm.estimator.name]}"
        yield (part, *_weights(arm.estimator, whole=whole), "", "")


def _weights(model: Weights | Estimator, *, whole: bool) -> tuple[str, str, str]:
    most = None if whole else SHORT
    words = [_named(model.path)]
    if isinstance(model, Weights):
        parts = [("variant", model.variant), ("UNet", model.unet), ("LoRA", model.lora)]
        for what, path in parts:
            name, _, commit = path.partition("@")
            at = f" at {commit[:most]}" if commit else ""
            words += [f"{what} {_named(name)}{at}"] if path else []
    pins = [f"commit {model.revision[:most]}"] if model.revision else []
    pins += [f"SHA-256 {model.sha256[:most]}"] if model.sha256 else []
    return "; ".join(words), "; ".join(pins) or "not pinned", model.dtype


def _pixels(run: Student | Teacher) -> str:
    if run.height is None and run.width is None:
        return "native"
    return f"{run.height or 'native'} × {run.width or 'native'}"


def _notes(recipes: Sequence[MethodRecipe]) -> Iterator[str]:
    made = [recipe for recipe in recipes if not recipe.imported]
    if any(isinstance(recipe.arm, Adaptive) for recipe in made):
        yield (
            "Laid out as Tables 4 and 5 of the paper: rollback σ (1 is a regeneration), the share "
            "k % of student pictures that score below the threshold τ and go to the teacher, steps "
            "of either, and the planned mean."
        )
    for recipe in made:
        if recipe.tuned is not None:
            origin = f"τ of {recipe.label} was read from {counted(recipe.tuned.scores, 'score')}"
            of = recipe.tuned.prompt_set
            yield f"{origin} of the student on “{of}”." if of else f"{origin} of the student."
        if other := _other(recipe.arm):
            yield f"{recipe.label}: {listed(other)}."
    if any(row[2] == "not pinned" for recipe in made for row in _networks(recipe, whole=False)):
        yield (
            "Where a model is not pinned, the record of each picture names the digests of the "
            "weights that made it."
        )


def _other(arm: Teacher | Student | Adaptive) -> list[str]:
    """What has no column and is not as usual."""
    said = []
    student, teacher = _student(arm), _teacher(arm)
    if isinstance(arm, Adaptive):
        if arm.estimator.name == "random":
            said.append("what goes to the teacher is drawn by lot")
        if arm.strategy == "regenerate":
            said.append(f"the teacher begins from {arm.regenerate_noise} noise")
        if arm.rollback_kind == "strength":
            said.append("σ is a share of timesteps, as the authors’ code computes it")
        if arm.rollback_from == "image":
            said.append("samples go to the teacher as images")
    if student is not None and student.legacy_tail:
        said.append("the student’s sampler has the released code’s last evaluation")
    if teacher is not None and teacher.noise:
        said.append(f"noise of its own (“{teacher.noise}”)")
    return said
