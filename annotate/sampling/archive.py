"""Reading the files a manifest names out of a folder or a zip, without ever unpacking one.
It must know neither pictures nor the database."""

import os
import stat
import threading
import unicodedata
import zipfile
import zlib
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from annotate.sampling.refusals import Refused

MAX_ENTRIES = 200_000
MAX_TOTAL = 2 * 1024**3
MAX_RATIO = 100
# Below this an entry cannot hurt, and a page of blanks may well shrink a hundredfold.
RATIO_FROM = 64 * 1024
_MISSING = "Add it or remove the line."
_LINK = "Put the picture itself there."
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError)


class Source:
    """A folder or a zip; `kind` is the word for it in messages."""

    kind: str

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of what is held open."""

    def has(self, name: str) -> bool:
        """Whether something of that name is there, readable or not."""
        raise NotImplementedError

    def open(self, name: str) -> IO[bytes]:
        """The file for reading; raises Refused when it is missing, a link out or no file."""
        raise NotImplementedError

    def read(self, name: str, *, limit: int) -> bytes:
        """The file's bytes, at most `limit` + 1 of them, whatever size the source claims."""
        with self.open(name) as file:
            try:
                return file.read(limit + 1)
            except _UNREADABLE as error:
                raise self._unreadable() from error

    def copy(self, name: str, target: IO[bytes], *, limit: int) -> None:
        """Copy the file out by blocks; more than `limit` bytes are refused."""
        copied = 0
        with self.open(name) as file:
            try:
                while block := file.read(1 << 20):
                    copied += len(block)
                    if copied > limit:
                        raise Refused(f"is larger than {limit // 2**20} MB.", "Split it.")
                    target.write(block)
            except _UNREADABLE as error:
                raise self._unreadable() from error

    def _unreadable(self) -> Refused:
        return Refused(f"is damaged inside the {self.kind}.", f"Make the {self.kind} again.")


def safe_name(given: str) -> str:
    """A relative path inside the source with single slashes; raises Refused for all else."""
    if "\\" in given:
        raise Refused("has a backslash in its path.", "Write folders with /.")
    if given.startswith("/") or (given[1:2] == ":" and given[0].isalpha()):
        raise Refused("is an absolute path.", "Name it relative to the folder or zip.")
    if "://" in given:
        raise Refused(
            "is a web address; pictures are not fetched.", "Download it and name the file."
        )
    parts = [part for part in given.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise Refused("leads out of the folder (..).", "Name a file inside it.")
    if not parts:
        raise Refused("names no file.", "Name a picture.")
    return "/".join(parts)


def _spellings(name: str) -> list[str]:
    """Accents are one character on some systems and two on others; files keep either."""
    forms = (name, unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name))
    return list(dict.fromkeys(forms))


class Folder(Source):
    """A directory. Links may lead about inside it but not out of it."""

    kind = "folder"

    def __init__(self, root: Path) -> None:
        self._root = os.path.realpath(root)

    def has(self, name: str) -> bool:
        return any(os.path.lexists(os.path.join(self._root, form)) for form in _spellings(name))

    def open(self, name: str) -> IO[bytes]:
        try:
            return open(self._find(name), "rb")
        except (FileNotFoundError, NotADirectoryError) as error:
            raise Refused("is missing in the folder.", _MISSING) from error
        except OSError as error:
            raise Refused(f"cannot be read ({error.strerror}).", "Check the file.") from error

    def _find(self, name: str) -> str:
        for spelling in _spellings(name):
            path = os.path.realpath(os.path.join(self._root, spelling))
            if os.path.commonpath([self._root, path]) != self._root:
                raise Refused("is a link that leads out of the folder.", _LINK)
            if os.path.exists(path):
                # A pipe or a device would hang the import or never end.
                if not stat.S_ISREG(os.stat(path).st_mode):
                    raise Refused("is not a file.", "Name a picture.")
                return path
        raise FileNotFoundError(name)


class Zip(Source):
    """A zip file, read entry by entry; entries that no line names are never opened."""

    kind = "zip"

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        _check_entry_count(path)
        try:
            self._zip = zipfile.ZipFile(path)
        except (ValueError, *_UNREADABLE) as error:
            raise Refused(
                "The file with the pictures is no folder and no readable zip.",
                "Make the zip again, or import a folder from the command line.",
            ) from error
        try:
            self._entries = _checked(self._zip.infolist())
        except Refused:
            self._zip.close()
            raise

    def close(self) -> None:
        self._zip.close()

    def has(self, name: str) -> bool:
        return self._find(name) is not None

    def read(self, name: str, *, limit: int) -> bytes:
        # zipfile counts its open entries without a lock of its own.
        with self._lock:
            return super().read(name, limit=limit)

    def open(self, name: str) -> IO[bytes]:
        entry = self._find(name)
        if entry is None:
            raise Refused("is missing in the zip.", _MISSING)
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise Refused("is a link.", _LINK)
        if entry.is_dir():
            raise Refused("is not a file.", "Name a picture.")
        try:
            return self._zip.open(entry)
        except _UNREADABLE as error:
            raise self._unreadable() from error

    def _find(self, name: str) -> zipfile.ZipInfo | None:
        return next(
            (self._entries[form] for form in _spellings(name) if form in self._entries), None
        )


def open_source(path: Path) -> Source:
    """A folder as it is, anything else as a zip."""
    if path.is_dir():
        return Folder(path)
    if not path.is_file():
        raise Refused("The folder or zip with the pictures is missing.", "Check its path.")
    return Zip(path)


def _check_entry_count(path: Path) -> None:
    """Count entries in the raw bytes: zipfile builds an object for each before we may look."""
    found, tail = 0, b""
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            found += (tail + block).count(b"PK\x01\x02")
            tail = block[-3:]
            if found > MAX_ENTRIES:
                raise Refused(
                    f"The zip has more than {MAX_ENTRIES:,} entries.", "Use a folder instead."
                )


def _checked(entries: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """Refuse bombs, encryption and doubled names by the zip's directory alone."""
    total = 0
    known: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        name = f"`{entry.filename[:80]}`"
        if entry.flag_bits & 0x1:
            raise Refused(f"{name} in the zip is encrypted.", "Make the zip without a password.")
        if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise Refused(
                f"{name} in the zip is packed in an unusual way.",
                "Make the zip with ordinary (deflate) compression.",
            )
        if entry.file_size > max(RATIO_FROM, MAX_RATIO * entry.compress_size):
            raise Refused(
                f"{name} in the zip unpacks to more than {MAX_RATIO} times its size.",
                "Leave it out; pictures never shrink that much.",
            )
        total += entry.file_size
        if total > MAX_TOTAL:
            raise Refused(
                f"The zip unpacks to more than {MAX_TOTAL // 2**30} GB.", "Use a folder instead."
            )
        if entry.filename in known:
            raise Refused(f"{name} is in the zip twice.", "Make the zip again.")
        known[entry.filename] = entry
    return known
