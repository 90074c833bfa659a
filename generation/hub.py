"""The hub's local cache as its client lays it out: where, and which commits of a model are in it.

Must not know torch or the hub's client, nor fetch anything.
"""

import os
import re
from pathlib import Path

COMMIT = re.compile(r"[0-9a-f]{40}")
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def cache() -> Path:
    """The cache's folder, by the client's own variables."""
    home = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
    hub = Path(os.environ.get("HF_HOME", home)) / "hub"
    given = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or hub
    return Path(os.path.expandvars(given)).expanduser()


def commits(repo: str) -> list[str]:
    """The commits of `owner/name` that are in the cache, in alphabetical order."""
    folder = _snapshots(repo)
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    return [place.name for place in there if COMMIT.fullmatch(place.name)]


def snapshot(repo: str, commit: str = "") -> Path | None:
    """The folder of that commit; without one, of what `main` was when it was fetched."""
    if not commit:
        main = _snapshots(repo).parent / "refs" / "main"
        if not main.is_file():
            return None
        commit = main.read_text(encoding="ascii").strip()
    if not COMMIT.fullmatch(commit):
        return None
    folder = _snapshots(repo) / commit
    return folder if folder.is_dir() else None


def _snapshots(repo: str) -> Path:
    return cache() / ("models--" + repo.replace("/", "--")) / "snapshots"
