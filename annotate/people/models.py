"""People and the invitations that let them in. It must know nothing of studies."""

import hashlib
import secrets
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    ADMIN = "admin", _("Admin")
    RESEARCHER = "researcher", _("Researcher")
    ANNOTATOR = "annotator", _("Annotator")


class TriptychUserManager(UserManager["User"]):
    """Keeps role and Django's two flags in step for accounts made on the command line."""

    def create_superuser(
        self,
        username: str,
        email: str | None = None,
        password: str | None = None,
        **extra: Any,
    ) -> "User":
        extra.setdefault("role", Role.ADMIN)
        return super().create_superuser(username, email, password, **extra)


class User(AbstractUser):
    """Somebody who signs in. What they may see is decided by `studies.Membership`, not here."""

    role = models.CharField(max_length=12, choices=Role, default=Role.ANNOTATOR)
    # A program that acts over HTTP like a browser. Carried into every vote, page and export.
    simulated = models.BooleanField(default=False)
    # Part of the session hash: a new value ends every session this person has.
    session_epoch = models.PositiveIntegerField(default=0)

    objects: ClassVar[TriptychUserManager] = TriptychUserManager()

    @property
    def is_admin(self) -> bool:
        return self.role == Role.ADMIN

    @property
    def is_researcher(self) -> bool:
        """Researchers and admins plan studies."""
        return self.role in {Role.ADMIN, Role.RESEARCHER}

    def get_session_auth_hash(self) -> str:
        """End all sessions on a new password, a new role or a raised epoch."""
        return salted_hmac(
            "annotate.people.User.session",
            f"{self.password}|{self.role}|{self.session_epoch}",
            algorithm="sha256",
        ).hexdigest()


def hash_token(token: str) -> str:
    """What is stored of an invitation's secret: 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


class Invitation(models.Model):
    """A single-use, expiring way in. The secret itself is shown once and never stored."""

    token_hash = models.CharField(max_length=64, unique=True)
    role = models.CharField(max_length=12, choices=Role, default=Role.ANNOTATOR)
    note = models.CharField(max_length=200, blank=True)
    # None: made on the command line, by whoever runs the machine.
    created_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="invitations_sent"
    )
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    # One person may use several: each further study comes with an invitation of its own.
    used_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="invitations_used")
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(used_at__isnull=True, used_by__isnull=True)
                | models.Q(used_at__isnull=False, used_by__isnull=False),
                name="invitation_used_at_and_by_together",
            )
        ]

    @staticmethod
    def new_token() -> str:
        return secrets.token_urlsafe(32)

    def is_usable(self, now: datetime) -> bool:
        return self.used_at is None and self.withdrawn_at is None and now < self.expires_at


class ExternalAccount(models.Model):
    """Who somebody is on the platform they came from; they have no password.

    The id alone lets nobody back in, since others know it too: see `KnownBrowser`. `source` is a
    platform whose ids are unique, or one study's own list. Erased with the person.
    """

    user = models.OneToOneField(User, models.CASCADE, related_name="external")
    source = models.CharField(max_length=40)
    external_id = models.CharField(max_length=128)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "external_id"], name="external_account_once")
        ]


class KnownBrowser(models.Model):
    """A browser by which somebody without a password came in: what shows that it is they again.

    The browser keeps a random secret (`external`); here stands only a hash of it with the person.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="browsers")
    digest = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "digest"], name="known_browser_once")
        ]


class ErasedId(models.Model):
    """That somebody who was erased took part somewhere, so that they do not judge there twice.

    Only a keyed hash of the place and the platform's id: no person, no number of theirs, no time,
    and no row number, whose order would tell when.
    """

    digest = models.CharField(max_length=64, primary_key=True)


class FailedLogin(models.Model):
    """One wrong password, by where it came from only; forgotten after an hour (`guessing`)."""

    source = models.CharField(max_length=43)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["source", "at"], name="failed_login_source_at")]
