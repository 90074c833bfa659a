"""Watches how annotators work, and acts where the protocol says so: pause, or repair.

A round of the sweep looks, never a vote. It must not state rules (analysis.watching does), and it
tells nobody anything: the dashboard reads the same flags.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.db.models import Max, Q
from django.dispatch import receiver

from annotate.analysis.annotators import against
from annotate.analysis.votes import Choice
from annotate.analysis.watching import (
    TOGETHER,
    Flag,
    Judged,
    Limits,
    Suspicion,
    rule_flags,
    suspicions,
)
from annotate.judging.answers import Judgement
from annotate.judging.controls import is_right
from annotate.judging.models import Answer, Assignment, Comparison, Vote
from annotate.judging.queue import release
from annotate.judging.rated_work import work_by_levels
from annotate.judging.verdicts import protocol_of
from annotate.judging.voting import invalidate_all
from annotate.people.models import User
from annotate.sampling.signals import swept
from annotate.studies.members import MemberRefused, set_active
from annotate.studies.models import Event, Membership, Study
from annotate.studies.protocol import Protocol

logger = logging.getLogger(__name__)
Kind = Comparison.Kind
# Nobody is judged by fewer votes.
FEWEST = 20
# Whom a researcher kept is not brought up again before so many more votes.
AGAIN_AFTER = 40
# A round looks again after so many new votes, or a twentieth of all in a large study.
NEW_VOTES = 20
# Or for fewer, when nobody has voted for so long.
QUIET = timedelta(minutes=5)


@dataclass(frozen=True)
class Watched:
    """One annotator as the rules see them."""

    membership: Membership
    work: tuple[Judged, ...]
    flags: tuple[Flag, ...]
    suspicion: Suspicion | None
    # A researcher has looked at these flags and kept the votes.
    kept: bool


def limits_of(protocol: Protocol) -> Limits:
    """The protocol's limits as the rules take them."""
    return Limits(
        accuracy=protocol.watch_accuracy,
        seconds=protocol.watch_seconds,
        run=protocol.watch_run,
        consistency=protocol.watch_consistency,
    )


def work_of(study: Study) -> dict[int, tuple[Judged, ...]]:
    """Everybody's current votes in the order given, by user id: live, control and repeat."""
    if protocol_of(study).asks_diversity:
        return work_by_levels(study)
    rows = list(
        Vote.objects.filter(study=study, comparison__kind__in=[Kind.LIVE, *_MIXED])
        .order_by("created_at", "pk")
        .values_list(
            "pk", "annotator", "comparison", "comparison__kind", "comparison__mirrors",
            "comparison__expected", "choice", "side", "active_ms",
        )
    )  # fmt: skip
    live: dict[int, list[Choice]] = defaultdict(list)
    first: dict[tuple[int, int], str] = {}
    for _, annotator, comparison, kind, _, _, choice, *_ in rows:
        if kind == Kind.LIVE:
            live[comparison].append(Choice(choice))
            first[annotator, comparison] = choice
    answers = _answers_to_controls(study)
    work: dict[int, list[Judged]] = defaultdict(list)
    for pk, annotator, comparison, kind, mirrored, expected, choice, side, ms in rows:
        said = Judged(pressed=side or "equal", seconds=ms / 1000)
        if kind == Kind.CONTROL:
            judgement = Judgement(answers[pk], Choice(choice), deciding="", both_bad=False, side="")
            said = said._replace(control=is_right(expected or {}, judgement))
        elif kind == Kind.REPEAT and mirrored and (annotator, mirrored) in first:
            said = said._replace(repeat=first[annotator, mirrored] == choice)
        elif kind == Kind.LIVE:
            said = said._replace(others=_OTHERS.get(against(live[comparison], Choice(choice))))
        work[annotator].append(said)
    return {annotator: tuple(votes) for annotator, votes in work.items()}


_MIXED = (Kind.CONTROL, Kind.REPEAT)
_OTHERS = {"agreed": True, "differed": False}


