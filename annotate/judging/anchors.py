"""Controls that anchor the scale of a diversity study: a picture beside itself differs in nothing,

pictures of two prompts in nearly everything. It must not decide when a control is given.
"""

import itertools
import random

from django.db import transaction
from django.db.models import Min

from annotate.analysis.diversity import Attribute
from annotate.judging.models import Comparison
from annotate.judging.pairing import Pair
from annotate.judging.writing import fit_boxes, sized
from annotate.studies.models import Study
from annotate.studies.protocol import Protocol

Kind = Comparison.Kind
# Of each sort. Nobody is given one twice, so that these serve about 250 pairs at the usual rate.
EACH = 10
SAME, HIGH = "same", "high"


def add_anchors(study: Study, protocol: Protocol, *, each: int = EACH) -> int:
    """Make the anchors that the open pairs allow for and that are not there; how many.

    Drawn by the seed from the study's own live pairs. A second call adds what is still missing.
    """
    if not protocol.asks_diversity or not protocol.control_rate:
        return 0
    there = study.comparisons.filter(kind=Kind.CONTROL)
    # Looked at before the study is locked: most calls find all of them there.
    if there.count() >= 2 * each:
        return 0
    live = study.comparisons.filter(kind=Kind.LIVE).select_related("prompt", "first", "second")
    by_prompt: dict[int, Comparison] = {}
    for row in live.order_by("order"):
        by_prompt.setdefault(row.prompt_id, row)
    rows = list(by_prompt.values())
    random.Random(f"{protocol.seed}|anchors").shuffle(rows)  # noqa: S311 (not a secret)
    same = [
        Pair(row.prompt, row.first, row.first, asking=0, lead_first=True) for row in rows[:each]
    ]
    high = [
        _of_two_prompts(a, b)
        for a, b in itertools.pairwise(rows[: each + 1])
        if a.first_id != b.second_id
    ]
    fit_boxes([*same, *high], protocol)
    with transaction.atomic():
        Study.objects.select_for_update(no_key=True).get(pk=study.pk)
        known = set(there.values_list("first", "second"))
        lowest = study.comparisons.aggregate(lowest=Min("order"))["lowest"]
        order = itertools.count(min(lowest or 0, 0) - 1, -1)
        made = 0
        for sort, pairs in ((SAME, same), (HIGH, high)):
            missing = each - there.filter(identical=sort == SAME).count()
            for pair in pairs:
                if _images(pair) in known or missing <= 0:
                    continue
                pair.order = next(order)
                comparison = sized(study, protocol, pair)
                comparison.kind = Kind.CONTROL
                comparison.expected = {str(a): sort for a in Attribute}
                comparison.save()
                missing -= 1
                made += 1
    return made


def _of_two_prompts(a: Comparison, b: Comparison) -> Pair:
    first, second = sorted((a.first, b.second), key=lambda image: image.digest)
    return Pair(a.prompt, first, second, asking=0, lead_first=True)


def _images(pair: Pair) -> tuple[int, int]:

    return pair.first.pk, pair.second.pk
