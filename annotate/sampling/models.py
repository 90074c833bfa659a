"""Pictures by content, and the samples that are made of them. It must know no votes."""

from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from annotate.people.models import User
from annotate.studies.models import Study

hex_digest = RegexValidator(r"^[0-9a-f]{64}$")


class Image(models.Model):
    """A picture in the content-addressed store (`sampling.storage`).

    `digest` is SHA-256 over its decoded pixels (mode, size, bytes), so that the same picture as
    JPEG re-saved, PNG or WebP-lossless is one row whatever encoder wrote it.
    """

    digest = models.CharField(max_length=64, unique=True, validators=[hex_digest])
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    # Length of the stored lossless file.
    bytes = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(default=timezone.now)


class ImageVariant(models.Model):
    """An image fitted losslessly into another box (equal-box display of unequal sizes)."""

    image = models.ForeignKey(Image, models.CASCADE, related_name="variants")
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    bytes = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["image", "width", "height"], name="variant_box")
        ]


class Sample(models.Model):
    """One image of (method, prompt, seed, replica). The row exists before the image does."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    method_digest = models.CharField(max_length=64)
    # Digest of the prompt: for imported pictures over (prompt set independent) key and NFC text,
    # for generated ones over the NFC text alone, so that equal recipes share samples.
    prompt_digest = models.CharField(max_length=64)
    seed = models.BigIntegerField(default=0)
    replica = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(max_length=8, choices=State, default=State.QUEUED)
    image = models.ForeignKey(Image, models.PROTECT, null=True, related_name="samples")
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["method_digest", "prompt_digest", "seed", "replica"], name="sample_once"
            ),
            models.CheckConstraint(
                condition=models.Q(state="done", image__isnull=False)
                | (~models.Q(state="done") & models.Q(image__isnull=True)),
                name="sample_done_has_image",
            ),
        ]


class ImportRun(models.Model):
    """One manifest brought into a study. The same manifest again changes nothing."""

    study = models.ForeignKey(Study, models.CASCADE, related_name="imports")
    actor = models.ForeignKey(User, models.PROTECT, null=True)
    # SHA-256 over the manifest's bytes and the digests of the files it names.
    digest = models.CharField(max_length=64)
    name = models.CharField(max_length=200)
    rows = models.PositiveIntegerField()
    images = models.PositiveIntegerField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "digest"], name="import_run_once"),
        ]
