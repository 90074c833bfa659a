"""Ways in: invite, find, accept, withdraw. It must know nothing of studies.

There is no open sign-up: every account begins here. The secret is shown once and stored hashed.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from annotate.people.models import Invitation, Role, User, hash_token

logger = logging.getLogger(__name__)

LIFETIME = timedelta(days=14)
RANK = {Role.ANNOTATOR: 0, Role.RESEARCHER: 1, Role.ADMIN: 2}


class InvitationError(ValueError):
    """An invitation that cannot be made or used; `unknown` says that no such one was ever made."""

    def __init__(self, message: str, *, unknown: bool = False) -> None:
        super().__init__(message)
        self.unknown = unknown


class UsernameTaken(ValueError):
    """Somebody else took the name between the check and the insert."""


def invite(
    *,
    role: str,
    created_by: User | None,
    now: datetime,
    note: str = "",
    lifetime: timedelta = LIFETIME,
) -> tuple[Invitation, str]:
    """A new invitation and its secret, which exists nowhere else.

    Nobody invites somebody above themselves. `created_by` None is the command line, where whoever
    runs the machine may invite anybody.

    Raises:
        InvitationError: the role is unknown or above the inviter's, or there is no lifetime.
    """
    if role not in Role.values:
        raise InvitationError(f"role {role!r} is unknown; allowed: {', '.join(Role.values)}.")
    if lifetime <= timedelta(0):
        raise InvitationError(f"lifetime {lifetime} is over before it begins; give a positive one.")
    if created_by is not None:
        allowed = [r for r in Role if may_invite(created_by, r)]
        if role not in allowed:
            raise InvitationError(
                f"{created_by.role} cannot invite {role}; allowed: "
                f"{', '.join(allowed) or 'nobody'}. Ask an admin."
            )
    token = Invitation.new_token()
    invitation = Invitation.objects.create(
        token_hash=hash_token(token),
        role=role,
        note=note,
        created_by=created_by,
        created_at=now,
        expires_at=now + lifetime,
    )
    logger.info("invitation=%s made role=%s", invitation.pk, role)
    return invitation, token


def may_invite(user: User, role: str) -> bool:
    """Researchers and admins invite people up to their own role."""
    return user.is_active and user.is_researcher and RANK[Role(role)] <= RANK[Role(user.role)]


def find(token: str, *, now: datetime) -> Invitation:
    """The usable invitation of this secret.

    Raises:
        InvitationError: unknown, used, withdrawn or expired; the message is fit for the page.
    """
    ask = _("Ask the person who sent it for a new one.")
    invitation = Invitation.objects.filter(token_hash=hash_token(token)).first()
    if invitation is None:
        raise InvitationError(
            _(
                "This invitation link is not known here. It may have been cut off when it was "
                "copied. Open it again from the message, or ask the person who sent it for a new "
                "one."
            ),
            unknown=True,
        )
    if invitation.used_at is not None:
        raise InvitationError(
            _("This invitation has been used already; each one works once. If it was you, log in.")
            + f" {ask}"
        )
    if invitation.withdrawn_at is not None:
        raise InvitationError(_("This invitation was withdrawn.") + f" {ask}")
    if now >= invitation.expires_at:
        raise InvitationError(
            _("This invitation ended on %(at)s UTC.")
            % {"at": date_format(invitation.expires_at, "j F Y, H:i")}
            + f" {ask}"
        )
    return invitation


def accept(
    token: str,
    *,
    username: str,
    password: str,
    email: str = "",
    now: datetime,
    then: Callable[[User, Invitation], object] | None = None,
) -> User:
    """Make the account this invitation promises, and spend the invitation.

    Any number of people may try at once: one of them gets the account, the others an
    InvitationError and no account. `then` is what else the invitation opens; it runs in the same
    transaction.

    Raises:
        InvitationError: as in `find`.
        UsernameTaken: the name belongs to somebody else.
    """
    find(token, now=now)
    # Hashing takes a third of a second: not inside the transaction, which on SQLite would keep
    # every vote waiting that long.
    hashed = make_password(password)
    with transaction.atomic():
        invitation = find(token, now=now)
        user = User(username=username, email=email, role=invitation.role, password=hashed)
        keep_flags_in_step(user)
        try:
            with transaction.atomic():
                user.save()
        except IntegrityError as error:
            raise UsernameTaken(
                _("The name %(name)r is taken. Choose another; the invitation is still yours.")
                % {"name": username}
            ) from error
        _spend(invitation, user=user, now=now)
        if then is not None:
            then(user, invitation)
    return user


@transaction.atomic
def accept_as(token: str, *, user: User, now: datetime) -> Invitation:
    """Spend the invitation with an account that exists; its role rises to the invited one.

    A role is never lowered here. Any number may try at once; one succeeds.

    Raises:
        InvitationError: as in `find`.
    """
    invitation = find(token, now=now)
    _spend(invitation, user=user, now=now)
    if RANK[Role(invitation.role)] > RANK[Role(user.role)]:
        user.role = invitation.role
        keep_flags_in_step(user)
        user.save(update_fields=["role", "is_staff", "is_superuser"])
    return invitation


def withdraw(invitation: Invitation, *, now: datetime) -> bool:
    """Close an unused invitation; False when it was used or withdrawn before."""
    done = Invitation.objects.filter(
        pk=invitation.pk, used_at__isnull=True, withdrawn_at__isnull=True
    ).update(withdrawn_at=now)
    if done:
        logger.info("invitation=%s withdrawn", invitation.pk)
    invitation.refresh_from_db(fields=["used_at", "used_by", "withdrawn_at"])
    return bool(done)


def withdraw_all(*, created_by: User, now: datetime) -> int:
    """Close every unused invitation this person gave out; how many there were."""
    return Invitation.objects.filter(
        created_by=created_by, used_at__isnull=True, withdrawn_at__isnull=True
    ).update(withdrawn_at=now)


def keep_flags_in_step(user: User) -> None:
    """Django's two flags say the same as the role; its admin pages look at them."""
    user.is_staff = user.is_superuser = user.is_admin


def _spend(invitation: Invitation, *, user: User, now: datetime) -> None:
    # Compare-and-set: of two who both found it usable, the database lets one through.
    won = Invitation.objects.filter(
        pk=invitation.pk, used_at__isnull=True, withdrawn_at__isnull=True, expires_at__gt=now
    ).update(used_at=now, used_by=user)
    if not won:
        find_again = Invitation.objects.get(pk=invitation.pk)
        ask = _("Ask the person who sent it for a new one.")
        was = (
            _("This invitation was withdrawn a moment ago.")
            if find_again.withdrawn_at
            else _("This invitation was used a moment ago.")
        )
        raise InvitationError(f"{was} {ask}")
    invitation.refresh_from_db(fields=["used_at", "used_by"])
    logger.info("invitation=%s used user=%s", invitation.pk, user.pk)
