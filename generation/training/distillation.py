"""What a consistency distillation is: whose teacher, which grid, guidance, averages and data.

Must not know torch, so that a recipe can be read and checked anywhere.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from generation.spec import Recipe, Weights

Decay = Annotated[float, Field(ge=0, le=1)]
Distance = Literal["l2", "l1", "pseudo-huber"]


class Distillation(Recipe):
    """Settings beside the course; the defaults are the paper's (supplement A)."""

    teacher: Weights
    # Points of the DDIM solver that is distilled.
    points: Annotated[int, Field(ge=2, le=1000)] = 50
    # Range of w, drawn uniformly for each example.
    guidance: tuple[float, float] = (1.0, 8.0)
    # Distilled into the student, which then runs without guidance; else applied to it directly.
    baked: bool = False
    target_decay: Decay = 0.95
    # Averages kept for evaluation; the first is the student that is sampled and exported.
    averages: Annotated[tuple[Decay, ...], Field(min_length=1)] = (0.9999, 0.999, 0.99994)
    distance: Distance = "l2"
    huber: Annotated[float, Field(gt=0)] = 0.03
    # Empty: the reference world's own pictures; else a folder of pictures and texts, or tar shards.
    data: str = ""
    size: Annotated[int, Field(ge=8)] | None = None

    @model_validator(mode="after")
    def _guidance_is_a_range(self) -> Self:
        low, high = self.guidance
        if not 0 <= low <= high:
            raise ValueError(f"guidance={self.guidance}; give lowest and highest w, 0 or more")
        return self
