"""Pictures shown beside pairs, named by their files in a specification or a file of prompts.

Looking at them stores nothing: what is only described must leave nothing behind.
"""

from pathlib import Path

from annotate.sampling import images, storage
from annotate.sampling.refusals import Refused
from annotate.studies.spec import SpecError


class Contexts:
    """The context pictures met so far, by content digest."""

    def __init__(self) -> None:
        self._files: dict[str, Path] = {}

    def digest(self, path: Path) -> str:
        """The content digest of the picture in this file.

        Raises:
            SpecError: there is no such file, or it is no picture.
        """
        try:
            digest = images.content_digest(images.decode(path.read_bytes()))
        except OSError as error:
            raise SpecError(
                f"context {path} cannot be read ({error.strerror}). Name a picture by its path "
                "from the folder of the file that names it, or by the digest of a stored one."
            ) from error
        except Refused as error:
            raise SpecError(f"context {path.name} {error}") from error
        self._files.setdefault(digest, path)
        return digest

    def store(self) -> None:
        """Keep every picture looked at, once by content."""
        for digest, path in self._files.items():
            if storage.put(images.decode(path.read_bytes())).digest != digest:
                raise SpecError(f"context {path.name} was changed while it was read. Try again.")
