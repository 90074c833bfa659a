"""Launching a study: freeze its protocol, pair its samples, make every slot before anyone asks.

It must not serve pairs (judging.queue does).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from annotate.judging.models import Assignment, Comparison, ContrastItem, Outcome, Verdict
from annotate.judging.pairing import Pair, Pairing, lead_sides, pair_up
from annotate.people.models import User
from annotate.sampling.models import Image, ImageVariant
from annotate.sampling.storage import fit
from annotate.studies.clock import database_now
from annotate.studies.lifecycle import check_move
from annotate.studies.models import Event, Membership, Study
from annotate.studies.protocol import Protocol

# Lengths on the wire are rounded up to this, so that few pairs have a length of their own.
WIRE_STEP = 1024
BATCH = 2000


class LaunchRefused(ValueError):
    """A draft that cannot be launched yet; one line for each reason."""


@dataclass(frozen=True)
class LaunchPlan:
    """What a launch would do: shown before it is done."""

    prompts: int
    items: int
    comparisons: int
    identical: int
    reused: int
    votes: int
    missing: list[str]
    warnings: list[str]
    refusals: list[str]


def plan(study: Study) -> LaunchPlan:
    """Count pairs and collect warnings and refusals; writes nothing."""
    protocol = study.read_protocol()
    return _describe(study, protocol, pair_up(study, protocol))


def _describe(study: Study, protocol: Protocol, pairing: Pairing) -> LaunchPlan:
    identical = sum(p.identical for p in pairing.pairs)
    judged = len(pairing.pairs) - (identical if protocol.identical == "auto_tie" else 0)
    warnings = [protocol.blinding_warning] if protocol.blinding_warning else []
    members = study.memberships.filter(role=Membership.Role.ANNOTATOR, active=True).count()
    if members < protocol.overlap:
        warnings.append(
            f"{members} annotators so far; every pair needs {protocol.overlap} different ones. "
            "Invite more, before or after the launch."
        )
    refusals = []
    if not study.contrasts.exists():
        refusals.append("The study has no contrast. Add one: method a against method b.")
    elif not pairing.items:
        refusals.append(
            "No contrast has a prompt for which both methods have a picture. Import samples first."
        )
    refusals += _missing_examples(protocol)
    return LaunchPlan(
        prompts=pairing.prompts,
        items=pairing.items,
        comparisons=len(pairing.pairs),
        identical=identical,
        reused=pairing.items - len(pairing.pairs),
        votes=judged * protocol.overlap,
        missing=list(pairing.missing),
        warnings=warnings,
        refusals=refusals,
    )


def _missing_examples(protocol: Protocol) -> list[str]:
    named = [digest for pair in protocol.examples for digest in (pair.first, pair.second)]
    stored = set(Image.objects.filter(digest__in=named).values_list("digest", flat=True))
    return [
        f"A worked pair names picture {digest[:12]}, which is not stored. Import it, or remove "
        "the pair from the instructions."
        for digest in dict.fromkeys(named)
        if digest not in stored
    ]


def launch(study: Study, *, actor: User | None, now: datetime | None = None) -> Study:
    """Open a draft. All or nothing; of two people launching at once, one does it.

    Raises:
        LaunchRefused: nothing to judge; the text says what to do.
        IllegalMove: the study is no draft.
    """
    check_move(Study.State(study.state), Study.State.OPEN)
    protocol = study.read_protocol()
    pairing = pair_up(study, protocol)
    described = _describe(study, protocol, pairing)
    if described.refusals:
        raise LaunchRefused("\n".join(described.refusals))
    # Files before the transaction: they are content-addressed, so an orphan does no harm.
    if protocol.display == "equal-box":
        _fit_boxes(pairing.pairs)
    with transaction.atomic():
        at = now or database_now()
        current = Study.objects.select_for_update().get(pk=study.pk)
        if current.state == Study.State.DRAFT and current.spec != study.spec:
            raise LaunchRefused(
                "The draft was changed while it was being launched. Look at it and launch again."
            )
        won = Study.objects.filter(pk=study.pk, state=Study.State.DRAFT).update(
            state=Study.State.OPEN, protocol_hash=protocol.digest(), launched_at=at
        )
        if not won:
            study.refresh_from_db()
            check_move(Study.State(study.state), Study.State.OPEN)
        write(study, protocol, pairing, now=at)
        Event.objects.create(
            study=study,
            actor=actor,
            kind="study_launched",
            data={
                "protocol": protocol.digest(),
                "comparisons": described.comparisons,
                "items": described.items,
            },
            at=at,
        )
    study.refresh_from_db()
    return study


def write(study: Study, protocol: Protocol, pairing: Pairing, *, now: datetime) -> None:
    """Insert comparisons, items, slots and the verdicts of identical pairs."""
    lengths = _lengths(pairing.pairs)
    rows = Comparison.objects.bulk_create(
        [_comparison(study, protocol, pair, lengths) for pair in pairing.pairs], batch_size=BATCH
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
            for row, pair in zip(rows, pairing.pairs, strict=True)
            for item in pair.items
        ),
        batch_size=BATCH,
    )
    auto_tied = [r for r in rows if r.identical and protocol.identical == "auto_tie"]
    tied = {r.pk for r in auto_tied}
    asked = [r for r in rows if r.pk not in tied]
    Verdict.objects.bulk_create(
        (
            Verdict(
                comparison=row,
                outcome=Outcome.TIE,
                reason=Verdict.Reason.IDENTICAL,
                rule=protocol.rule,
                votes=0,
                decided_at=now,
            )
            for row in auto_tied
        ),
        batch_size=BATCH,
    )
    Assignment.objects.bulk_create(slots(study, protocol, asked), batch_size=BATCH)


def slots(study: Study, protocol: Protocol, comparisons: list[Comparison]) -> Iterable[Assignment]:
    """The `overlap` slots of each comparison, with their sides drawn."""
    sides = lead_sides(len(comparisons), overlap=protocol.overlap, protocol=protocol)
    for row, lead_left in zip(comparisons, sides, strict=True):
        for slot, left in enumerate(lead_left, start=1):
            yield Assignment(
                study=study,
                comparison=row,
                slot=slot,
                order=row.order,
                lead_left=left,
                flipped=left != row.lead_first,
            )


def wire_length(longest: int) -> int:
    """The length both files of a pair are padded to, in bytes, from the longer one's."""
    return -(-longest // WIRE_STEP) * WIRE_STEP


def box_of(pair: Pair) -> tuple[int, int]:
    """The equal box of a pair: the smallest that holds both pictures at their own size."""
    return max(pair.first.width, pair.second.width), max(pair.first.height, pair.second.height)


def _fit_boxes(pairs: Iterable[Pair]) -> None:
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