def _answers_to_controls(study: Study) -> dict[int, dict[Any, Choice]]:
    found: dict[int, dict[Any, Choice]] = defaultdict(dict)
    rows = Answer.objects.filter(vote__study=study, vote__comparison__kind=Kind.CONTROL)
    for vote, criterion, choice in rows.values_list("vote", "criterion", "choice"):
        found[vote][criterion] = Choice(choice)
    return found


def watch(study: Study) -> list[Watched]:
    """Everybody who has voted, by pseudonym, with what the rules say of them; reads only."""
    limits, work = limits_of(protocol_of(study)), work_of(study)
    joined = suspicions({who: votes for who, votes in work.items() if len(votes) >= FEWEST})
    kept = _kept(study)
    places = study.memberships.filter(user__in=work).select_related("user", "study")
    found = []
    for place in places.order_by("pseudonym"):
        votes = work[place.user_id]
        flags: tuple[Flag, ...] = ()
        if len(votes) >= FEWEST:
            flags = rule_flags(votes, limits) + _together(joined[place.user_id])
        found.append(
            Watched(
                place,
                votes,
                flags,
                joined.get(place.user_id),
                kept=len(votes) < kept.get(place.pseudonym, -AGAIN_AFTER) + AGAIN_AFTER,
            )
        )
    return found


def _together(suspicion: Suspicion) -> tuple[Flag, ...]:
    if suspicion.p_value >= TOGETHER:
        return ()
    weakest = sorted(suspicion.signals, key=lambda name: suspicion.signals[name])[:2]
    return (
        Flag(
            "together",
            f"all signals together are unlike the others' ({_chance(suspicion.p_value)}), "
            f"most of all {' and '.join(weakest)}",
        ),
    )


def _chance(p: float) -> str:
    """A p-value in words, with no more digits than mean something."""
    return "p < .001" if p < 0.001 else "p = " + f"{p:.3f}".removeprefix("0")


def _kept(study: Study) -> dict[str, int]:
    """Votes that each annotator had when a researcher last kept them, by pseudonym."""
    events = study.events.filter(kind="annotator_kept").order_by("at", "pk")
    return {data["member"]: data["votes"] for data in events.values_list("data", flat=True)}


def keep(membership: Membership, *, votes: int, actor: User) -> None:
    """A researcher has looked and keeps the votes; the flags rest for a while."""
    _log(membership, "annotator_kept", {"votes": votes}, actor=actor)


def pause(membership: Membership, *, actor: User | None) -> None:
    """Stop giving somebody pairs and pass on what they hold; their votes stay."""
    set_active(membership, active=False, actor=actor)
    release(membership.study, membership.user)


def resume(membership: Membership, *, votes: int, actor: User) -> None:
    """A researcher lets somebody go on; the flags rest too, or the next round paused them again."""
    keep(membership, votes=votes, actor=actor)
    set_active(membership, active=True, actor=actor)


def repair(membership: Membership, *, actor: User | None) -> int:
    """Pause somebody, void all their votes and open the slots for others; how many votes.

    Voided slots stay on record, verdicts are settled again by what is left, and the log has it.
    One that is cut short is finished by the next sweep; a second one finds nothing left to void.

    Raises:
        MemberRefused: the study is neither open nor paused, so that nobody would fill the slots.
    """
    study = membership.study
    if study.state not in (Study.State.OPEN, Study.State.PAUSED):
        raise MemberRefused(
            f"Nothing was voided: the study is {study.state}, and nobody would judge the pairs "
            "again. Votes can be voided while it is open or paused."
        )
    with transaction.atomic():
        _log(membership, "repair_begun", {}, actor=actor)
        set_active(membership, active=False, actor=actor)
    return _void(membership, actor=actor)


def _void(membership: Membership, *, actor: User | None) -> int:
    release(membership.study, membership.user)
    return invalidate_all(membership.study, membership.user, actor=actor)


