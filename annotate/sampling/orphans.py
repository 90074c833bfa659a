"""Removes stored files that no row speaks of: what fenced workers and refused imports left behind.

It must not touch anything young: a file lies in the store before its row is committed.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from annotate.sampling.delivery import batches
from annotate.sampling.models import Image, Sample

# No import and no job takes this long between a file and its row.
OLD_ENOUGH = 24 * 3600.0
# A broker's message that a worker has read; its job's row says the rest.
TAKEN_FOR = 60.0


def collect_orphans(*, now: float | None = None) -> int:
    """Delete files older than a day without a row; `now` in seconds since 1970. How many."""
    before = (time.time() if now is None else now) - OLD_ENOUGH
    removed = 0
    for paths in batches(_old_files(Path(settings.STORE_DIR), before=before)):
        known = _known({path.name[:64] for path in paths})
        removed += sum(
            _remove(path, before=before) for path in paths if path.name[:64] not in known
        )
    return removed


def forget_taken(*, now: float | None = None) -> int:
    """Delete the folder broker's messages that were taken more than a minute ago. How many."""
    before = (time.time() if now is None else now) - TAKEN_FOR
    forgotten = 0
    for path in _old_files(Path(settings.BROKER_DIR) / "taken", before=before):
        path.unlink(missing_ok=True)
        forgotten += 1
    return forgotten


def _old_files(folder: Path, *, before: float) -> Iterator[Path]:
    for inside, _, names in os.walk(folder):
        for name in names:
            path = Path(inside, name)
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    yield path


def _known(digests: set[str]) -> set[str]:
    """The digests that a row speaks of. Half-written files (.…part) have no digest for a name."""
    images = Image.objects.filter(digest__in=digests).values_list("digest", flat=True)
    latents = Sample.objects.filter(latents_digest__in=digests)
    return {*images, *latents.values_list("latents_digest", flat=True)}


def _remove(path: Path, *, before: float) -> bool:
    """Delete the file unless somebody stores the same content at this very moment.

    Moved aside first: who comes later writes it anew, and who came just before has made it young.
    """
    aside = path.with_name(f".{path.name}.orphan")
    try:
        os.replace(path, aside)
    except FileNotFoundError:
        return False
    if aside.stat().st_mtime >= before:
        os.replace(aside, path)
        return False
    aside.unlink()
    return True
