"""Frozen reports (a study's rows under their hash), links for reviewers, campaigns of studies.

It must not hold numbers: a report is computed from the rows, and equal rows give equal reports.
"""

import uuid
from datetime import datetime
from typing import ClassVar

from django.db import models

from annotate.people.models import User
from annotate.studies.models import Study


class FrozenReport(models.Model):
    """What a report was made of when its study was closed."""

    study = models.ForeignKey(Study, models.CASCADE, related_name="frozen_reports")
    # SHA-256 over the canonical JSON that `content` holds compressed.
    digest = models.CharField(max_length=64)
    content = models.BinaryField()
    # `frames.fingerprint` then: tells whether the study has changed since.
    mark = models.CharField(max_length=200)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "digest"], name="frozen_report_once"),
        ]


class ReviewLink(models.Model):
    """Opens one study's report to whoever has the address. The secret itself is never stored."""

    study = models.ForeignKey(Study, models.CASCADE, related_name="review_links")
    token_hash = models.CharField(max_length=64, unique=True)
    note = models.CharField(max_length=200, blank=True)
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    # None: until it is withdrawn.
    expires_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    def is_usable(self, now: datetime) -> bool:
        return self.withdrawn_at is None and (self.expires_at is None or now < self.expires_at)


class CampaignQuerySet(models.QuerySet["Campaign"]):
    """Campaigns by who may see them."""

    def seen_by(self, user: User) -> "CampaignQuerySet":
        """Those all of whose studies this person manages: a figure shows every study's result."""
        foreign = Study.objects.exclude(pk__in=Study.objects.managed_by(user).values("pk"))
        return self.exclude(studies__in=foreign).filter(studies__isnull=False).distinct()


class Campaign(models.Model):
    """Several studies whose primary comparisons make one figure and one family of tests."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=120)
    studies = models.ManyToManyField(Study, related_name="campaigns")
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    objects: ClassVar[CampaignQuerySet] = CampaignQuerySet.as_manager()  # type: ignore[assignment]
