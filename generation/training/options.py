"""The settings of a distillation as options of the command line, each with its refusal.

Must not know torch, so that `--help` and a mistyped number are answered at once.
"""

import argparse
import math
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from generation.errors import TrainingError
from generation.spec import Recipe
from generation.training.presets import Preset

R = TypeVar("R", bound=Recipe)

# Options by the field that they set; what is not given stays the preset's.
COURSE = (
    "steps",
    "batch",
    "micro",
    "optimiser",
    "rate",
    "weight_decay",
    "warmup",
    "hold",
    "floor",
    "clip",
    "precision",
)
SETTINGS = (
    "points",
    "guidance",
    "baked",
    "target_decay",
    "averages",
    "distance",
    "huber",
    "size",
)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add an option for every number that a preset fixes."""
    of = parser.add_argument_group("the course; the preset's unless given")
    of.add_argument("--steps", type=int, help="changes of the weights")
    of.add_argument("--batch", type=int, help="examples per step, over all processes")
    of.add_argument("--micro", type=int, help="examples per forward, by the device's memory")
    of.add_argument("--optimiser", metavar="{adamw,radam}")
    of.add_argument("--rate", type=float, help="learning rate")
    of.add_argument("--weight-decay", type=float)
    of.add_argument("--warmup", type=int, help="steps in which the rate rises from 0")
    of.add_argument("--hold", type=float, help="share of the steps before the rate falls")
    of.add_argument("--floor", type=float, help="share of the rate that it falls to")
    of.add_argument("--clip", type=float, help="largest norm of a gradient")
    of.add_argument("--precision", metavar="{no,bf16,fp16}", help="of the forward pass")
    of = parser.add_argument_group("the distillation; the preset's unless given")
    of.add_argument("--points", type=int, help="of the DDIM solver that is distilled")
    of.add_argument(
        "--guidance", type=float, nargs=2, metavar=("LOW", "HIGH"), help="range w is drawn from"
    )
    of.add_argument(
        "--baked",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="guidance is distilled into the student, which then runs without",
    )
    of.add_argument("--target-decay", type=float, help="of the target's average")
    of.add_argument(
        "--averages", type=float, nargs="+", metavar="DECAY", help="kept; the first is the student"
    )
    of.add_argument("--distance", metavar="{l2,l1,pseudo-huber}")
    of.add_argument("--huber", type=float, help="c of the pseudo-Huber distance")
    of.add_argument("--size", type=int, help="pixels of the shorter side that pictures get")


def changed(chosen: Preset, given: Mapping[str, Any]) -> Preset:
    """The preset with the options that were given.

    Raises:
        TrainingError: naming each option that makes no sense, what was given and what is allowed.
    """
    course, settings = (
        {name: given[name] for name in names if given.get(name) is not None}
        for names in (COURSE, SETTINGS)
    )
    return chosen._replace(
        course=_with(chosen.course, course), settings=_with(chosen.settings, settings)
    )


def processes_told(chosen: Preset, *, running: int) -> str:
    """How the run is shared, beside what the preset is planned for.

    Raises:
        TrainingError: the batch cannot be shared evenly among the processes that run.
    """
    course = chosen.course
    parts = course.parts_at(0)
    if parts % running:
        shares = [str(n) for n in range(1, min(parts, 64) + 1) if parts % n == 0]
        raise TrainingError(
            f"a batch of {course.batch} in {parts} micro batches of {course.micro} cannot be "
            f"shared evenly by {running} processes; run {', '.join(shares)} of them, or choose "
            "another --batch or --micro"
        )
    shared = (
        f"{running} of {chosen.processes} processes planned: each step's batch of {course.batch} "
        f"is {running} x {parts // running} forwards of {course.micro}"
    )
    if running >= chosen.processes:
        return shared
    return (
        f"WARNING: {shared}, accumulated. The batch and the result stay those of the preset; a "
        f"step takes about {chosen.processes / running:g} times as long. As planned: accelerate "
        f"launch --num_processes {chosen.processes} -m generation.training distil …"
    )


def _with(recipe: R, changes: dict[str, Any]) -> R:
    # Neither is of use anywhere, and infinity is above every bound.
    endless = [name for name, value in changes.items() if not all(map(_finite, _each(value)))]
    if endless:
        raise TrainingError(
            f"--{_option(endless[0])} {_shown(changes[endless[0]])}: give finite numbers"
        )
    try:
        return type(recipe).model_validate(recipe.model_dump() | changes)
    except ValidationError as error:
        raise TrainingError("\n".join(_said(each, changes) for each in error.errors())) from error


def _said(mistake: Any, changes: dict[str, Any]) -> str:
    if not mistake["loc"]:
        return str(mistake["msg"]).removeprefix("Value error, ")
    name = str(mistake["loc"][0])
    return f"--{_option(name)} {_shown(changes.get(name))}: {mistake['msg']}"


def _option(name: str) -> str:
    return name.replace("_", "-")


def _each(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _shown(value: Any) -> str:
    return " ".join(map(str, _each(value)))


def _finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)
