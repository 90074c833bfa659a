"""Controls that anchor the scale of a diversity study: a picture beside itself differs in nothing,

pictures of two prompts in nearly everything. It must not decide when a control is given.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db import transaction

from annotate.analysis.diversity import Attribute
from annotate.analysis.mixing import in_all
from annotate.judging.controls import ANCHORS_BELOW, REPEATS_BELOW
from annotate.judging.models import Comparison, ContrastItem, PlannedItem
from annotate.judging.pairing import Pair
from annotate.judging.writing import fit_boxes, sized
from annotate.sampling.models import Image
from annotate.sampling.samples import finished, sample_prompt_digest
from annotate.studies.models import Prompt, Study
from annotate.studies.protocol import Protocol

Kind = Comparison.Kind
SAME, HIGH = "same", "high"


# A collapsed method may have one picture for several prompts; so many others are looked at.
_TRIED = 5
# More prompts than this are not named in one query.
_FEW = 500


class _Planned(NamedTuple):
    """One pair of the study, at its place in the serving order. `opened`: its pictures exist."""

    order: int
    contrast: int
    prompt: int
    text: str
    opened: bool


@dataclass(frozen=True)
class _Drawn:
    """An anchor to be: its number, its sort, and the pairs its pictures come from, best first."""

    number: int
    sort: str
    of: _Planned
    others: tuple[_Planned, ...] = ()

    @property
    def place(self) -> int:
        """Its place in the serving order, which no other comparison can take."""
        return ANCHORS_BELOW - 1 - self.number

    @property
    def ready(self) -> bool:
        return self.of.opened and (not self.others or self.others[0].opened)


def add_anchors(study: Study, protocol: Protocol) -> int:
    """Open the anchors whose pictures are there and that are not open; how many.

    Which ones there are follows from the plan of the study and its seed alone (`_draw`), so any
    order in which pictures come gives the same anchors. Any number of openers may call this at
    once: an anchor's number is its place in the serving order, and a place is taken once.
    """
    if not protocol.asks_diversity or not protocol.control_rate:
        return 0
    wanted = [one for one in _draw(_plan(study), rate=protocol.control_rate) if one.ready]
    ready = _pairs(study, _missing(study, wanted), seed=protocol.seed)
    if not ready:
        return 0
    fit_boxes(ready.values(), protocol)
    with transaction.atomic():
        Study.objects.select_for_update(no_key=True).get(pk=study.pk)
        fresh = [one for one in _missing(study, wanted) if one in ready]
        for one in fresh:
            ready[one].order = one.place
            comparison = sized(study, protocol, ready[one])
            comparison.kind = Kind.CONTROL
            comparison.expected = {str(a): one.sort for a in Attribute}
            comparison.save()
    return len(fresh)


def anchors_wanted(pairs: int, *, rate: float) -> int:
    """How many anchors a study of so many pairs has: what one person would meet who judges all.

    At least one of each sort, since one end of a scale anchors nothing.
    """
    return max(in_all(pairs, rates={Kind.CONTROL: rate}) - pairs, 2)


def _draw(plan: Sequence[_Planned], *, rate: float) -> Iterator[_Drawn]:
    """The anchors of a plan, both sorts in turn, the first two from the pairs served first.

    The serving order is a shuffle by the seed, so that taking a pair at regular distances in it
    draws at random. A plan that grows at its end keeps the anchors that it had.
    """
    if not plan:
        return
    for number in range(anchors_wanted(len(plan), rate=rate)):
        at = number if number < 2 else int(number * (1 - rate) / rate)
        at %= len(plan)
        one = plan[at]
        if number % 2 == 0:
            yield _Drawn(number, SAME, one)
            continue
        places = itertools.chain(range(at + 1, len(plan)), range(at - 1, -1, -1))
        elsewhere = (plan[place] for place in places if plan[place].text != one.text)
        if others := tuple(itertools.islice(elsewhere, _TRIED)):
            yield _Drawn(number, HIGH, one, others)


def _plan(study: Study) -> list[_Planned]:
    """Every pair that the study has or will have, in serving order.

    Where pictures were there at launch nothing was planned, and the items stand with their pairs.
    """
    names = ("contrast_id", "prompt_id", "prompt__digest")
    planned = PlannedItem.objects.filter(study=study).values_list("order", *names, "opened_at")
    found = {
        (contrast, prompt): _Planned(order, contrast, prompt, text, at is not None)
        for order, contrast, prompt, text, at in planned
    }
    written = ContrastItem.objects.filter(contrast__study=study, comparison__kind=Kind.LIVE)
    for order, *item in written.values_list("comparison__order", *names):
        contrast, prompt, text = item
        found.setdefault((contrast, prompt), _Planned(order, contrast, prompt, text, opened=True))
    return sorted(found.values())


def _missing(study: Study, wanted: list[_Drawn]) -> list[_Drawn]:
    own = study.comparisons.filter(order__lt=ANCHORS_BELOW, order__gt=REPEATS_BELOW)
    taken = set(own.values_list("order", flat=True))
    return [one for one in wanted if one.place not in taken]


def _pairs(study: Study, anchors: list[_Drawn], *, seed: int) -> dict[_Drawn, Pair]:
    """What each anchor shows; without those that need a picture that is still to come."""
    sources = {source for one in anchors for source in (one.of, *one.others)}
    contrasts = study.contrasts.select_related("a").in_bulk({s.contrast for s in sources})
    prompts = Prompt.objects.in_bulk({source.prompt for source in sources})
    keys = {
        source: sample_prompt_digest(contrasts[source.contrast].a, prompts[source.prompt])
        for source in sources
    }
    images = finished(
        [contrast.a for contrast in contrasts.values()],
        prompts=set(keys.values()) if len(keys) <= _FEW else None,
        seed=seed,
    )
    pictures = {
        source: images.get((contrasts[source.contrast].a.digest, key), {})
        for source, key in keys.items()
    }
    found = {}
    for one in anchors:
        if both := _both(one, pictures):
            low, high = sorted(both, key=lambda image: image.digest)
            found[one] = Pair(prompts[one.of.prompt], low, high, asking=0, lead_first=True)
    return found


def _both(
    one: _Drawn, pictures: Mapping[_Planned, Mapping[int, Image]]
) -> tuple[Image, Image] | None:
    first = pictures[one.of].get(0)
    if first is None or one.sort == SAME:
        return None if first is None else (first, first)
    for other in one.others:
        second = pictures[other].get(1)
        if second is None or not other.opened:
            return None  # taking another one now would let the order of arrival draw
        if second.pk != first.pk:
            return first, second
    return None
