"""A study and what it asks: prompt sets, methods, contrasts, members.

It must not know pictures or votes.
"""

import uuid

from django.db import models
from django.utils import timezone

from annotate.people.models import User
from annotate.studies.entry_models import (  # noqa: F401 (Django looks for all of them here)
    CompletionCode,
    Entry,
    EntryLink,
)
from annotate.studies.protocol import Protocol
from annotate.studies.spec import StudySpec


class PromptSet(models.Model):
    """A versioned list of prompts. Equal lists (same digest) under one name are one version."""

    class Role(models.TextChoices):
        TEST = "test", "Test"
        TUNE = "tune", "Tune"
        EXAM = "exam", "Exam"

    name = models.CharField(max_length=120)
    version = models.PositiveIntegerField()
    role = models.CharField(max_length=8, choices=Role, default=Role.TEST)
    # SHA-256 over the ordered (key, NFC text, group, context) of all prompts.
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="prompt_set_version"),
            models.UniqueConstraint(fields=["name", "digest", "role"], name="prompt_set_digest"),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class Prompt(models.Model):
    """One prompt of a set. `key` is the researcher's own id; `digest` is over the NFC text."""

    prompt_set = models.ForeignKey(PromptSet, models.CASCADE, related_name="prompts")
    key = models.CharField(max_length=200)
    text = models.TextField()
    digest = models.CharField(max_length=64, db_index=True)
    # Prompts of one group (captions of one photo) are resampled together.
    group = models.CharField(max_length=200, blank=True)
    order = models.PositiveIntegerField()
    # Content digest of a picture shown beside the pair, with its role ("source picture", "mask").
    context = models.CharField(max_length=64, blank=True)
    context_role = models.CharField(max_length=40, blank=True)
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["prompt_set", "key"], name="prompt_key_in_set"),
        ]


class ProtocolTemplate(models.Model):
    """A named protocol to start new studies from."""

    name = models.CharField(max_length=120, unique=True)
    protocol = models.JSONField()
    created_by = models.ForeignKey(User, models.PROTECT, null=True)
    created_at = models.DateTimeField(default=timezone.now)


class StudyQuerySet(models.QuerySet["Study"]):
    def visible_to(self, user: User) -> "StudyQuerySet":
        """The studies this person belongs to; admins see all. Every page starts from here."""
        if user.is_admin:
            return self
        return self.filter(memberships__user=user, memberships__active=True).distinct()

    def managed_by(self, user: User) -> "StudyQuerySet":
        """The studies this person may change, see results of, and export."""
        if user.is_admin:
            return self
        if not user.is_researcher:
            return self.none()
        return self.filter(
            memberships__user=user,
            memberships__active=True,
            memberships__role__in=[Membership.Role.OWNER, Membership.Role.RESEARCHER],
        ).distinct()

    def reviewed_by(self, user: User) -> "StudyQuerySet":
        """The studies whose disputed pairs this person may see with all votes, and mark."""
        if user.is_admin:
            return self
        roles = [Membership.Role.REVIEWER]
        if user.is_researcher:
            roles += [Membership.Role.OWNER, Membership.Role.RESEARCHER]
        return self.filter(
            memberships__user=user, memberships__active=True, memberships__role__in=roles
        ).distinct()


