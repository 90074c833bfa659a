"""SHA-256 of weights by path, size and time of change, kept so that many GB are read once.

An early word only: a worker reads every byte again when it loads. It must not know what is hashed.
"""

import json
import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from generation.weights import sha256_of


class Hashes:
    """with Hashes(kept, most=bytes) as hash_of: hash_of(file)

    Args:
        kept: the file that the digests are kept in; it may be deleted at any time.
        most: how many bytes may be read for digests that are not kept; None is any number.
    """

    def __init__(self, kept: Path, *, most: int | None) -> None:
        self._kept = kept
        self._left = most
        self._known = _read(kept)
        self._new: dict[str, str] = {}

    def __call__(self, file: Path) -> str | None:
        """The file's digest; None where reading it would exceed what may be read."""
        stat = file.stat()
        key = f"{stat.st_size} {stat.st_mtime_ns} {file.absolute()}"
        if key not in self._known:
            if self._left is not None:
                if stat.st_size > self._left:
                    return None
                self._left -= stat.st_size
            self._known[key] = self._new[key] = sha256_of(file)
        return self._known[key]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._new:
            return
        # Read anew: others may have written; what they found and lose here is only found again.
        known = {k: v for k, v in _read(self._kept).items() if Path(k.split(" ", 2)[2]).exists()}
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=self._kept.parent, prefix=".hashes-", delete=False
        ) as written:
            json.dump(known | self._new, written, indent=0)
        os.replace(written.name, self._kept)


def _read(kept: Path) -> dict[str, str]:
    try:
        found = json.loads(kept.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
