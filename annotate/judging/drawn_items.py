"""Items and worked pairs of a study of diversity that need no work: a picture beside itself, and
pictures of two prompts. Drawn from the study's own finished pictures. It must not judge them.
"""

import itertools
import random
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from annotate.analysis.diversity import Attribute
from annotate.judging.controls import KINDS, BadItem, KnownItem, add_item
from annotate.judging.rated import TOLERANCE
from annotate.people.models import User
from annotate.sampling.models import Image
from annotate.sampling.samples import finished, sample_prompt_digest
from annotate.studies.create import FrozenStudyError, update_draft
from annotate.studies.models import Prompt, Study
from annotate.studies.protocol import Protocol
from annotate.studies.worked_pairs import RatedPair

# Stored in English with the item, and read in each reader's language.
SAME = gettext_noop("It is the same picture twice. Nothing differs, so every line is the same.")
OTHER = gettext_noop(
    "These are pictures of two different prompts. They show different things, so the main object "
    "differs; the other lines are not marked here."
)


class NoPictures(ValueError):
    """A study from whose pictures no more items can be drawn."""


def in_words(explanation: str) -> str:
    """A drawn item's explanation in the reader's language; any other as it was written."""
    return _(explanation) if explanation in {SAME, OTHER} else explanation


def add_drawn_items(study: Study, *, kind: str, count: int, actor: User | None) -> int:
    """Add so many items, both sorts in turn, of pairs that no item shows; how many.

    All or none. What training explained, an exam or a control would ask of people who know. A
    picture beside itself is level 0 on every line; of two prompts the main object differs, up to
    one level below the top where there are more than two.

    Raises:
        NoPictures: the study has too few finished pictures, or asks for no attributes.
    """
    protocol = study.read_protocol()
    pairs = _draw(study, protocol, count, what="items", stream=kind)
    same = {str(attribute): "0" for attribute in Attribute}
    top = protocol.attribute_levels - 1
    other = {str(Attribute.OBJECT): str(top), TOLERANCE: "1" if top > 1 else "0"}
    with transaction.atomic():
        for prompt, a, b in pairs:
            alike = a.pk == b.pk
            known: dict[str, Any] = {
                "answers": same if alike else other,
                "explanation": SAME if alike else OTHER,
                "context": prompt.context,
                "context_role": prompt.context_role,
            }
            try:
                item = KnownItem(kind, prompt.text, a.digest, b.digest, **known)
                add_item(study, item, actor=actor)
            except BadItem as error:
                raise NoPictures(str(error)) from error
    return count


@transaction.atomic
def add_drawn_examples(study: Study, *, count: int, actor: User) -> int:
    """Add so many worked pairs to a draft's instructions, both sorts in turn; how many.

    A picture beside itself shows level 0, of one line after the other; pictures of two prompts show
    the top level of the main object. None is an item: it would be known before it is asked.

    Raises:
        NoPictures: the study has too few finished pictures, asks for no attributes, or is no draft.
    """
    # Two presses at once add one after the other.
    spec = Study.objects.select_for_update(no_key=True).get(pk=study.pk).read_spec()
    there = spec.protocol.rated_examples
    pairs = _draw(study, spec.protocol, count, what="worked pairs", stream="worked")
    lines = itertools.islice(itertools.cycle(Attribute), sum(not one.level for one in there), None)
    drawn = []
    for prompt, a, b in pairs:
        alike = a.pk == b.pk
        drawn.append(
            RatedPair(
                prompt=prompt.text,
                first=a.digest,
                second=b.digest,
                attribute=str(next(lines) if alike else Attribute.OBJECT),
                level=0 if alike else spec.protocol.attribute_levels - 1,
                explanation=SAME if alike else OTHER,
            )
        )
    taught = spec.protocol.model_copy(update={"rated_examples": (*there, *drawn)})
    try:
        update_draft(study, spec.model_copy(update={"protocol": taught}), actor=actor)
    except FrozenStudyError as error:
        raise NoPictures(str(error)) from error
    return count


Drawn = tuple[Prompt, Image, Image]


def _draw(
    study: Study,
    protocol: Protocol,
    count: int,
    *,
    what: str,
    stream: str,
) -> list[Drawn]:
    """So many pairs, both sorts in turn, none of them an item or a worked pair of the protocol."""
    if not protocol.asks_diversity:
        raise NoPictures(
            "Only a study of diversity has such pairs: of two pictures of one prompt, somebody "
            "must say which is better. Add items one by one."
        )
    pictures = _pictures(study)
    random.Random(f"{protocol.seed}|{stream}|drawn").shuffle(pictures)  # noqa: S311 (not a secret)
    worked = [(pair.first, pair.second) for pair in protocol.rated_examples]
    taught = {(min(both), max(both)) for both in worked}
    known = study.comparisons.filter(kind__in=KINDS)
    shown = set(known.values_list("first__digest", "second__digest"))
    pairs = _both_sorts(pictures, shown | taught)
    if len(pairs) < count:
        raise NoPictures(
            f"{len(pairs)} more {what} can be drawn from the finished pictures of this study's "
            f"prompts; {count} were asked for. Import or make pictures first, or ask for fewer."
        )
    return pairs[:count]


def _pictures(study: Study) -> list[tuple[Prompt, Image]]:
    """A finished picture of each test prompt and method, in an order of their own."""
    methods = list(study.methods.order_by("order", "pk"))
    sets = study.prompt_sets.filter(role="test")
    prompts = Prompt.objects.filter(prompt_set__in=sets).order_by("digest", "key", "pk")
    images = finished(methods, seed=study.read_protocol().seed)
    found = []
    for prompt in prompts:
        for method in methods:
            own = images.get((method.digest, sample_prompt_digest(method, prompt)), {})
            if 0 in own:
                found.append((prompt, own[0]))
    return found


def _both_sorts(pictures: list[tuple[Prompt, Image]], shown: set[tuple[str, str]]) -> list[Drawn]:
    """Same, other, same, … without the pairs that are shown already."""
    same: list[Drawn] = [(prompt, image, image) for prompt, image in pictures]
    other: list[Drawn] = []
    for (prompt, image), (next_prompt, next_image) in zip(
        pictures, pictures[1:] + pictures[:1], strict=True
    ):
        if prompt.digest != next_prompt.digest and image.pk != next_image.pk:
            other.append((prompt, image, next_image))
    taken = set(shown)
    fresh: tuple[list[Drawn], list[Drawn]] = ([], [])
    for sort, rows in zip(fresh, (same, other), strict=True):
        for row in rows:
            low, high = sorted((row[1].digest, row[2].digest))
            if (low, high) not in taken:
                taken.add((low, high))
                sort.append(row)
    alike, unlike = fresh
    each = min(len(alike), len(unlike))
    return [row for both in zip(alike[:each], unlike[:each], strict=True) for row in both]
