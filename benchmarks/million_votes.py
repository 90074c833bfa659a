"""A million votes from names to an annotator table, beside crowd-kit, pandas and a bare bincount.
It must not know Django; exit status 1 above 5 s or 1 GB, or where a peer counts otherwise.

    python -m benchmarks.million_votes          # crowd-kit too where build/crowd-kit exists
    python -m benchmarks.million_votes --peer   # makes that environment first (a minute)
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from annotate.analysis.agreement import (
    agreement_of_votes,
    counts_of,
    gwet_ac1,
    krippendorff_alpha,
    percent_agreement,
    stacked,
)
from annotate.analysis.annotators import leave_one_out, median_seconds, side_balance
from annotate.analysis.clustered import crossed_share_of_codes
from annotate.analysis.columns import numbered
from annotate.analysis.contrast import Result
from annotate.analysis.grouped import grouped_rate
from annotate.analysis.verdict import SPLIT, majority_array
from annotate.analysis.votes import Choice
from annotate.analysis.winrate import three_conventions, vote_share, win_rate
from benchmarks import busy, seconds

VOTES, PEOPLE, OFFERED = 1_000_000, 500, 3
TASKS = -(-VOTES // OFFERED)
SECONDS, GIGABYTES = 5.0, 1.0
# crowd-kit's alpha goes through every pair of votes in Python: a part of the votes, not all.
ALPHA_TASKS = 2000
ROOT = Path(__file__).resolve().parents[1]
PEER = ROOT / "build" / "crowd-kit"
PINS = ROOT / "docker" / "crowd-kit" / "requirements.txt"
CODES = {"first": 0, "tie": 1, "second": 2}
# As `tuple(Choice)` numbers them.
CHOICE = np.array([list(Choice).index(Choice(name)) for name in CODES])
RESULTS = np.array([Result.WIN, Result.TIE, Result.LOSS], dtype=object)

Codes = NDArray[np.int64]
Found = TypeVar("Found")


class Votes(NamedTuple):
    """Columns as a file of votes has them, in no order: three of names, the side, the seconds."""

    task: list[str]
    annotator: list[str]
    choice: list[str]
    left: NDArray[np.bool_]
    seconds: NDArray[np.float64]


def votes() -> Votes:
    """Three annotators on every pair but the last; pairs and annotators differ. Seeded."""
    rng = np.random.default_rng(20261123)
    task = np.arange(VOTES) // OFFERED
    # Three different people on a pair, everybody in turn.
    person = (np.arange(VOTES) * 7 + task // PEOPLE) % PEOPLE
    lean = rng.normal(0.1, 1, TASKS)[task] + rng.normal(0, 0.3, PEOPLE)[person]
    seen = lean + rng.logistic(size=VOTES)
    code = np.where(seen > 0.35, 0, np.where(seen < -0.35, 2, 1))
    order = rng.permutation(VOTES)
    names = np.array(list(CODES), dtype=object)
    return Votes(
        task=[f"pair {t}" for t in task[order].tolist()],
        annotator=[f"A-{p:03d}" for p in person[order].tolist()],
        choice=names[code[order]].tolist(),
        left=rng.random(VOTES) < 0.5,
        seconds=rng.lognormal(1.6, 0.6, VOTES),
    )


class Clock:
    """Seconds of this process's own processor for each step, and of the clock in all.

    One thread: on a machine without other work they are the same, on a busy one only they compare.
    """

    def __init__(self) -> None:
        self.steps: dict[str, float] = {}
        self.wall = 0.0

    def __call__(self, step: str, call: Callable[[], Found]) -> Found:
        wall, start = time.perf_counter(), time.process_time()
        found = call()
        self.steps[step] = time.process_time() - start
        self.wall += time.perf_counter() - wall
        return found


def ours(given: Votes) -> dict[str, Any]:
    """Everything, by the functions that a report calls; scipy and statsmodels load on the way."""
    clock = Clock()
    task, person, label = clock(
        "names to codes",
        lambda: (
            numbered(given.task),
            numbered(given.annotator),
            np.array([CODES[name] for name in given.choice]),
        ),
    )
    outcome = clock("majority", lambda: majority_array(task, label, n_tasks=TASKS))
    kind = np.where(outcome == SPLIT, 1, outcome)
    wins, ties, losses = (int((kind == code).sum()) for code in range(3))
    rates = clock("win rates, Wilson", lambda: three_conventions(wins, ties, losses))

    def bootstrap() -> object:
        # Two captions of every photo. Undecided is only what has fewer than three votes.
        results = [RESULTS[code] if code >= 0 else None for code in kind.tolist()]
        groups = (np.arange(TASKS) // 2).tolist()
        return grouped_rate(results, groups, rng=np.random.default_rng(1))

    clock("win rate, bootstrap over groups", bootstrap)
    counts = np.bincount(3 * task + label, minlength=3 * TASKS).reshape(-1, 3)
    clock("vote share by pair", lambda: vote_share(counts))
    clock(
        "vote share, two-way clusters",
        lambda: crossed_share_of_codes(label, task, person, names=range(PEOPLE)),
    )
    table = stacked(task, label, n_units=TASKS)
    alpha = clock("Krippendorff's alpha", lambda: krippendorff_alpha(table))
    clock(
        "percent agreement and AC1",
        lambda: (percent_agreement(counts_of(table, 3)), gwet_ac1(counts_of(table, 3), 3)),
    )
    clock("who agrees with whom", lambda: agreement_of_votes(task, person, label, n_raters=PEOPLE))
    clock("annotator table", lambda: annotators(given, task, person, label))
    some = np.flatnonzero(task < ALPHA_TASKS)
    return {
        "steps": clock.steps,
        "wall": clock.wall,
        "verdicts": [wins, ties, losses],
        "win rate": rates[0].estimate,
        "alpha": alpha.estimate,
        "alpha of some": krippendorff_alpha(
            stacked(task[some], label[some], n_units=ALPHA_TASKS)
        ).estimate,
    }


def annotators(given: Votes, task: Codes, person: Codes, label: Codes) -> list[tuple[Any, ...]]:
    """Sides, ties, agreement with the others and median time of everybody."""
    others = leave_one_out(task, person, CHOICE[label], n_annotators=PEOPLE)
    tied = np.bincount(person[label == 1], minlength=PEOPLE)
    of_decided = person[label != 1], given.left[label != 1]
    left = np.bincount(of_decided[0][of_decided[1]], minlength=PEOPLE)
    right = np.bincount(of_decided[0][~of_decided[1]], minlength=PEOPLE)
    order = np.argsort(person, kind="stable")
    ends = np.cumsum(np.bincount(person, minlength=PEOPLE))[:-1]
    times = [median_seconds(own.tolist()) for own in np.split(given.seconds[order], ends)]
    return [
        (
            side_balance(int(left[i]), int(right[i])),
            win_rate(int(tied[i]), 0, int(left[i] + right[i])),
            others[i],
            times[i],
        )
        for i in range(PEOPLE)
    ]


def by_pandas(given: Votes) -> dict[str, Any]:
    """What one writes with pandas: no interval, no alpha, ties of the majority by hand."""
    import pandas as pd

    clock = Clock()
    frame = pd.DataFrame(given._asdict())

    def majority() -> pd.Series[Any]:
        counts = frame.groupby(["task", "choice"]).size().unstack(fill_value=0)
        best = counts.eq(counts.max(axis=1), axis=0)
        found = counts.idxmax(axis=1).where(best.sum(axis=1) == 1, "tie")
        return found[counts.sum(axis=1) >= OFFERED]

    def people() -> object:
        decided = frame[frame.choice != "tie"].groupby("annotator").left.mean()
        tied = (frame.choice == "tie").groupby(frame.annotator).mean()
        return decided, tied, frame.groupby("annotator").seconds.median()

    found = clock("majority", majority).value_counts()
    clock("annotators: sides, ties, median time", people)
    return {
        "steps": clock.steps,
        "wall": clock.wall,
        "verdicts": [int(found[name]) for name in CODES],
    }


def by_crowd_kit(given: Votes) -> dict[str, Any]:
    """Its majority of all votes, and its alpha of a part."""
    import pandas as pd
    from crowdkit.aggregation import MajorityVote
    from crowdkit.metrics.data import alpha_krippendorff

    clock = Clock()
    frame = pd.DataFrame({"task": given.task, "worker": given.annotator, "label": given.choice})
    found = clock("majority", lambda: MajorityVote().fit_predict(frame)).value_counts()
    # The same pairs as ours: those that come first.
    first = set(list(dict.fromkeys(given.task))[:ALPHA_TASKS])
    part = frame[frame.task.isin(first)]
    alpha = clock(f"alpha of {ALPHA_TASKS:,} pairs", lambda: alpha_krippendorff(part))
    return {
        "steps": clock.steps,
        "wall": clock.wall,
        "verdicts": [int(found[name]) for name in CODES],
        "alpha of some": alpha,
    }


WAYS: dict[str, Callable[[Votes], dict[str, Any]]] = {
    "ours": ours,
    "pandas": by_pandas,
    "crowd-kit": by_crowd_kit,
}


def peak() -> float:
    """Gigabytes that this process has held at most, the votes themselves included."""
    status = Path("/proc/self/status")
    if status.exists():
        # Of this program alone; the other figure remembers whoever started it.
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        return int(lines["VmHWM"].split()[0]) / 2**20
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**30 if sys.platform == "darwin" else 2**20)


def in_a_fresh_process(way: str, python: Path | str = sys.executable) -> dict[str, Any]:
    """What a way of counting found, with its seconds and its peak of memory."""
    said = subprocess.run(
        [str(python), "-m", "benchmarks.million_votes", way],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    found: dict[str, Any] = json.loads(said.stdout)
    total = sum(found["steps"].values())
    print(
        f"{way}: processor {total:.2f} s, clock {found['wall']:.2f} s, peak {found['peak']:.2f} GB"
    )
    for step, took in found["steps"].items():
        print(f"  {step:<40} {took:8.3f} s")
    return found


def make_peer() -> None:
    """crowd-kit's own requirements hold 44 packages, transformers among them: kept apart."""
    venv.create(PEER, with_pip=True)
    subprocess.run([PEER / "bin" / "pip", "install", "-q", "-r", PINS], check=True)


