"""How somebody who does not look presses keys: at random, always left, as before, in a hurry.
Must not know studies, pictures or HTTP; simulated annotators and tests share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    import numpy as np

Habit = Literal["honest", "random", "left", "copies", "fast"]
HABITS: tuple[Habit, ...] = get_args(Habit)
SPAMMERS: tuple[Habit, ...] = HABITS[1:]
# Of random presses; the share of presses that follow a habit; a hurried time, of the usual one.
SIDES, CHANCES = ("left", "right", "equal"), (0.45, 0.45, 0.1)
ALWAYS_LEFT, COPIES, HURRY = 0.95, 0.9, 0.2


@dataclass(frozen=True)
class Pressed:
    """A spammer's answer: one side for every question, or what was said on the pair before."""

    side: str
    copied: bool = False


def press(habit: Habit, *, rng: np.random.Generator, ties: bool = True) -> Pressed | None:
    """What is pressed without looking; None where the pair is looked at after all.

    Args:
        habit: "copies" says `copied` in nine of ten, and else presses at random.
        rng: as many numbers are drawn for every habit.
        ties: whether "equal" is offered.

    Raises:
        ValueError: the habit is unknown.
    """
    if habit not in HABITS:
        raise ValueError(f"habit {habit!r} is unknown; use one of {', '.join(HABITS)}")
    u, place = float(rng.random()), int(rng.choice(3, p=CHANCES))
    side = SIDES[place] if ties or place < 2 else SIDES[int(u < 0.5)]
    if habit == "honest":
        return None
    if habit == "left" and u < ALWAYS_LEFT:
        return Pressed("left")
    return Pressed(side, copied=habit == "copies" and u < COPIES)


def cast(annotators: int, *, spammers: float, rng: np.random.Generator) -> tuple[Habit, ...]:
    """Everybody's habit: this share of spammers, of all kinds in turn, in drawn places.

    Raises:
        ValueError: the share lies outside [0, 1].
    """
    if not 0 <= spammers <= 1:
        raise ValueError(f"spammers={spammers:g}; give a share from 0 to 1")
    count = round(annotators * spammers)
    habits: list[Habit] = ["honest"] * annotators
    for turn, place in enumerate(rng.choice(annotators, count, replace=False)):
        habits[int(place)] = SPAMMERS[turn % len(SPAMMERS)]
    return tuple(habits)


def answers_on(side: str, *, questions: Sequence[str], cascade: bool) -> dict[str, str]:
    """One side as the answer to every question; a cascade ends with the first that is not equal."""
    return dict.fromkeys(questions[:1] if cascade and side != "equal" else questions, side)
