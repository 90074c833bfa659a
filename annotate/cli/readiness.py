"""What a study of the paper's own models needs: files, shapes, hours, and what to do next.

It must not load weights or make pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from annotate.sampling.files import Arm, Needed, folder_of, needed
from generation.architectures import (
    PIPELINES,
    SCORERS,
    UNETS,
    Architecture,
    refuse_other,
    shapes_of,
)
from generation.budget import forwards_per_step
from generation.errors import WeightsMissingError, WeightsRefusedError
from generation.preflight import estimator_faults, weights_faults
from generation.presets import Preset, preset
from generation.published import EQUAL_BUDGET, OPPONENTS, ROWS, SD15
from generation.spec import Adaptive, Estimator, Student, Teacher, Weights
from generation.weights import component_files, locate, places_of, scorer_files

# Supplement D.7, an A100 in half precision, 200 images at a time: a guided step and a score.
GUIDED_STEP, SCORED = 3 / 200, 0.26 / 200
# Recipes that make these comparisons a study with its controls.
RECIPES = {"table4": ("fig9a", "fig9b", "fig9c", "fig16"), "table5": ("fig11", "fig17")}
_CHECKPOINT = "`manage.py convert_checkpoint` makes it from the authors' published checkpoint."
GROUPS = ("table3", "table4", "table5")


@dataclass(frozen=True)
class Cost:
    """Mean steps and forwards of an image; `hours` is None where no published figure tells."""

    name: str
    steps: float
    forwards: float
    hours: float | None


@dataclass(frozen=True)
class Readiness:
    """A dry run. `faults` stop a launch; every one says what to do."""

    name: str
    prompts: int
    costs: tuple[Cost, ...]
    files: tuple[Needed, ...]
    shapes: tuple[str, ...]
    faults: tuple[str, ...]

    @property
    def ready(self) -> bool:
        return not self.faults

    @property
    def next_step(self) -> str:
        group = self.name.partition("/")[0]
        recipes = " and ".join(f"{name!r}" for name in RECIPES.get(group, ())) or "of your own"
        return f"make one from recipe {recipes} (page New study), then `manage.py launch_study`."

    def lines(self) -> Iterator[str]:
        """The dry run in words."""
        yield f"{self.name}: {self.prompts} prompts, {len(self.costs)} arms"
        for cost in self.costs:
            took = "no published step cost" if cost.hours is None else f"{cost.hours:.2f} h"
            yield (
                f"  {cost.name:<34} {cost.steps:6.2f} steps {cost.forwards:7.2f} forwards a "
                f"picture, {took}"
            )
        known = [cost.hours for cost in self.costs if cost.hours is not None]
        more = len(self.costs) - len(known)
        if known:
            yield (
                f"expected {sum(known):.1f} hours on one A100 (3 s a guided step and .26 s a score "
                "for 200 pictures, supplement D.7); shared students are counted in each arm"
            )
        if more:
            yield (
                f"{more} arms of SDXL: no step cost is published. A study's page expects hours "
                "from what this machine has made before."
            )
        yield f"weights, looked for as they stand, in {settings.MODELS_DIR} and in the hub's cache:"
        for file in self.files:
            where = f"found at {file.found}" if file.found else "MISSING"
            yield f"  {file.what}: {file.path}: {where}"
        yield from (f"  shapes right: {line}" for line in self.shapes)
        if self.faults:
            yield f"{len(self.faults)} things to do first:"
            yield from (f"  - {fault}" for fault in self.faults)
        else:
            yield f"everything is there. Next: {self.next_step}"


def readiness(name: str, *, prompts: int) -> Readiness:
    """What the preset, or a whole table, needs with its opponents and controls.

    Raises:
        ValueError: nothing has the name.
    """
    arms = [preset(each) for each in _names(name)]
    recipes = [each.arm for each in arms]
    files = tuple(needed(recipes))
    faults = dict.fromkeys(_faults(recipes))
    faults |= dict.fromkeys(
        f"{file.what} {file.path!r} is not here. Put it at {folder_of(file.path)}"
        + (f", after `hf download {file.path}`." if _is_folder(file) else f"; {_CHECKPOINT}")
        for file in files
        if file.found is None and not any(repr(file.path) in fault for fault in faults)
    )
    checked = list(_shapes(recipes))
    return Readiness(
        name=name,
        prompts=prompts,
        costs=tuple(_cost(each, prompts) for each in arms),
        files=files,
        shapes=tuple(line for line, fault in checked if not fault),
        faults=(*faults, *(line for line, fault in checked if fault)),
    )


def _is_folder(file: Needed) -> bool:
    return not file.path.endswith(".safetensors")


def _names(name: str) -> list[str]:
    rows = [row for row in (*ROWS, *EQUAL_BUDGET) if row.startswith(f"{name}/")]
    found = rows if name in GROUPS else [name]
    for row in tuple(found):
        found += OPPONENTS.get(row, ())
        if row in ROWS:
            found += [f"{row}-random", f"{row}-all"]
    teachers = [each for each in found if each in ("ddim-50", "sdxl-ddim-50")]
    return list(dict.fromkeys([*found, *(f"{each}-null" for each in teachers)]))


def _cost(each: Preset, prompts: int) -> Cost:
    budget, arm = each.budget, each.arm
    networks = _networks(arm)
    hours = None
    if all(network.model.path == SD15["path"] for network in networks):
        # Both networks of SD1.5 are guided: a step is two forwards, as in the published figure.
        assert all(forwards_per_step(network) == 2 for network in networks)
        scored = SCORED if isinstance(arm, Adaptive) else 0.0
        hours = prompts * (float(budget.steps) * GUIDED_STEP + scored) / 3600
    return Cost(each.name, float(budget.steps), float(budget.forwards), hours)


def _networks(arm: Arm) -> list[Student | Teacher]:
    return [arm.student, arm.teacher] if isinstance(arm, Adaptive) else [arm]


def _weights(arms: Iterable[Arm]) -> list[Weights]:
    found: list[Weights] = []
    for arm in arms:
        found += [network.model for network in _networks(arm)]
    return list(dict.fromkeys(found))


def _faults(arms: list[Arm]) -> Iterator[str]:
    for weights in _weights(arms):
        for fault in weights_faults(weights, folder_of=folder_of, hash_of=_unhashed):
            yield fault.said
    for estimator in _estimators(arms):
        for fault in estimator_faults(estimator, folder_of=folder_of, hash_of=_unhashed):
            yield fault.said


def _shapes(arms: list[Arm]) -> Iterator[tuple[str, bool]]:
    """A line for every network that is here, and whether it is a fault."""
    for wanted, tensors, place in (*_networks_here(arms), *_estimators_here(arms)):
        try:
            refuse_other(shapes_of(tensors), wanted, place=place)
        except WeightsRefusedError as refused:
            yield str(refused), True
        else:
            yield f"{wanted.name} in {place}", False


_Here = tuple[Architecture, list[Path], Path]


def _networks_here(arms: list[Arm]) -> Iterator[_Here]:
    """What each published network should be, its files, and their folder."""
    for weights in _weights(arms):
        try:
            folder, unet, lora = places_of(weights, folder_of=folder_of)
            files = component_files(folder, variant=weights.variant, unet=unet, lora=lora)
        except (WeightsMissingError, WeightsRefusedError):
            continue  # said already, with the same reason
        known = dict(PIPELINES.get(weights.path, {}))
        if weights.unet in UNETS:
            known["unet"] = UNETS[weights.unet]
        for part, wanted in known.items():
            tensors = _tensors(files.get(part, ()))
            yield wanted, tensors, tensors[0].parent if tensors else folder / part


def _estimators_here(arms: list[Arm]) -> Iterator[_Here]:
    for spec in _estimators(arms):
        try:
            folder = locate(spec.path, revision=spec.revision, folder_of=folder_of)
            tensors = _tensors(scorer_files(folder))
        except (WeightsMissingError, WeightsRefusedError):
            continue  # said already, with the same reason
        if spec.path in SCORERS:
            yield SCORERS[spec.path], tensors, folder


def _estimators(arms: list[Arm]) -> list[Estimator]:
    """Those with weights, each once."""
    found = dict.fromkeys(arm.estimator for arm in arms if isinstance(arm, Adaptive))
    return [spec for spec in found if spec.name != "random"]


def _tensors(files: Iterable[Path]) -> list[Path]:
    return [file for file in files if file.suffix == ".safetensors"]


def _unhashed(_: Path) -> None:
    """Presets pin nothing by digest; nothing has to be read whole."""
