"""The arms with which world S1 re-examines the paper: every mandatory one, from one design.

Must not know pictures, verdicts or torch.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from generation.errors import SceneError
from generation.published import SD_ROWS
from generation.reference.s1.kept import S1, World
from generation.reference.s1.words import prompts
from generation.spec import Adaptive, Estimator, Student, Teacher

Arm = Teacher | Student | Adaptive
BASELINE, NULL = "teacher", "teacher-null"
# Steps at which the distilled student and its undistilled control are shown, whatever decides.
SHOWN_STEPS = (2, 5)
LOTTERY = "reexamination"
# Table 4: one rollback and one percentile at every mean budget.
BUDGETS = tuple(row[-1] for name, row in SD_ROWS.items() if name.startswith("table4/"))
ROLLBACK, PERCENTILE = SD_ROWS["table4/adaptive-10"][:2]


@dataclass(frozen=True)
class Design:
    """What is made: equal designs are the same pictures.

    `student_steps` is that of the student that decides and is improved; a rejected sample gets as
    many teacher steps as the mean budget then allows: n_R = (budget - n_S) / (k / 100).

    Raises:
        SceneError: a budget that whole steps do not meet, or more prompts than the world has.
    """

    prompts: int = 400
    tuning: int = 500
    # Noise seeds per tuning prompt: the spread of tau over noise (Table 2).
    replicas: int = 5
    seed: int = 0
    student_steps: int = 2
    budgets: tuple[int, ...] = BUDGETS
    percentile: int = PERCENTILE
    rollback: float = ROLLBACK
    world: World = field(default=S1)

    def __post_init__(self) -> None:
        if self.prompts < 2 or self.tuning < 2 or self.replicas < 1:
            raise SceneError(
                f"prompts={self.prompts}, tuning={self.tuning}, replicas={self.replicas}; give at "
                "least 2 prompts on each side and one replica"
            )
        for budget in self.budgets:
            self.improvement_steps(budget)

    def test_prompts(self) -> list[str]:
        """Held-out captions that nothing was tuned on."""
        return prompts("test", self.prompts, seed=self.seed)

    def tuning_prompts(self) -> list[str]:
        """Captions for tau; guidance was tuned on the same part of the language."""
        return prompts("validation", self.tuning, seed=self.seed)

    def improvement_steps(self, budget: int) -> int:
        """n_R of a mean budget at this percentile."""
        steps = 100 * (budget - self.student_steps) / self.percentile
        if steps < 1 or steps != int(steps):
            raise SceneError(
                f"a mean budget of {budget} steps with {self.student_steps} student steps at "
                f"k={self.percentile} leaves {steps:g} teacher steps; choose numbers that leave a "
                "whole number of at least 1"
            )
        return int(steps)

    @property
    def student(self) -> Student:
        return self.world.student(self.student_steps)

    @property
    def estimator(self) -> Estimator:
        return self.world.estimator()

    @property
    def shown_steps(self) -> tuple[int, ...]:
        return tuple(sorted({self.student_steps, *SHOWN_STEPS}))

    def arms(self, tau: float) -> dict[str, Arm]:
        """Every arm by name; tau is the `percentile` of tuning scores."""
        world = self.world
        found: dict[str, Arm] = {
            BASELINE: world.teacher(50),
            NULL: world.teacher(50, noise="null"),
        }
        for steps in self.shown_steps:
            found[f"student-{steps}"] = world.student(steps)
            found[f"control-{steps}"] = world.control(steps)
        for budget in self.budgets:
            found |= self._at(budget, tau)
        return found

    def _at(self, budget: int, tau: float) -> dict[str, Arm]:
        steps = self.improvement_steps(budget)
        share = self.percentile / 100
        equal = budget - self.student_steps
        return {
            f"refine-{budget}": self._adaptive(steps, tau),
            f"regenerate-{budget}": self._adaptive(steps, tau, strategy="regenerate"),
            f"refine-all-{budget}": self._adaptive(equal, math.inf),
            f"unipc-{budget}": self.world.teacher(budget, scheduler="unipc"),
            f"random-{budget}": self._adaptive(steps, share, by_lot=True),
            # Both branches of every prompt: what an oracle could have chosen.
            f"refined-{budget}": self._adaptive(steps, math.inf),
            f"regenerated-{budget}": self._adaptive(steps, math.inf, strategy="regenerate"),
        }

    def _adaptive(
        self,
        steps: int,
        threshold: float,
        *,
        strategy: str = "refine",
        by_lot: bool = False,
    ) -> Adaptive:
        """An arm at tau; without a decision (+inf) or by lot the estimator plays no part, so that
        its pictures outlast a better estimator."""
        lot = Estimator(name="random", path=LOTTERY)
        return Adaptive.model_validate(
            {
                "student": self.student,
                "teacher": self.world.teacher(steps, scheduler="unipc"),
                "estimator": lot if by_lot or math.isinf(threshold) else self.estimator,
                "threshold": threshold,
                "strategy": strategy,
                "rollback": self.rollback,
            }
        )

    def again(self, arms: Mapping[str, Arm]) -> dict[str, Arm]:
        """Arms of which a second picture per prompt is made, to see how diverse they are.

        The teacher's second picture is that of its null arm.
        """
        least = min(self.budgets)
        names = [f"student-{steps}" for steps in self.shown_steps]
        names += [f"refine-{least}", f"regenerate-{least}"]
        return {name: arms[name] for name in names}
