"""A pilot: a small first run as a study of its own, so that its votes stay apart, and what of it is
known afterwards.

It must not touch the study it rehearses, but to give it items.
"""

import random
import re
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from annotate.analysis.diversity import Attribute
from annotate.analysis.votes import PRIORITY, Choice, Criterion
from annotate.judging.answers import CANNOT
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
_LINES = gettext_noop(
    "All %(n)d annotators of a pilot answered these lines so; the others are not marked here."
)
_LINES_SIMULATED = gettext_noop(
    "All %(n)d annotators of a pilot (simulated) answered these lines so; the others are not "
    "marked here."
)
_SAID = (_ALL, _ALL_SIMULATED, _LINES, _LINES_SIMULATED)


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
        # All are over the pilot's own prompts.
        "contrasts": [{**c, "prompt_set": ""} for c in clone.spec["contrasts"]],
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


@dataclass(frozen=True)
class Unanimous:
    """A live pair on which `votes` people agreed, and their answers as an item states them."""

    pair: Comparison
    answers: dict[str, str]
    votes: int


def unanimous(study: Study) -> list[Unanimous]:
    """Live pairs on which all agreed, with the answer of all.

    Pairs with fewer votes than the protocol wants (two where a third is asked on demand) are left
    out. Of winners they agreed at every question asked; a protocol that asks for one overall
    answer leaves open by which criterion: that can be a control of such a study, and teaches
    nobody. Of levels they agreed on a line or more,
    and only those are known; those with most lines come first.
    """
    protocol = study.read_protocol()
    if protocol.asks_diversity:
        return _of_levels(study)
    asked = (Criterion.OVERALL,) if protocol.judgement == "single" else PRIORITY
    rows = Comparison.objects.filter(
        study=study,
        kind=Comparison.Kind.LIVE,
        verdict__reason=Verdict.Reason.UNANIMOUS,
        verdict__votes__gte=at_first(protocol),
    ).select_related("prompt", "first", "second", "verdict")
    said = _answers(rows)
    found = []
    for row in rows.order_by("order"):
        agreed = _agreed(said.get(row.pk, {}), asked=asked, votes=row.verdict.votes)
        if agreed is not None:
            sides = {criterion: _SIDES[choice] for criterion, choice in agreed.items()}
            found.append(Unanimous(row, sides, row.verdict.votes))
    return found


def _answers(rows: QuerySet[Comparison]) -> dict[int, dict[str, list[str]]]:
    """All answers to each question, by comparison."""
    said: dict[int, dict[str, list[str]]] = {}
    answers = Answer.objects.filter(vote__comparison__in=rows)
    for pair, criterion, choice in answers.values_list("vote__comparison", "criterion", "choice"):
        said.setdefault(pair, {}).setdefault(criterion, []).append(choice)
    return said


def _of_levels(study: Study) -> list[Unanimous]:
    """Pairs of a diversity study with the lines that everybody answered alike, and could judge."""
    rows = study.comparisons.filter(kind=Comparison.Kind.LIVE)
    rows = rows.select_related("prompt", "first", "second").order_by("order")
    said, wanted, found = _answers(rows), study.read_protocol().overlap, []
    for row in rows:
        lines = said.get(row.pk, {})
        votes = min((len(lines.get(attribute, [])) for attribute in Attribute), default=0)
        agreed = {
            str(attribute): lines[attribute][0]
            for attribute in Attribute
            if votes >= wanted
            and len(set(lines[attribute])) == 1
            and CANNOT not in lines[attribute]
        }
        if row.identical and set(agreed.values()) - {"0"}:
            continue  # all were mistaken about a picture beside itself
        if agreed:
            found.append(Unanimous(row, agreed, votes))
    return sorted(found, key=lambda one: -len(one.answers))


def _agreed(
    said: dict[str, list[str]], *, asked: tuple[Criterion, ...], votes: int
) -> dict[str, str] | None:
    """The answer of all per criterion, down to the one that decides; None where they differ."""
    agreed: dict[str, str] = {}
    for criterion in asked:
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
        PilotRefused: the kind is unknown, the studies ask other questions, or nothing was unanimous
            that is not an item already.
    """
    if kind not in KINDS:
        raise PilotRefused(f"kind {kind!r}; allowed: {', '.join(KINDS)}.")
    asked = [(p.kind, p.attribute_levels) for p in (source.read_protocol(), target.read_protocol())]
    if asked[0] != asked[1]:
        raise PilotRefused(
            f"{source.name} asks {_asked(*asked[0])} and {target.name} asks {_asked(*asked[1])}: "
            "an answer to the one is none to the other. Choose a study that asks the same."
        )
    there = set(target.comparisons.filter(kind__in=KINDS).values_list("first", "second"))
    fresh = [
        one for one in unanimous(source) if (one.pair.first_id, one.pair.second_id) not in there
    ]
    if not fresh:
        raise PilotRefused(
            f"{source.name} has no pair on which everybody agreed at each question, beside those "
            "that are items already. Collect more votes there, or write items yourself."
        )
    chosen = fresh[:limit]
    programs = Vote.objects.filter(comparison__in=[one.pair for one in chosen], simulated=True)
    simulated = set(programs.values_list("comparison", flat=True))
    words = _SAID[2:] if target.read_protocol().asks_diversity else _SAID[:2]
    for one in chosen:
        row = one.pair
        item = KnownItem(
            kind=kind,
            prompt=row.prompt.text,
            a=row.first.digest,
            b=row.second.digest,
            answers=one.answers,
            explanation=words[row.pk in simulated] % {"n": one.votes},
            context=row.prompt.context,
            context_role=row.prompt.context_role,
        )
        try:
            add_item(target, item, actor=actor)
        except BadItem as error:
            raise PilotRefused(f"pair {row.pk} of {source.name}: {error}") from error
    return min(limit, len(fresh))


def _asked(kind: str, levels: int) -> str:
    return f"{levels} levels of difference" if kind == "diversity" else "which picture is better"


def in_words(explanation: str) -> str:
    """An item's explanation for annotators: a pilot's in their language, any other as written."""
    for said in _SAID:
        number = r"(\d+)".join(re.escape(part) for part in said.split("%(n)d"))
        if found := re.fullmatch(number, explanation):
            return _(said) % {"n": int(found[1])}
    return explanation