class Study(models.Model):
    """Protocol + methods + prompts + overlap. Frozen at launch under `protocol_hash`."""

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        OPEN = "open", "Open"
        PAUSED = "paused", "Paused"
        CLOSED = "closed", "Closed"
        ARCHIVED = "archived", "Archived"

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=120)
    # The StudySpec as JSON: methods and contrasts as written, protocol with every default.
    spec = models.JSONField()
    state = models.CharField(max_length=8, choices=State, default=State.DRAFT)
    protocol_hash = models.CharField(max_length=64, blank=True)
    prompt_sets = models.ManyToManyField(PromptSet, related_name="studies", blank=True)
    owner = models.ForeignKey(User, models.PROTECT, related_name="owned_studies")
    cloned_from = models.ForeignKey("self", models.SET_NULL, null=True, related_name="clones")
    created_at = models.DateTimeField(default=timezone.now)
    launched_at = models.DateTimeField(null=True)
    # Its votes were cast elsewhere and imported: there are no pictures to show to anybody.
    external = models.BooleanField(default=False)

    objects = StudyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="draft", protocol_hash="")
                | (~models.Q(state="draft") & ~models.Q(protocol_hash="")),
                name="study_frozen_once_launched",
            ),
            models.CheckConstraint(
                condition=models.Q(external=False) | models.Q(state__in=["closed", "archived"]),
                name="study_external_is_never_open",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def read_spec(self) -> StudySpec:
        return StudySpec.model_validate(self.spec)

    def read_protocol(self) -> Protocol:
        return Protocol.model_validate(self.spec.get("protocol", {}))


class Method(models.Model):
    """An arm of a study. Samples belong to its digest, so that equal recipes share pictures."""

    study = models.ForeignKey(Study, models.CASCADE, related_name="methods")
    name = models.CharField(max_length=120)
    label = models.CharField(max_length=120, blank=True)
    kind = models.CharField(max_length=24, default="imported")
    settings = models.JSONField(default=dict, blank=True)
    digest = models.CharField(max_length=64, db_index=True)
    order = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "name"], name="method_name_in_study"),
            models.UniqueConstraint(fields=["study", "digest"], name="method_digest_in_study"),
        ]

    def __str__(self) -> str:
        return self.label or self.name


class Contrast(models.Model):
    """Method a against method b over a prompt set; in a diversity study a is b."""

    study = models.ForeignKey(Study, models.CASCADE, related_name="contrasts")
    a = models.ForeignKey(Method, models.PROTECT, related_name="+")
    b = models.ForeignKey(Method, models.PROTECT, related_name="+")
    prompt_set = models.ForeignKey(PromptSet, models.PROTECT, null=True)
    primary = models.BooleanField(default=False)
    order = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "a", "b"], name="contrast_methods"),
        ]

    def __str__(self) -> str:
        return f"{self.a} against {self.b}" if self.a_id != self.b_id else f"{self.a} by itself"

    @property
    def of_replicas(self) -> bool:
        """Whether its pairs are replicas 0 and 1 of one method."""
        return self.a_id == self.b_id


class Membership(models.Model):
    """Who belongs to a study and as what. Reports and exports know people by `pseudonym` only."""

    class Role(models.TextChoices):
        OWNER = "owner", "Owner"
        RESEARCHER = "researcher", "Researcher"
        ANNOTATOR = "annotator", "Annotator"
        # Sees disputed pairs with all votes and marks them; neither judges nor changes anything.
        REVIEWER = "reviewer", "Reviewer"

    study = models.ForeignKey(Study, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role)
    pseudonym = models.CharField(max_length=8)
    active = models.BooleanField(default=True)
    joined_at = models.DateTimeField(default=timezone.now)
    # Where this annotator's walk along the serving order stands, and how often the leading
    # method was on the left less on the right: written at each claim, read by the next one.
    cursor = models.BigIntegerField(default=-1)
    left_lead = models.IntegerField(default=0)
    # The version of the study's training and exam this annotator has passed; 0 is none. It stands
    # here because every claim and vote reads this row anyway.
    qualified_version = models.PositiveIntegerField(default=0)
    # How many pairs this annotator was given, and at which of them the next control or repeat
    # stands: so that a claim need not look for one.
    served = models.PositiveIntegerField(default=0)
    next_extra = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "user"], name="membership_once"),
            models.UniqueConstraint(fields=["study", "pseudonym"], name="membership_pseudonym"),
        ]

    @property
    def manages(self) -> bool:
        return self.role in {self.Role.OWNER, self.Role.RESEARCHER}


class StudyInvitation(models.Model):
    """What an invitation opens besides the door: a place in one study."""

    invitation = models.OneToOneField(
        "people.Invitation", models.CASCADE, related_name="study_place"
    )
    study = models.ForeignKey(Study, models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=12, choices=Membership.Role)


class Event(models.Model):
    """Append-only log of what happened to a study: who, what, when. Never prompts or secrets."""

    study = models.ForeignKey(Study, models.CASCADE, related_name="events")
    actor = models.ForeignKey(User, models.PROTECT, null=True)
    kind = models.CharField(max_length=40)
    data = models.JSONField(default=dict)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["study", "at"], name="event_study_at")]
