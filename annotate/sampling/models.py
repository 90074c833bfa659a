"""Pictures by content, the samples made of them, the jobs that make them. It must know no votes."""

from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from annotate.people.models import User
from annotate.studies.models import PromptSet, Study

# Longest side of a picture, in pixels, that no screen shows at its own size.
TINY = 64

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

    @property
    def is_tiny(self) -> bool:
        """Whether it is shown enlarged, its pixels as squares (the judging page says so too)."""
        return max(self.width, self.height) <= TINY


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


class Job(models.Model):
    """Work for a worker: a chunk of samples to make, or one to make again.

    The row is the truth and the outbox; a broker's message is a wake-up that carries its id. Who
    claims it writes a token and a lease; only that token can finish it, so that a worker that was
    thought dead changes nothing. `sampling.jobs` moves jobs from state to state.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        PAUSED = "paused", "Paused"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    class Queue(models.TextChoices):
        # The broker's queue. All kinds of work need the networks, so there is this one.
        GPU = "gpu", "GPU"

    # What makes it the same job when it is asked for twice (`jobs.enqueue`).
    key = models.CharField(max_length=64, unique=True)
    # The study whose progress it counts to; samples are shared, so there may be none.
    study = models.ForeignKey(Study, models.SET_NULL, null=True, related_name="jobs")
    kind = models.CharField(max_length=24)
    queue = models.CharField(max_length=8, choices=Queue, default=Queue.GPU)
    # What its kind needs beside its samples: arms by digest, what to score with.
    payload = models.JSONField(default=dict)
    state = models.CharField(max_length=12, choices=State, default=State.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=3)
    token = models.UUIDField(null=True, unique=True, default=None)
    lease_until = models.DateTimeField(null=True)
    cancel_requested = models.BooleanField(default=False)
    progress_done = models.PositiveIntegerField(default=0)
    progress_total = models.PositiveIntegerField(default=0)
    # The last attempt's reason in plain words, kept until the job is done.
    error = models.TextField(blank=True)
    # What it came to: spent steps and forwards, or the comparison of an image made again.
    result = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    queued_at = models.DateTimeField(default=timezone.now)
    # When its message was last handed to the broker; None: not since it was queued.
    published_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="running", token__isnull=False, lease_until__isnull=False)
                | (
                    ~models.Q(state="running")
                    & models.Q(token__isnull=True, lease_until__isnull=True)
                ),
                name="job_running_has_lease",
            ),
            models.CheckConstraint(
                condition=models.Q(attempt__lte=models.F("max_attempts")),
                name="job_attempts_bounded",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "queue", "published_at"], name="job_state_queue"),
            models.Index(fields=["study", "state"], name="job_study_state"),
        ]


class Sample(models.Model):
    """One image of (method, prompt, seed, replica). The row exists before the image does."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    class Decision(models.TextChoices):
        KEPT = "kept", "Kept"
        REFINED = "refined", "Refined"
        REGENERATED = "regenerated", "Regenerated"

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
    # The job that makes it or made it; imported samples have none.
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="samples")
    # Why it failed, in plain words.
    error = models.TextField(blank=True)
    # Everything needed to make it again (generation/provenance.py).
    record = models.JSONField(default=dict, blank=True)
    # A student's latents in the store (`storage.put_latents`), for whoever improves it later.
    latents_digest = models.CharField(max_length=64, blank=True)
    # The student's sample that an adaptive arm kept, refined or replaced.
    parent = models.ForeignKey("self", models.SET_NULL, null=True, related_name="improved")
    decision = models.CharField(max_length=12, choices=Decision, blank=True)
    # As executed, not as asked for; None for imported pictures.
    steps = models.PositiveIntegerField(null=True)
    forwards = models.PositiveIntegerField(null=True)
    seconds = models.FloatField(null=True)

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
        indexes = [
            # The orphan collector asks for these.
            models.Index(
                fields=["latents_digest"],
                condition=~models.Q(latents_digest=""),
                name="sample_latents",
            ),
        ]


class Score(models.Model):
    """What an estimator says of a sample: stored and never computed again."""

    sample = models.ForeignKey(Sample, models.CASCADE, related_name="scores")
    estimator_digest = models.CharField(max_length=64)
    value = models.FloatField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sample", "estimator_digest"], name="score_once"),
        ]


class Calibration(models.Model):
    """The scores of one student on validation prompts, from which cut-off thresholds are read."""

    student_digest = models.CharField(max_length=64)
    estimator_digest = models.CharField(max_length=64)
    prompt_set = models.ForeignKey(PromptSet, models.PROTECT, null=True)
    # SHA-256 over the prompts, so that another list of the same name is not taken for it.
    prompts_digest = models.CharField(max_length=64)
    scores = models.JSONField()
    scores_digest = models.CharField(max_length=64)
    provenance = models.JSONField(default=dict)
    created_by = models.ForeignKey(User, models.PROTECT, null=True)
    created_at = models.DateTimeField(default=timezone.now)


class Threshold(models.Model):
    """A cut-off tau read from a calibration at the k-th percentile; tau may be infinite."""

    calibration = models.ForeignKey(Calibration, models.PROTECT, related_name="thresholds")
    percentile = models.FloatField()
    tau = models.FloatField()
    created_by = models.ForeignKey(User, models.PROTECT, null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["calibration", "percentile"], name="threshold_percentile"
            ),
            models.CheckConstraint(
                condition=models.Q(percentile__gte=0, percentile__lte=100),
                name="threshold_percentile_range",
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
