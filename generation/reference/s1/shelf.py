"""Pictures of world S1 kept by what made them: the same arm, prompts and seed are made once.

Must not know torch or how pictures are made; a file is whole or not there.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.reference.s1.arms import Arm

# Prompts that are made and kept together.
PART = 40


@dataclass(frozen=True, eq=False)
class Shelved:
    """n pictures of one arm with what they took.

    Attributes:
        pictures: (n, 16, 16, 3).
        steps, forwards: (n,) executed for each picture, the student's share included.
        scores: (n,) of an estimator on the picture.
        scorers: digests of that estimator's recipe, one unless parts were scored by several.
        decisions: (n,) kept, refined, regenerated; "" for teachers and students.
        codes: digests of the program that made them, one unless it was changed in between.
    """

    pictures: NDArray[np.uint8]
    steps: NDArray[np.int64]
    forwards: NDArray[np.int64]
    scores: NDArray[np.float64]
    decisions: NDArray[np.str_]
    scorers: frozenset[str]
    codes: frozenset[str]

    def __len__(self) -> int:
        return len(self.pictures)


def parts(prompts: Sequence[str]) -> list[tuple[str, ...]]:
    """The prompts in the portions that are made together."""
    return [tuple(prompts[at : at + PART]) for at in range(0, len(prompts), PART)]


class Shelf:
    """A folder of pictures, one file for each arm and part."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def has(self, arm: Arm, part: Sequence[str], *, seed: int, replica: int = 0) -> bool:
        return self._place(arm, part, seed=seed, replica=replica).is_file()

    def scorer(self, arm: Arm, part: Sequence[str], *, seed: int, replica: int = 0) -> str:
        """The digest of the estimator that scored the pictures of one part."""
        with np.load(self._place(arm, part, seed=seed, replica=replica)) as file:
            return str(file["scorer"]) if "scorer" in file.files else ""

    def put(
        self, arm: Arm, part: Sequence[str], shelved: Shelved, *, seed: int, replica: int = 0
    ) -> None:
        """Keep the pictures of one part; of two writers' equal files one stays.

        Raises:
            ValueError: not one picture per prompt.
        """
        if len(shelved) != len(part):
            raise ValueError(f"{len(shelved)} pictures of {len(part)} prompts; keep all or none")
        (code,), (scorer,) = shelved.codes, shelved.scorers
        place = self._place(arm, part, seed=seed, replica=replica)
        place.parent.mkdir(parents=True, exist_ok=True)
        rough = place.with_name(f"{place.stem}.{os.getpid()}.part")
        with rough.open("wb") as file:
            np.savez_compressed(
                file,
                pictures=shelved.pictures,
                steps=shelved.steps,
                forwards=shelved.forwards,
                scores=shelved.scores,
                decisions=shelved.decisions,
                code=np.array(code),
                scorer=np.array(scorer),
            )
        rough.replace(place)

    def take(self, arm: Arm, prompts: Sequence[str], *, seed: int, replica: int = 0) -> Shelved:
        """The pictures of all prompts, in their order.

        Raises:
            FileNotFoundError: a part was never made.
        """
        read: list[dict[str, Any]] = []
        for part in parts(prompts):
            place = self._place(arm, part, seed=seed, replica=replica)
            with np.load(place) as file:
                read.append({name: file[name] for name in file.files})
        joined = {
            name: np.concatenate([part[name] for part in read])
            for name in ("pictures", "steps", "forwards", "scores", "decisions")
        }
        return Shelved(
            **joined,
            scorers=frozenset(str(part.get("scorer", "")) for part in read),
            codes=frozenset(str(part["code"]) for part in read),
        )

    def _place(self, arm: Arm, part: Sequence[str], *, seed: int, replica: int) -> Path:
        told = json.dumps([list(part), seed, replica], ensure_ascii=False)
        digest = hashlib.sha256(told.encode()).hexdigest()
        return self._folder / arm.digest()[:20] / f"{digest[:20]}.npz"
