"""Waits for a study's pictures with a bar on a terminal, or a line now and then in a log.

It sweeps meanwhile, as every site does: a job that failed is rung for again even where only a
worker runs. It must not start or stop any work; workers go on whether somebody waits or not.
"""

import sys
import time
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from tqdm import tqdm

from annotate.cli.launch_words import duration
from annotate.sampling.progress import Progress
from annotate.sampling.sweeping import sweep

LOOK = 1.0
# In a log, a line this often.
LINE = 10.0
# Nothing has begun for this long: is there a worker?
PATIENCE = 20.0

# Without the time left by tqdm: it takes pictures that were there before for fast ones.
BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"

Say = Callable[[str], None]


def wait(
    look: Callable[[], Progress],
    *,
    what: str,
    say: Say,
    round_of: Callable[[], object] = sweep,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Progress:
    """Look until nothing is being made any more; the last look.

    Args:
        look: reads how far it is.
        round_of: one round of the sweep.
    """
    told_at, moved_at, done, asked, stalled = -LINE, clock(), -1, False, False
    swept_at = clock()
    with tqdm(desc=what, leave=False, disable=None, file=sys.stderr, bar_format=BAR) as bar:
        while True:
            seen = look()
            bar.total = seen.wanted
            bar.set_postfix_str(_tail(seen), refresh=False)
            bar.update(seen.done + seen.failed - bar.n)
            # Jobs that are cut anew between the two readings of one look seem lost in it.
            if seen.over or (seen.stalled and stalled):
                return seen
            stalled = seen.stalled
            now = clock()
            if now - swept_at >= settings.JOBS["sweep"]:
                swept_at = now
                round_of()
            if seen.done + seen.failed != done or seen.running:
                done, moved_at = seen.done + seen.failed, now
            elif now - moved_at > PATIENCE and not asked:
                asked = True
                say(_hint(seen))
            if bar.disable and now - told_at >= LINE:
                told_at = now
                say(f"{what}: {line(seen)}")
            pause(LOOK)


def wait_for_none(
    count: Callable[[], int],
    *,
    what: str,
    say: Say,
    round_of: Callable[[], object] = sweep,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Look until nothing is left to count."""
    told = -1
    while left := count():
        if left != told:
            told = left
            say(f"{what}: {left} to go")
        round_of()
        pause(LOOK)


def line(seen: Progress) -> str:
    """Progress in one line."""
    return f"{seen.done} of {seen.wanted} pictures{_tail(seen, before=', ')}"


def _tail(seen: Progress, *, before: str = "") -> str:
    parts = []
    if seen.rate:
        parts.append(f"{seen.rate:.1f} a minute")
    if seen.eta:
        parts.append(f"{_left(seen.eta)} left")
    if seen.failed:
        parts.append(f"{seen.failed} failed")
    if seen.paused:
        parts.append(f"{seen.paused} jobs paused")
    return before + ", ".join(parts) if parts else ""


def _left(eta: timedelta) -> str:
    return duration(eta.total_seconds())


def _hint(seen: Progress) -> str:
    if seen.unheard:
        return (
            f"The broker has taken no message for {seen.unheard} jobs: it cannot be reached. They "
            "are queued and begin when it is back."
        )
    if seen.paused and not seen.queued:
        return "Sampling is paused; resume it on the study's page."
    return (
        "No job has begun yet. Is a worker running? `manage.py up` starts one; `manage.py worker` "
        "starts one alone."
    )


def summary(seen: Progress) -> list[str]:
    """Each arm as executed, against its plan, and what failed and why."""
    lines = []
    width = max((len(arm.label) for arm in seen.arms), default=0)
    for arm in seen.arms:
        said = f"  {arm.label:<{width}}  {arm.done} of {arm.wanted}"
        if arm.steps is not None and arm.forwards is not None:
            most = "at most " if arm.at_most else ""
            said += (
                f", {arm.steps:.2f} steps ({most}{arm.steps_planned:g} planned), "
                f"{arm.forwards:.2f} forwards ({most}{arm.forwards_planned:g})"
            )
        if arm.accepted is not None:
            said += f", kept {100 * arm.accepted:.0f} %"
            if arm.accepted_planned is not None:
                said += f" ({100 * arm.accepted_planned:.0f} % planned"
                said += f" ± {100 * arm.accepted_error:.0f})" if arm.accepted_error else ")"
        lines.append(said)
    for failure in seen.failures:
        lines.append(
            f"  failed: {failure.samples} of {', '.join(failure.methods)}: {failure.reason}"
        )
    return lines
