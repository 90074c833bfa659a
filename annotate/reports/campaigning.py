"""Joins studies into a campaign and reads what its figure is made of.

It must not draw or write words for people; `campaign_page` does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F

from annotate.analysis.significance import holm
from annotate.people.models import User
from annotate.reports.contrast_report import ContrastReport
from annotate.reports.frames import read_frame, read_snapshot
from annotate.reports.freeze import frozen_of, thaw
from annotate.reports.models import Campaign
from annotate.reports.report import Report, report_on
from annotate.studies.models import Study

MOST = 24


class CampaignRefused(ValueError):
    """Studies that make no campaign; the text says what to do."""


@dataclass(frozen=True)
class Joined:
    """One study's primary comparison. `holm` is its p-value corrected over the campaign.

    Both are None before the first win or loss, and until a study that declares no early stopping
    has all its verdicts or is closed. Under early stopping p holds at every look.
    """

    report: Report
    lead: ContrastReport
    p_value: float | None
    holm: float | None


@dataclass(frozen=True)
class CampaignReport:
    """The primary comparisons of a campaign's studies, corrected together."""

    name: str
    rows: tuple[Joined, ...]

    @property
    def family(self) -> int:
        """Tests that the correction is over: one of each study, also of those still empty."""
        return len(self.rows)

    @property
    def simulated(self) -> bool:
        return any(row.report.simulated for row in self.rows)

    @property
    def running(self) -> bool:
        return any(row.report.running for row in self.rows)

    @property
    def made_at(self) -> datetime:
        """Of the data, never of the clock, where there is any."""
        reports = [row.report for row in self.rows]
        return max(r.last_change or r.launched_at or r.generated_at for r in reports)


@transaction.atomic
def make_campaign(
    name: str, studies: Sequence[Study], *, created_by: User, now: datetime
) -> Campaign:
    """A campaign of launched studies.

    Raises:
        CampaignRefused: fewer than two studies or too many, a draft, or one without two methods.
    """
    if not 2 <= len({study.pk for study in studies}) <= MOST:
        raise CampaignRefused(
            f"{len(studies)} studies chosen; a campaign joins 2 to {MOST}. Choose others."
        )
    for study in studies:
        if study.state == Study.State.DRAFT:
            raise CampaignRefused(f"“{study.name}” is a draft. Launch it, or leave it out.")
        if not study.contrasts.exclude(a=F("b")).exists():
            raise CampaignRefused(
                f"“{study.name}” compares no two methods, so that nobody wins in it. Leave it out."
            )
    made = Campaign.objects.create(name=name, created_by=created_by, created_at=now)
    made.studies.set(studies)
    return made


def campaign_report(campaign: Campaign, *, now: datetime) -> CampaignReport:
    """The campaign's numbers: of closed studies as they were frozen, of others as they stand."""
    with read_snapshot():
        studies = campaign.studies.order_by("launched_at", "pk")
        reports = [_report(study, now=now) for study in studies]
    leads = [(report, report.lead) for report in reports]
    # Nor has a running study without a declared rule: its p-value is withheld.
    rows = [(report, lead, report.p_shown(lead)) for report, lead in leads if lead is not None]
    # A study without a test yet counts with p = 1, so that no correction grows when it has one.
    corrected = holm([1.0 if p is None else p for _, _, p in rows])
    return CampaignReport(
        name=campaign.name,
        rows=tuple(
            Joined(report, lead, p, None if p is None else adjusted)
            for (report, lead, p), adjusted in zip(rows, corrected, strict=True)
        ),
    )


def _report(study: Study, *, now: datetime) -> Report:
    # Nobody wins in a study of diversity, and what is frozen of it has no verdicts.
    kept = None if study.read_protocol().asks_diversity else frozen_of(study)
    if kept is None:
        return report_on(study, read_frame(study), now=now, deep=False)
    then, frame = thaw(kept)
    return report_on(then, frame, now=kept.at, deep=False)
