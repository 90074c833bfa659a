"""Whether two reports of one snapshot are byte-identical: every file of a large study, made twice.
It must not compare what somebody else made; exits 1 where a file differs.

    python -m benchmarks.same_bytes [FOLDER] [--prompts 600]

FOLDER holds a study of `benchmarks.branch_study`; without one it is made (600 prompts, five arms).
Each time is a process of its own, with another PYTHONHASHSEED, another clock and other threads.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import busy

# (PYTHONHASHSEED, OMP_NUM_THREADS, the moment of the report)
TIMES = (
    ("1", "1", datetime(2026, 1, 9, tzinfo=UTC)),
    ("4242", "2", datetime(2027, 7, 1, 23, 59, 58, tzinfo=UTC)),
)


def write(folder: Path, into: Path, now: datetime) -> dict[str, str]:
    """The SHA-256 of every file of the folder's study, written now and from its frozen report."""
    os.environ["TRIPTYCH_DATA_DIR"] = str(folder)
    os.environ["DJANGO_SETTINGS_MODULE"] = "annotate.config.settings"
    os.environ.pop("DATABASE_URL", None)
    import django

    django.setup()
    from annotate.reports.export import BUNDLE, NAMES, pack, write_file, write_folder
    from annotate.reports.freeze import frozen_of, frozen_report
    from annotate.studies.models import Study
    from annotate.web.reports import FROZEN_FILES

    study = Study.objects.get()
    write_folder(study, into, now=now)
    with (into.parent / BUNDLE).open("wb") as file:
        pack(into, file)
    (into.parent / BUNDLE).rename(into / BUNDLE)
    for name in NAMES:
        if not (into / name).exists():
            with (into / name).open("wb") as file, tempfile.TemporaryDirectory() as empty:
                write_file(study, name, file, now=now, folder=Path(empty))
    kept = frozen_of(study)
    assert kept is not None, "the study is not closed"
    report = frozen_report(kept)
    for name, make in FROZEN_FILES.items():
        (into / f"frozen {name}").write_bytes(make(report))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in into.iterdir()}


def child(*words: str, seed: str = "0", threads: str = "1") -> str:
    """What this module, called with these words in a process of its own, prints."""
    told = {"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": threads}
    ran = subprocess.run(
        [sys.executable, "-m", *words],
        env=os.environ | told,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if ran.returncode:
        sys.exit(f"{' '.join(words)} failed; see above")
    return ran.stdout


def compare(study: Path, room: Path) -> int:
    """Write everything twice; 1 where a file differs."""
    found = []
    for place, (seed, threads, now) in enumerate(TIMES):
        into, began = room / str(place) / "files", time.perf_counter()
        words = ("benchmarks.same_bytes", "--child", str(study), str(into), now.isoformat())
        told = child(*words, seed=seed, threads=threads)
        found.append(json.loads(told.splitlines()[-1]))
        seconds = time.perf_counter() - began
        print(f"PYTHONHASHSEED={seed}, {threads} threads, {now}: {seconds:.0f} s", flush=True)
    one, two = found
    wrong = sorted(name for name in one.keys() | two.keys() if one.get(name) != two.get(name))
    of_frozen = {name: f"frozen {name}" for name in one if f"frozen {name}" in one}
    wrong += [other for name, other in sorted(of_frozen.items()) if one[name] != one[other]]
    for name in sorted(one):
        size = (room / "0" / "files" / name).stat().st_size
        said = "DIFFERS" if name in wrong else "equal"
        print(f"  {name:<26} {size:>12,} bytes  {one[name][:16]}  {said}")
    print(f"{len(one)} files twice, {len(wrong)} differ; {busy()}")
    return int(bool(wrong))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--prompts", type=int, default=600)
    parser.add_argument("--child", nargs=3)
    options = parser.parse_args()
    if options.child:
        study, into, now = options.child
        print(json.dumps(write(Path(study), Path(into), datetime.fromisoformat(now))))
        return 0
    with tempfile.TemporaryDirectory(prefix="triptych-bytes-") as name:
        room = Path(name)
        for place in range(len(TIMES)):
            (room / str(place)).mkdir()
        study = options.folder or room / "site"
        if options.folder is None:
            words = (str(study), "--prompts", str(options.prompts))
            print(child("benchmarks.branch_study", *words).strip(), flush=True)
        return compare(study, room)


if __name__ == "__main__":
    sys.exit(main())
