"""One line per annotator for the dashboard: how much, how fast, which side, when last seen.

It must not judge anybody (alerts do), and it must not count votes one by one in Python.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, Max, Q

from annotate.judging.models import Assignment
from annotate.reports.progress import live_votes
from annotate.studies.models import Study


@dataclass(frozen=True)
class AnnotatorLine:
    """One annotator by pseudonym. `left` and `right` are choices; equal answers are apart."""

    member: int
    pseudonym: str
    active: bool
    simulated: bool
    votes: int
    median_seconds: float | None
    left: int
    right: int
    equal: int
    too_fast: int
    late: int
    holding: int  # pairs leased at the moment
    seen: datetime | None
    working: bool


def annotators(study: Study, *, now: datetime) -> list[AnnotatorLine]:
    """One line for everybody who may judge or has judged, by pseudonym."""
    tallies = _tallies(study)
    leases = {
        row["annotator"]: row
        for row in Assignment.objects.filter(study=study, state=Assignment.State.LEASED)
        .values("annotator")
        .annotate(
            holding=Count("pk"),
            until=Max("lease_until"),
        )
    }
    term = timedelta(minutes=study.read_protocol().lease_minutes)
    lines = []
    # Whoever judged and became a researcher since is still among them.
    judges = Q(role="annotator") | Q(user_id__in=tallies)
    members = study.memberships.filter(judges).select_related("user")
    for member in members.order_by("pseudonym"):
        tally = tallies.get(member.user_id, _Tally())
        lease = leases.get(member.user_id)
        # A lease is renewed by the open page, so it tells when the page was last there.
        at_page = lease["until"] - term if lease else None
        seen = max((at for at in (tally.last, at_page) if at), default=None)
        lines.append(
            AnnotatorLine(
                member=member.pk,
                pseudonym=member.pseudonym,
                active=member.active,
                simulated=member.user.simulated,
                votes=tally.votes,
                median_seconds=tally.median_seconds,
                left=tally.left,
                right=tally.right,
                equal=tally.votes - tally.left - tally.right,
                too_fast=tally.too_fast,
                late=tally.late,
                holding=lease["holding"] if lease else 0,
                seen=seen,
                working=bool(lease and seen and now - seen <= term / 2),
            )
        )
    return lines


@dataclass
class _Tally:
    """Sums over the bins of one annotator; a bin is a tenth of a second of active time."""

    votes: int = 0
    left: int = 0
    right: int = 0
    too_fast: int = 0
    late: int = 0
    last: datetime | None = None
    median_seconds: float | None = None


def _tallies(study: Study) -> dict[int, _Tally]:
    """Everything about each annotator's votes from one grouped query.

    A median is no SQL aggregate on SQLite. Grouping by tenths of a second gives it to the
    precision that is shown, from a few hundred rows per annotator however many votes there are.
    """
    bins = (
        live_votes(study)
        .annotate(tenth=F("active_ms") / 100)
        .values("annotator", "tenth")
        .annotate(
            n=Count("pk"),
            n_left=Count("pk", filter=Q(side="left")),
            n_right=Count("pk", filter=Q(side="right")),
            n_fast=Count("pk", filter=Q(too_fast=True)),
            n_late=Count("pk", filter=Q(late=True)),
            last=Max("created_at"),
        )
        .order_by("annotator", "tenth")
    )
    by_person: dict[int, list[Mapping[str, Any]]] = {}
    tallies: dict[int, _Tally] = {}
    for row in bins:
        tally = tallies.setdefault(row["annotator"], _Tally())
        tally.votes += row["n"]
        tally.left += row["n_left"]
        tally.right += row["n_right"]
        tally.too_fast += row["n_fast"]
        tally.late += row["n_late"]
        tally.last = max(tally.last or row["last"], row["last"])
        by_person.setdefault(row["annotator"], []).append(row)
    for person, rows in by_person.items():
        tallies[person].median_seconds = _median_tenth(rows, tallies[person].votes) / 10
    return tallies


def _median_tenth(bins: list[Mapping[str, Any]], total: int) -> float:
    """The middle of binned values, rounded down to the bin; the mean of two for an even number."""
    wanted = [(total - 1) // 2, total // 2]
    found: list[int] = []
    before = 0
    for row in bins:
        found += [row["tenth"] for place in wanted if before <= place < before + row["n"]]
        before += row["n"]
    return sum(found) / 2
