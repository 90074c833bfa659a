"""Launching a study: freeze its protocol, pair its samples, make every slot before anyone asks.

Where pictures are still to be made, places are drawn and samples planned instead, and pairs open as
their pictures come (judging.opening). It must not serve pairs (judging.queue does).
"""

from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from annotate.judging.anchors import add_anchors
from annotate.judging.controls import fit_items, items, refit, taught
from annotate.judging.exams import shortages
from annotate.judging.models import Comparison, PlannedItem
from annotate.judging.named_pictures import missing_pictures
from annotate.judging.opening import open_ready
from annotate.judging.pairing import Pairing, pair_up
from annotate.judging.places import Places, draw_places, makes_pictures, to_rows
from annotate.judging.writing import BATCH, fit_boxes, write
from annotate.people.models import User
from annotate.sampling.estimate import Estimate, estimate
from annotate.sampling.needs import priced
from annotate.sampling.plan import plan_samples
from annotate.sampling.thresholds import threshold_refusals
from annotate.sampling.weights import PAGE_READS, WeightsSaid, look_at
from annotate.studies.clock import database_now
from annotate.studies.lifecycle import check_draft
from annotate.studies.models import Event, Membership, Study
from annotate.studies.protocol import Protocol
from annotate.studies.turns import turn


class LaunchRefused(ValueError):
    """A draft that cannot be launched yet; one line for each reason."""


@dataclass(frozen=True)
class LaunchPlan:
    """What a launch would do: shown before it is done.

    Where pictures are still to be made, pairs and votes are expectations, and `estimate` says what
    making them costs.
    """

    prompts: int
    items: int
    comparisons: int
    identical: int
    reused: int
    votes: int
    missing: list[str]
    warnings: list[str]
    refusals: list[str]
    estimate: Estimate | None = None
    # What is told of weights among the two above.
    weights: WeightsSaid = field(default_factory=WeightsSaid)


def plan(study: Study, *, most_read: int | None = PAGE_READS) -> LaunchPlan:
    """Count pairs and collect warnings and refusals; writes nothing.

    Args:
        most_read: bytes of weights that may be read to compare digests; None is any number.
    """
    protocol = study.read_protocol()
    if makes_pictures(study):
        places = draw_places(study, protocol)
        return _describe_places(study, protocol, places, most_read=most_read)
    return _describe(study, protocol, pair_up(study, protocol))


def _describe_places(
    study: Study, protocol: Protocol, places: Places, *, most_read: int | None = PAGE_READS
) -> LaunchPlan:
    expected = estimate(study)
    weights = _look_at_weights(study, expected, most_read=most_read)
    refusals = []
    if not study.contrasts.exists():
        refusals.append("The study has no contrast. Add one: method a against method b.")
    elif not places.items:
        refusals.append(
            "No contrast has a prompt for which both methods have or will have a picture. Add a "
            "test prompt set, or import samples first."
        )
    refusals += threshold_refusals(study)
    refusals += weights.refusals
    refusals += [*missing_pictures(study, protocol), *shortages(study, protocol)]
    comparisons = round(expected.pairs + expected.identical)
    return LaunchPlan(
        prompts=places.prompts,
        items=len(places.items),
        comparisons=comparisons,
        identical=round(expected.identical),
        reused=len(places.items) - comparisons,
        votes=expected.votes,
        missing=list(places.missing),
        warnings=[*_warnings(study, protocol), *weights.warnings],
        refusals=refusals,
        estimate=expected,
        weights=weights,
    )


def _look_at_weights(study: Study, expected: Estimate, *, most_read: int | None) -> WeightsSaid:
    """What is wrong with the weights of arms that have pictures to make: the others need none."""
    makes = {arm.name for arm in expected.arms if arm.to_make}
    arms = {
        method.name: [priced(method.read_arm())]
        for method in study.read_spec().methods
        if method.name in makes
    }
    return look_at(arms, most_read=most_read)


def _warnings(study: Study, protocol: Protocol) -> list[str]:
    warnings = [protocol.blinding_warning] if protocol.blinding_warning else []
    if protocol.qualification and not protocol.worked_pairs:
        warnings.append(
            "The instructions hold no worked pairs. Add some, for each line a pair of every level: "
            "people agree on “somewhat” only when they have seen what it means."
            if protocol.asks_diversity
            else "The instructions hold no worked pairs. Add some, with conflicts among them: a "
            "pretty picture with the wrong count against a plain one with the right count."
        )
    # A study of diversity draws its own, from its pairs as they open (`anchors`).
    wanted = protocol.control_rate and not protocol.asks_diversity
    if wanted and not items(study, Comparison.Kind.CONTROL).exists():
        warnings.append(
            f"{100 * protocol.control_rate:g} % of the pairs shall be control tasks, but the study "
            "has none. Add some under Training and exam, before or after the launch."
        )
    members = study.memberships.filter(role=Membership.Role.ANNOTATOR, active=True).count()
    if members < protocol.overlap:
        warnings.append(
            f"{members} annotators so far; every pair needs {protocol.overlap} different ones. "
            "Invite more, before or after the launch."
        )
    return warnings


