"""Every choice of a study's protocol, explicit and defaulted. It must know no database.

The definitions stand in science.md A of the plan and in docs/science.md; launching freezes this
object under `digest()`, and every report prints it.
"""

import hashlib
import json
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Judgement = Literal["cascade", "single", "full"]
Ties = Literal["equal", "split", "forbid"]
VerdictRule = Literal["priority-then-majority", "majority-then-priority"]


class ExamplePair(BaseModel):
    """A worked pair for the instructions; pictures are named by content digest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: str
    first: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    second: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    answer: Literal["1", "2", "equal"]
    explanation: str


class Protocol(BaseModel):
    """How a pair is shown, asked, voted and decided."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    judgement: Judgement = Field(
        "cascade", description="cascade asks the next criterion only when the one before was equal"
    )
    ties: Ties = Field("equal", description="equal allowed, split into equal / both bad, or forbid")
    deciding_factor: bool = Field(False, description="single only: ask which factor decided")
    rule: VerdictRule = "priority-then-majority"
    split: Literal["tie", "escalate", "drop"] = Field("tie", description="three different answers")
    escalate_to: Literal[4, 5] | None = Field(None, description="annotators after an escalation")
    overlap: Annotated[int, Field(ge=1, le=9)] = Field(3, description="different annotators a pair")
    min_votes: Annotated[int, Field(ge=1, le=9)] = Field(3, description="fewer are undecided")
    lease_minutes: Annotated[float, Field(gt=0, le=240)] = 10
    display: Literal["equal-box", "native"] = Field(
        "equal-box", description="native keeps each picture's size, which can tell methods apart"
    )
    min_view_ms: Annotated[int, Field(ge=0, le=60_000)] = 700
    identical: Literal["auto_tie", "show"] = "auto_tie"
    reuse: Literal["by_content", "fresh"] = "by_content"
    side_balance: Literal["pair-and-annotator", "random"] = "pair-and-annotator"
    one_per_group: bool = Field(True, description="sample one prompt of each group")
    phone: bool = Field(False, description="allow screens narrower than 900 px")
    undo_seconds: Annotated[int, Field(ge=0, le=600)] = 60
    break_minutes: Annotated[int, Field(ge=0, le=240)] = 25
    break_pairs: Annotated[int, Field(ge=0, le=1000)] = 100
    hold_after_reports: Annotated[int, Field(ge=1, le=9)] = Field(
        2, description="reports after which a pair is held back"
    )
    instructions: str = Field("", description="Markdown; empty uses the standing instructions")
    examples: tuple[ExamplePair, ...] = ()
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0

    @model_validator(mode="after")
    def _choices_agree(self) -> Self:
        if self.rule == "majority-then-priority" and self.judgement != "full":
            raise ValueError(
                f"rule majority-then-priority with judgement {self.judgement!r}: it needs every "
                "criterion of every vote. Use judgement full, or rule priority-then-majority."
            )
        if (self.split == "escalate") != (self.escalate_to is not None):
            raise ValueError(
                f"split {self.split!r} with escalate_to {self.escalate_to!r}: escalate needs 4 or "
                "5 annotators, the other splits need none. Set both or neither."
            )
        if self.escalate_to is not None and self.overlap != 3:
            raise ValueError(
                f"split escalate with overlap {self.overlap}: escalation is defined for overlap 3. "
                "Set overlap 3 or another split."
            )
        if self.min_votes > self.overlap:
            raise ValueError(
                f"min_votes {self.min_votes} is more than overlap {self.overlap}: no pair could be "
                "decided. Lower min_votes or raise overlap."
            )
        if self.deciding_factor and self.judgement != "single":
            raise ValueError(
                f"deciding_factor with judgement {self.judgement!r}: only single asks for it. "
                "Set judgement single, or deciding_factor false."
            )
        return self

    @property
    def blinding_warning(self) -> str:
        """What a researcher must be told about this display, or an empty string."""
        if self.display == "native":
            return (
                "Native display keeps each picture's own size and byte length: where methods make "
                "pictures of different sizes, annotators can tell them apart."
            )
        return ""

    def digest(self) -> str:
        """SHA-256 over the canonical JSON of all fields, defaults included."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()
