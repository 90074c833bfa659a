"""What an annotator has shown before live work: consent, training rounds, exam attempts.

Answers given here are kept apart from votes and enter no number. It must not decide who passes.
"""

from django.db import models
from django.db.models import Q

from annotate.people.models import User
from annotate.studies.models import Membership


class Qualification(models.Model):
    """How far somebody has come towards live work, under one version of a study's demands."""

    membership = models.ForeignKey(Membership, models.CASCADE, related_name="qualifications")
    version = models.PositiveIntegerField()
    # Agreed to take part, on a screen that was fit; what the page measured stands in `device`.
    consented_at = models.DateTimeField(null=True)
    device = models.JSONField(default=dict, blank=True)
    instructed_at = models.DateTimeField(null=True)
    trained_at = models.DateTimeField(null=True)
    passed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["membership", "version"], name="qualification_once_a_version"
            ),
        ]


class ExtraAttempt(models.Model):
    """One more attempt at the exam than the protocol allows, granted to one person, once."""

    qualification = models.OneToOneField(
        Qualification, models.CASCADE, related_name="extra_attempt"
    )
    reason = models.CharField(max_length=500)
    granted_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    granted_at = models.DateTimeField()


class Sitting(models.Model):
    """One round of training, or one attempt at the exam, with its items drawn before it begins."""

    class Kind(models.TextChoices):
        TRAINING = "training", "Training"
        EXAM = "exam", "Exam"

    qualification = models.ForeignKey(Qualification, models.CASCADE, related_name="sittings")
    kind = models.CharField(max_length=8, choices=Kind)
    attempt = models.PositiveSmallIntegerField()
    begun_at = models.DateTimeField()
    # Set together, by the last answer.
    ended_at = models.DateTimeField(null=True)
    right = models.PositiveSmallIntegerField(null=True)
    passed = models.BooleanField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["qualification", "kind", "attempt"], name="sitting_attempt_once"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, right__isnull=True, passed__isnull=True)
                | Q(ended_at__isnull=False, right__isnull=False, passed__isnull=False),
                name="sitting_ends_with_its_result",
            ),
        ]


class SittingItem(models.Model):
    """One item of a sitting in somebody's hands, and their answer to it."""

    sitting = models.ForeignKey(Sitting, models.CASCADE, related_name="items")
    comparison = models.ForeignKey("judging.Comparison", models.PROTECT, related_name="+")
    place = models.PositiveSmallIntegerField()
    token = models.UUIDField(unique=True)
    # True: `second` is shown on the left.
    flipped = models.BooleanField()
    answers = models.JSONField(null=True)
    right = models.BooleanField(null=True)
    answered_at = models.DateTimeField(null=True)
    active_ms = models.PositiveIntegerField(default=0)
    elapsed_ms = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sitting", "place"], name="sitting_item_place"),
            models.UniqueConstraint(fields=["sitting", "comparison"], name="sitting_item_once"),
            models.CheckConstraint(
                condition=Q(answers__isnull=True, right__isnull=True, answered_at__isnull=True)
                | Q(answers__isnull=False, right__isnull=False, answered_at__isnull=False),
                name="sitting_item_answered_whole",
            ),
        ]
