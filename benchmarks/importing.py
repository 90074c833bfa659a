"""How long 100,000 manifest rows take and how much memory, and how fast distinct pictures come in.
Must not touch another database: it makes its own SQLite file; exit status 1 above a limit."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROWS = 100_000
METHODS = ("teacher", "student")
SHARED_FILES = 1_000
SHARED_SIDE = 64
LARGE_FILES = 120
LARGE_SIDE = 512
SECONDS = 60.0
MEGABYTES = 300.0
# Times what the same rows cost as csv.reader + bare inserts into two tables, in the same run.
RATIO = 5.0
WORDS = (
    "red",
    "blue",
    "cube",
    "small",
    "dog",
    "two",
    "cats",
    "under",
    "over",
    "old",
    "bridge",
    "rain",
)


def write_pictures(folder: Path, *, count: int, side: int) -> int:
    """Distinct pictures with smooth colours and some noise, roughly as hard as real ones."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(7)
    size = 0
    for number in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), dtype=np.int16)
        noisy = (smooth + rng.normal(0, 6, smooth.shape)).clip(0, 255).astype(np.uint8)
        path = folder / f"{number:05d}.png"
        Image.fromarray(noisy).save(path, compress_level=1)
        size += path.stat().st_size
    return size


def write_manifest(path: Path, *, rows: int, files: int) -> None:
    rng = random.Random(7)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["prompt_id", "prompt", "method", "file", "group", "seed"])
        for row in range(rows):
            number, method = divmod(row, len(METHODS))
            if method == 0:
                prompt = f"{number}: " + " ".join(rng.choices(WORDS, k=14))
            name = f"{row % files:05d}.png"
            writer.writerow([f"p{number}", prompt, METHODS[method], name, f"g{number // 5}", row])


def bare_rows(manifest: Path, database: Path) -> float:
    """The floor: csv.reader and bulk inserts of the same rows by Django, nothing checked."""
    import itertools

    import django

    django.setup()
    from django.core.management import call_command
    from django.db import transaction

    from annotate.sampling.models import Image, Sample
    from annotate.studies.models import Prompt, PromptSet

    call_command("migrate", verbosity=0)
    image = Image.objects.create(digest="0" * 64, width=1, height=1, bytes=1)
    prompts = PromptSet.objects.create(name="bare", version=1, digest="0" * 64)
    started = time.perf_counter()
    with transaction.atomic(), manifest.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        next(reader)
        order = itertools.count()
        while batch := list(itertools.islice(reader, 2000)):
            Prompt.objects.bulk_create(
                Prompt(
                    prompt_set=prompts, key=key, text=text, digest="0" * 64, group=group,
                    order=next(order),
                )
                for key, text, method, _, group, _ in batch
                if method == METHODS[0]
            )  # fmt: skip
            Sample.objects.bulk_create(
                Sample(
                    method_digest=method, prompt_digest=key, state="done", image=image,
                    metadata={"seed": seed},
                )
                for key, _, method, _, _, seed in batch
            )  # fmt: skip
    return time.perf_counter() - started


def imported_rows(manifest: Path, folder: Path) -> dict[str, float]:
    """The product's own verb on a fresh database, as the command runs it."""
    import django

    django.setup()
    from django.core.management import call_command

    from annotate.people.models import User
    from annotate.sampling.importing import import_samples
    from annotate.studies.create import create_study
    from annotate.studies.spec import parse_spec

    call_command("migrate", verbosity=0)
    owner = User.objects.create(username="owner", role="researcher")
    study = create_study(parse_spec({"name": "Benchmark"}), owner=owner)
    started = time.perf_counter()
    result = import_samples(study, manifest, folder, actor=owner, progress=lambda *_: None)
    first = time.perf_counter() - started
    started = time.perf_counter()
    again = import_samples(study, manifest, folder, actor=owner)
    assert again.unchanged
    return {
        "seconds": first,
        "again": time.perf_counter() - started,
        "rows": result.rows,
        "samples": result.new_samples,
        "images": result.images,
    }


def child(what: str, manifest: Path, folder: Path) -> None:
    if what == "bare":
        seen: dict[str, float] = {"seconds": bare_rows(manifest, folder)}
    else:
        seen = imported_rows(manifest, folder)
    seen["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(seen))


def in_child(what: str, manifest: Path, folder: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="tt-bench-") as data:
        env = {k: v for k, v in os.environ.items() if k != "DATABASE_URL"}
        env |= {"TRIPTYCH_DATA_DIR": data, "DJANGO_SETTINGS_MODULE": "annotate.config.settings"}
        done = subprocess.run(
            [sys.executable, __file__, what, str(manifest), str(folder)],
            env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"the child for {what!r} failed:\n{done.stderr}")
        return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="tt-bench-") as place:
        root = Path(place)
        small, large = root / "small", root / "large"
        small.mkdir()
        large.mkdir()
        write_pictures(small, count=SHARED_FILES, side=SHARED_SIDE)
        size = write_pictures(large, count=LARGE_FILES, side=LARGE_SIDE)
        write_manifest(root / "rows.csv", rows=ROWS, files=SHARED_FILES)
        write_manifest(root / "large.csv", rows=LARGE_FILES, files=LARGE_FILES)
        digest = hashlib.sha256((root / "rows.csv").read_bytes()).hexdigest()[:12]
        print(
            f"manifest of {ROWS:,} rows ({(root / 'rows.csv').stat().st_size / 1e6:.1f} MB, sha256 "
            f"{digest}), {ROWS // 2:,} prompts x {len(METHODS)} methods; its rows share "
            f"{SHARED_FILES:,} distinct PNG files of {SHARED_SIDE} x {SHARED_SIDE} pixels"
        )
        bare = in_child("bare", root / "rows.csv", small)
        seen = in_child("import", root / "rows.csv", small)
        big = in_child("import", root / "large.csv", large)
    ratio = seen["seconds"] / bare["seconds"]
    print(
        f"import {seen['seconds']:.1f} s (limit {SECONDS:g}), peak {seen['megabytes']:.0f} MB "
        f"(limit {MEGABYTES:g}), {seen['samples']:,} samples, {seen['images']:,} images; "
        f"the same again {seen['again']:.1f} s, unchanged"
    )
    print(
        f"csv.reader and bare inserts of the same rows {bare['seconds']:.1f} s, "
        f"{bare['megabytes']:.0f} MB; ratio {ratio:.1f} (limit {RATIO:g})"
    )
    print(
        f"distinct {LARGE_SIDE}-pixel PNG files ({size / LARGE_FILES / 1024:.0f} KB each): "
        f"{LARGE_FILES / big['seconds']:.0f} pictures/s decoded, encoded and synced, "
        f"peak {big['megabytes']:.0f} MB"
    )
    return int(seen["seconds"] > SECONDS or seen["megabytes"] > MEGABYTES or ratio > RATIO)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
        child(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        sys.exit(main())
