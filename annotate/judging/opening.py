"""Opens planned pairs: a comparison is made as soon as both of its pictures exist.

Any number of workers and sweeps may call this at once, on both databases: an item is opened once,
and the result does not depend on the order in which pictures were finished. It must not make
pictures, nor draw places (judging.places did, at launch).
"""

import itertools
import logging
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from django.dispatch import receiver

from annotate.judging.anchors import add_anchors
from annotate.judging.models import Assignment, Comparison, ContrastItem, PlannedItem
from annotate.judging.pairing import Item, Pair
from annotate.judging.places import sides_of
from annotate.judging.queue import retrying
from annotate.judging.verdicts import protocol_of
from annotate.judging.writing import BATCH, fit_boxes, write
from annotate.sampling.models import Image, Sample
from annotate.sampling.samples import finished, sample_prompt_digest
from annotate.sampling.signals import samples_finished, swept
from annotate.studies.clock import database_now
from annotate.studies.models import Membership, Study
from annotate.studies.protocol import Protocol

logger = logging.getLogger(__name__)
S = Assignment.State
# Votes are still wanted: a closed study's pairs open when it is opened again, by the sweep.
JUDGED = (Study.State.OPEN, Study.State.PAUSED)

Ready = tuple[PlannedItem, Image, Image]
Content = tuple[str, str, str, str, int]


def open_finished(samples: Iterable[int], *, now: datetime | None = None) -> int:
    """Open what these finished samples (by id) complete, in every launched study; how many items.

    A second call finds nothing left to open.
    """
    done = Sample.objects.filter(pk__in=list(samples), state=Sample.State.DONE)
    keys = set(done.values_list("method_digest", "prompt_digest"))
    studies = Study.objects.filter(
        methods__digest__in={method for method, _ in keys},
        state__in=JUDGED,
        planned_items__opened_at=None,
    ).distinct()
    prompts = {prompt for _, prompt in keys}
    return sum(open_ready(study, prompts=prompts, now=now) for study in studies)


def sweep(*, now: datetime | None = None) -> int:
    """Open everything that could be open, in every launched study: for signals that were lost."""
    waiting = PlannedItem.objects.filter(opened_at=None, study__state__in=JUDGED)
    studies = Study.objects.filter(pk__in=waiting.values("study"))
    return sum(open_ready(study, now=now) for study in studies)


def waiting(study: Study) -> int:
    """How many items of a launched study still wait for a picture."""
    return PlannedItem.objects.filter(study=study, opened_at=None).count()


