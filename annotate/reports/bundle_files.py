"""What the checks of all bundles share: unpacking, comparing, and the archive's own bytes.

It must not know what a bundle holds.
"""

import errno
import io
import json
import re
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from annotate.reports.analyses import VERSION
from annotate.reports.bundle_differences import apart
from annotate.reports.export import MANIFEST, pack
from annotate.reports.source import source_digest

# Any shape at all may stand in a file that somebody changed.
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, LookupError, zipfile.BadZipFile)
_CONTAINED = 4 << 30


class NotABundleError(ValueError):
    """The file cannot be read as a bundle at all."""


def checked(
    path: Path, inside: frozenset[str], differing: Callable[[Path, Path], Iterable[str]]
) -> list[str]:
    """What differs in a bundle of these files; empty when nothing does.

    Args:
        differing: compares the unpacked files (first folder), using the second to make them again.

    Raises:
        NotABundleError: it is no zip, or its files cannot be computed from.
    """
    with tempfile.TemporaryDirectory(prefix="triptych-bundle-") as name:
        given, remade = Path(name, "given"), Path(name, "remade")
        given.mkdir()
        remade.mkdir()
        if broken := unpack(path, given, inside=inside):
            return broken
        found: list[str] = []
        try:
            found.extend(differing(given, remade))
            if found and (other := by(given)):
                found.insert(0, f"{MANIFEST}: another program may be the reason{other}")
        except UNREADABLE as error:
            if not found:
                raise NotABundleError(
                    f"its files cannot be computed from: {error!r}. Ask for the bundle again."
                ) from error
        return found or archive(path, given)


def unpack(path: Path, folder: Path, *, inside: frozenset[str]) -> list[str]:
    """Every file, or what is broken about it; names are checked, so nothing lands elsewhere."""
    if not path.is_file():
        what = "it is a folder" if path.is_dir() else "there is no such file"
        raise NotABundleError(f"{what}. Name the bundle.zip of a report.")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            names = Counter(entry.filename for entry in entries)
            if wrong := sorted((set(names) ^ inside) | {n for n in names if names[n] > 1}):
                return [f"{name}: not there once" for name in wrong]
            if sum(entry.file_size for entry in entries) > _CONTAINED:
                raise NotABundleError(
                    "it unpacks to more than 4 GB. Unpack it by hand and look at it."
                )
            return list(_extract(archive, entries, folder))
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):
            raise NotABundleError(f"it cannot be read: {error.strerror}.") from error
        # A place before the file's beginning was asked for: places stand in the list at its end.
        raise NotABundleError(
            "its end, which lists the files, is damaged. Ask for it again."
        ) from error
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError) as error:
        raise NotABundleError(f"it is not a readable zip: {error}. Ask for it again.") from error


def _extract(
    archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], folder: Path
) -> Iterator[str]:
    for entry in entries:
        try:
            (folder / entry.filename).write_bytes(archive.read(entry))
        except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:
            yield f"{entry.filename}: damaged ({error})"


def compared(given: Path, made: Path, names: frozenset[str]) -> Iterator[str]:
    """What differs between the files of a bundle and the same files made again."""
    for name in sorted(names):
        told, again = (given / name).read_bytes(), (made / name).read_bytes()
        if name == MANIFEST:
            again = _of_its_source(told, again)
        if told != again:
            yield from apart(name, told, again, by=by(given))


def _of_its_source(told: bytes, again: bytes) -> bytes:
    """The manifest made again, naming the source that the bundle names, or none where it names
    none: another source that makes the same files is no difference."""
    source = json.loads(told)["made_by"].get("source")
    manifest = json.loads(again)
    if source is None:
        del manifest["made_by"]["source"]
    elif _is_source(source):
        manifest["made_by"]["source"] = source
    return f"{json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False)}\n".encode()


def _is_source(said: object) -> bool:
    return isinstance(said, str) and re.fullmatch("[0-9a-f]{12}", said) is not None


def by(given: Path) -> str:
    """Another version or source may be the whole reason, so it is named."""
    said = json.loads((given / MANIFEST).read_text(encoding="utf-8"))["made_by"]
    theirs = (said["triptych"], said.get("source"))
    here = source_digest()
    if theirs == (VERSION, here):
        return ""
    source = f"source {theirs[1]}" if _is_source(theirs[1]) else "an unknown source"
    return f" (made by version {theirs[0]}, {source}, checked by version {VERSION}, source {here})"


def archive(path: Path, given: Path) -> list[str]:
    """Equal files make equal archives, so also a bit between the files is found."""
    packed = io.BytesIO()
    pack(given, packed)
    if packed.getbuffer() == path.read_bytes():
        return []
    made_by = json.loads((given / MANIFEST).read_text(encoding="utf-8"))["made_by"]
    if made_by["zlib"] != zlib.ZLIB_RUNTIME_VERSION:
        return []  # other bytes for equal files are then to be expected
    return [f"{path.name}: every file in it is right, but the archive around them was changed"]
