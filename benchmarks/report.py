"""What the report of 600 prompts x 5 comparisons (9,000 votes) costs, beside bare peers.
It must not touch a database: rows in memory are what a frozen report is made of too.

    python -m benchmarks.report     # crowd-kit too, where `benchmarks.million_votes --peer` put it
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotate.config.settings")

import django

django.setup()

# ruff: noqa: E402 (models can be imported only once Django is set up)
import numpy as np
import pandas as pd

from annotate.analysis.oracle_bands import Over
from annotate.reports.branch_rows import ArmRow, BranchRow, EstimatorRow
from annotate.reports.frame_rows import PromptRow, ScoreRow
from annotate.reports.frames import ContrastRow, ItemRow, SetAside, StudyFrame, VoteRow
from annotate.reports.freeze import decode, encode
from annotate.reports.laboratory import investigate
from annotate.reports.page import lay_out
from annotate.reports.report import report_on
from annotate.reports.report_files import figures_zip, pdf_file
from annotate.studies.models import Study
from annotate.studies.protocol import Protocol
from benchmarks.million_votes import PEER

PROMPTS, ARMS, PEOPLE = 600, 5, 40
NOW = datetime(2026, 1, 5, tzinfo=UTC)
REPEATS = 5
GOALS = {
    "report, all analyses": 2.0,
    "with figures and tables laid out": 6.0,
    "report with the oracle laboratory": 2.0,
    "the same laid out": 6.0,
}
# Run by the Python that has crowd-kit: rows in, seconds of each run and the alpha out.
CROWD_KIT = """
import json, sys, time
import pandas as pd
from crowdkit.aggregation import MajorityVote
from crowdkit.metrics.data import alpha_krippendorff

columns, repeats = json.load(sys.stdin)
table = pd.DataFrame(columns)
found = {}
for name, call in (
    ("majority only", lambda: MajorityVote().fit_predict(table)),
    ("alpha only", lambda: alpha_krippendorff(table)),
):
    found[name] = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        found[name].append((time.perf_counter() - wall, time.process_time() - cpu))
print(json.dumps(found))
"""


def frame(*, seed: int = 1) -> StudyFrame:
    """Five arms against one baseline; annotators and prompts differ, the arms a little."""
    rng = random.Random(seed)
    contrasts = tuple(
        ContrastRow(i + 1, f"arm-{i}", "base", f"Arm {i}", "Baseline", i == 0) for i in range(ARMS)
    )
    items: list[ItemRow] = []
    votes: list[VoteRow] = []
    for prompt in range(PROMPTS):
        easy = rng.gauss(0, 0.6)
        for contrast in contrasts:
            place, first, said = len(items), rng.random() < 0.5, []
            for person in rng.sample(range(PEOPLE), 3):
                lean = easy + rng.gauss(0, 1) + 0.1 * (3 - contrast.pk)
                side = "a" if lean > 0.25 else "b" if lean < -0.25 else "tie"
                left = rng.random() < 0.5
                said.append(side)
                choice = "tie" if side == "tie" else "first" if (side == "a") == first else "second"
                shown = "" if side == "tie" else "left" if (side == "a") == left else "right"
                name, took = f"A-{person:02d}", int(1000 * rng.lognormvariate(1.6, 0.6))
                votes.append(
                    VoteRow(place, name, choice, "", False, shown, True, False, False, took)
                )
            most = max(("a", "b", "tie"), key=said.count)
            outcome = most if said.count(most) > 1 else "tie"
            items.append(ItemRow(contrast.pk, place, prompt, "", first, outcome, "", ""))  # type: ignore[arg-type]
    prompts = {
        p: PromptRow(f"p{p}", f"set {p % 2}", rng.randint(4, 18), {"complexity": rng.random()})
        for p in range(PROMPTS)
    }
    aside = SetAside(0, 0, 0, 0, 0, 0, 0, 0)
    return StudyFrame(contrasts, tuple(items), tuple(votes), aside, (), NOW, NOW, (), prompts, ())


def with_branches(rows: StudyFrame, *, seed: int = 2) -> StudyFrame:
    """The same votes, where the fourth arm is a student, the fifth all of its samples refined, and
    the others decide by the first of two estimators at k = 25, 50 and 75."""
    rng = random.Random(seed)
    student, refined, teacher = "arm-3", "arm-4", "base"
    wins = Counter(
        item.prompt for item in rows.items if item.contrast == 4 and item.outcome == "a"
    )  # fmt: skip
    scores = [
        ScoreRow(name, method, prompt, 0, told * wins[prompt] + rng.gauss(0, 1))
        for name, told in (("scorer", 1.0), ("other", 0.3))
        for method in (student, teacher)
        for prompt in range(PROMPTS)
    ]
    tuning = tuple(rng.gauss(0.3, 1.1) for _ in range(1000))
    arms = tuple(
        ArmRow(f"arm-{i}", f"Arm {i}", k, float(np.percentile(tuning, k)))
        for i, k in enumerate((50, 25, 75))
    )
    branches = BranchRow(
        *(student, refined, teacher),
        *("Student", "Refined", "Baseline"),
        student_steps=5,
        refine_steps=20,
        estimators=(EstimatorRow("scorer", tuning, arms), EstimatorRow("other", None, ())),
    )
    return replace(rows, branches=branches, scores=tuple(scores))


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Median seconds of the wall clock and of this process's processor."""
    runs = []
    for _ in range(REPEATS):
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        runs.append((time.perf_counter() - wall, time.process_time() - cpu))
    return medians(runs)