def _describe(study: Study, protocol: Protocol, pairing: Pairing) -> LaunchPlan:
    identical = sum(p.identical for p in pairing.pairs)
    judged = len(pairing.pairs) - (identical if protocol.identical == "auto_tie" else 0)
    refusals = []
    if not study.contrasts.exists():
        refusals.append("The study has no contrast. Add one: method a against method b.")
    elif not pairing.items:
        refusals.append(
            "No contrast has a prompt for which both methods have a picture. Import samples first."
        )
    refusals += [*missing_pictures(study, protocol), *shortages(study, protocol)]
    warnings = _warnings(study, protocol)
    if both := taught(study, [(pair.first.pk, pair.second.pk) for pair in pairing.pairs]):
        warnings.append(
            f"Pairs that are training or exam items too: {both}. Annotators would judge what they "
            "were taught. Remove these items, or leave their prompts out of the study."
        )
    return LaunchPlan(
        prompts=pairing.prompts,
        items=pairing.items,
        comparisons=len(pairing.pairs),
        identical=identical,
        reused=pairing.items - len(pairing.pairs),
        votes=round(judged * protocol.votes_expected),
        missing=list(pairing.missing),
        warnings=warnings,
        refusals=refusals,
    )


def launch(study: Study, *, actor: User | None, now: datetime | None = None) -> Study:
    """Open a draft. All or nothing; of two people launching at once, one does it.

    A study with generated methods is open at once; its pairs follow as their pictures come.

    Raises:
        LaunchRefused: nothing to judge; the text says what to do.
        IllegalMove: the study is no draft.
    """
    check_draft(study)
    protocol = study.read_protocol()
    if makes_pictures(study):
        return _launch_places(study, protocol, actor=actor, now=now)
    pairing = pair_up(study, protocol)
    described = _describe(study, protocol, pairing)
    _refuse(described)
    # Files before the transaction: they are content-addressed, so an orphan does no harm.
    fit_items(study, protocol)
    fit_boxes(pairing.pairs, protocol)
    with transaction.atomic():
        at = now or database_now()
        _win(study, protocol, now=at)
        write(study, protocol, pairing.pairs, now=at)
        _note(study, protocol, described, actor=actor, now=at)
    add_anchors(study, protocol)
    study.refresh_from_db()
    return study


def _launch_places(
    study: Study, protocol: Protocol, *, actor: User | None, now: datetime | None
) -> Study:
    places = draw_places(study, protocol)
    described = _describe_places(study, protocol, places)
    _refuse(described)
    order: dict[tuple[str, int], int] = {}
    for place in places.items:
        order.setdefault((place.prompt.digest, place.replica), place.order)
    fit_items(study, protocol)
    with turn(), transaction.atomic():
        at = now or database_now()
        _win(study, protocol, now=at)
        PlannedItem.objects.bulk_create(to_rows(study, places.items), batch_size=BATCH)
        made = plan_samples(study, order=order)
        _note(study, protocol, described, actor=actor, now=at, samples=made.wanted, jobs=made.jobs)
    study.refresh_from_db()
    # What is there already: imported pictures, and samples that other studies had made.
    open_ready(study, now=now)
    return study


def _refuse(described: LaunchPlan) -> None:
    if described.refusals:
        raise LaunchRefused("\n".join(described.refusals))


def _win(study: Study, protocol: Protocol, *, now: datetime) -> None:
    """Freeze and open the draft that was looked at; call it inside the launching transaction.

    Its known items are shown as its protocol says from here on: who does not win changes none.
    """
    current = Study.objects.select_for_update().get(pk=study.pk)
    if current.state == Study.State.DRAFT and current.spec != study.spec:
        raise LaunchRefused(
            "The draft was changed while it was being launched. Look at it and launch again."
        )
    won = Study.objects.filter(pk=study.pk, state=Study.State.DRAFT).update(
        state=Study.State.OPEN, protocol_hash=protocol.digest(), launched_at=now
    )
    if not won:
        study.refresh_from_db()
        check_draft(study)
    refit(study, protocol)


def _note(
    study: Study,
    protocol: Protocol,
    described: LaunchPlan,
    *,
    actor: User | None,
    now: datetime,
    **counts: int,
) -> None:
    data = {"protocol": protocol.digest(), "comparisons": described.comparisons}
    Event.objects.create(
        study=study,
        actor=actor,
        kind="study_launched",
        data={**data, "items": described.items, **counts},
        at=now,
    )
