"""Algorithm 1 without networks: what is decided about a sample, and which images share a batch.

Must not know torch, devices or files: decisions and queues are tested as plain data.
"""

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from generation.noise import INITIAL, ROLLBACK, regenerate_stage, teacher_stage
from generation.spec import Adaptive, Student, Teacher

Decision = Literal["kept", "refined", "regenerated"]
# (student digest, prompt digest, seed, replica): what a student's sample is stored under.
StudentKey = tuple[str, str, int, int]
Item = TypeVar("Item")


def keeps(score: float, threshold: float) -> bool:
    """Whether the student's sample stays: it scores at least tau (an equal score keeps).

    Raises:
        ValueError: a score that is not finite; `nan < tau` would keep it without a word.

    Source: Algorithm 1, line 2. Text C says "exceeds"; at equality the algorithm decides.
    """
    if not math.isfinite(score):
        raise ValueError(
            f"score={score} decides nothing. Find out why the estimator gave it, or score in "
            "float32."
        )
    return not score < threshold


def improvement(arm: Adaptive) -> Decision:
    """What the arm does to a sample it does not keep."""
    return "regenerated" if arm.strategy == "regenerate" else "refined"


@dataclass(frozen=True)
class Row:
    """Whose image it is: the prompt and what its random numbers are derived from."""

    prompt: str
    prompt_digest: str
    seed: int
    replica: int


@dataclass(frozen=True)
class Task:
    """One image that a network has to make. Equal tasks are one image, whoever wants it.

    `setting` names what a batch must share (`Setting.key`), `stage` the noise it starts from,
    `source` the student's sample that is refined (None: it starts from noise alone).
    """

    setting: str
    row: Row
    stage: str
    source: StudentKey | None = None


@dataclass(frozen=True)
class Setting:
    """What the rows of a batch share. A refinement's recipe is any adaptive arm that has it."""

    key: str
    role: Literal["student", "teacher"]
    recipe: Student | Teacher | Adaptive

    @property
    def network(self) -> Student | Teacher:
        """The recipe of the network that runs."""
        return self.recipe.teacher if isinstance(self.recipe, Adaptive) else self.recipe


def student_key(student: Student, row: Row) -> StudentKey:
    """What the student's sample of this row is known by."""
    return student.digest(), row.prompt_digest, row.seed, row.replica


def student_task(student: Student, row: Row) -> tuple[Setting, Task]:
    """Line 1: the student's sample."""
    setting = Setting(f"student {student.digest()}", "student", student)
    return setting, Task(setting.key, row, INITIAL)


def teacher_task(teacher: Teacher, row: Row, *, stage: str = "") -> tuple[Setting, Task]:
    """The teacher from noise. Another noise is another row of the same batch."""
    plain = teacher.model_copy(update={"noise": ""})
    setting = Setting(f"teacher {plain.digest()}", "teacher", plain)
    return setting, Task(setting.key, row, stage or teacher_stage(teacher.noise))


def improvement_task(arm: Adaptive, row: Row) -> tuple[Setting, Task]:
    """Lines 3 to 7. A regeneration joins the teacher's own batches.

    A refining batch may mix recipes of one student model: its rows have one size and one VAE.
    """
    if arm.strategy == "regenerate":
        return teacher_task(arm.teacher, row, stage=regenerate_stage(arm))
    shared = arm.model_dump(mode="json", include={"rollback", "rollback_kind", "rollback_from"})
    shared["teacher"] = arm.teacher.model_copy(update={"noise": ""}).digest()
    student = arm.student
    shared["student"] = [student.model.digest(), student.height, student.width]
    digest = hashlib.sha256(json.dumps(shared, sort_keys=True).encode()).hexdigest()
    setting = Setting(f"refine {digest}", "teacher", arm)
    return setting, Task(setting.key, row, ROLLBACK, student_key(arm.student, row))


class Queues(Generic[Item]):
    """First-in first-out queues, one per setting, that give out full batches.

    Which items share a batch depends on the order in which they came and on the batch size alone,
    never on when somebody asked: made again in that order, they meet again.
    """

    def __init__(self, size: Callable[[str], int]) -> None:
        """`size` gives a setting's batch size; it may shrink between calls."""
        self._size = size
        self._queues: dict[str, list[Item]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def put(self, setting: str, item: Item) -> None:
        self._queues.setdefault(setting, []).append(item)

    def put_back(self, setting: str, items: Sequence[Item]) -> None:
        """Items whose batch was too large, to the head of their queue."""
        self._queues[setting] = [*items, *self._queues.get(setting, [])]

    def drop(self, setting: str) -> list[Item]:
        """All items of a setting, which will not be asked for again."""
        return self._queues.pop(setting, [])

    def full(self) -> str | None:
        """The setting with most items among those that fill a batch."""
        enough = {
            key: len(items) for key, items in self._queues.items() if len(items) >= self._size(key)
        }
        return max(enough, key=enough.__getitem__, default=None)

    def any(self) -> str | None:
        """A setting with items: one that fills a batch if there is one, else the first."""
        return self.full() or next(iter(self._queues), None)

    def take(self, setting: str) -> list[Item]:
        """The next batch of a setting, short only when there is no more."""
        queue = self._queues[setting]
        size = self._size(setting)
        taken, left = queue[:size], queue[size:]
        if left:
            self._queues[setting] = left
        else:
            del self._queues[setting]
        return taken
