"""People who come from a platform: known by its id for them, without name, address or password.

It must know nothing of studies, nor which platforms there are.
"""

import logging
import secrets

from django.db import IntegrityError, transaction

from annotate.people.models import ExternalAccount, Role, User

logger = logging.getLogger(__name__)


def find_external(source: str, external_id: str) -> User | None:
    """The account bound to this id of this source."""
    bound = ExternalAccount.objects.filter(source=source, external_id=external_id)
    found = bound.select_related("user").first()
    return found.user if found else None


def find_or_make_external(source: str, external_id: str) -> User:
    """The account bound to this id, made when there is none.

    Its name is drawn, so that it says nothing of the person. Any number may come at once with one
    id: the constraint lets one account through, and all get that one.
    """
    there = find_external(source, external_id)
    if there is not None:
        return there
    user = User(username=f"guest-{secrets.token_hex(5)}", role=Role.ANNOTATOR)
    user.set_unusable_password()
    try:
        with transaction.atomic():
            user.save()
            ExternalAccount.objects.create(user=user, source=source, external_id=external_id)
    except IntegrityError:
        there = find_external(source, external_id)
        if there is None:
            raise
        return there
    logger.info("user=%s came from %s", user.pk, source.partition(":")[0])
    return user
