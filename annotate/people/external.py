"""People who come from a platform: known by its id for them, without name, address or password.

It must know nothing of studies, nor which platforms there are.
"""

import logging
import secrets

from django.db import IntegrityError, transaction
from django.utils.crypto import salted_hmac

from annotate.people.models import ExternalAccount, KnownBrowser, Role, User

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


def is_known(user: User, browser: str) -> bool:
    """Whether this person came in by the browser with this secret before."""
    return bool(browser) and user.browsers.filter(digest=_digest(user, browser)).exists()


def know(user: User, browser: str) -> None:
    """Let this person come in by this browser again, until they log out everywhere."""
    if browser:
        KnownBrowser.objects.get_or_create(user=user, digest=_digest(user, browser))


def _digest(user: User, browser: str) -> str:
    # With the person in it, so that nobody reads off who shares a computer.
    value = f"{user.pk}|{browser}"
    return salted_hmac("annotate.people.external.browser", value, algorithm="sha256").hexdigest()
