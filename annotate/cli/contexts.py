"""Pictures shown beside pairs, named by their files in a specification or a file of prompts.

Looking at them stores nothing: what is only described must leave nothing behind. Files are written
before any transaction, since on SQLite every vote would wait for the encoder.
"""

from dataclasses import dataclass
from pathlib import Path

from annotate.sampling import images, storage
from annotate.sampling.models import Image
from annotate.sampling.refusals import Refused
from annotate.sampling.storage import Stored
from annotate.studies.spec import SpecError, StudySpec


@dataclass(frozen=True)
class _Seen:
    path: Path
    width: int
    height: int
    bytes: int


class Contexts:
    """The context pictures met so far, by content digest."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def digest(self, path: Path) -> str:
        """The content digest of the picture in this file.

        Raises:
            SpecError: there is no such file, or it is no picture.
        """
        try:
            data = path.read_bytes()
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise SpecError(
                f"context {str(path)!r} cannot be read ({why}). Name a picture by its path from "
                "the folder of the file that names it, or by the digest of a stored one."
            ) from error
        try:
            pixels = images.decode(data)
        except Refused as error:
            raise SpecError(f"context {path.name} {error}") from error
        digest = images.content_digest(pixels)
        self._seen.setdefault(digest, _Seen(path, pixels.width, pixels.height, len(data)))
        return digest

    def write(self, spec: StudySpec) -> list[Stored]:
        """Write the files of the pictures that this specification names, once by content."""
        written = []
        for digest, seen in self._named(spec):
            stored = storage.write(images.decode(seen.path.read_bytes()))
            if stored.digest != digest:
                raise SpecError(f"context {seen.path.name} changed while it was read. Try again.")
            written.append(stored)
        return written

    def unwritten(self, spec: StudySpec) -> list[Stored]:
        """What `write` would give but for the stored size: for a plan that is rolled back."""
        return [
            Stored(digest, seen.width, seen.height, seen.bytes)
            for digest, seen in self._named(spec)
        ]

    def _named(self, spec: StudySpec) -> list[tuple[str, _Seen]]:
        named = {prompt.context for one in spec.prompt_sets for prompt in one.prompts}
        return [(digest, seen) for digest, seen in self._seen.items() if digest in named]


def record(stored: list[Stored]) -> None:
    """A row for each picture that has none."""
    rows = [Image(digest=s.digest, width=s.width, height=s.height, bytes=s.bytes) for s in stored]
    Image.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)
