"""What exports of 100,000 votes hold in memory against 10,000, and how fast such votes come in.
It makes databases of its own from simulated votes; exits 1 where a promise is missed.

    python -m benchmarks.export_memory [--votes 10000 100000]

Each file is written by a process of its own. Memory is resident: the peak of the process
(`ru_maxrss`) less what it held before it wrote, with 2 MB of database pages instead of the 16 MB
that a larger database fills whatever is exported. The limit of the import is SQLite alone: the same
rows into the same tables with the same indexes and checks, in one transaction, by `executemany`.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import busy

# Tables are streamed; the others hold what a report is made of.
STREAMED = (
    *("votes.csv", "votes.jsonl", "votes.parquet", "verdicts.csv", "verdicts.jsonl"),
    *("verdicts.parquet", "votes-long.csv", "votes-toloka.tsv", "votes-label-studio.json"),
)
WHOLE = ("dataset.zip", "snapshot.json", "summary.json", "bundle.zip")
# Times what a tenth of the votes takes; less than this many megabytes is noise of the allocator.
MOST_TIMES, NOISE_MB = 2.0, 8.0
PAGES_KB = 2000
# Bytes that a report of a vote may hold.
MOST_OF_A_VOTE = 2000.0
# Times what SQLite alone takes for the same rows.
MOST_TIMES_BARE = 20.0
NOW = datetime(2026, 1, 5, tzinfo=UTC)
PEOPLE, OVERLAP, PROMPTS = 60, 3, 2000
# What an import fills, in an order that foreign keys allow.
TABLES = (
    *("studies_prompt", "sampling_image", "judging_comparison", "judging_contrastitem"),
    *("judging_assignment", "judging_vote", "judging_answer", "judging_verdict"),
)


def setup(folder: Path) -> None:
    os.environ["TRIPTYCH_DATA_DIR"] = str(folder)
    os.environ["DJANGO_SETTINGS_MODULE"] = "annotate.config.settings"
    os.environ.pop("DATABASE_URL", None)
    import django

    django.setup()


def cast(path: Path, votes: int) -> None:
    """A file of votes, all marked simulated."""
    rng = random.Random(7)
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


def arrange(folder: Path, votes: int) -> dict[str, float]:
    """A closed study of imported votes; seconds of the import, and of SQLite alone."""
    setup(folder)
    from django.core.management import call_command
    from django.db import connection

    from annotate.judging.external_import import import_votes
    from annotate.people.models import User

    call_command("migrate", verbosity=0)
    owner = User.objects.create(username="owner", role="researcher")
    path = folder / "votes.csv"
    cast(path, votes)
    before = resident()
    clock, processor = time.perf_counter(), time.process_time()
    made = import_votes(path, kind="csv", name=f"{votes:,} votes", owner=owner, now=NOW)
    told = {
        "votes": float(made.votes),
        "clock": time.perf_counter() - clock,
        "processor": time.process_time() - processor,
        "grown": peak() - before,
    }
    path.unlink()
    connection.close()
    return told | bare(folder)


def bare(folder: Path) -> dict[str, float]:
    """The rows that an import made, and seconds until SQLite alone has stored them again."""
    rows, clock, processor = 0, 0.0, 0.0
    with (
        closing(sqlite3.connect(folder / "triptych.sqlite3")) as source,
        closing(sqlite3.connect(folder / "bare.sqlite3")) as into,
    ):
        into.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16000;"
        )
        for table in TABLES:
            of = "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL"
            for (sql,) in source.execute(f"{of} ORDER BY type DESC", (table,)):
                into.execute(sql)
        for table in TABLES:
            given = source.execute(f"SELECT * FROM {table}").fetchall()
            marks = ", ".join("?" * len(given[0]))
            began = time.perf_counter(), time.process_time()
            into.executemany(f"INSERT INTO {table} VALUES ({marks})", given)
            clock += time.perf_counter() - began[0]
            processor += time.process_time() - began[1]
            rows += len(given)
        began = time.perf_counter(), time.process_time()
        into.commit()
        clock += time.perf_counter() - began[0]
        processor += time.process_time() - began[1]
    (folder / "bare.sqlite3").unlink()
    return {"rows": float(rows), "bare clock": clock, "bare processor": processor}


def resident() -> float:
    """Megabytes that this process holds now; its peak where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return peak()
    return pages * resource.getpagesize() / (1 << 20)