def main(arguments: list[str]) -> int:
    if arguments and arguments[0] in WAYS:
        found = WAYS[arguments[0]](votes())
        print(json.dumps({**found, "peak": peak()}))
        return 0
    if arguments == ["--peer"]:
        make_peer()
    elif arguments:
        raise SystemExit(f"{arguments[0]!r} is unknown; give --peer, or nothing")
    print(f"{VOTES:,} votes on {TASKS:,} pairs by {PEOPLE} annotators; {busy()}")
    own = in_a_fresh_process("ours")
    peers = {"pandas": in_a_fresh_process("pandas")}
    if (PEER / "bin" / "python").exists():
        peers["crowd-kit"] = in_a_fresh_process("crowd-kit", PEER / "bin" / "python")
    else:
        print(f"crowd-kit is not in {PEER.relative_to(ROOT)}: make it with --peer")
    given = votes()
    cell = 3 * numbered(given.task) + np.array([CODES[name] for name in given.choice])
    bare = seconds(lambda: np.bincount(cell, minlength=3 * TASKS), repeats=21)
    majority, whole = own["steps"]["majority"], sum(own["steps"].values())
    print(f"bare np.bincount of codes: {1000 * bare:.1f} ms; our majority {majority / bare:.1f} "
          f"times that, all of ours {whole / bare:.0f} times")  # fmt: skip
    same = True
    for name, peer in peers.items():
        ratio = peer["steps"]["majority"] / (majority + own["steps"]["names to codes"])
        print(f"{name}: majority {ratio:.1f} times ours with its names to codes")
        if name == "pandas":
            same &= peer["verdicts"] == own["verdicts"]
            print(f"  verdicts {peer['verdicts']}, ours {own['verdicts']}")
        if "alpha of some" in peer:
            apart = abs(peer["alpha of some"] - own["alpha of some"])
            same &= apart < 1e-9
            print(f"  its majority breaks splits by the order of rows: {peer['verdicts']}")
            print(f"  alpha of {ALPHA_TASKS:,} pairs differs from ours by {apart:.1e}")
    held = whole <= SECONDS and own["peak"] <= GIGABYTES
    print(f"win rate {own['win rate']:.4f}, alpha {own['alpha']:.4f}")
    print(f"processor {whole:.2f} s of {SECONDS:g}, {own['peak']:.2f} GB of {GIGABYTES:g}: "
          f"{'held' if held else 'MISSED'}")  # fmt: skip
    print(f"peers count {'the same' if same else 'OTHERWISE'}")
    return 0 if held and same else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
