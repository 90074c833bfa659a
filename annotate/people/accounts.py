"""What happens to an account after it was made: role, rest, return, end of sessions.

It must know nothing of studies; whoever deactivates somebody also returns their leases.
"""

import logging
from datetime import datetime

from django.db import transaction
from django.db.models import F

from annotate.people.invitations import RANK, keep_flags_in_step, withdraw_all
from annotate.people.models import Role, User

logger = logging.getLogger(__name__)


class AccountRefused(ValueError):
    """A change that would lock the installation, or oneself, out."""


def end_sessions(user: User) -> None:
    """Log this person out everywhere, at their next request; no browser is known any more."""
    User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
    user.refresh_from_db(fields=["session_epoch"])
    user.browsers.all().delete()
    logger.info("user=%s sessions ended", user.pk)


@transaction.atomic
def set_role(user: User, role: str, *, actor: User, now: datetime) -> None:
    """Give somebody another role. It ends their sessions: the session hash contains the role.

    A lower role also withdraws the invitations they gave out.

    Raises:
        AccountRefused: the role is unknown, one's own, or the last admin's.
    """
    if role not in Role.values:
        raise AccountRefused(f"role {role!r} is unknown; allowed: {', '.join(Role.values)}.")
    _check_change(user, actor=actor, still_admin=role == Role.ADMIN)
    if RANK[Role(role)] < RANK[Role(user.role)]:
        withdraw_all(created_by=user, now=now)
    user.role = role
    keep_flags_in_step(user)
    user.save(update_fields=["role", "is_staff", "is_superuser"])
    logger.info("user=%s role=%s by user=%s", user.pk, role, actor.pk)


@transaction.atomic
def deactivate(user: User, *, actor: User, now: datetime) -> None:
    """Close somebody's account: no session goes on, and invitations they gave out end unused.

    Votes stay. Raises AccountRefused for oneself and for the last admin.
    """
    _check_change(user, actor=actor, still_admin=False)
    user.is_active = False
    user.save(update_fields=["is_active"])
    # Else an old cookie would wake up when the account is opened again.
    end_sessions(user)
    # Else somebody who was let go could have left themselves a way back in.
    withdraw_all(created_by=user, now=now)
    logger.info("user=%s deactivated by user=%s", user.pk, actor.pk)


def reactivate(user: User, *, actor: User) -> None:
    """Open a closed account again; the person logs in anew."""
    user.is_active = True
    user.save(update_fields=["is_active"])
    logger.info("user=%s reactivated by user=%s", user.pk, actor.pk)


def _check_change(user: User, *, actor: User, still_admin: bool) -> None:
    if user.pk == actor.pk:
        raise AccountRefused(
            "You cannot change your own role or close your own account. Ask another admin."
        )
    # Locked, so that two admins who demote each other at once do not leave none.
    admins = set(
        User.objects.select_for_update()
        .filter(role=Role.ADMIN, is_active=True)
        .values_list("pk", flat=True)
    )
    if not still_admin and not admins - {user.pk}:
        raise AccountRefused(
            f"{user.username} is the last active admin. Make somebody else an admin first."
        )
    # The actor may have lost their role while this request was under way.
    if actor.pk not in admins:
        raise AccountRefused("Only an active admin changes accounts. Ask one.")
