"""Places of pairs whose pictures are still to be made: serving order and sides, drawn at launch.

Drawn from the seed and from what is known before any picture, so that neither can depend on which
pictures are ready first. It must write nothing (judging.launch does).
"""

import random
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from annotate.judging.models import PlannedItem
from annotate.sampling.samples import Finished, finished, sample_prompt_digest
from annotate.studies.models import Contrast, Method, Prompt, Study
from annotate.studies.protocol import Protocol
from annotate.studies.selection import contrast_prompts

# Sides are drawn for as many slots as a protocol can ask for.
SLOTS = 9


@dataclass(frozen=True)
class Place:
    """A contrast item to be, with its place in the serving order and method a's sides by slot."""

    contrast: Contrast
    prompt: Prompt
    replica: int
    order: int
    sides: tuple[bool, ...]


@dataclass(frozen=True)
class Places:
    """All items of a study in serving order, and the imported pictures that are missing."""

    items: tuple[Place, ...]
    prompts: int
    missing: tuple[str, ...]


def makes_pictures(study: Study) -> bool:
    """Whether any arm of the study's contrasts is generated rather than imported."""
    arms = Method.objects.filter(study=study).exclude(kind="imported")
    return arms.exists()


# By prompt and replica: does method a begin on the left?
Begins = Mapping[tuple[int, int], bool]


def draw_places(study: Study, protocol: Protocol, *, known: Begins | None = None) -> Places:
    """One place for every (contrast, prompt, replica) that can come to have both pictures.

    `known` is how those begin that have been drawn before: they stay, and the others are drawn so
    that all together are balanced.
    """
    contrasts = list(study.contrasts.select_related("a", "b", "prompt_set").order_by("order", "pk"))
    imported = finished(
        {m.pk: m for c in contrasts for m in (c.a, c.b) if m.kind == "imported"}.values()
    )
    replicas = range(study.read_spec().replicas)
    keys: list[tuple[Contrast, Prompt, int]] = []
    missing: list[str] = []
    for contrast in contrasts:
        absent: dict[str, list[str]] = defaultdict(list)
        prompts = contrast_prompts(contrast, protocol)
        for prompt in prompts:
            both = _replicas(contrast, prompt, replicas, imported, absent)
            keys += [(contrast, prompt, replica) for replica in both]
        missing += [
            f"{method}: no picture for {len(found)} of {len(prompts)} prompts "
            f"({', '.join(found[:3])}{', …' if len(found) > 3 else ''})"
            for method, found in absent.items()
        ]
    sides = _sides(keys, protocol, known or {})
    # Sorted before it is shuffled: the order depends on the seed and the contents, not on row ids.
    ordered = sorted(keys, key=lambda k: (k[1].digest, k[1].key, k[0].order, k[0].pk, k[2]))
    random.Random(f"{protocol.seed}|serving order").shuffle(ordered)  # noqa: S311 (not a secret)
    return Places(
        items=tuple(
            Place(contrast, prompt, replica, order, sides[contrast.pk, prompt.pk, replica])
            for order, (contrast, prompt, replica) in enumerate(ordered)
        ),
        prompts=len({prompt.pk for _, prompt, _ in keys}),
        missing=tuple(dict.fromkeys(missing)),
    )


def _replicas(
    contrast: Contrast,
    prompt: Prompt,
    made: Collection[int],
    imported: Finished,
    absent: dict[str, list[str]],
) -> list[int]:
    """The replicas both methods have or will have."""
    both: set[int] | None = None
    for arm in (contrast.a, contrast.b):
        has = set(made)
        if arm.kind == "imported":
            has = set(imported.get((arm.digest, sample_prompt_digest(arm, prompt)), {}))
            if not has:
                absent[str(arm)].append(prompt.key)
        both = has if both is None else both & has
    if contrast.of_replicas:
        return [0] if {0, 1} <= (both or set()) else []
    return sorted(both or ())


def _sides(
    keys: Iterable[tuple[Contrast, Prompt, int]], protocol: Protocol, known: Begins
) -> dict[tuple[int, int, int], tuple[bool, ...]]:
    """For each item and slot: is method a on the left?

    `pair-and-annotator`: sides alternate within a pair, and of every contrast half the prompts (to
    within one group of replicas) begin on the left. All contrasts of a prompt begin alike: a pair
    that turns out to serve two of them then has one draw, whichever comes first.
    """
    keys = sorted(keys, key=lambda k: (k[1].digest, k[1].key, k[2], k[0].order, k[0].pk))
    rng = random.Random(f"{protocol.seed}|sides")  # noqa: S311 (not a secret)
    if protocol.side_balance == "random":
        return {
            (c.pk, p.pk, r): tuple(rng.random() < 0.5 for _ in range(SLOTS)) for c, p, r in keys
        }
    # By place, not by prompt alone: a prompt's replicas take turns too.
    drawn = [key for key in dict.fromkeys((p.pk, r) for _, p, r in keys) if key not in known]
    if known:
        # Of all together half begin on the left, as far as those that are drawn now can bring it.
        wanted = (len(known) + len(drawn) + 1) // 2 - sum(known.values())
        begins = [i < wanted for i in range(len(drawn))]
        rng = random.Random(f"{protocol.seed}|sides|{protocol.revision}")  # noqa: S311
    else:
        begins = [i % 2 == 0 for i in range(len(drawn))]
    rng.shuffle(begins)
    begin_of = {**known, **dict(zip(drawn, begins, strict=True))}
    return {
        (c.pk, p.pk, r): tuple(begin_of[p.pk, r] == (slot % 2 == 0) for slot in range(SLOTS))
        for c, p, r in keys
    }


def to_rows(study: Study, places: Sequence[Place]) -> list[PlannedItem]:
    """The rows that keep these places."""
    return [
        PlannedItem(
            study=study,
            contrast=place.contrast,
            prompt=place.prompt,
            replica=place.replica,
            order=place.order,
            sides=sum(1 << slot for slot, left in enumerate(place.sides) if left),
        )
        for place in places
    ]


def sides_of(item: PlannedItem, *, slots: int) -> list[bool]:
    """For each of the first `slots` slots: is method a on the left?"""
    return [bool(item.sides >> slot & 1) for slot in range(slots)]
