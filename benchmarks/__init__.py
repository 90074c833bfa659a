"""Measured speed, each beside the ceilings it is compared with; `make bench` runs every file.
What several of them need stands here; it must not know what is measured."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable


def seconds(call: Callable[[], object], *, repeats: int) -> float:
    """The median of the wall clock over so many calls."""
    runs = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        runs.append(time.perf_counter() - start)
    return statistics.median(runs)


def busy() -> str:
    """How busy the machine is, without which seconds of the wall clock say little."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
