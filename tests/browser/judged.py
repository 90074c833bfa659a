"""What people do in a study: asked for, or done, on its database. It must not open a page."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from annotate.judging import queue, reporting, voting
from annotate.judging.models import ContrastItem, Report, Skip, Vote, VoteRevision
from annotate.sampling.models import Image
from annotate.studies.models import Membership, Method, Study
from tests.judging.arrange import prefer


def votes(*, uid: str) -> list[dict[str, Any]]:
    """All stored votes of a study with their answers, in the order in which they came."""
    rows = Vote.objects.filter(study__uid=uid).prefetch_related("answers").order_by("pk")
    return [
        {
            "token": str(row.token),
            "annotator": row.annotator_id,
            "comparison": row.comparison_id,
            "choice": row.choice,
            "side": row.side,
            "deciding": row.deciding,
            "both_bad": row.both_bad,
            "too_fast": row.too_fast,
            "answers": {a.criterion: a.choice for a in row.answers.all()},
            "telemetry": row.telemetry,
            "active_ms": row.active_ms,
            "elapsed_ms": row.elapsed_ms,
        }
        for row in rows
    ]


def taken_back(*, uid: str) -> int:
    """How many votes were undone."""
    return VoteRevision.objects.filter(comparison__study__uid=uid, reason="undone").count()


def reports(*, uid: str) -> list[list[str]]:
    """(reason, comment) of what was reported."""
    found = Report.objects.filter(comparison__study__uid=uid).order_by("pk")
    return [[r.reason, r.comment] for r in found]


def skips(*, uid: str) -> int:
    """How many pairs were skipped, reported ones among them."""
    return Skip.objects.filter(comparison__study__uid=uid).count()


def a_on_left(*, uid: str) -> dict[str, bool]:
    """Lease token of every voted pair -> whether method a's picture was on the left."""
    first = dict(
        ContrastItem.objects.filter(contrast__study__uid=uid).values_list(
            "comparison_id", "a_is_first"
        )
    )
    rows = Vote.objects.filter(study__uid=uid).select_related("assignment")
    return {str(v.token): first[v.comparison_id] != v.assignment.flipped for v in rows}


def digests() -> list[str]:
    """Of every picture and method: what must not reach an annotator."""
    pictures = Image.objects.values_list("digest", flat=True)
    return [*pictures, *Method.objects.values_list("digest", flat=True)]


def vote_all(*, uid: str, left: int = 0) -> int:
    """Annotators vote in turns, right and left and equal, until `left` of each are open."""
    places = list(Membership.objects.filter(study__uid=uid, role="annotator").select_related())
    answers = (
        {"alignment": "left"},
        {"alignment": "right"},
        {"alignment": "equal", "quality": "equal", "aesthetics": "left"},
        {"alignment": "equal", "quality": "equal", "aesthetics": "equal"},
    )
    count = 0
    for n, place in enumerate(places):
        while queue.left_for(place) > left and (leases := queue.hand(place)):
            given = answers[(count * 7 + n) % len(answers)]
            ballot = voting.Ballot(
                token=leases[0].token, answers=given, active_ms=2100, elapsed_ms=2500
            )
            voting.submit(place, ballot)
            count += 1
    return count


def differ(*, uid: str) -> None:
    """All annotators judge all pairs, each another way; one of the votes is voided."""
    places = Membership.objects.filter(study__uid=uid, role="annotator").select_related()
    for n, place in enumerate(places):
        while leases := queue.hand(place):
            choice = ("first", "second", "tie")[(leases[0].comparison_id * n) % 3]
            ballot = voting.Ballot(
                token=leases[0].token,
                answers=prefer(leases[0], choice),
                active_ms=2100 + 800 * n,
                elapsed_ms=2500 + 900 * n,
            )
            voting.submit(place, ballot)
    vote = Vote.objects.filter(study__uid=uid).order_by("comparison__order").first()
    assert vote is not None
    voting.invalidate(vote, actor=None)


def report_pair(*, uid: str, reason: str = "broken", comment: str = "") -> None:
    """The first annotator reports the pair in hand."""
    place = Membership.objects.filter(study__uid=uid, role="annotator").first()
    assert place is not None
    token = queue.hand(place)[0].token
    reporting.report(place, token, reason=reason, comment=comment)


def expire_leases(*, uid: str) -> int:
    """What an hour does: every lease of the study has run out."""
    rows = Study.objects.get(uid=uid).assignments.filter(state="leased")
    return rows.update(lease_until=timezone.now() - timedelta(minutes=1))


VERBS = (
    votes,
    taken_back,
    reports,
    skips,
    a_on_left,
    digests,
    vote_all,
    differ,
    report_pair,
    expire_leases,
)
