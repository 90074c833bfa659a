"""What is wanted, known and made: the words that whoever asks for samples speaks with `produce`.

Must not know torch, networks or queues.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from generation.adaptive import Row
from generation.provenance import Json
from generation.spec import Adaptive, Student, Teacher

Arm = Teacher | Student | Adaptive


@dataclass(frozen=True)
class Wanted:
    """A sample to make. `arm` is the arm's digest; `sample` is the caller's name for it."""

    sample: int
    arm: str
    prompt: str
    prompt_digest: str
    seed: int
    replica: int

    @property
    def row(self) -> Row:
        return Row(self.prompt, self.prompt_digest, self.seed, self.replica)


@dataclass(frozen=True)
class Known:
    """A student's sample that was made and stored before; it is neither made nor scored again."""

    # (channels, height / factor, width / factor), fp32.
    latents: NDArray[np.float32] | None
    # (height, width, 3).
    image: NDArray[np.uint8]
    # By estimator digest.
    scores: dict[str, float]
    # The stored sample's record, where there is one.
    record: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Made:
    """A finished sample. A kept adaptive one holds the student's very array."""

    sample: int
    # (height, width, 3).
    image: NDArray[np.uint8]
    # Of students alone: what a refinement in another job starts from.
    latents: NDArray[np.float32] | None
    # By estimator digest, of this very image.
    scores: dict[str, float]
    record: Json
    # kept, refined, regenerated; "" for teachers and students.
    decision: str
    # Executed for this image, the student's share included.
    steps: int
    forwards: int
    seconds: float


@dataclass(frozen=True)
class BatchRun:
    """A batch as it ran: how many images in it, and how many would have filled it."""

    setting: str
    role: str
    rows: int
    size: int


@dataclass
class Spent:
    """What a call cost, as executed: images that several arms share are counted once."""

    images: int = 0
    steps: int = 0
    forwards: int = 0
    # Device time of the networks.
    seconds: float = 0.0
    batches: list[BatchRun] = field(default_factory=list)
    # Samples that cannot be made, with the plain reason.
    failed: dict[int, str] = field(default_factory=dict)