# What ends a repair: it is done, or a researcher has taken the person back.
_REPAIR_ENDS = ("votes_invalidated", "annotator_kept", "member_activated")


def finish_repairs(study: Study) -> list[Membership]:
    """Void what repairs that were cut short have left; whom it met. A second call finds none."""
    places = {p.pseudonym: p for p in study.memberships.select_related("user", "study")}
    names = {p.user_id: p.pseudonym for p in places.values()}
    begun: dict[str, User | None] = {}
    events = study.events.filter(kind__in=["repair_begun", *_REPAIR_ENDS]).order_by("pk")
    for event in events.select_related("actor"):
        member = event.data.get("member") or names.get(event.data.get("annotator"), "")
        if event.kind == "repair_begun":
            begun[member] = event.actor
        else:
            begun.pop(member, None)
    for member, actor in begun.items():
        voided = _void(places[member], actor=actor)
        logger.info("study=%s member=%s repair finished voided=%s", study.pk, member, voided)
    return [places[member] for member in begun]


def act(study: Study) -> list[Membership]:
    """Do what the protocol says with everybody newly flagged; whom it met. Logged with reasons.

    Under `notify` the log is all: the dashboard reads it. The same rules are not told twice.
    """
    action = protocol_of(study).watch_action
    met = []
    told = _told(study)
    for found in watch(study):
        place = found.membership
        if not found.flags or found.kept or not place.active or place.role != "annotator":
            continue
        reasons = {flag.rule: flag.reason for flag in found.flags}
        if action == "notify" and told.get(place.pseudonym) == set(reasons):
            continue
        _log(place, "annotator_flagged", {"action": action, "reasons": reasons}, actor=None)
        if action == "pause":
            pause(place, actor=None)
        elif action == "repair":
            repair(place, actor=None)
        met.append(place)
    return met


def _told(study: Study) -> dict[str, set[str]]:
    """The rules of which the log spoke last, by pseudonym."""
    events = study.events.filter(kind="annotator_flagged").order_by("at", "pk")
    return {e["member"]: set(e["reasons"]) for e in events.values_list("data", flat=True)}


def _log(membership: Membership, kind: str, data: Mapping[str, Any], *, actor: User | None) -> None:
    named = {"member": membership.pseudonym, **data}
    Event.objects.create(study_id=membership.study_id, actor=actor, kind=kind, data=named)
    logger.info("study=%s member=%s %s", membership.study_id, membership.pk, kind)


@receiver(swept)
def look(now: datetime, **_: Any) -> None:
    """Act in every open or paused study that has enough new votes since it was looked at, and once
    for its last ones: when no slot is left to fill, or nobody has voted for a while.

    Before that, finish what an earlier round or a researcher's click began.
    """
    running = Q(state__in=[Study.State.OPEN, Study.State.PAUSED])
    for study in Study.objects.filter(running, events__kind="repair_begun").distinct():
        finish_repairs(study)
    for study in Study.objects.filter(running):
        votes = Vote.objects.filter(study=study)
        newest = votes.aggregate(newest=Max("pk"))["newest"] or 0
        key = f"looked|{study.pk}"
        seen, due = cache.get(key, (0, 0))
        if newest <= seen or (newest < due and not _has_come_to_rest(study, now=now)):
            continue
        next_due = newest + max(NEW_VOTES, votes.count() // 20)
        act(study)
        # Only now: a round that was cut short is done again.
        cache.set(key, (newest, next_due), timeout=None)


def _has_come_to_rest(study: Study, *, now: datetime) -> bool:
    """Whether fewer new votes than a round waits for may be all that come, for now or for good."""
    latest = Vote.objects.filter(study=study).aggregate(at=Max("created_at"))["at"]
    if latest is None or now - latest >= QUIET:
        return True
    wanted = [Assignment.State.FREE, Assignment.State.LEASED]
    slots = Assignment.objects.filter(study=study, held=False, order__gte=0, state__in=wanted)
    return not slots.exists()
