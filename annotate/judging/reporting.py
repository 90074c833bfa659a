"""Problems that annotators report: the slot goes on to another, repeated reports hold the pair.

It must not judge whether the report is right: a researcher looks.
"""

import logging
import uuid
from datetime import datetime
from typing import Any

from django.db.models import Count, Q
from django.dispatch import receiver
from django.utils.translation import gettext as _

from annotate.judging.models import Assignment, Comparison, Report
from annotate.judging.queue import hold, retrying, skip
from annotate.judging.verdicts import protocol_of
from annotate.people.models import User
from annotate.sampling.signals import swept
from annotate.studies.clock import database_now
from annotate.studies.models import Event, Membership, Study

logger = logging.getLogger(__name__)


class BadReport(ValueError):
    """A report with an unknown reason or an overlong comment."""


def report(
    membership: Membership,
    token: uuid.UUID,
    *,
    reason: str,
    comment: str = "",
    now: datetime | None = None,
) -> Assignment:
    """Record a problem, give the slot back, and hold the pair after enough reports.

    Raises:
        BadReport: the reason is unknown or the comment too long; the lease stands.
        PassedOn: the lease is no longer this person's.
    """
    if reason not in Report.Reason.values:
        raise BadReport(
            _("reason %(given)s; allowed: %(allowed)s. Reload the page and choose one of them.")
            % {"given": repr(reason), "allowed": ", ".join(Report.Reason.values)}
        )
    if len(comment) > 1000:
        raise BadReport(
            _("a comment of %(n)d characters; at most 1,000. Shorten it.") % {"n": len(comment)}
        )

    def verb() -> Assignment:
        slot = skip(membership, token, now=now)
        Report.objects.get_or_create(
            comparison_id=slot.comparison_id,
            annotator_id=membership.user_id,
            defaults={"reason": reason, "comment": comment, "at": now or database_now()},
        )
        return slot

    # Together: a report without its skip could be sent again, a skip without its report could not.
    slot = retrying(verb)
    # Counted after the commit, so that of two reports at once the later one sees both.
    _hold_reported(membership.study, slot.comparison.pk)
    return slot


def _hold_reported(study: Study, comparison: int | None = None) -> int:
    """Hold the pairs that have enough open reports and are still served; how many they were."""
    enough = protocol_of(study).hold_after_reports
    pairs = study.comparisons.filter(held=False)
    if comparison is not None:
        pairs = pairs.filter(pk=comparison)
    counted = pairs.annotate(unseen=Count("reports", filter=Q(reports__resolved_at=None)))
    found = list(counted.filter(unseen__gte=enough))
    for pair in found:
        hold(pair, held=True)
    return len(found)


@receiver(swept)
def hold_missed(**_: Any) -> None:
    """Hold what a process that was killed after a report's commit did not; else it finds none."""
    reported = Q(state__in=[Study.State.OPEN, Study.State.PAUSED])
    reported &= Q(comparisons__reports__resolved_at=None, comparisons__reports__isnull=False)
    for study in Study.objects.filter(reported, comparisons__held=False).distinct():
        if n := _hold_reported(study):
            logger.info("study=%s held=%s missed after their reports", study.pk, n)


def resolve(
    comparison: Comparison, *, keep_held: bool, actor: User, now: datetime | None = None
) -> None:
    """A researcher has looked: the reports are answered, the pair is served again or stays held."""
    comparison.reports.filter(resolved_at=None).update(resolved_at=now or database_now())
    hold(comparison, held=keep_held)
    Event.objects.create(
        study_id=comparison.study_id,
        actor=actor,
        kind="reports_resolved",
        data={"comparison": comparison.pk, "held": keep_held},
    )
