"""Erase what tells who somebody is; what they did stays, under a number.

It must know nothing of studies: whoever erases somebody also ends their places there.
"""

import logging
import secrets

from axes.models import AccessAttempt
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from annotate.people.accounts import AccountRefused, end_sessions
from annotate.people.models import ErasedId, ExternalAccount, Invitation, Role, User

logger = logging.getLogger(__name__)


@transaction.atomic
def erase(user: User) -> None:
    """Name, address, password, platform id, times of log-in and notes about this person go.

    The account stays as `erased-<number>` and can never be opened again: nothing leads into it.
    The second of two calls changes nothing.

    Raises:
        AccountRefused: a researcher or admin, whose name stands for studies that others rely on.
    """
    if user.role != Role.ANNOTATOR:
        raise AccountRefused(
            _(
                "%(name)s is %(role)s: only annotators erase themselves here. Ask an admin to hand "
                "over your studies and change your role first."
            )
            % {"name": user.username, "role": user.role}
        )
    known_as = user.username
    user.username, user.email = _nameless(user), ""
    user.first_name = user.last_name = ""
    user.last_login, user.is_active = None, False
    user.set_unusable_password()
    user.save()
    end_sessions(user)
    ExternalAccount.objects.filter(user=user).delete()
    # The note says whom the link went to.
    Invitation.objects.filter(used_by=user).update(note="")
    # Beside our own tables: failed log-ins by name, and what admins changed, with the name.
    AccessAttempt.objects.filter(username=known_as).delete()
    kind = ContentType.objects.get_for_model(User)
    LogEntry.objects.filter(content_type=kind, object_id=str(user.pk)).update(
        object_repr=user.username
    )
    logger.info("user=%s erased", user.pk)


def remember_erased(source: str, external_id: str, *, scope: str) -> None:
    """Keep that this id of this source is not to come to `scope` again, and nothing else."""
    ErasedId.objects.get_or_create(digest=_digest(source, external_id, scope))


def was_erased(source: str, external_id: str, *, scope: str) -> bool:
    """Whether somebody with this id was erased who took part in `scope`."""
    return ErasedId.objects.filter(digest=_digest(source, external_id, scope)).exists()


def _digest(source: str, external_id: str, scope: str) -> str:
    """Keyed with the installation's secret, and different in each scope: without both the id nobody
    can tell whose it is, nor that two of them are one person's."""
    value = f"{scope}|{source}|{external_id}"
    return salted_hmac("annotate.people.erasure", value, algorithm="sha256").hexdigest()


def _nameless(user: User) -> str:
    name = f"erased-{user.pk}"
    # Somebody may have chosen that name for their own; nobody's wish to go fails for it.
    if User.objects.filter(username=name).exclude(pk=user.pk).exists():
        return f"{name}-{secrets.token_hex(5)}"
    return name
