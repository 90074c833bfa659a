"""Who the simulated annotators of a rehearsal are: alike but for spammers, or as a file lists them.

It must not judge: it says how each one does.
"""

import math
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from annotate.analysis.habits import HABITS, HURRY, Habit, cast
from annotate.cli.simulated_annotator import Temper
from generation.reference.judge import TIE_WIDTH

# People are faster and slower than each other by this deviation of the logarithm.
PACE = 0.35


class PoolError(ValueError):
    """A pool of simulated annotators that cannot be used."""


class _People(BaseModel):
    """One `[[people]]` of a pool's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: Annotated[int, Field(ge=1)] = 1
    habit: Habit = "honest"
    accuracy: Annotated[float, Field(ge=0, le=1)] = 0.85
    side_bias: Annotated[float, Field(ge=-1, le=1)] = 0
    tie_width: Annotated[float, Field(ge=0, allow_inf_nan=False)] = TIE_WIDTH
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    people: Annotated[list[_People], Field(min_length=1)]


def drawn(count: int, usual: Temper, *, spammers: float, seed: int) -> list[Temper]:
    """People like `usual`, each with a pace of their own, and this share of spammers among them.

    Without spammers everybody is just as `usual`.

    Raises:
        PoolError: the share lies outside [0, 1].
    """
    if not spammers:
        return [usual] * count
    rng = np.random.default_rng([seed, count])
    try:
        habits = cast(count, spammers=spammers, rng=rng)
    except ValueError as error:
        raise PoolError(f"{error}.") from error
    return [_paced(replace(usual, habit=habit), rng=rng) for habit in habits]


def _paced(temper: Temper, *, rng: np.random.Generator) -> Temper:
    pace = math.exp(PACE * float(rng.standard_normal())) * (HURRY if temper.habit == "fast" else 1)
    return replace(temper, seconds=temper.seconds * pace)


def read_pool(path: Path, *, waits: bool) -> list[Temper]:
    """The people of a TOML file, in its order.

    Raises:
        PoolError: the file is missing or says something else.
    """
    try:
        found = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PoolError(f"{path} cannot be read as TOML ({error}). Name another file.") from error
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(str(part) for part in first["loc"])
        raise PoolError(
            f"{path.name}, {at}: {first['msg']}. Write [[people]] with count, habit, accuracy, "
            "side_bias, tie_width and seconds."
        ) from error
    return [
        Temper(waits=waits, **group.model_dump(exclude={"count"}))
        for group in found.people
        for _ in range(group.count)
    ]


def described(pool: Sequence[Temper]) -> str:
    """How many of each habit, in brackets, for the terminal; nothing where all are honest."""
    habits = [temper.habit for temper in pool]
    if set(habits) == {"honest"}:
        return ""
    told = ", ".join(f"{habits.count(h)} {h}" for h in HABITS if h in habits)
    return f" ({told})"
