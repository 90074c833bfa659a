"""A study's specification from what is named on the command line: a TOML file or a recipe.

Prompts come from files and are drawn by the seed. It must write nothing.
"""

from dataclasses import dataclass
from pathlib import Path

from annotate.cli.contexts import Contexts
from annotate.studies.prompt_files import PromptFileError, draw, read_prompts
from annotate.studies.prompts import PromptRow
from annotate.studies.recipes import NAMES, Recipe, recipe
from annotate.studies.spec import (
    PromptSetSpec,
    PromptSpec,
    SpecError,
    StudySpec,
    load_toml,
    parse_spec,
)

__all__ = ["Draft", "PromptFileError", "SpecError", "Wanted", "draft_of"]


@dataclass(frozen=True)
class Wanted:
    """What was asked for on the command line."""

    what: str
    prompts: Path | None = None
    limit: int | None = None
    tune: Path | None = None
    tune_limit: int | None = None
    controls: bool = False
    # Each "owner/name=COMMIT".
    pins: tuple[str, ...] = ()
    seed: int | None = None
    name: str | None = None
    # Stand-ins, one a prompt, show what a recipe would take before there is a file.
    stand_ins: bool = False


@dataclass(frozen=True)
class Draft:
    """A specification with its prompts, and the recipe it came from."""

    spec: StudySpec
    recipe: Recipe | None
    # Prompts in the file that test and tuning prompts were drawn from.
    drawn_from: int | None
    # Pictures named by file, to be stored before the study is.
    contexts: Contexts


def draft_of(wanted: Wanted) -> Draft:
    """The specification that a name or a path means.

    Raises:
        SpecError, PromptFileError: it is none, or there are too few prompts.
    """
    found, contexts = None, Contexts()
    if wanted.what in NAMES:
        found = recipe(wanted.what, controls=wanted.controls)
        spec = found.spec
    else:
        path = Path(wanted.what)
        if not path.is_file():
            raise SpecError(
                f"{wanted.what!r} is no study, no recipe and no file. Name a study by its id, one "
                f"of the recipes {', '.join(NAMES)}, or a TOML file."
            )
        if wanted.controls:
            raise SpecError("--controls adds arms to a recipe; a TOML file says its own.")
        spec = load_toml(path, context_of=contexts.digest)
    if wanted.pins:
        spec = parse_spec(spec.model_dump(mode="json") | {"pins": _pins(wanted.pins)})
    if wanted.name:
        spec = spec.model_copy(update={"name": wanted.name})
    if wanted.seed is not None:
        protocol = spec.protocol.model_copy(update={"seed": wanted.seed})
        spec = spec.model_copy(update={"protocol": protocol})
    return _with_prompts(spec, found, wanted, contexts)


def _pins(written: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pin in written:
        name, _, commit = pin.partition("=")
        if found.setdefault(name, commit) != commit:
            raise SpecError(f"--pin names {name} twice, with different commits. Keep one.")
    return found


def waits(spec: StudySpec) -> bool:
    """Whether any arm's threshold is yet to be tuned."""
    return any(m.kind.startswith("adaptive") and m.read_arm().arm is None for m in spec.methods)


def _with_prompts(
    spec: StudySpec, found: Recipe | None, wanted: Wanted, contexts: Contexts
) -> Draft:
    """Test prompts from the file; tuning prompts from one of their own, else from its rest."""
    size, tune_size = wanted.limit, wanted.tune_limit
    if found is not None:
        size = size or found.prompts
        tune_size = tune_size or (found.tune if waits(spec) else 0)
    rows = _rows(found, wanted, contexts, needed=(size or 0) + (tune_size or 0))
    seed, sets = spec.protocol.seed, list(spec.prompt_sets)
    tuning: list[PromptRow] = []
    if wanted.tune is not None:
        tuning = read_prompts(wanted.tune, context_of=contexts.digest)
        if tune_size:
            [tuning] = draw(tuning, tune_size, seed=seed, name=wanted.tune.name)
        tune_size = None
    if rows is not None:
        test = rows
        if size or tune_size:
            more = tune_size or 0
            name = wanted.prompts.name if wanted.prompts else "the recipe"
            test, rest = draw(rows, size or len(rows) - more, more, seed=seed, name=name)
            tuning = tuning or rest
        sets = _replaced(sets, spec.name, "test", test)
    if tuning:
        sets = _replaced(sets, spec.name, "tune", tuning)
    drawn_from = len(rows) if rows is not None and wanted.prompts is not None else None
    data = spec.model_dump(mode="json") | {"prompt_sets": sets}
    if rows is not None:
        data["contrasts"] = _over_one_set(spec)
    whole = parse_spec(data)
    return Draft(whole, found, drawn_from, contexts)


def _rows(
    found: Recipe | None, wanted: Wanted, contexts: Contexts, *, needed: int
) -> list[PromptRow] | None:
    if wanted.prompts is not None:
        return read_prompts(wanted.prompts, context_of=contexts.digest)
    if found is None:
        return None
    if wanted.stand_ins:
        return [PromptRow(str(n), f"prompt {n}") for n in range(1, needed + 1)]
    raise PromptFileError(
        f"recipe {found.name} needs {needed} prompts, {found.tune} of them to tune thresholds on. "
        "Give --prompts FILE (.txt, .csv, .tsv or .jsonl)."
        if found.tune
        else f"recipe {found.name} needs {needed} prompts. Give --prompts FILE."
    )


def _over_one_set(spec: StudySpec) -> list[dict[str, object]]:
    """The contrasts over the prompts of a file, which take the place of every test set."""
    named = sorted({contrast.prompt_set for contrast in spec.contrasts} - {""})
    if len(named) > 1:
        raise SpecError(
            f"--prompts takes the place of every test set, and contrasts name {named} apart. Write "
            "these prompts into the file, or leave prompt_set out of the contrasts."
        )
    return [contrast.model_dump() | {"prompt_set": ""} for contrast in spec.contrasts]


def _replaced(
    sets: list[PromptSetSpec], study: str, role: str, rows: list[PromptRow]
) -> list[PromptSetSpec]:
    """These prompts in the place of all of that role."""
    prompts = tuple(
        PromptSpec(
            id=row.key,
            text=row.text,
            group=row.group,
            context=row.context,
            context_role=row.context_role,
        )
        for row in rows
    )
    fresh = PromptSetSpec.model_validate(
        {"name": f"{study}, {role}"[:120], "role": role, "prompts": prompts}
    )
    return [*(one for one in sets if one.role != role), fresh]
