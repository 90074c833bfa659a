"""Where annotators come from: entry links per study and source, who came by them, their codes.

It must not know votes, nor what a platform is called in its own pages (studies.platforms).
"""

from datetime import datetime

from django.db import models

from annotate.people.models import User


class EntryLink(models.Model):
    """One address through which people of one source come into one study.

    The address is this row's number under the installation's signature (studies.entry): it is not
    stored, and can be shown again.
    """

    class Source(models.TextChoices):
        PROLIFIC = "prolific", "Prolific"
        MTURK = "mturk", "Mechanical Turk"
        TOLOKA = "toloka", "Toloka"
        OTHER = "other", "Another platform"
        NAMED = "named", "People you name"

    study = models.ForeignKey("studies.Study", models.CASCADE, related_name="entry_links")
    source = models.CharField(max_length=8, choices=Source)
    note = models.CharField(max_length=120, blank=True)
    # The parameters of the address: which one says who comes, and which others are kept with it.
    person_key = models.CharField(max_length=40)
    other_keys = models.JSONField(default=list, blank=True)
    # How many people may come by it; 0 is as many as like.
    people = models.PositiveIntegerField(default=0)
    # Where somebody who has finished goes, {code} standing for their code; may be empty.
    return_url = models.CharField(max_length=300, blank=True)
    # The same for an end before the work is done: exam not passed, paused, left. May be empty.
    early_url = models.CharField(max_length=300, blank=True)
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    def way_back(self, code: str, *, early: bool) -> str:
        """Where somebody returns with their code, or "" where that must not look like work done."""
        url = self.return_url if not early else self.early_url
        if early and not url and "{code}" in self.return_url:
            url = self.return_url
        return url.replace("{code}", code)

    @property
    def single_use(self) -> bool:
        """Each address is one person's and lets them in once."""
        return self.source == self.Source.NAMED

    def is_open(self, now: datetime) -> bool:
        return self.closed_at is None and now < self.expires_at


class Entry(models.Model):
    """That somebody came to their place in a study by a link, and what the platform told of it."""

    membership = models.OneToOneField("studies.Membership", models.CASCADE, related_name="entry")
    link = models.ForeignKey(EntryLink, models.PROTECT, related_name="entries")
    # The platform's own ids of this visit (submission, assignment); emptied when they are erased.
    parameters = models.JSONField(default=dict, blank=True)
    at = models.DateTimeField()


class CompletionCode(models.Model):
    """What an annotator takes back to their platform: one per place in a study."""

    class Reason(models.TextChoices):
        QUOTA = "quota", "All pairs of one person answered"
        EMPTY = "empty", "Nothing left to judge"
        CLOSED = "closed", "Study closed"
        SCREENED = "screened", "Exam not passed"
        ENDED = "ended", "Place ended before the work"
        TRAINED = "trained", "Training or exam only, no pair answered"
        NO_WORK = "no_work", "Nothing answered, nothing to pay"

    membership = models.OneToOneField(
        "studies.Membership", models.CASCADE, related_name="completion"
    )
    code = models.CharField(max_length=16, unique=True)
    reason = models.CharField(max_length=8, choices=Reason)
    given_at = models.DateTimeField()
    # When a researcher took it for work done: a second time it is a reused one.
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
