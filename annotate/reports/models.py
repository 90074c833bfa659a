"""Reports that were frozen: the rows of a study at one moment, under their hash.

It must not hold numbers: a report is computed from the rows, and equal rows give equal reports.
"""

from django.db import models

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
