"""World S1's models as they are kept: where, under which hashes, and how each is sampled.

Must not know torch: a study names these recipes before anything loads them.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from generation.errors import WeightsMissingError
from generation.reference.packaged import PACKAGED
from generation.spec import Estimator, Student, Teacher, Weights

PINNED = "pinned.json"


@dataclass(frozen=True)
class World:
    """One training's teacher, student and estimator.

    `path` is the folder's name among the weights that come with the program, or an absolute path.
    """

    path: str

    @cached_property
    def pinned(self) -> dict[str, Any]:
        """Hashes of the three, and the guidance tuned on validation prompts.

        Raises:
            WeightsMissingError: there are no weights of the world here.
        """
        file = PACKAGED / self.path / PINNED
        if not file.is_file():
            raise WeightsMissingError(
                f"{file} is not there: this copy has no reference models. Take the repository "
                "whole, or train them with `make reference-world`."
            )
        read: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return read

    def teacher_weights(self) -> Weights:
        return Weights(path=f"{self.path}/teacher", sha256=self.pinned["sha256"]["teacher"])

    def student_weights(self) -> Weights:
        """The teacher's pipeline with the distilled UNet in its place."""
        return Weights(
            path=f"{self.path}/teacher",
            unet=f"{self.path}/student",
            sha256=self.pinned["sha256"]["student"],
        )

    def estimator(self) -> Estimator:
        return Estimator(
            name="reference",
            path=f"{self.path}/estimator",
            sha256=self.pinned["sha256"]["estimator"],
        )

    def teacher(self, steps: int = 50, *, scheduler: str = "ddim", noise: str = "") -> Teacher:
        """The teacher at its sampler's own tuned guidance, that of the nearest steps tuned."""
        tuned = {int(n): w for n, w in self.pinned["guidance"][scheduler].items()}
        nearest = min(tuned, key=lambda n: (abs(n - steps), n))
        return Teacher.model_validate(
            {
                "model": self.teacher_weights(),
                "scheduler": scheduler,
                "steps": steps,
                "guidance": tuned[nearest],
                "noise": noise,
            }
        )

    def student(self, steps: int = 2) -> Student:
        """The student; its guidance is baked in, so it is run without."""
        return Student(model=self.student_weights(), steps=steps, guidance=1.0)

    def control(self, steps: int = 2) -> Student:
        """The undistilled teacher in the student's sampler, at its own tuned guidance."""
        guidance = self.pinned["guidance"]["control"][str(steps)]
        return Student(model=self.teacher_weights(), steps=steps, guidance=guidance)


S1 = World("triptych-s1")
