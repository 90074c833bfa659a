"""One attempt at a claimed job: keeps its lease, carries its progress, ends it one way or another.

The database is asked once a second by a thread of its own, never from inside the sampling loop. It
must not know what the work is.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from django.conf import settings
from django.db import DatabaseError, connection

from annotate.sampling import claims
from annotate.sampling.claims import Claim, Filled
from generation.errors import Stopped

# How often the job's row is looked at: a cancelled job is noticed within this and one step more.
LOOK = 1.0
# What the process ends with when its work hangs, so that whoever watches it starts a new one.
EXIT_HUNG = 70

logger = logging.getLogger(__name__)
# Set when this worker is asked to end: what it holds goes back untried.
worker_ends = threading.Event()


@dataclass(frozen=True, slots=True)
class Worked:
    """What the work came to; `failed` is the plain reason by sample that could not be made."""

    filled: Sequence[Filled] = ()
    result: dict[str, Any] = field(default_factory=dict)
    failed: Mapping[int, str] = field(default_factory=dict)


class Interrupted(Stopped):
    """The work has to stop now. Raised at a denoising step, caught by `Attempt`."""


class NotYet(Exception):
    """Another job has to finish first: this one goes back untried."""


class Attempt:
    """with Attempt(claim) as attempt: attempt.finish(work(attempt.progress, attempt.stop))

    Whatever the work raises is the job's failure and not the worker's: leaving the block notes it.
    """

    def __init__(self, claim: Claim, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.claim = claim
        self._clock = clock
        self._lease: float = settings.JOBS["lease"]
        self._begun = self._renewed = clock()
        self._done = self._noted = 0
        # Why the work has to stop, and since when.
        self._why = ""
        self._told = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    # --- what the work is given -------------------------------------------------------------------

    def progress(self, done: int, _total: int = 0) -> None:
        """Note how many of the job's samples are made; the thread writes it within a second."""
        self._done = done

    def stop(self) -> None:
        """Called at every denoising step; raises Interrupted when there is no point in going on."""
        if self._why:
            raise Interrupted(self._why)

    def finish(self, work: Worked) -> bool:
        """Fill the samples and mark the job done; False when somebody else has it by now."""
        self._rest()
        if not claims.finish(self.claim, work.filled, result=work.result, failed=work.failed):
            self._log(logging.WARNING, "fenced: its work is dropped")
            return False
        made = f"samples={len(work.filled)} {self._clock() - self._begun:.1f}s"
        if work.failed:
            said = claims.short_of(self.claim.job, work.failed)
            self._log(logging.WARNING, f"{made} failed: {said}")
        else:
            self._log(logging.INFO, f"done {made}")
        return True

    # --- the lease --------------------------------------------------------------------------------

    def look(self) -> None:
        """Renew the lease when a third of it is gone or there is progress; see whether to stop."""
        now = self._clock()
        if worker_ends.is_set():
            return self._tell("ending")
        if now - self._begun > settings.JOBS["deadline"]:
            return self._tell("late")
        done = self._done
        if done != self._noted or now - self._renewed >= self._lease / 3:
            ours = claims.extend(self.claim, done=done)
            self._noted, self._renewed = done, now
        else:
            ours = claims.wanted(self.claim)
        return None if ours else self._tell("taken")

    def _tell(self, why: str) -> None:
        if not self._why:
            self._why, self._told = why, self._clock()

    def _keep(self) -> None:
        while not self._over.wait(min(LOOK, self._lease / 3)):
            if self._why:
                self._end_if_hung()
                continue
            try:
                self.look()
            except DatabaseError as error:
                logger.warning("the database is away (%s)", error)
                connection.close()
                if self._clock() - self._renewed > self._lease:
                    self._tell("taken")
        connection.close()

    def _end_if_hung(self) -> None:
        """Nothing but the end of the process ends a thread that does not come back."""
        if self._clock() - self._told <= settings.JOBS["hung"]:
            return
        self._log(logging.CRITICAL, "hangs: this worker ends")
        try:
            self._conclude(Interrupted(self._why))
        finally:
            os._exit(EXIT_HUNG)

    def _rest(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    # --- its end ----------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self._rest()
        if error is None:
            return True
        if not isinstance(error, Exception):
            return False  # the process itself is told to end; the lease runs out
        self._conclude(error)
        return True

    def _conclude(self, error: Exception) -> None:
        if isinstance(error, NotYet) or self._why == "ending":
            claims.release(self.claim, why=str(error) if isinstance(error, NotYet) else "")
        elif isinstance(error, Interrupted) and self._why == "taken":
            if claims.confirm_cancelled(self.claim):
                self._log(logging.INFO, "cancelled")
            else:
                self._log(logging.WARNING, "taken by another worker")
        else:
            words = in_plain_words(error)
            # The job's row has what the attempt before said: the same once more is a line too.
            known = is_explained(error) or words == self.claim.job.error
            self._log(
                logging.WARNING if known else logging.ERROR,
                f"failed: {words}",
                error=None if known else error,
            )
            claims.fail(self.claim, words)

    def _log(self, level: int, words: str, *, error: BaseException | None = None) -> None:
        """One line with the ids; below it the traceback of an error that is none of ours."""
        ids = (self.claim.job.pk, self.claim.attempt)
        logger.log(level, "job=%d attempt=%d %s", *ids, words, exc_info=error)


def is_explained(error: BaseException) -> bool:
    """Whether the words of an error say all there is to say: a traceback would help nobody."""
    return _is_ours(error) or _is_of_memory(error)


def _is_ours(error: BaseException) -> bool:
    """Errors of our own say what was given, what is allowed and what to do."""
    return type(error).__module__.split(".")[0] in {"annotate", "generation"}


def _is_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"


def in_plain_words(error: BaseException) -> str:
    """One or two sentences for the researcher; the worker's log has the rest."""
    if isinstance(error, Interrupted):
        limit = settings.JOBS["deadline"]
        return f"It had not ended after {limit:g} seconds and was stopped. Look at its arms."
    words = " ".join(str(error).split())
    if _is_ours(error) and words:
        return words
    if _is_of_memory(error):
        return (
            "It ran out of memory, even in its smallest batch. Make the images smaller, choose "
            f"half precision, or free memory and try again. ({words[:200]})"
        )
    return f"It failed with {type(error).__name__}: {words.rstrip('.') or 'no further words'}."
