"""How far a study has come: counts, pace and people, each by one SQL aggregate.

It must not write, and it must not count rows in Python: a dashboard asks every few seconds, also
of studies with hundreds of thousands of pairs.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import CharField, Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Cast, Coalesce, Substr

from annotate.judging.models import Assignment, Comparison, Report, Verdict, Vote
from annotate.judging.reserve import withdrawn
from annotate.people.models import User
from annotate.studies.models import Membership, Method, Study
from annotate.studies.protocol import DIFFER

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
    if (protocol := study.read_protocol()).escalate_to:
        slots = slots.exclude(withdrawn(protocol))
    apart = _not_live(study)
    return Counts(
        **of_pairs,
        by_votes=by_votes,
        votes=sum(n * pairs for n, pairs in enumerate(by_votes)),
        slots=slots.count()
        - slots.filter(comparison__in=apart).count()
        - _spared(study, slots, few=sum(by_votes[:2])),
    )


def _spared(study: Study, slots: QuerySet[Assignment], *, few: int) -> int:
    """Third slots that nobody will be asked to fill, where a third is asked on demand.

    Of the `few` pairs with fewer than two votes as large a share is expected to need it as of the
    others.
    """
    if not study.read_protocol().on_demand:
        return 0
    reserve = slots.exclude(state=Assignment.State.VOTED).filter(
        held=True, comparison__held=False, order__gte=0
    )
    reserved = reserve.count()
    judged = Comparison.objects.filter(study=study, kind=LIVE, assignments__in=slots)
    done = judged.filter(held=False).distinct().count() - few
    spared = max(0, reserved - few)
    share = spared / done if done > 0 else 1 - DIFFER
    return spared + round(few * share)


def _not_live(study: Study) -> QuerySet[Comparison, int]:
    return Comparison.objects.filter(study=study).exclude(kind=LIVE).values_list("pk", flat=True)


def live_votes(study: Study) -> QuerySet[Vote]:
    """Votes that count. Naming the few that do not is three times cheaper than joining all."""
    return Vote.objects.filter(study=study).exclude(comparison__in=_not_live(study))


def _votes_per_pair(study: Study, *, pairs: int) -> tuple[int, ...]:
    """Pairs with 0, 1, 2, … votes. The ORM cannot group a grouped query, hence SQL."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT n, COUNT(*) FROM (
                SELECT COUNT(*) AS n FROM judging_vote v
                WHERE v.study_id = %s AND v.comparison_id NOT IN (
                    SELECT id FROM judging_comparison WHERE study_id = %s AND kind <> 'live'
                ) GROUP BY v.comparison_id
            ) AS per_pair GROUP BY n
            """,
            [study.pk, study.pk],
        )
        found = dict(cursor.fetchall())
    overlap = study.read_protocol().overlap
    most = max([overlap, *found])
    return (pairs - sum(found.values()), *(found.get(n, 0) for n in range(1, most + 1)))


def pace(study: Study, *, needed: int, now: datetime) -> Pace:
    """Votes in clock-aligned tens of minutes over the last four hours."""
    last = now.astimezone(UTC).replace(minute=now.minute // 10 * 10, second=0, microsecond=0)
    begins = [last - BUCKET * back for back in reversed(range(BUCKETS))]
    votes = live_votes(study).filter(created_at__lte=now)
    # Both databases write a moment in UTC as "2026-03-02 08:59:…": fifteen characters are its ten
    # minutes. Their date functions differ, and SQLite's are Python called once per vote.
    grouped = (
        votes.filter(created_at__gte=begins[0])
        .annotate(ten=Substr(Cast("created_at", CharField()), 1, 15))
        .values("ten")
        .annotate(n=Count("pk"))
    )
    found = {row["ten"]: row["n"] for row in grouped}
    return Pace(
        buckets=tuple(found.get(f"{begin:%Y-%m-%d %H:%M}"[:15], 0) for begin in begins),
        last_hour=votes.filter(
            created_at__gt=now - timedelta(hours=1), created_at__lte=now
        ).count(),
        needed=needed,
        now=now,
    )


def expired_leases(study: Study, *, now: datetime) -> int:
    """Pairs whose lease ran out and that nobody has taken over yet."""
    return Assignment.objects.filter(
        study=study, state=Assignment.State.LEASED, lease_until__lt=now, order__gte=0
    ).count()


def reported(study: Study, *, limit: int = 20) -> list[Reported]:
    """Reported pairs that wait for a researcher, the newest report first."""
    names = dict(study.memberships.values_list("user_id", "pseudonym"))
    rows = (
        Report.objects.filter(comparison__study=study, resolved_at=None)
        .select_related("comparison__prompt")
        .order_by("-at")
    )
    by_pair: dict[int, list[Report]] = {}
    for row in rows[: 9 * limit]:
        by_pair.setdefault(row.comparison_id, []).append(row)
    return [
        Reported(
            comparison=found[0].comparison_id,
            prompt=found[0].comparison.prompt.text,
            prompt_key=found[0].comparison.prompt.key,
            held=found[0].comparison.held,
            reports=tuple(
                (names.get(r.annotator_id, "?"), r.get_reason_display(), r.comment) for r in found
            ),
            at=found[0].at,
        )
        for found in list(by_pair.values())[:limit]
    ]


def overview(studies: QuerySet[Study], *, viewer: User) -> QuerySet[Study]:
    """Studies with what a list of them shows; every number is one subquery."""

    def number(rows: QuerySet[Any], by: str) -> Coalesce:
        counted = rows.order_by().values(by).annotate(n=Count("pk")).values("n")
        return Coalesce(Subquery(counted), 0)

    mine = Membership.objects.filter(study=OuterRef("pk"), user=viewer, active=True)
    votes = Vote.objects.filter(study=OuterRef("pk"))
    # Controls and repeats lie below zero in the serving order.
    live = Assignment.objects.filter(study=OuterRef("pk"), order__gte=0)
    wanted = live.exclude(state=Assignment.State.VOID)
    return studies.annotate(
        method_count=number(Method.objects.filter(study=OuterRef("pk")), "study"),
        voted=number(live.filter(state=Assignment.State.VOTED), "study"),
        wanted=number(wanted, "study"),
        last_vote=Subquery(votes.order_by("-created_at").values("created_at")[:1]),
        my_role=Subquery(mine.values("role")[:1]),
    ).order_by("-created_at", "-pk")
