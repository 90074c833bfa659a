"""A pilot: a small first run as a study of its own, so that its votes stay apart, and what of it is
known afterwards.

It must not touch the study it rehearses, but to give it items.
"""

import random
import re
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from annotate.analysis.votes import PRIORITY, Choice
from annotate.judging.controls import KINDS, BadItem, KnownItem, add_item
from annotate.judging.models import Answer, Comparison, Verdict, Vote
from annotate.judging.reserve import at_first
from annotate.people.models import User
from annotate.studies.clock import database_now
from annotate.studies.create import clone_study
from annotate.studies.models import Event, Prompt, Study
from annotate.studies.prompts import PromptRow, store_prompts
from annotate.studies.selection import contrast_prompts
from annotate.studies.spec import parse_spec

OVERLAP = 5
_SIDES = {"first": "a", "second": "b", "tie": "equal"}
# Stored in English with the item, as its explanation, and read in each reader's language.
_ALL = gettext_noop("All %(n)d annotators of a pilot gave this answer.")
_ALL_SIMULATED = gettext_noop("All %(n)d annotators of a pilot (simulated) gave this answer.")


class PilotRefused(ValueError):
    """A pilot that cannot be made or drawn from."""


@transaction.atomic
def make_pilot(study: Study, *, prompts: int, owner: User, now: datetime | None = None) -> Study:
    """A draft that asks the same on a few prompts, five annotators a pair and no exam.

    The prompts are drawn by the study's seed: the same each time.

    Raises:
        PilotRefused: no prompt of the study can be drawn yet.
    """
    protocol = study.read_protocol()
    found: dict[int, Prompt] = {}
    for contrast in study.contrasts.all():
        found |= {prompt.pk: prompt for prompt in contrast_prompts(contrast, protocol)}
    if not found or prompts < 1:
        raise PilotRefused(
            f"{prompts} of {len(found)} prompts: a pilot needs at least one. Import samples or add "
            "prompts, and ask for one or more."
        )
    rows = sorted(found.values(), key=lambda prompt: (prompt.digest, prompt.key))
    random.Random(f"{protocol.seed}|pilot").shuffle(rows)  # noqa: S311 (not a secret)
    # Of two sets with one id the first stands: ids are unique within a set only.
    chosen = list({row.key: row for row in reversed(rows)}.values())[:prompts]
    clone = clone_study(study, owner=owner, name=f"{study.name[:110]}, pilot")
    small = store_prompts(f"Pilot of {study.uid}", [_row(prompt) for prompt in chosen])
    changed = {
        "overlap": OVERLAP,
        "overlap_mode": "full",
        "min_votes": OVERLAP,
        "split": "tie",
        "escalate_to": None,
        "qualification": False,
    }
    spec = clone.spec | {
        "protocol": clone.spec["protocol"] | changed,
        "prompt_sets": [{"name": small.name, "role": "test", "prompts": []}],
    }
    clone.spec = parse_spec(spec).model_dump(mode="json")
    clone.save(update_fields=["spec"])
    clone.prompt_sets.set([small])
    clone.contrasts.update(prompt_set=None)
    Event.objects.create(
        study=clone,
        actor=owner,
        kind="pilot_made",
        data={"of": str(study.uid), "prompts": len(chosen)},
        at=now or database_now(),
    )
    return clone


def _row(prompt: Prompt) -> PromptRow:
    return PromptRow(
        key=prompt.key,
        text=prompt.text,
        group=prompt.group,
        context=prompt.context,
        context_role=prompt.context_role,
    )


def unanimous(study: Study) -> list[tuple[Comparison, dict[str, str]]]:
    """Live pairs on which all agreed at every question asked, with that answer per criterion.

    Pairs with fewer votes than the protocol wants (two where a third is asked on demand) are left
    out, and so are those of a protocol that asks for one overall answer: it leaves open by which
    criterion.
    """
    rows = Comparison.objects.filter(
        study=study,
        kind=Comparison.Kind.LIVE,
        verdict__reason=Verdict.Reason.UNANIMOUS,
        verdict__votes__gte=at_first(study.read_protocol()),
    ).select_related("prompt", "first", "second", "verdict")
    said: dict[int, dict[str, list[str]]] = {}
    answers = Answer.objects.filter(vote__comparison__in=rows)
    for pair, criterion, choice in answers.values_list("vote__comparison", "criterion", "choice"):
        said.setdefault(pair, {}).setdefault(criterion, []).append(choice)
    found = []
    for row in rows.order_by("order"):
        agreed = _agreed(said.get(row.pk, {}), votes=row.verdict.votes)
        if agreed is not None:
            found.append((row, agreed))
    return found


def _agreed(said: dict[str, list[str]], *, votes: int) -> dict[str, str] | None:
    """The answer of all per criterion, down to the one that decides; None where they differ."""
    agreed: dict[str, str] = {}
    for criterion in PRIORITY:
        choices = said.get(criterion, [])
        if len(choices) != votes or len(set(choices)) != 1:
            return None
        agreed[str(criterion)] = choices[0]
        if choices[0] != Choice.TIE:
            break
    return agreed


@transaction.atomic
def promote(source: Study, target: Study, *, kind: str, limit: int, actor: User) -> int:
    """Make up to `limit` unanimous pairs of `source` items of `target`; how many were new.

    Pairs that are items of the target already are passed over.

    Raises:
        PilotRefused: the kind is unknown, or nothing was unanimous that is not an item already.
    """
    if kind not in KINDS:
        raise PilotRefused(f"kind {kind!r}; allowed: {', '.join(KINDS)}.")
    there = set(target.comparisons.filter(kind__in=KINDS).values_list("first", "second"))
    fresh = [
        (row, agreed)
        for row, agreed in unanimous(source)
        if (row.first_id, row.second_id) not in there
    ]
    if not fresh:
        raise PilotRefused(
            f"{source.name} has no pair on which everybody agreed at each question, beside those "
            "that are items already. Collect more votes there, or write items yourself."
        )
    chosen = fresh[:limit]
    programs = Vote.objects.filter(comparison__in=[row for row, _ in chosen], simulated=True)
    simulated = set(programs.values_list("comparison", flat=True))
    for row, agreed in chosen:
        said = _ALL_SIMULATED if row.pk in simulated else _ALL
        item = KnownItem(
            kind=kind,
            prompt=row.prompt.text,
            a=row.first.digest,
            b=row.second.digest,
            answers={criterion: _SIDES[choice] for criterion, choice in agreed.items()},
            explanation=said % {"n": row.verdict.votes},
        )
        try:
            add_item(target, item, actor=actor)
        except BadItem as error:
            raise PilotRefused(f"pair {row.pk} of {source.name}: {error}") from error
    return min(limit, len(fresh))


def in_words(explanation: str) -> str:
    """An item's explanation for annotators: a pilot's in their language, any other as written."""
    for said in (_ALL, _ALL_SIMULATED):
        number = r"(\d+)".join(re.escape(part) for part in said.split("%(n)d"))
        if found := re.fullmatch(number, explanation):
            return _(said) % {"n": int(found[1])}
    return explanation
