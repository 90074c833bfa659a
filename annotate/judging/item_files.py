"""Items with a known answer from a TOML file, their pictures beside it or in the store already.

All or nothing. It must not decide what makes an item good (judging.controls does).
"""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from django.db import transaction
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from annotate.judging.controls import BadItem, KnownItem, add_item
from annotate.judging.rings import BadRing, Ring
from annotate.people.models import User
from annotate.sampling.images import decode
from annotate.sampling.refusals import Refused
from annotate.sampling.storage import put
from annotate.studies.mistakes import lines
from annotate.studies.models import Study

_DIGEST = re.compile(r"[0-9a-f]{64}")
Answer = Literal["a", "b", "equal"]
# TOML's numbers are taken as well as words.
Level = Annotated[Literal["0", "1", "2", "3", "4", "cannot"], BeforeValidator(str)]


class ItemsRefused(ValueError):
    """A file of items that was not read; one line for each thing that is wrong."""


class _Answers(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    alignment: Answer | None = None
    quality: Answer | None = None
    aesthetics: Answer | None = None
    # Of a study of diversity: levels from 0, or cannot; and how many of them an answer may be off.
    angle_of_view: Level | None = None
    background: Level | None = None
    main_object: Level | None = None
    style: Level | None = None
    tolerance: Level | None = None


class _Ring(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    picture: Literal["a", "b"]
    x: float
    y: float
    w: float
    h: float


class _Item(BaseModel):
    """`a`, `b` and `context` are files beside the TOML file, or digests of stored pictures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["training", "exam"]
    prompt: str = Field(min_length=1, max_length=10_000)
    a: str
    b: str
    answers: _Answers
    explanation: str = Field(min_length=1, max_length=2000)
    rings: tuple[_Ring, ...] = ()
    context: str = ""
    context_role: str = Field("", max_length=40)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    items: tuple[_Item, ...] = Field(min_length=1)


def add_items(study: Study, path: Path, *, actor: User | None) -> int:
    """Add every item of the file to the study, or none; how many.

    Raises:
        ItemsRefused: the file cannot be read, or an item or picture in it is no good.
    """
    try:
        found = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ItemsRefused(f"{path.name} is not TOML in UTF-8: {error}. Correct it.") from error
    except ValidationError as error:
        raise ItemsRefused("\n".join(lines(error, whole="file"))) from error
    wrong: list[str] = []
    with transaction.atomic():
        for number, item in enumerate(found.items, start=1):
            try:
                add_item(study, _known(item, path.parent), actor=actor)
            except (BadItem, BadRing, Refused, OSError) as error:
                wrong.append(f"item {number}: {error}")
        if wrong:
            raise ItemsRefused("\n".join(wrong))
    return len(found.items)


def _known(item: _Item, folder: Path) -> KnownItem:
    return KnownItem(
        kind=item.kind,
        prompt=item.prompt,
        a=_digest(item.a, folder),
        b=_digest(item.b, folder),
        answers=item.answers.model_dump(exclude_none=True),
        explanation=item.explanation,
        rings=tuple(Ring(**ring.model_dump()) for ring in item.rings),
        context=_digest(item.context, folder) if item.context else "",
        context_role=item.context_role,
    )


def _digest(named: str, folder: Path) -> str:
    if _DIGEST.fullmatch(named):
        return named
    return put(decode((folder / named).read_bytes())).digest
