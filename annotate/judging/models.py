"""Comparisons, their slots, votes and verdicts. The invariants stand in the constraints below,

not in code that counts (architecture.md). It must not know methods beyond contrast items.
"""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from annotate.judging.qualification_models import (
    ExtraAttempt,
    Qualification,
    Sitting,
    SittingItem,
)
from annotate.judging.review_models import ReviewMark
from annotate.people.models import User
from annotate.sampling.models import Image
from annotate.studies.models import Contrast, Prompt, Study

__all__ = [
    "ExtraAttempt",
    "Qualification",
    "ReviewMark",
    "Sitting",
    "SittingItem",
]  # Django looks for all of them here


class Outcome(models.TextChoices):
    FIRST = "first", "First"
    SECOND = "second", "Second"
    TIE = "tie", "Tie"


class Comparison(models.Model):
    """A prompt and two images shown together, in canonical order by content digest.

    It knows no method: contrast items say whom it speaks for. `order` is the pre-drawn serving
    order; sequential monitoring advances along it.
    """

    class Kind(models.TextChoices):
        LIVE = "live", "Live"
        CONTROL = "control", "Control"
        REPEAT = "repeat", "Repeat"
        TRAINING = "training", "Training"
        EXAM = "exam", "Exam"

    study = models.ForeignKey(Study, models.CASCADE, related_name="comparisons")
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.LIVE)
    prompt = models.ForeignKey(Prompt, models.PROTECT, related_name="+")
    first = models.ForeignKey(Image, models.PROTECT, related_name="+")
    second = models.ForeignKey(Image, models.PROTECT, related_name="+")
    # Said aloud so that two equal images in one comparison are a decision, never an accident.
    identical = models.BooleanField(default=False)
    mirrors = models.ForeignKey("self", models.PROTECT, null=True, related_name="repeats")
    # Known answer and its explanation, for controls, training and exams.
    expected = models.JSONField(null=True)
    explanation = models.TextField(blank=True)
    # Places that the explanation points at (judging.rings).
    rings = models.JSONField(default=list, blank=True)
    order = models.BigIntegerField()
    # Equal box of both pictures in pixels, and the equal length both are padded to on the wire.
    # Zero under native display.
    box_width = models.PositiveIntegerField(default=0)
    box_height = models.PositiveIntegerField(default=0)
    wire_bytes = models.PositiveBigIntegerField(default=0)
    # Whether the leading contrast item has its method a as `first`: for balancing sides only.
    lead_first = models.BooleanField(default=True)
    # Held back from annotators (reported pictures) until a researcher looks.
    held = models.BooleanField(default=False)
    # Distinguishes askings of one content under reuse=fresh; 0 under reuse=by_content.
    asking = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(identical=True, first=F("second"))
                | (Q(identical=False) & ~Q(first=F("second"))),
                name="comparison_identical_is_said",
            ),
            models.CheckConstraint(
                condition=(Q(kind="repeat") & Q(mirrors__isnull=False))
                | (~Q(kind="repeat") & Q(mirrors__isnull=True)),
                name="comparison_repeat_mirrors",
            ),
            models.UniqueConstraint(
                fields=["study", "prompt", "first", "second", "asking"],
                condition=Q(kind="live"),
                name="comparison_live_once_by_content",
            ),
            models.UniqueConstraint(fields=["study", "order"], name="comparison_order"),
        ]


class ContrastItem(models.Model):
    """One (contrast, prompt, replica) and the comparison that answers it, with its orientation."""

    contrast = models.ForeignKey(Contrast, models.CASCADE, related_name="items")
    prompt = models.ForeignKey(Prompt, models.PROTECT, related_name="+")
    replica = models.PositiveSmallIntegerField(default=0)
    comparison = models.ForeignKey(Comparison, models.PROTECT, related_name="items")
    # True: method a's image is the comparison's `first`.
    a_is_first = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["contrast", "prompt", "replica"], name="contrast_item_once"
            )
        ]


class PlannedItem(models.Model):
    """A contrast item of a launched study, drawn before its pictures exist.

    Its place in the serving order and its sides come from the seed at launch, so that they cannot
    depend on which pictures are ready first. Opening it (`judging.opening`) makes the contrast item
    and, unless a pair of the same content is there, the comparison.
    """

    study = models.ForeignKey(Study, models.CASCADE, related_name="planned_items")
    contrast = models.ForeignKey(Contrast, models.CASCADE, related_name="planned_items")
    prompt = models.ForeignKey(Prompt, models.PROTECT, related_name="+")
    replica = models.PositiveSmallIntegerField(default=0)
    order = models.BigIntegerField()
    # Bit s - 1 is set where method a stands on the left in slot s.
    sides = models.PositiveSmallIntegerField()
    opened_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["contrast", "prompt", "replica"], name="planned_item_once"
            ),
            models.UniqueConstraint(fields=["study", "order"], name="planned_item_order"),
        ]
        indexes = [
            models.Index(
                fields=["study", "prompt"],
                condition=Q(opened_at__isnull=True),
                name="planned_item_waiting",
            )
        ]


