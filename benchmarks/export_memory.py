"""What an export of 100,000 votes holds in memory, against one of 10,000.
It makes databases of its own from simulated votes; exits 1 where a streamed file takes more.

    python -m benchmarks.export_memory [--votes 10000 100000]

Each file is written by a process of its own: the growth of its resident memory while it writes
(`ru_maxrss`) and, in another run, the peak of Python's own allocations (`tracemalloc`).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

# Tables are streamed; the others hold what a report is made of.
STREAMED = ("votes.csv", "votes.jsonl", "votes.parquet", "verdicts.csv", "votes-long.csv")
WHOLE = ("dataset.zip", "summary.json", "bundle.zip")
# Streamed memory may differ by what the interpreter rounds to.
MOST_GROWTH_MB = 8.0
NOW = datetime(2026, 1, 5, tzinfo=UTC)
PEOPLE, OVERLAP, PROMPTS = 60, 3, 2000


def setup(folder: Path) -> None:
    os.environ["TRIPTYCH_DATA_DIR"] = str(folder)
    os.environ["DJANGO_SETTINGS_MODULE"] = "annotate.config.settings"
    os.environ.pop("DATABASE_URL", None)
    import django

    django.setup()


def arrange(folder: Path, votes: int) -> None:
    """A closed study of imported votes, all marked simulated."""
    setup(folder)
    from django.core.management import call_command

    from annotate.judging.external_import import import_votes
    from annotate.people.models import User

    call_command("migrate", verbosity=0)
    owner = User.objects.create(username="owner", role="researcher")
    rng, path = random.Random(7), folder / "votes.csv"
    arms = -(-votes // (OVERLAP * PROMPTS))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        columns = ("prompt", "first", "second", "annotator", "winner", "side", "seconds")
        writer.writerow((*columns, "simulated"))
        for pair in range(-(-votes // OVERLAP)):
            prompt, arm = pair // arms, pair % arms
            for person in rng.sample(range(PEOPLE), OVERLAP):
                winner = rng.choice(("first", "first", "second", "tie"))
                side, seconds = rng.choice(("left", "right")), round(rng.uniform(1, 20), 1)
                row = (f"prompt number {prompt} of many", f"arm-{arm:02d}", "base", f"p{person}")
                writer.writerow((*row, winner, side, seconds, "true"))
    import_votes(path, kind="csv", name=f"{votes:,} votes", owner=owner, now=NOW)
    path.unlink()


def write(folder: Path, name: str, *, trace: bool) -> dict[str, float]:
    """One file's memory in megabytes, bytes and seconds."""
    setup(folder)
    from annotate.reports.export import write_file
    from annotate.studies.models import Study

    study = Study.objects.get()
    if trace:
        tracemalloc.start()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    with tempfile.TemporaryFile() as file, tempfile.TemporaryDirectory() as inside:
        write_file(study, name, file, now=NOW, folder=Path(inside))
        size = file.tell()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    peak = tracemalloc.get_traced_memory()[1] / (1 << 20) if trace else 0.0
    seconds = time.process_time() - began
    return {"grown": grown, "peak": peak, "megabytes": size / (1 << 20), "seconds": seconds}


def child(*words: str) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.export_memory", "--child", *words]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        sys.exit(ran.stderr)
    told: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return told


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--votes", type=int, nargs=2, default=(10_000, 100_000))
    parser.add_argument("--child", nargs="*")
    options = parser.parse_args()
    if options.child:
        what, folder, given = options.child[:3]
        if what == "arrange":
            arrange(Path(folder), int(given))
            print("{}")
        else:
            print(json.dumps(write(Path(folder), given, trace=what == "trace")))
        return 0
    missed = False
    with tempfile.TemporaryDirectory(prefix="triptych-export-") as name:
        folders = {n: Path(name, str(n)) for n in options.votes}
        for n, folder in folders.items():
            folder.mkdir()
            child("arrange", str(folder), str(n))
        print("file                 votes   file, MB   resident, MB   allocated, MB   processor, s")
        for file in (*STREAMED, *WHOLE):
            peaks = []
            for n, folder in folders.items():
                plain = child("write", str(folder), file)
                traced = child("trace", str(folder), file)
                peaks.append(traced["peak"])
                print(
                    f"{file:<18} {n:>7,} {plain['megabytes']:>10.1f} {plain['grown']:>14.1f} "
                    f"{traced['peak']:>15.1f} {plain['seconds']:>14.1f}",
                    flush=True,
                )
            missed |= file in STREAMED and peaks[1] - peaks[0] > MOST_GROWTH_MB
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
