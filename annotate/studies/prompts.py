"""Prompt sets by content: equal lists are one version, a changed list is the next one.

It must know no study and no picture.
"""

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from annotate.studies.models import Prompt, PromptSet


@dataclass(frozen=True)
class PromptRow:
    """One prompt before it is stored: the researcher's own id, the text, and what belongs to it."""

    key: str
    text: str
    group: str = ""
    context: str = ""
    context_role: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


def nfc(text: str) -> str:
    """One spelling for one text: composed characters, no surrounding blanks."""
    return unicodedata.normalize("NFC", text).strip()


def text_digest(text: str) -> str:
    """What a prompt's text is known by, in samples and in random numbers."""
    return hashlib.sha256(nfc(text).encode()).hexdigest()


def list_digest(rows: Iterable[PromptRow]) -> str:
    """SHA-256 over the ordered (key, NFC text, group, context, its role); reads rows one by one."""
    seen = hashlib.sha256()
    for row in rows:
        listed = [row.key, nfc(row.text), row.group, row.context, row.context_role]
        seen.update(json.dumps(listed, ensure_ascii=False).encode() + b"\n")
    return seen.hexdigest()


@transaction.atomic
def store_prompts(name: str, rows: Sequence[PromptRow], *, role: str = "test") -> PromptSet:
    """The prompt set that holds exactly these prompts: a stored one, else the name's next version.

    Raises:
        ValueError: there is no prompt, or two prompts carry one id.
    """
    if not rows:
        raise ValueError(f"prompt set {name!r} has no prompts. Write at least one.")
    keys = [row.key for row in rows]
    if len(set(keys)) < len(keys):
        doubled = sorted({key for key in keys if keys.count(key) > 1})[:5]
        raise ValueError(
            f"prompt set {name!r} uses these ids twice: {doubled}. Give each prompt its own id."
        )
    digest = list_digest(rows)
    known = PromptSet.objects.filter(name=name, digest=digest, role=role).first()
    if known is not None:
        return known
    latest = PromptSet.objects.filter(name=name).order_by("-version").first()
    stored = PromptSet.objects.create(
        name=name, role=role, digest=digest, version=latest.version + 1 if latest else 1
    )
    Prompt.objects.bulk_create(
        (
            Prompt(
                prompt_set=stored,
                key=row.key,
                text=nfc(row.text),
                digest=text_digest(row.text),
                group=row.group,
                order=order,
                context=row.context,
                context_role=row.context_role,
                metadata=row.metadata,
            )
            for order, row in enumerate(rows)
        ),
        batch_size=2000,
    )
    return stored
