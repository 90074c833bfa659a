"""From contrasts to comparisons and slots: which pairs a study has, in which order and on which

sides. Pure planning; it writes nothing (judging.launch does). Pictures that are still to be made
have their places drawn by judging.places.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from annotate.sampling.models import Image
from annotate.sampling.samples import Finished, finished, sample_prompt_digest
from annotate.studies.models import Contrast, Prompt, Study
from annotate.studies.protocol import Protocol
from annotate.studies.selection import contrast_prompts


@dataclass
class Pair:
    """A comparison to be: a prompt and two images in canonical order by content digest."""

    prompt: Prompt
    first: Image
    second: Image
    asking: int
    lead_first: bool
    order: int = -1
    items: list["Item"] = field(default_factory=list)
    # For each slot: is the leading method on the left? Empty where nobody is asked.
    sides: Sequence[bool] = ()

    @property
    def identical(self) -> bool:
        return self.first.pk == self.second.pk

    def is_asked(self, protocol: Protocol) -> bool:
        """Whether annotators judge it; identical pictures may be tied without them."""
        if protocol.asks_diversity:
            return True  # pictures that are equal are an answer there, and no tie
        return not (self.identical and protocol.identical == "auto_tie")


@dataclass(frozen=True)
class Item:
    """A contrast item to be."""

    contrast: Contrast
    prompt: Prompt
    replica: int
    a_is_first: bool


@dataclass(frozen=True)
class Pairing:
    """All pairs of a study in serving order, and what is missing."""

    pairs: tuple[Pair, ...]
    prompts: int
    items: int
    missing: tuple[str, ...]


def pair_up(study: Study, protocol: Protocol) -> Pairing:
    """Plan every comparison of a draft study.

    Pairs equal by content (prompt text, context and both images) are one comparison under
    `reuse=by_content`. The serving order is one shuffle over all contrasts, drawn from the seed.
    """
    contrasts = list(study.contrasts.select_related("a", "b", "prompt_set").order_by("order", "pk"))
    arms = {m.pk: m for c in contrasts for m in (c.a, c.b)}.values()
    samples = finished(arms, seed=protocol.seed)
    pairs: dict[tuple[object, ...], Pair] = {}
    seen_prompts: set[int] = set()
    missing: list[str] = []
    items = 0
    for contrast in contrasts:
        prompts = contrast_prompts(contrast, protocol)
        absent: dict[str, list[str]] = defaultdict(list)
        for prompt in prompts:
            for replica, a, b in _images(contrast, prompt, samples, absent):
                item = Item(contrast, prompt, replica, a_is_first=a.digest <= b.digest)
                _add(pairs, item, (a, b), fresh=protocol.reuse == "fresh")
                items += 1
                seen_prompts.add(prompt.pk)
        missing += [
            f"{method}: no picture for {len(keys)} of {len(prompts)} prompts "
            f"({', '.join(keys[:3])}{', …' if len(keys) > 3 else ''})"
            for method, keys in absent.items()
        ]
    ordered = _serving_order(list(pairs.values()), protocol.seed)
    asked = [pair for pair in ordered if pair.is_asked(protocol)]
    drawn = lead_sides(len(asked), overlap=protocol.overlap, protocol=protocol)
    for pair, sides in zip(asked, drawn, strict=True):
        pair.sides = sides
    return Pairing(
        pairs=tuple(ordered),
        prompts=len(seen_prompts),
        items=items,
        missing=tuple(dict.fromkeys(missing)),
    )


def first_pairs(
    contrast: Contrast, protocol: Protocol, *, limit: int
) -> list[tuple[Prompt, Image, Image]]:
    """The first few prompts of a contrast with a different picture of each method (a preview)."""
    prompts = contrast_prompts(contrast, protocol)[: limit * 4]
    arms = (contrast.a, contrast.b)
    keys = {sample_prompt_digest(arm, prompt) for arm in arms for prompt in prompts}
    samples = finished(arms, prompts=keys, seed=protocol.seed)
    found = [
        (prompt, a, b)
        for prompt in prompts
        for _, a, b in _images(contrast, prompt, samples, defaultdict(list))
        if a.pk != b.pk
    ]
    return found[:limit]


def _images(
    contrast: Contrast, prompt: Prompt, samples: Finished, absent: dict[str, list[str]]
) -> Iterable[tuple[int, Image, Image]]:
    """(replica, image of a, image of b) for every replica that both methods have.

    Of one method by itself: its replicas 0 and 1, as item 0.
    """
    arms = (contrast.a, contrast.b)
    sides = [samples.get((arm.digest, sample_prompt_digest(arm, prompt)), {}) for arm in arms]
    for arm, side in zip(arms, sides, strict=True):
        if not side:
            absent[str(arm)].append(prompt.key)
    if contrast.of_replicas:
        if sides[0] and not {0, 1} <= sides[0].keys():
            absent[f"{contrast.a}, replica 1"].append(prompt.key)
        elif sides[0]:
            yield 0, sides[0][0], sides[0][1]
        return
    for replica in sorted(sides[0].keys() & sides[1].keys()):
        yield replica, sides[0][replica], sides[1][replica]


def _add(
    pairs: dict[tuple[object, ...], Pair],
    item: Item,
    images: tuple[Image, Image],
    *,
    fresh: bool,
) -> None:
    """File the item under its pair; `fresh` gives every item a pair of its own."""
    first, second = images if item.a_is_first else (images[1], images[0])
    content = (item.prompt.digest, item.prompt.context, first.digest, second.digest)
    asking = 0
    if fresh:
        while (*content, asking) in pairs:
            asking += 1
    key = (*content, asking)
    if key not in pairs:
        pairs[key] = Pair(
            prompt=item.prompt,
            first=first,
            second=second,
            asking=asking,
            lead_first=item.a_is_first,
        )
    pairs[key].items.append(item)


def _serving_order(pairs: list[Pair], seed: int) -> list[Pair]:
    """Shuffle by the seed alone: the same draft is served in the same order again."""
    pairs.sort(key=lambda p: (p.prompt.digest, p.first.digest, p.second.digest, p.asking))
    random.Random(f"{seed}|serving order").shuffle(pairs)  # noqa: S311 (not a secret)
    for order, pair in enumerate(pairs):
        pair.order = order
    return pairs


def lead_sides(n_pairs: int, *, overlap: int, protocol: Protocol) -> list[Sequence[bool]]:
    """For each pair and slot: is the leading method on the left?

    `pair-and-annotator`: sides alternate within a pair's slots, and exactly half of all pairs (to
    within one) begin on the left; the queue then evens out each annotator. `random`: coin tosses.
    """
    rng = random.Random(f"{protocol.seed}|sides")  # noqa: S311 (not a secret)
    if protocol.side_balance == "random":
        return [[rng.random() < 0.5 for _ in range(overlap)] for _ in range(n_pairs)]
    begins = [i % 2 == 0 for i in range(n_pairs)]
    rng.shuffle(begins)
    return [[begin == (slot % 2 == 0) for slot in range(overlap)] for begin in begins]
