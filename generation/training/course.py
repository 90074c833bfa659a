"""What a training run is, whatever it trains: steps, batch, optimiser, learning rate, precision.

Must not know torch, so that a recipe can be read and checked anywhere.
"""

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from generation.spec import Recipe

Count = Annotated[int, Field(ge=1)]


class Course(Recipe):
    """The outer form of a training. One course, seed included, gives one loss curve.

    A step is one change of the weights. Its `batch` examples are taken `micro` at a time, shared
    among the processes; which process takes which, and how many there are, changes no sum.
    """

    seed: Annotated[int, Field(ge=0)] = 0
    steps: Count
    batch: Count
    micro: Count
    # From this step on the batch is twice as large; None never.
    doubled_at: int | None = None
    optimiser: Literal["adamw", "radam"] = "adamw"
    rate: Annotated[float, Field(gt=0)]
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    # Steps in which the rate rises from zero.
    warmup: Annotated[int, Field(ge=0)] = 0
    # Share of the steps before the rate begins to fall along a cosine to `floor` times itself.
    hold: Annotated[float, Field(ge=0, le=1)] = 1.0
    floor: Annotated[float, Field(ge=0, le=1)] = 0.0
    clip: Annotated[float, Field(gt=0)] | None = None
    precision: Literal["no", "bf16", "fp16"] = "no"

    @model_validator(mode="after")
    def _micro_divides_the_batch(self) -> Self:
        if self.batch % self.micro:
            raise ValueError(
                f"batch={self.batch} is no multiple of micro={self.micro}; choose micro among the "
                "divisors of batch"
            )
        return self

    def parts_at(self, step: int) -> int:
        """How many micro batches make up the batch of this step."""
        doubled = self.doubled_at is not None and step >= self.doubled_at
        return self.batch // self.micro * (2 if doubled else 1)

    def rate_at(self, step: int) -> float:
        """Learning rate of a step, the first being 0."""
        warm = min(1.0, (step + 1) / (self.warmup + 1))
        held = self.hold * self.steps
        if step <= held or held >= self.steps:
            return self.rate * warm
        along = (step - held) / (self.steps - held)
        return (
            self.rate * warm * (self.floor + (1 - self.floor) * (1 + math.cos(math.pi * along)) / 2)
        )

    def examples_before(self, step: int) -> int:
        """Examples seen before a step, repeats counted; at `steps` those of the whole run."""
        late = 0 if self.doubled_at is None else max(0, step - max(0, self.doubled_at))
        return (step + late) * self.batch