def peak() -> float:
    """The most megabytes that this process ever held."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def write(folder: Path, name: str) -> dict[str, float]:
    """One file's memory and size in megabytes, and its seconds."""
    setup(folder)
    from django.db import connection

    from annotate.reports.export import write_file
    from annotate.studies.models import Study

    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA cache_size=-{PAGES_KB}")
    study = Study.objects.get()
    before, began = resident(), time.process_time()
    with tempfile.TemporaryFile() as file, tempfile.TemporaryDirectory() as inside:
        write_file(study, name, file, now=NOW, folder=Path(inside))
        size = file.tell()
    return {
        "grown": peak() - before,
        "peak": peak(),
        "megabytes": size / (1 << 20),
        "seconds": time.process_time() - began,
    }


def child(*words: str) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.export_memory", "--child", *words]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        sys.exit(ran.stderr)
    told: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return told


def imported(folders: dict[int, Path]) -> bool:
    """Fill the databases; whether an import took longer than promised."""
    missed = False
    print(
        "import, votes    clock, s  processor, s  votes/s   rows/s  bare rows/s  ratio  grown, MB"
    )
    for n, folder in folders.items():
        folder.mkdir()
        told = child("arrange", str(folder), str(n))
        ratio = told["processor"] / told["bare processor"]
        print(
            f"{told['votes']:>13,.0f} {told['clock']:>11.1f} {told['processor']:>13.1f} "
            f"{told['votes'] / told['processor']:>8,.0f} {told['rows'] / told['processor']:>8,.0f} "
            f"{told['rows'] / told['bare processor']:>12,.0f} {ratio:>6.1f} {told['grown']:>10.0f}",
            flush=True,
        )
        missed |= ratio > MOST_TIMES_BARE
    print(f"  Promised: at most {MOST_TIMES_BARE:g} times what SQLite alone takes.\n")
    return missed


def exported(folders: dict[int, Path]) -> bool:
    """Write every file at both sizes; whether one held more than promised."""
    missed = False
    few, many = folders
    print(f"{'file':<24} {'MB':>6} {'s':>6}  peak, MB      grown, MB   times  of a vote")
    for name in (*STREAMED, *WHOLE):
        one, other = (child("write", str(folder), name) for folder in folders.values())
        grown, floor = other["grown"], max(one["grown"], NOISE_MB)
        times = max(grown, NOISE_MB) / floor
        of_a_vote = (grown - one["grown"]) * (1 << 20) / (many - few)
        wrong = times > MOST_TIMES if name in STREAMED else of_a_vote > MOST_OF_A_VOTE
        missed |= wrong
        print(
            f"{name:<24} {other['megabytes']:>6.1f} {other['seconds']:>6.1f} "
            f"{one['peak']:>4.0f} to {other['peak']:>4.0f} {one['grown']:>5.1f} to {grown:>6.1f} "
            f"{times:>6.2f} {of_a_vote:>6.0f} B  {'MISSED' if wrong else 'held'}",
            flush=True,
        )
    print(
        f"  Promised: the tables above dataset.zip at most {MOST_TIMES:g} times the memory of "
        f"{few:,} votes (less than {NOISE_MB:g} MB counts as that);\n  what is made with a report "
        f"at most {MOST_OF_A_VOTE:,.0f} bytes for each further vote."
    )
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--votes", type=int, nargs=2, default=(10_000, 100_000))
    parser.add_argument("--child", nargs="*")
    options = parser.parse_args()
    if options.child:
        what, folder, given = options.child
        told = (
            arrange(Path(folder), int(given)) if what == "arrange" else write(Path(folder), given)
        )
        print(json.dumps(told))
        return 0
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="triptych-export-") as name:
        folders = {n: Path(name, str(n)) for n in sorted(options.votes)}
        missed = [imported(folders), exported(folders)]
    print(f"{time.perf_counter() - began:.0f} s; {busy()}; Python {sys.version.split()[0]}")
    return int(any(missed))


if __name__ == "__main__":
    sys.exit(main())