class Assignment(models.Model):
    """One of a comparison's pre-made slots, leased to an annotator. Nothing is ever deleted:

    a spoilt slot becomes void and a new row takes its number.
    """

    class State(models.TextChoices):
        FREE = "free", "Free"
        LEASED = "leased", "Leased"
        VOTED = "voted", "Voted"
        VOID = "void", "Void"

    study = models.ForeignKey(Study, models.CASCADE, related_name="assignments")
    comparison = models.ForeignKey(Comparison, models.CASCADE, related_name="assignments")
    slot = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=6, choices=State, default=State.FREE)
    annotator = models.ForeignKey(User, models.PROTECT, null=True, related_name="assignments")
    # The lease's secret and the vote's idempotency key.
    token = models.UUIDField(null=True, unique=True)
    leased_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    lane = models.PositiveSmallIntegerField(null=True)
    # Display order within an annotator's hand: the lowest is the one shown.
    turn = models.BigIntegerField(null=True)
    # True: `second` is shown on the left.
    flipped = models.BooleanField(default=False)
    # Copies that keep the claim on one index: the comparison's order, and whether the leading
    # method is on the left in this slot.
    order = models.BigIntegerField()
    lead_left = models.BooleanField(default=False)
    # A slot that came back (skipped, released, refilled) is served before fresh ones.
    returned = models.BooleanField(default=False)
    # Not served: its comparison is held, or it waits in reserve (judging.reserve).
    held = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["comparison", "slot"],
                condition=~Q(state="void"),
                name="assignment_slot_once",
            ),
            models.UniqueConstraint(
                fields=["comparison", "annotator"], name="assignment_annotator_once"
            ),
            models.UniqueConstraint(
                fields=["study", "annotator", "lane"],
                condition=Q(state="leased"),
                name="assignment_lane_once",
            ),
            models.CheckConstraint(
                condition=Q(
                    state="free",
                    annotator__isnull=True,
                    token__isnull=True,
                    lease_until__isnull=True,
                    lane__isnull=True,
                )
                | Q(
                    state="leased",
                    annotator__isnull=False,
                    token__isnull=False,
                    lease_until__isnull=False,
                    lane__isnull=False,
                )
                | Q(
                    state="voted",
                    annotator__isnull=False,
                    token__isnull=False,
                    lease_until__isnull=True,
                    lane__isnull=True,
                )
                | Q(state="void", lease_until__isnull=True, lane__isnull=True),
                name="assignment_state_and_lease",
            ),
            models.CheckConstraint(
                condition=Q(lane__isnull=True) | Q(lane__lte=15), name="assignment_sixteen_lanes"
            ),
        ]
        indexes = [
            models.Index(
                fields=["study", "order", "slot"],
                condition=Q(state="free", held=False, returned=False),
                name="assignment_fresh",
            ),
            models.Index(
                fields=["study", "order", "slot"],
                condition=Q(state="free", held=False, returned=True),
                name="assignment_returned",
            ),
            models.Index(
                fields=["study", "lease_until"],
                condition=Q(state="leased"),
                name="assignment_leases",
            ),
            models.Index(fields=["study", "annotator", "state"], name="assignment_by_annotator"),
        ]