def open_ready(
    study: Study, *, prompts: Collection[str] | None = None, now: datetime | None = None
) -> int:
    """Open the items of one study whose pictures exist; returns how many.

    Args:
        prompts: look only at these prompts, by text digest; None looks at all.
    """
    rows = PlannedItem.objects.filter(study=study, opened_at=None)
    if prompts is not None:
        rows = rows.filter(prompt__digest__in=prompts)
    items = rows.select_related("contrast__a", "contrast__b", "prompt").order_by("order")
    opened = 0
    iterator = iter(list(items))
    while some := list(itertools.islice(iterator, BATCH // 4)):
        opened += _open(study, _ready(study, some), now=now)
    if opened:
        logger.info("study=%s opened items=%d", study.uid, opened)
    return opened


def _ready(study: Study, items: list[PlannedItem]) -> list[Ready]:
    """The items with both pictures."""
    arms = {m.pk: m for i in items for m in (i.contrast.a, i.contrast.b)}.values()
    keys = {sample_prompt_digest(arm, item.prompt) for arm in arms for item in items}
    images = finished(arms, prompts=keys, seed=protocol_of(study).seed)
    found: list[Ready] = []
    for item in items:
        # Of one method by itself: its replicas 0 and 1.
        other = item.replica + item.contrast.of_replicas
        a, b = (
            images.get((arm.digest, sample_prompt_digest(arm, item.prompt)), {}).get(replica)
            for arm, replica in ((item.contrast.a, item.replica), (item.contrast.b, other))
        )
        if a is not None and b is not None:
            found.append((item, a, b))
    return found


def _open(study: Study, ready: list[Ready], *, now: datetime | None) -> int:
    if not ready:
        return 0
    protocol = protocol_of(study)
    # Files before the transaction, for pairs that may turn out to be there already.
    fit_boxes(_pairs(ready, protocol).values(), protocol)

    def verb() -> int:
        # One opener of a study at a time: two could each miss the other's comparison of the same
        # content. Votes go on meanwhile, which need only its key.
        locked = Study.objects.select_for_update(no_key=True).get(pk=study.pk)
        if locked.state not in JUDGED:
            return 0
        at = now or database_now()
        left = PlannedItem.objects.filter(pk__in=[i.pk for i, *_ in ready], opened_at=None)
        still = set(left.values_list("pk", flat=True))
        fresh = [one for one in ready if one[0].pk in still]
        pairs = _pairs(fresh, protocol)
        rows = _known(study, pairs)
        for content, row in rows.items():
            _join(row, pairs.pop(content))
        write(study, protocol, list(pairs.values()), now=at)
        PlannedItem.objects.filter(pk__in=still).update(opened_at=at)
        if fresh:
            _walk_back(study, to=min(item.order for item, *_ in fresh))
        return len(fresh)

    opened = retrying(verb)
    add_anchors(study, protocol)
    return opened


def _content(item: PlannedItem, a: Image, b: Image, protocol: Protocol) -> Content:
    first, second = sorted((a.digest, b.digest))
    # Under reuse=fresh every item asks for itself; its place is its own.
    asking = item.order if protocol.reuse == "fresh" else 0
    return item.prompt.digest, item.prompt.context, first, second, asking


def _pairs(ready: Iterable[Ready], protocol: Protocol) -> dict[Content, Pair]:
    """One pair for each content, led by its item of the lowest place."""
    pairs: dict[Content, Pair] = {}
    for item, a, b in sorted(ready, key=lambda one: one[0].order):
        a_is_first = a.digest <= b.digest
        content = _content(item, a, b, protocol)
        if content not in pairs:
            pairs[content] = Pair(
                prompt=item.prompt,
                first=a if a_is_first else b,
                second=b if a_is_first else a,
                asking=content[-1],
                lead_first=a_is_first,
                order=item.order,
                sides=sides_of(item, slots=protocol.overlap),
            )
        pairs[content].items.append(Item(item.contrast, item.prompt, item.replica, a_is_first))
    return pairs


def _known(study: Study, pairs: dict[Content, Pair]) -> dict[Content, Comparison]:
    """The comparisons that show these contents already."""
    rows = Comparison.objects.filter(
        study=study,
        kind=Comparison.Kind.LIVE,
        prompt__digest__in={pair.prompt.digest for pair in pairs.values()},
    ).select_related("prompt", "first", "second")
    known: dict[Content, Comparison] = {}
    for row in rows:
        content = (
            row.prompt.digest,
            row.prompt.context,
            row.first.digest,
            row.second.digest,
            row.asking,
        )
        if content in pairs:
            known[content] = row
    return known


def _join(row: Comparison, pair: Pair) -> None:
    """Let a comparison that is there answer these items too.

    If one of them has a lower place than those before, the comparison moves there: which item
    leads must not depend on whose picture was ready first.
    """
    ContrastItem.objects.bulk_create(
        ContrastItem(
            contrast=item.contrast,
            prompt=item.prompt,
            replica=item.replica,
            comparison=row,
            a_is_first=item.a_is_first,
        )
        for item in pair.items
    )
    if pair.order >= row.order:
        return
    slots = list(row.assignments.exclude(state=S.VOID))
    untouched = all(slot.state == S.FREE and not slot.returned for slot in slots)
    # Slots before the comparison, in the order in which a vote locks them.
    for slot in slots:
        same = Assignment.objects.filter(pk=slot.pk)
        same.update(order=pair.order, lead_left=slot.flipped != pair.lead_first)
        if untouched and slot.slot <= len(pair.sides):
            left = pair.sides[slot.slot - 1]
            # Unless somebody claimed it this moment: what is on a screen keeps its sides.
            same.filter(state=S.FREE).update(lead_left=left, flipped=left != pair.lead_first)
    Comparison.objects.filter(pk=row.pk).update(order=pair.order, lead_first=pair.lead_first)


def _walk_back(study: Study, *, to: int) -> None:
    """Send annotators who are past a place that has just opened back to it: lowest place first."""
    Membership.objects.filter(study=study, cursor__gte=to).update(cursor=to - 1)


@receiver(samples_finished)
def _pictures_came(sample_ids: set[int], **_: Any) -> None:
    open_finished(sample_ids)


@receiver(swept)
def _look_for_missed_ones(now: datetime, **_: Any) -> None:
    sweep(now=now)
