"""How far a study has come: counts, pace and people, each by one SQL aggregate.

It must not write, and it must not count rows in Python: a dashboard asks every few seconds, also
of studies with hundreds of thousands of pairs.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet
from django.db.models.functions import ExtractMinute, TruncHour

from annotate.judging.models import Assignment, Comparison, Report, Verdict, Vote
from annotate.studies.models import Study

LIVE = Comparison.Kind.LIVE
BUCKET = timedelta(minutes=10)
BUCKETS = 24


@dataclass(frozen=True)
class Counts:
    """Pairs, votes and verdicts of a study's live comparisons."""

    prompts: int
    pairs: int  # put before annotators
    identical: int  # tied without asking
    held: int
    by_votes: tuple[int, ...]  # pairs with 0, 1, 2, … current votes
    votes: int
    slots: int  # votes wanted in all, escalations included
    decided: int  # by votes
    split: int  # of these, three different answers
    simulated: int  # votes cast by programs

    @property
    def needed(self) -> int:
        return max(self.slots - self.votes, 0)


@dataclass(frozen=True)
class Pace:
    """Votes over time, and when the rest will be done if the last hour goes on."""

    buckets: tuple[int, ...]  # votes per ten minutes, oldest first; the last one is still filling
    last_hour: int
    needed: int
    now: datetime

    @property
    def done_in(self) -> timedelta | None:
        """None when nothing is needed or nobody voted within the hour."""
        if not self.needed or not self.last_hour:
            return None
        return timedelta(minutes=math.ceil(60 * self.needed / self.last_hour))

    @property
    def done_at(self) -> datetime | None:
        return self.now + self.done_in if self.done_in else None


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


@dataclass(frozen=True)
class Reported:
    """A pair somebody reported and nobody has looked at yet."""

    comparison: int
    prompt: str
    prompt_key: str
    held: bool
    reports: tuple[tuple[str, str, str], ...]  # pseudonym, reason, comment
    at: datetime


def counts(study: Study) -> Counts:
    live = Comparison.objects.filter(study=study, kind=LIVE)
    tied = Q(verdict__reason=Verdict.Reason.IDENTICAL)
    of_pairs = live.aggregate(
        pairs=Count("pk", filter=~tied | Q(verdict=None)),
        identical=Count("pk", filter=tied),
        held=Count("pk", filter=Q(held=True)),
        decided=Count("verdict", filter=~tied),
        split=Count("verdict", filter=Q(verdict__reason=Verdict.Reason.SPLIT)),
        prompts=Count("prompt", distinct=True),
    )
    by_votes = _votes_per_pair(study, pairs=of_pairs["pairs"])
    slots = Assignment.objects.filter(study=study).exclude(state=Assignment.State.VOID)
    apart = _not_live(study)
    return Counts(
        **of_pairs,
        by_votes=by_votes,
        votes=sum(n * pairs for n, pairs in enumerate(by_votes)),
        slots=slots.count() - slots.filter(comparison__in=apart).count(),
        simulated=Vote.objects.filter(study=study, simulated=True).count(),
    )


def _not_live(study: Study) -> QuerySet[Comparison, int]:
    return Comparison.objects.filter(study=study).exclude(kind=LIVE).values_list("pk", flat=True)


def _votes_per_pair(study: Study, *, pairs: int) -> tuple[int, ...]:
    """Pairs with 0, 1, 2, … votes. The ORM cannot group a grouped query, hence SQL."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT n, COUNT(*) FROM (
                SELECT COUNT(*) AS n FROM judging_vote v
                JOIN judging_comparison c ON c.id = v.comparison_id AND c.kind = 'live'
                WHERE v.study_id = %s GROUP BY v.comparison_id
            ) AS per_pair GROUP BY n
            """,
            [study.pk],
        )
        found = dict(cursor.fetchall())
    overlap = study.read_protocol().overlap
    most = max([overlap, *found])
    return (pairs - sum(found.values()), *(found.get(n, 0) for n in range(1, most + 1)))


def pace(study: Study, *, needed: int, now: datetime) -> Pace:
    """Votes in clock-aligned tens of minutes over the last four hours."""
    last = now.replace(minute=now.minute // 10 * 10, second=0, microsecond=0)
    begins = [last - BUCKET * back for back in reversed(range(BUCKETS))]
    votes = Vote.objects.filter(study=study, comparison__kind=LIVE, created_at__lte=now)
    grouped = (
        votes.filter(created_at__gte=begins[0])
        .annotate(hour=TruncHour("created_at"), ten=ExtractMinute("created_at") / 10)
        .values("hour", "ten")
        .annotate(n=Count("pk"))
    )
    found = {row["hour"] + BUCKET * row["ten"]: row["n"] for row in grouped}
    return Pace(
        buckets=tuple(found.get(begin, 0) for begin in begins),
        last_hour=votes.filter(
            created_at__gt=now - timedelta(hours=1), created_at__lte=now
        ).count(),
        needed=needed,
        now=now,
    )


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
    members = study.memberships.filter(role="annotator").select_related("user")
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
        Vote.objects.filter(study=study, comparison__kind=LIVE)
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
    by_person: dict[int, list[dict[str, int]]] = {}
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


def _median_tenth(bins: list[dict[str, int]], total: int) -> float:
    """The middle of binned values, rounded down to the bin; the mean of two for an even number."""
    wanted = [(total - 1) // 2, total // 2]
    found: list[int] = []
    before = 0
    for row in bins:
        found += [row["tenth"] for place in wanted if before <= place < before + row["n"]]
        before += row["n"]
    return sum(found) / 2


def expired_leases(study: Study, *, now: datetime) -> int:
    """Pairs whose lease ran out and that nobody has taken over yet."""
    return Assignment.objects.filter(
        study=study, state=Assignment.State.LEASED, lease_until__lt=now
    ).count()


def reported(study: Study, *, limit: int = 20) -> list[Reported]:
    """Reported pairs that wait for a researcher, the newest report first."""
    names = dict(study.memberships.values_list("user_id", "pseudonym"))
    open_reports = Report.objects.filter(resolved_at=None)
    pairs = (
        Comparison.objects.filter(
            Exists(open_reports.filter(comparison=OuterRef("pk"))), study=study
        )
        .annotate(last=Max("reports__at", filter=Q(reports__resolved_at=None)))
        .select_related("prompt")
        .order_by("-last")[:limit]
    )
    by_pair: dict[int, list[Report]] = {pair.pk: [] for pair in pairs}
    for report in open_reports.filter(comparison__in=by_pair).order_by("at"):
        by_pair[report.comparison_id].append(report)
    return [
        Reported(
            comparison=pair.pk,
            prompt=pair.prompt.text,
            prompt_key=pair.prompt.key,
            held=pair.held,
            reports=tuple(
                (names.get(r.annotator_id, "?"), r.get_reason_display(), r.comment)
                for r in by_pair[pair.pk]
            ),
            at=pair.last,
        )
        for pair in pairs
    ]
