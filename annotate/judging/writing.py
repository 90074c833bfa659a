"""Writes pairs as comparisons, with their items, slots and the verdicts nobody has to be asked for.

It must not decide which pairs there are, in which order, or on which sides.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from annotate.judging.models import Assignment, Comparison, ContrastItem, Outcome, Verdict
from annotate.judging.pairing import Pair
from annotate.judging.reserve import at_first
from annotate.sampling.models import ImageVariant
from annotate.sampling.storage import fit
from annotate.studies.models import Study
from annotate.studies.protocol import Protocol

# Lengths on the wire are rounded up to this, so that few pairs have a length of their own.
WIRE_STEP = 1024
BATCH = 2000


def write(study: Study, protocol: Protocol, pairs: Sequence[Pair], *, now: datetime) -> None:
    """Insert comparisons, items, slots and the verdicts of identical pairs.

    Call `fit_boxes` first, outside the transaction: it writes files.
    """
    lengths = _lengths(pairs)
    rows = Comparison.objects.bulk_create(
        [_comparison(study, protocol, pair, lengths) for pair in pairs], batch_size=BATCH
    )
    ContrastItem.objects.bulk_create(
        (
            ContrastItem(
                contrast=item.contrast,
                prompt=item.prompt,
                replica=item.replica,
                comparison=row,
                a_is_first=item.a_is_first,
            )
            for row, pair in zip(rows, pairs, strict=True)
            for item in pair.items
        ),
        batch_size=BATCH,
    )
    tied = [row for row, pair in zip(rows, pairs, strict=True) if not pair.is_asked(protocol)]
    Verdict.objects.bulk_create(
        (
            Verdict(
                comparison=row,
                outcome=Outcome.TIE,
                reason=Verdict.Reason.IDENTICAL,
                rule=protocol.rule,
                protocol_hash=study.protocol_hash or protocol.digest(),
                votes=0,
                decided_at=now,
            )
            for row in tied
        ),
        batch_size=BATCH,
    )
    asked = [
        (row, pair.sides) for row, pair in zip(rows, pairs, strict=True) if pair.is_asked(protocol)
    ]
    Assignment.objects.bulk_create(
        slots(study, asked, at_first=at_first(protocol)), batch_size=BATCH
    )


def slots(
    study: Study, asked: Iterable[tuple[Comparison, Sequence[bool]]], *, at_first: int
) -> Iterable[Assignment]:
    """The slots of each comparison; its sides say where the leading method stands in each.

    Those after the first `at_first` are kept in reserve.
    """
    for row, sides in asked:
        for slot, left in enumerate(sides, start=1):
            yield Assignment(
                study=study,
                comparison=row,
                slot=slot,
                order=row.order,
                lead_left=left,
                flipped=left != row.lead_first,
                held=slot > at_first,
            )


def wire_length(longest: int) -> int:
    """The length both files of a pair are padded to, in bytes, from the longer one's."""
    return -(-longest // WIRE_STEP) * WIRE_STEP


def box_of(pair: Pair) -> tuple[int, int]:
    """The equal box of a pair: the smallest that holds both pictures at their own size."""
    return max(pair.first.width, pair.second.width), max(pair.first.height, pair.second.height)


def fit_boxes(pairs: Iterable[Pair], protocol: Protocol) -> None:
    """Make the files that equal boxes need; content-addressed, so an orphan does no harm."""
    if protocol.display != "equal-box":
        return
    for pair in pairs:
        box = box_of(pair)
        for image in (pair.first, pair.second):
            if (image.width, image.height) != box:
                fit(image, *box)


def _lengths(pairs: Iterable[Pair]) -> dict[tuple[int, int, int], int]:
    """File length by (image, width, height) for every file a pair may show."""
    found: dict[tuple[int, int, int], int] = {}
    fitted: set[int] = set()
    for pair in pairs:
        for image in (pair.first, pair.second):
            found[image.pk, image.width, image.height] = image.bytes
            if (image.width, image.height) != box_of(pair):
                fitted.add(image.pk)
    # In parts: SQLite limits the number of values in one IN (...).
    ids = sorted(fitted)
    for start in range(0, len(ids), BATCH):
        for variant in ImageVariant.objects.filter(image__in=ids[start : start + BATCH]):
            found[variant.image_id, variant.width, variant.height] = variant.bytes
    return found


def sized(study: Study, protocol: Protocol, pair: Pair) -> Comparison:
    """The row of one pair, not saved yet; call `fit_boxes` first."""
    return _comparison(study, protocol, pair, _lengths([pair]))


def _comparison(
    study: Study, protocol: Protocol, pair: Pair, lengths: dict[tuple[int, int, int], int]
) -> Comparison:
    row = Comparison(
        study=study,
        prompt=pair.prompt,
        first=pair.first,
        second=pair.second,
        identical=pair.identical,
        order=pair.order,
        lead_first=pair.lead_first,
        asking=pair.asking,
    )
    if protocol.display == "equal-box":
        width, height = box_of(pair)
        longest = max(lengths[image.pk, width, height] for image in (pair.first, pair.second))
        row.box_width, row.box_height = width, height
        row.wire_bytes = wire_length(longest)
    return row
