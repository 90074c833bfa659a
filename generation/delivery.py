"""Hand finished samples over: records written, the sink in a thread of its own, progress told.

Must not know queues, networks or devices.
"""

from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from generation.adaptive import Decision
from generation.finishing import Finished
from generation.provenance import Json, decision_record, image_digest, sample_record
from generation.samples import Arm, Made, Wanted
from generation.spec import Adaptive

# Samples that wait for a slow sink before the device waits too.
WAITING = 128


@dataclass(frozen=True)
class Order:
    """A wanted sample and the arm it is of, until there is an image for it."""

    wanted: Wanted
    arm: Arm


@dataclass(frozen=True, eq=False)
class Decided:
    """What Algorithm 1 said about a student's sample, for one adaptive order."""

    order: Order
    student: Finished
    outcome: Decision

    def record(self) -> Json:
        """The decision with the score that led to it."""
        arm = self.order.arm
        assert isinstance(arm, Adaptive)
        key = arm.estimator.digest()
        return decision_record(
            arm,
            self.outcome,
            score=self.student.scores.get(key),
            scorer=self.student.scorers.get(key, ""),
        )


class Desk:
    """Where finished samples leave; every method but the sink runs in the caller's thread."""

    def __init__(
        self,
        sink: Callable[[Made], None],
        progress: Callable[[int, int], None],
        *,
        total: int,
        host: Mapping[str, Any],
        about: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self.failed: dict[int, str] = {}
        self._sink = sink
        self._progress = progress
        self._total = total
        self._host = host
        self._about = about
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="sink")
        self._writing: deque[Future[None]] = deque()
        self._over = 0
        self._told = 0

    def single(self, order: Order, finished: Finished) -> None:
        """A teacher's or a student's own sample; the student's latents go with it."""
        latents = finished.latents if finished.run["role"] == "student" else None
        self._hand_over(order, finished, runs=[finished.run], latents=latents)

    def kept(self, decided: Decided) -> None:
        """The student's very sample, under the adaptive arm's name."""
        student = decided.student
        self._hand_over(decided.order, student, runs=[student.run], decided=decided)

    def improved(self, decided: Decided, finished: Finished) -> None:
        """What the teacher made of the student's sample, or in its place."""
        runs = [decided.student.run, finished.run]
        self._hand_over(decided.order, finished, runs=runs, decided=decided)

    def cannot(self, order: Order, reason: str) -> None:
        """There will be no such sample, and why."""
        self.failed[order.wanted.sample] = reason

    def tell(self) -> None:
        """Say how far it got, if that is news; raises what the sink raised."""
        while self._writing and self._writing[0].done():
            self._writing.popleft().result()
            self._over += 1
        reached = self._over + len(self.failed)
        if reached > self._told:
            self._told = reached
            self._progress(reached, self._total)

    def wait(self) -> None:
        """Until the sink has taken everything."""
        while self._writing:
            self._writing[0].exception()
            self.tell()
        self.tell()

    def close(self) -> None:
        """After a stop nothing that waits for the sink is begun."""
        self._writer.shutdown(wait=True, cancel_futures=True)

    def _hand_over(
        self,
        order: Order,
        finished: Finished,
        *,
        runs: list[Json],
        latents: Any = None,
        decided: Decided | None = None,
    ) -> None:
        record = sample_record(
            order.arm,
            order.wanted.row,
            runs=runs,
            image=finished.image,
            scores=finished.scores,
            scorers=finished.scorers,
            decision=decided.record() if decided else None,
            parent=image_digest(decided.student.image) if decided else "",
            host=self._host,
            about=self._about.get(order.wanted.arm, {}),
        )
        made = Made(
            sample=order.wanted.sample,
            image=finished.image,
            latents=latents,
            scores=dict(finished.scores),
            record=record,
            decision=decided.outcome if decided else "",
            steps=record["steps"],
            forwards=record["forwards"],
            seconds=sum(run.get("seconds", 0.0) for run in runs),
        )
        while len(self._writing) >= WAITING:
            self._writing[0].exception()
            self.tell()
        self._writing.append(self._writer.submit(self._sink, made))
