"""Which source made a file: a digest over the program's own text, the same without git or a build.

It must not know versions or reports.
"""

import hashlib
from functools import cache
from pathlib import Path

# Recipes, schedules and costs in a report come from the second.
_PACKAGES = ("annotate", "generation")
SHOWN = 12


def digest_of(root: Path) -> str:
    """SHA-256 in hex over path and text of every `.py` file of the packages below `root`.

    Text, so that a checkout with other line ends is the same source.
    """
    digest = hashlib.sha256()
    for path in sorted(file for name in _PACKAGES for file in (root / name).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        digest.update(f"{path.relative_to(root).as_posix()}\0{text}\0".encode())
    return digest.hexdigest()


@cache
def source_digest() -> str:
    """The first characters of this program's own digest, read once for each process."""
    return digest_of(Path(__file__).resolve().parents[2])[:SHOWN]
