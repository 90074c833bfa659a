"""What reviewers say of pairs on which annotators differ. Append-only; it decides nothing."""

from django.db import models

from annotate.people.models import User


class ReviewMark(models.Model):
    """One remark of one person on one pair. Whoever changes their mind adds another."""

    class Says(models.TextChoices):
        RIGHT = "right", "Looks right"
        DOUBTFUL = "doubtful", "Labels doubtful"
        BROKEN = "broken", "Picture or prompt broken"

    comparison = models.ForeignKey("judging.Comparison", models.CASCADE, related_name="marks")
    author = models.ForeignKey(User, models.PROTECT, related_name="+")
    says = models.CharField(max_length=8, choices=Says)
    comment = models.CharField(max_length=1000, blank=True)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["comparison", "at"], name="review_mark_pair_at")]
