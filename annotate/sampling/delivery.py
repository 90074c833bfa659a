"""What passes from reading an import to writing it. It must not know how either is done."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from annotate.sampling.manifest import Row
from annotate.sampling.storage import Stored
from annotate.studies.prompts import text_digest

BATCH = 2000
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did. `images` counts distinct pictures named, new or not."""

    rows: int
    new_samples: int
    images: int
    unchanged: bool


@dataclass(frozen=True, slots=True)
class PromptMark:
    """A prompt without its text. `group` is None when the manifest has no such column."""

    number: int
    line: int
    text_digest: str
    group: str | None
    context: str
    context_role: str

    @classmethod
    def of(cls, row: Row, *, number: int) -> "PromptMark":
        text = text_digest(row.prompt)
        return cls(number, row.line, text, row.group, row.context, row.context_role)


@dataclass(slots=True)
class Survey:
    """What a manifest names: prompts by id, methods (order, line) and files (first line)."""

    rows: int = 0
    prompts: dict[str, PromptMark] = field(default_factory=dict)
    methods: dict[str, tuple[int, int]] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A checked import: our copy of the manifest, and where each of its files is kept."""

    manifest: Path
    name: str
    digest: str
    survey: Survey
    pictures: dict[str, Stored]

    @property
    def distinct(self) -> dict[str, Stored]:
        return {stored.digest: stored for stored in self.pictures.values()}


def batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """In lists of BATCH, so that memory does not grow with their number."""
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, BATCH)):
        yield batch