def medians(runs: list[tuple[float, float]]) -> tuple[float, float]:
    walls, cpus = zip(*runs, strict=True)
    return statistics.median(walls), statistics.median(cpus)


def crowd_kit(votes: tuple[VoteRow, ...]) -> dict[str, tuple[float, float]]:
    """Its median seconds on the same votes, in an environment of its own; none without one."""
    python = PEER / "bin" / "python"
    if not python.exists():
        return {}
    columns = {
        "task": [vote.comparison for vote in votes],
        "worker": [vote.annotator for vote in votes],
        "label": [vote.choice for vote in votes],
    }
    said = subprocess.run(
        [str(python), "-c", CROWD_KIT],
        input=json.dumps([columns, REPEATS]),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return {name: medians(runs) for name, runs in json.loads(said.stdout).items()}


def main() -> int:
    rows = frame()
    study = Study(name="Benchmark", spec={"protocol": Protocol().model_dump(mode="json")})
    report = report_on(study, rows, now=NOW)  # loads scipy, statsmodels, pandas
    lay_out(report)
    content = encode(study, rows)
    whole = with_branches(rows)
    laboratory = report_on(study, whole, now=NOW).laboratory
    assert laboratory is not None
    assert len(laboratory.estimators) == 2
    code = {"first": 0, "second": 1, "tie": 2}
    label = np.array([code[v.choice] for v in rows.votes])
    task = np.array([v.comparison for v in rows.votes])
    table = pd.DataFrame({"task": task, "label": label})
    steps: dict[str, Callable[[], object]] = {
        "report, counts and Wilson intervals": lambda: report_on(study, rows, now=NOW, deep=False),
        "report, all analyses": lambda: report_on(study, rows, now=NOW),
        "with figures and tables laid out": lambda: lay_out(report_on(study, rows, now=NOW)),
        "report with the oracle laboratory": lambda: report_on(study, whole, now=NOW),
        "the same laid out": lambda: lay_out(report_on(study, whole, now=NOW)),
        "the laboratory alone": lambda: investigate(laboratory.branches, laboratory.settings),
        "the laboratory, bands over annotators": lambda: investigate(
            laboratory.branches, replace(laboratory.settings, over=Over.CROSSED)
        ),
        "PDF of a finished report": lambda: pdf_file(report),
        "every figure as SVG and PDF": lambda: figures_zip(report),
        "rows to a frozen snapshot": lambda: encode(study, rows),
        "rows from a frozen snapshot": lambda: decode(content),
        "peer: np.bincount, majority only": lambda: (
            np.bincount(3 * task + label, minlength=3 * len(rows.items)).reshape(-1, 3).argmax(1)
        ),
        "peer: pandas, majority only": lambda: (
            table.groupby(["task", "label"]).size().unstack(fill_value=0).idxmax(axis=1)
        ),
    }
    print(
        f"{PROMPTS} prompts x {ARMS} comparisons, {len(rows.votes):,} votes, {PEOPLE} annotators; "
        f"median of {REPEATS}; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    )
    missed = False
    for name, call in steps.items():
        wall, cpu = timed(call)
        goal = GOALS.get(name)
        said = f"  goal {goal:g} s: {'held' if cpu <= goal else 'missed'}" if goal else ""
        missed |= goal is not None and cpu > goal
        print(f"  {name:<38} {wall:8.3f} s  processor {cpu:8.3f} s{said}")
    peers = crowd_kit(rows.votes)
    for name, (wall, cpu) in peers.items():
        print(f"  {'peer: crowd-kit, ' + name:<38} {wall:8.3f} s  processor {cpu:8.3f} s")
    if not peers:
        print(
            "  peer: crowd-kit is not installed; python -m benchmarks.million_votes --peer does it"
        )
    print("  The peers count votes; the report also tests, ranks, fits and slices them.")
    print(f"  A snapshot is {len(content):,} bytes before compression.")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
