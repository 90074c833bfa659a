"""From orders to images: three queues that feed each other, so that every batch is full.

Students, then decoding and scoring in a thread of its own, then the teachers' buffers. A teacher
runs when a buffer fills a batch, a student otherwise; what is left is flushed at the end. Must not
know jobs or sinks.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import torch

from generation.adaptive import (
    Queues,
    Setting,
    StudentKey,
    Task,
    improvement,
    improvement_task,
    keeps,
    student_key,
    student_task,
    teacher_task,
)
from generation.batches import NO_LATENTS, Ran, Source, run
from generation.delivery import Decided, Desk, Order
from generation.engine import Models
from generation.errors import CANNOT, DoesNotFit
from generation.finishing import Finished, finish, from_store, score
from generation.latents import Misfits, hands_latents
from generation.samples import BatchRun, Known, Spent
from generation.spec import Adaptive, Estimator, Student, Teacher

# Batches whose decoding the main thread does not wait for: more would only hold memory.
IN_FLIGHT = 2
# Stored samples that lack a score go through the scorers in parts of this size.
STORED_AT_ONCE = 32


@dataclass(frozen=True, eq=False)
class Batch:
    """Tasks whose networks ran, and their images to come."""

    setting: Setting
    tasks: Sequence[Task]
    finished: Future[list[Finished]]


class Line:
    """The way of one call's samples; all but `_finish` runs in the caller's thread."""

    def __init__(
        self,
        models: Models,
        known: Mapping[StudentKey, Known],
        *,
        desk: Desk,
        score_with: tuple[Estimator, ...],
        stop: Callable[[], None],
    ) -> None:
        self.spent = Spent()
        self._models = models
        self._known = known
        self._desk = desk
        self._score_with = score_with
        self._stop = stop
        self._settings: dict[str, Setting] = {}
        self._students: Queues[Task] = Queues(self._size)
        self._teachers: Queues[Task] = Queues(self._size)
        # Orders that wait for a student's sample; samples that come from the store.
        self._orders: dict[StudentKey, list[Order]] = {}
        self._stored: dict[StudentKey, Finished] = {}
        # What waits for a teacher's image, what it starts from, and images that are there.
        self._waiting: dict[Task, list[Order | Decided]] = {}
        self._sources: dict[Task, Source] = {}
        self._images: dict[Task, Finished] = {}
        self._finisher = ThreadPoolExecutor(1, thread_name_prefix="finish")
        self._finishing: list[Batch] = []
        # Why a setting cannot run.
        self._broken: dict[str, str] = {}
        self._misfits = Misfits(models, known)

    def want(self, order: Order) -> None:
        """Queue what the sample needs first: the student's, or the teacher's own.

        One whose student and teacher do not fit together fails at once, before anything is sampled.
        """
        arm, row = order.arm, order.wanted.row
        if isinstance(arm, Teacher):
            self._ask_teacher(teacher_task(arm, row), order)
            return
        student = arm.student if isinstance(arm, Adaptive) else arm
        key = student_key(student, row)
        if isinstance(arm, Adaptive) and (reason := self._misfits.reason(arm, key)):
            self._desk.cannot(order, reason)
            return
        first = key not in self._orders
        self._orders.setdefault(key, []).append(order)
        if first and key in self._known:
            self._stored[key] = from_store(student, self._known[key])
        elif first:
            setting, task = student_task(student, row)
            self._settings[setting.key] = setting
            self._students.put(setting.key, task)

    def work(self) -> None:
        """Algorithm 1 for every order."""
        self._take_stored()
        while True:
            self._collect(until=IN_FLIGHT - 1)
            if full := self._teachers.full():
                self._launch(self._teachers, full)
            elif waiting := self._students.any():
                self._launch(self._students, waiting)
            elif self._finishing:
                self._collect(until=len(self._finishing) - 1)
            elif left := self._teachers.any():
                self._launch(self._teachers, left)
            else:
                return

    def close(self) -> None:
        """Let the finishing thread end; after a stop nothing that waits for it is begun."""
        self._finisher.shutdown(wait=True, cancel_futures=True)

    def _size(self, setting: str) -> int:
        """Images per batch; a setting that cannot even be asked is launched at once, to say why."""
        if setting not in self._broken:
            try:
                return self._models.batch_size(self._settings[setting].network)
            except CANNOT as error:
                self._broken[setting] = str(error)
        return 1

    def _launch(self, queues: Queues[Task], key: str) -> None:
        """Issue a setting's next batch; what is too much for the device comes again, halved."""
        setting, tasks = self._settings[key], queues.take(key)
        size = self._size(key)
        ran = self._try(setting, tasks, size=size if self._models.compile else len(tasks))
        if ran is not None:
            self.spent.batches.append(BatchRun(key, setting.role, len(tasks), size))
            needs = [self._needs(setting, task) for task in tasks]
            finished = self._finisher.submit(self._finish, ran, needs)
            self._finishing.append(Batch(setting, tasks, finished))
        elif key in self._broken:
            self._cannot(setting, [*tasks, *queues.drop(key)], self._broken[key])
        else:
            queues.put_back(key, tasks)

    def _try(self, setting: Setting, tasks: Sequence[Task], *, size: int) -> Ran | None:
        """The batch, issued. None: it was too large for the device, or its setting is broken."""
        if setting.key in self._broken:
            return None
        try:
            return run(
                self._models,
                setting,
                tasks,
                sources=[self._sources.get(task) for task in tasks],
                size=size,
                on_step=lambda _: self._stop(),
            )
        except torch.OutOfMemoryError:
            tried = size
        except CANNOT as error:
            self._broken[setting.key] = str(error)
            return None
        # Outside the except block, which holds on to the batch's tensors.
        try:
            self._models.too_many(setting.network, tried)
        except DoesNotFit as error:
            self._broken[setting.key] = str(error)
        return None

    def _finish(self, ran: Ran, needs: Sequence[Sequence[Estimator]]) -> list[Finished]:
        """Pixels, scores and records of a batch (in the finishing thread)."""
        with self._models.beside():
            finished = finish(ran)
            self._score(finished, needs, prompts=[task.row.prompt for task in ran.tasks])
        return finished

    def _score(
        self,
        finished: Sequence[Finished],
        needs: Sequence[Sequence[Estimator]],
        *,
        prompts: Sequence[str],
    ) -> None:
        estimators = {need.digest(): need for row in needs for need in row}
        for key, estimator in estimators.items():
            rows = [
                i
                for i, each in enumerate(finished)
                if estimator in needs[i] and key not in each.scores and "" not in each.faults
            ]
            score(
                self._models,
                estimator,
                [finished[i] for i in rows],
                [prompts[i] for i in rows],
            )

    def _collect(self, *, until: int) -> None:
        """Take what is finished, and wait until at most `until` batches are not."""
        while self._finishing and (
            len(self._finishing) > until or self._finishing[0].finished.done()
        ):
            batch = self._finishing.pop(0)
            try:
                finished = batch.finished.result()
            except CANNOT as error:
                self._cannot(batch.setting, batch.tasks, str(error))
            else:
                self._came(batch, finished)
        self._desk.tell()

    def _came(self, batch: Batch, finished: Sequence[Finished]) -> None:
        take = self._student_came if batch.setting.role == "student" else self._teacher_came
        for task, each in zip(batch.tasks, finished, strict=True):
            self._count(each)
            take(task, each)

    def _cannot(self, setting: Setting, tasks: Sequence[Task], reason: str) -> None:
        """These tasks come to no image: all who wait for one go without."""
        for task in tasks:
            waiting: Sequence[Order | Decided]
            if isinstance(setting.recipe, Student):
                waiting = self._orders.pop(student_key(setting.recipe, task.row))
            else:
                self._sources.pop(task, None)
                waiting = self._waiting.pop(task)
            for who in waiting:
                self._desk.cannot(_order(who), reason)

    def _needs(self, setting: Setting, task: Task) -> tuple[Estimator, ...]:
        """Estimators that an image of this task has to be scored by."""
        if not isinstance(setting.recipe, Student):
            return self._score_with
        return self._student_needs(self._orders[student_key(setting.recipe, task.row)])

    def _student_needs(self, orders: Sequence[Order]) -> tuple[Estimator, ...]:
        deciding = [
            order.arm.estimator
            for order in orders
            if isinstance(order.arm, Adaptive) and math.isfinite(order.arm.threshold)
        ]
        return tuple(dict.fromkeys([*deciding, *self._score_with]))

    def _count(self, finished: Finished) -> None:
        self.spent.images += 1
        self.spent.steps += finished.run["steps"]
        self.spent.forwards += finished.run["forwards"]
        self.spent.seconds += finished.seconds

    def _student_came(self, task: Task, finished: Finished) -> None:
        recipe = self._settings[task.setting].recipe
        assert isinstance(recipe, Student)
        self._decide(self._orders.pop(student_key(recipe, task.row)), finished)

    def _decide(self, orders: Sequence[Order], student: Finished) -> None:
        """Lines 2 to 8 of Algorithm 1, for every arm that is built on this student's sample."""
        for order in orders:
            arm = order.arm
            if fault := self._fault(student, self._student_needs([order])):
                self._desk.cannot(order, fault)
            elif not isinstance(arm, Adaptive):
                self._desk.single(order, student)
            else:
                stays = self._stays(arm, student)
                decided = Decided(order, student, "kept" if stays else improvement(arm))
                if stays:
                    self._desk.kept(decided)
                elif hands_latents(arm) and student.latents is None:
                    self._desk.cannot(order, NO_LATENTS)
                else:
                    self._ask_teacher(improvement_task(arm, order.wanted.row), decided)

    def _stays(self, arm: Adaptive, student: Finished) -> bool:
        if math.isinf(arm.threshold):
            return arm.threshold < 0
        return keeps(student.scores[arm.estimator.digest()], arm.threshold)

    def _ask_teacher(self, asked: tuple[Setting, Task], who: Order | Decided) -> None:
        """One image per task, however many arms ask for it."""
        setting, task = asked
        if task in self._images:
            self._serve(who, self._images[task])
            return
        first = task not in self._waiting
        self._waiting.setdefault(task, []).append(who)
        if first:
            self._settings.setdefault(setting.key, setting)
            if isinstance(who, Decided) and task.source is not None:
                self._sources[task] = Source(who.student.latents, who.student.image)
            self._teachers.put(setting.key, task)

    def _teacher_came(self, task: Task, finished: Finished) -> None:
        self._sources.pop(task, None)
        self._images[task] = finished
        for who in self._waiting.pop(task):
            self._serve(who, finished)

    def _serve(self, who: Order | Decided, finished: Finished) -> None:
        if fault := self._fault(finished, self._score_with):
            self._desk.cannot(_order(who), fault)
        elif isinstance(who, Decided):
            self._desk.improved(who, finished)
        else:
            self._desk.single(who, finished)

    def _fault(self, finished: Finished, needs: Sequence[Estimator]) -> str:
        """Why this image serves nobody who needs these scores; "" if it does."""
        own = finished.faults.get("", "")
        return own or next(
            (finished.faults[n.digest()] for n in needs if n.digest() in finished.faults), ""
        )

    def _take_stored(self) -> None:
        """Samples from the store: scored where a score is missing, then decided upon."""
        keys = list(self._stored)
        for first in range(0, len(keys), STORED_AT_ONCE):
            part = keys[first : first + STORED_AT_ONCE]
            orders = [self._orders.pop(key) for key in part]
            finished = [self._stored.pop(key) for key in part]
            needs = [self._student_needs(each) for each in orders]
            prompts = [each[0].wanted.prompt for each in orders]
            self._stop()
            self._score(finished, needs, prompts=prompts)
            for each, student in zip(orders, finished, strict=True):
                self._decide(each, student)


def _order(who: Order | Decided) -> Order:
    return who.order if isinstance(who, Decided) else who
