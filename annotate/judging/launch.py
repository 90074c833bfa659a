"""Launching a study: freeze its protocol, pair its samples, make every slot before anyone asks.

It must not serve pairs (judging.queue does).
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from annotate.judging.pairing import Pairing, pair_up
from annotate.judging.writing import fit_boxes, write
from annotate.people.models import User
from annotate.sampling.models import Image
from annotate.studies.clock import database_now
from annotate.studies.lifecycle import check_move
from annotate.studies.models import Event, Membership, Study
from annotate.studies.protocol import Protocol


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
    fit_boxes(pairing.pairs, protocol)
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
        write(study, protocol, pairing.pairs, now=at)
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
