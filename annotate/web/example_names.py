"""How the study form names the pictures of worked pairs: prompt id and method, `p1 / teacher`.

A protocol holds digests only, so that no annotator's page can tell a method. It must not draw.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from annotate.sampling.samples import finished, sample_prompt_digest
from annotate.studies.models import Prompt, PromptSet, Study

SIDES = ("first", "second")
# So many prompts are suggested while typing; every other one can be typed in full.
SUGGESTED = 100
_DIGEST = re.compile(r"[0-9a-f]{64}")


class ExampleMistake(ValueError):
    """A picture that cannot be found by its name; says in which field, row and column."""

    def __init__(self, field: str, row: int, column: str, said: str) -> None:
        super().__init__(said)
        self.field, self.row, self.column = field, row, column


def suggestions(study: Study) -> list[str]:
    """Names of the pictures there are for the first prompts, in their order."""
    return list(_named(study, _prompts(study)[:SUGGESTED]))


def shown_names(study: Study, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of worked pairs with names instead of the digests of this study's own pictures."""
    rows = list(rows)
    prompts = _prompts(study).filter(text__in={row["prompt"] for row in rows})
    names = {digest: name for name, (digest, _) in _named(study, prompts).items()}
    return [{**row, **{side: names.get(row[side], row[side]) for side in SIDES}} for row in rows]


def read_names(
    study: Study | None, rows: Iterable[Mapping[str, str]], *, field: str = ""
) -> list[dict[str, str]]:
    """Rows as entered with digests instead of names; a prompt left blank is the pictures' own.

    Raises:
        ExampleMistake: the study has no finished picture of that name.
    """
    entered = [dict(row) for row in rows]
    given = {row[side] for row in entered for side in SIDES if row.get(side)}
    keys = {key for name in given for key, _ in _readings(name)}
    known = _named(study, _prompts(study).filter(key__in=keys)) if study and keys else {}
    for number, row in enumerate(entered):
        for side in SIDES:
            name = row.get(side, "")
            if not name or _DIGEST.fullmatch(name):
                continue
            meant = [known[it] for it in map(" / ".join, _readings(name)) if it in known]
            if not meant:
                raise ExampleMistake(field, number, side, _unknown(study, name))
            row[side], prompt = meant[0]
            row["prompt"] = row.get("prompt") or prompt
    return entered


def _readings(name: str) -> list[tuple[str, str]]:
    """(prompt id, method) at each slash: both may hold slashes of their own."""
    parts = name.split("/")
    cuts = range(1, len(parts))
    return [("/".join(parts[:n]).strip(), "/".join(parts[n:]).strip()) for n in cuts]


def _unknown(study: Study | None, name: str) -> str:
    if study is None:
        return f"{name[:80]!r}: a study has no pictures before it is saved and they are imported."
    return (
        f"no picture here is called {name[:80]!r}. Write a prompt id and a method, as in "
        "`p1 / teacher`, or the digest that the sample browser shows."
    )


def _prompts(study: Study) -> Any:
    test = Prompt.objects.filter(prompt_set__studies=study, prompt_set__role=PromptSet.Role.TEST)
    return test.order_by("prompt_set", "order")


def _named(study: Study, prompts: Iterable[Prompt]) -> dict[str, tuple[str, str]]:
    """Digest of the picture and text of the prompt by name; replicas after the first by number."""
    methods, prompts = list(study.methods.order_by("pk")), list(prompts)
    wanted = {sample_prompt_digest(m, p) for m in methods for p in prompts}
    images = finished(methods, prompts=wanted, seed=study.read_protocol().seed)
    named: dict[str, tuple[str, str]] = {}
    for prompt in prompts:
        for method in methods:
            replicas = images.get((method.digest, sample_prompt_digest(method, prompt)), {})
            for replica, image in sorted(replicas.items()):
                name = f"{prompt.key} / {method.name}"
                name += f" / replica {replica}" if replica else ""
                named.setdefault(name, (image.digest, prompt.text))
    return named
