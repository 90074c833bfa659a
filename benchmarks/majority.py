"""How much the majority of a million votes costs beside one `np.bincount` over the same votes.
Must not know Django; exit status 1 when the ratio passes the limit the project has set itself."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from annotate.analysis.verdict import SPLIT, majority_array

VOTES = 1_000_000
TASKS = 333_334
REPEATS = 41
LIMIT = 5.0


def timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> int:
    rng = np.random.default_rng(20240617)
    in_order = np.arange(VOTES) // 3
    said = rng.integers(0, 3, size=VOTES)
    shuffled = rng.permutation(VOTES)
    worst = 0.0
    for name, task, label in (
        ("votes by task", in_order, said),
        ("votes shuffled", in_order[shuffled], said[shuffled]),
    ):

        def count(task: np.ndarray = task) -> object:
            return np.bincount(task)

        def vote(task: np.ndarray = task, label: np.ndarray = label) -> object:
            return majority_array(task, label, n_tasks=TASKS)

        count(), vote()
        splits = int((majority_array(task, label, n_tasks=TASKS) == SPLIT).sum())
        print(f"{name}: {VOTES:,} votes, {TASKS:,} tasks, {splits:,} splits")
        # In turns a busy neighbour slows both sides alike; alone each side keeps its memory warm.
        turns = [(timed(count), timed(vote)) for _ in range(REPEATS)]
        alone = zip(
            [timed(count) for _ in range(REPEATS)],
            [timed(vote) for _ in range(REPEATS)],
            strict=True,
        )
        for how, pairs in (("in turns", turns), ("alone", list(alone))):
            one, whole = (1000 * statistics.median(side) for side in zip(*pairs, strict=True))
            worst = max(worst, whole / one)
            print(
                f"  {how:8} median of {REPEATS}: np.bincount {one:.2f} ms, "
                f"majority {whole:.2f} ms, ratio {whole / one:.2f}"
            )
    print(f"worst ratio {worst:.2f}, limit {LIMIT:g}")
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
