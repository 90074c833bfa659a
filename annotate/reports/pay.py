"""Who did how much in a study, for paying them: votes, active hours, code. It must not pay.

People are known by pseudonym; the platform's own id is added for those who came from one, because
platforms pay by it.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TextIO

from django.db.models import Count, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce

from annotate.judging.models import Vote, VoteRevision
from annotate.people.models import ExternalAccount
from annotate.reports.export import safe_cell
from annotate.studies.models import Membership, Study

MS_PER_HOUR = 3_600_000


@dataclass(frozen=True)
class PayLine:
    """One annotator's work. `rate` is money per active hour in the researcher's own currency."""

    pseudonym: str
    simulated: bool
    active: bool
    source: str
    external_id: str
    votes: int
    invalidated: int
    active_ms: int
    # Active time in training and exam, and whether it is paid like that of votes.
    prepared_ms: int
    pays_preparation: bool
    rate: float | None
    code: str
    code_reason: str
    code_accepted_at: datetime | None

    @property
    def hours(self) -> float:
        return self.active_ms / MS_PER_HOUR

    @property
    def prepared_hours(self) -> float:
        return self.prepared_ms / MS_PER_HOUR

    @property
    def paid_hours(self) -> float:
        return self.hours + (self.prepared_hours if self.pays_preparation else 0)

    @property
    def votes_per_hour(self) -> float | None:
        return self.votes / self.hours if self.active_ms else None

    @property
    def amount(self) -> float | None:
        """Money for the paid hours; nothing for a program."""
        return None if self.rate is None or self.simulated else self.paid_hours * self.rate


def pay_lines(
    study: Study, *, rate: float | None = None, pays_preparation: bool = True
) -> list[PayLine]:
    """All who ever judged here or may, whether they still do or not, by pseudonym.

    Hours are those of votes that stand; those of training and exam stand apart and are paid unless
    told otherwise, since they are work that the study asked for, passed or not. Invalidated votes
    are counted beside them: whether they are paid is for the researcher to decide.
    """
    votes = Vote.objects.filter(study=study, annotator=OuterRef("user")).order_by()
    by_person = votes.values("annotator")
    taken = VoteRevision.objects.filter(
        assignment__study=study,
        annotator=OuterRef("user"),
        reason=VoteRevision.Reason.INVALIDATED,
    ).order_by()
    members = (
        Membership.objects.filter(study=study, role=Membership.Role.ANNOTATOR)
        .select_related("user", "completion", "entry__link")
        .annotate(
            done=Coalesce(Subquery(by_person.annotate(n=Count("pk")).values("n")), 0),
            spent=Coalesce(Subquery(by_person.annotate(ms=Sum("active_ms")).values("ms")), 0),
            prepared=Coalesce(Sum("qualifications__sittings__items__active_ms"), 0),
            lost=Coalesce(
                Subquery(taken.values("annotator").annotate(n=Count("pk")).values("n")), 0
            ),
        )
        .order_by("pseudonym")
    )
    ids = dict(
        ExternalAccount.objects.filter(user__memberships__study=study).values_list(
            "user", "external_id"
        )
    )
    return [
        _line(member, ids.get(member.user_id, ""), rate, pays_preparation=pays_preparation)
        for member in members
    ]


def _line(
    member: Membership, external_id: str, rate: float | None, *, pays_preparation: bool
) -> PayLine:
    entry, code = getattr(member, "entry", None), getattr(member, "completion", None)
    return PayLine(
        pseudonym=member.pseudonym,
        simulated=member.user.simulated,
        active=member.active,
        source=entry.link.get_source_display() if entry else "",
        external_id=external_id,
        votes=member.done,  # type: ignore[attr-defined]  # annotated above
        invalidated=member.lost,  # type: ignore[attr-defined]
        active_ms=member.spent,  # type: ignore[attr-defined]
        prepared_ms=member.prepared,  # type: ignore[attr-defined]
        pays_preparation=pays_preparation,
        rate=rate,
        code=code.code if code else "",
        code_reason=code.reason if code else "",
        code_accepted_at=code.accepted_at if code else None,
    )


COLUMNS = (
    "annotator",
    "simulated",
    "active",
    "source",
    "external_id",
    "votes",
    "invalidated_votes",
    "active_hours",
    "training_exam_hours",
    "paid_hours",
    "votes_per_hour",
    "rate_per_hour",
    "amount",
    "completion_code",
    "code_reason",
    "code_accepted_at",
)


def write_pay(lines: list[PayLine], file: TextIO) -> None:
    """The pay sheet as CSV; numbers unrounded but for the fourth decimal."""
    out = csv.writer(file)
    out.writerow(COLUMNS)
    out.writerows(_cells(lines))


def _cells(lines: list[PayLine]) -> Iterator[list[str]]:
    for line in lines:
        hours = (line.hours, line.prepared_hours, line.paid_hours)
        numbers = (*hours, line.votes_per_hour, line.rate, line.amount)
        yield [
            line.pseudonym,
            "yes" if line.simulated else "no",
            "yes" if line.active else "no",
            line.source,
            safe_cell(line.external_id),
            str(line.votes),
            str(line.invalidated),
            *("" if number is None else f"{number:.4f}" for number in numbers),
            line.code,
            line.code_reason,
            line.code_accepted_at.isoformat() if line.code_accepted_at else "",
        ]
