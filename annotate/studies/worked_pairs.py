"""Worked pairs of a protocol's instructions, by what a study judges. It must know no database.

Pictures are named by content digest, so that no annotator's page can tell a method.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Picture = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ExamplePair(BaseModel):
    """A worked pair for the instructions; pictures are named by content digest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: str
    first: Picture
    second: Picture
    answer: Literal["1", "2", "equal"]
    explanation: str


class RatedPair(BaseModel):
    """A worked pair of a study of diversity: how much it differs in one attribute, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: str
    first: Picture
    second: Picture
    attribute: Literal["angle_of_view", "background", "main_object", "style"]
    level: Literal[0, 1, 2, 3, 4] = Field(title="Level, 0 is same")
    explanation: str

    @model_validator(mode="after")
    def _one_picture_twice_is_the_same(self) -> Self:
        if self.first == self.second and self.level != 0:
            raise ValueError(
                f"level {self.level} of one picture beside itself: nothing differs. Set level 0."
            )
        return self
