"""Checks a diversity study's bundle without a database: every score, table and figure again.

It must not trust any number of the bundle but its votes, nor ask a server or a table.
"""

import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from annotate.reports.bundle_files import by, checked, compared
from annotate.reports.diversity_files import INSIDE, made_of, write_diversity
from annotate.reports.diversity_frame import decode_diversity
from annotate.reports.export import SNAPSHOT

_OWN = "answers.jsonl"


def is_of_diversity(path: Path) -> bool:
    """Whether an archive says it holds answers by attribute; False where it cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _OWN in archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, ValueError):
        return False


def check_diversity(path: Path) -> list[str]:
    """What differs between the bundle and what its own votes amount to; empty when nothing does.

    The snapshot's rows make every file anew: answers, scores with their intervals, tests, tables,
    figures, the manifest, and the snapshot itself.

    Raises:
        NotABundleError: it is no zip, or lacks the files to compute from.
    """
    return checked(path, INSIDE, differing)


def remade(folder: Path) -> list[str]:
    """What differs between an exported folder and what its own votes amount to."""
    with tempfile.TemporaryDirectory(prefix="triptych-export-") as name:
        return list(differing(folder, Path(name)))


def differing(given: Path, folder: Path) -> Iterator[str]:
    """What differs between unpacked files and those made again into the second folder."""
    study, frame = decode_diversity((given / SNAPSHOT).read_bytes())
    made = made_of(study, frame)
    write_diversity(made, folder)
    yield from compared(given, folder, INSIDE)
    if study.protocol_hash and made.report.protocol.digest() != study.protocol_hash:
        yield (
            f"protocol: its hash is {made.report.protocol.digest()}, {study.protocol_hash} was "
            f"frozen{by(given)}"
        )