class Vote(models.Model):
    """One annotator's current judgement. It names the winner by image; the side stands apart."""

    assignment = models.OneToOneField(Assignment, models.PROTECT, related_name="vote")
    comparison = models.ForeignKey(Comparison, models.PROTECT, related_name="votes")
    study = models.ForeignKey(Study, models.PROTECT, related_name="votes")
    annotator = models.ForeignKey(User, models.PROTECT, related_name="votes")
    token = models.UUIDField(unique=True)
    # Derived from the answers by priority; `deciding` is the criterion that settled it.
    choice = models.CharField(max_length=6, choices=Outcome)
    deciding = models.CharField(max_length=12, blank=True)
    both_bad = models.BooleanField(default=False)
    # The side the chosen picture was on ("left", "right" or "" for a tie).
    side = models.CharField(max_length=5, blank=True)
    simulated = models.BooleanField(default=False)
    # Accepted after the lease had run out, while nobody else had taken the slot.
    late = models.BooleanField(default=False)
    # Faster than the protocol's minimum viewing time: flagged, never refused.
    too_fast = models.BooleanField(default=False)
    active_ms = models.PositiveIntegerField(default=0)
    elapsed_ms = models.PositiveIntegerField(default=0)
    # Viewport, pixel ratio, shown size, scale, layout, zooms, flips: what the page reported.
    telemetry = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()
    # The study's when the vote was given: it may grow under another. Empty: votes from a file.
    protocol_hash = models.CharField(max_length=64, blank=True, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["comparison", "annotator"], name="vote_once"),
        ]
        indexes = [
            models.Index(fields=["study", "created_at"], name="vote_study_time"),
            models.Index(fields=["study", "annotator"], name="vote_study_annotator"),
        ]


class Answer(models.Model):
    """What a vote says about one criterion."""

    vote = models.ForeignKey(Vote, models.CASCADE, related_name="answers")
    # A criterion, or an attribute of a diversity study.
    criterion = models.CharField(max_length=16)
    # An outcome, or the attribute's level from 0, or "cannot".
    choice = models.CharField(max_length=6)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["vote", "criterion"], name="answer_once"),
        ]


class VoteRevision(models.Model):
    """Append-only: what a vote said before it was undone or invalidated, and why."""

    class Reason(models.TextChoices):
        UNDONE = "undone", "Undone by the annotator"
        INVALIDATED = "invalidated", "Invalidated by a researcher"

    assignment = models.ForeignKey(Assignment, models.PROTECT, related_name="revisions")
    comparison = models.ForeignKey(Comparison, models.PROTECT, related_name="+")
    annotator = models.ForeignKey(User, models.PROTECT, related_name="+")
    token = models.UUIDField(db_index=True)
    reason = models.CharField(max_length=12, choices=Reason)
    actor = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    # The whole vote with its answers, as it stood.
    snapshot = models.JSONField()
    at = models.DateTimeField()


class Verdict(models.Model):
    """A comparison's result under a named rule. Undecided comparisons have no row."""

    class Reason(models.TextChoices):
        UNANIMOUS = "unanimous", "Unanimous"
        MAJORITY = "majority", "Majority"
        SPLIT = "split", "Split"
        IDENTICAL = "identical", "Identical images"

    comparison = models.OneToOneField(Comparison, models.CASCADE, related_name="verdict")
    outcome = models.CharField(max_length=6, choices=Outcome)
    reason = models.CharField(max_length=10, choices=Reason)
    rule = models.CharField(max_length=40)
    # The study's protocol hash when this was decided: a study that grows has more than one.
    protocol_hash = models.CharField(max_length=64, blank=True, default="")
    deciding = models.CharField(max_length=12, blank=True)
    votes = models.PositiveSmallIntegerField()
    decided_at = models.DateTimeField()


class Skip(models.Model):
    """This annotator shall not see this comparison again."""

    comparison = models.ForeignKey(Comparison, models.CASCADE, related_name="skips")
    annotator = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["comparison", "annotator"], name="skip_once"),
        ]


class Report(models.Model):
    """A problem an annotator saw: picture broken, prompt unreadable, unsafe, other."""

    class Reason(models.TextChoices):
        BROKEN = "broken", "A picture is broken"
        UNREADABLE = "unreadable", "The prompt cannot be read"
        NSFW = "nsfw", "Not safe for work"
        OTHER = "other", "Something else"

    comparison = models.ForeignKey(Comparison, models.CASCADE, related_name="reports")
    annotator = models.ForeignKey(User, models.PROTECT, related_name="+")
    reason = models.CharField(max_length=10, choices=Reason)
    comment = models.CharField(max_length=1000, blank=True)
    at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["comparison", "annotator"], name="report_once"),
        ]


class PreviewVote(models.Model):
    """A researcher trying the judging screen: kept apart from every number, no slot touched."""

    study = models.ForeignKey(Study, models.CASCADE, related_name="preview_votes")
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    token = models.UUIDField(unique=True)
    prompt = models.ForeignKey(Prompt, models.CASCADE, related_name="+")
    first = models.ForeignKey(Image, models.PROTECT, related_name="+")
    second = models.ForeignKey(Image, models.PROTECT, related_name="+")
    answers = models.JSONField(default=dict)
    at = models.DateTimeField(default=timezone.now)
