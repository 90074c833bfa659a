"""Erasing a person leaves no trace of who they are, and no way back in."""

import pytest
from axes.models import AccessAttempt
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from annotate.people.accounts import AccountRefused
from annotate.people.erasure import erase
from annotate.people.external import find_external, find_or_make_external
from annotate.people.invitations import accept, invite
from annotate.people.models import ExternalAccount, Role, User
from tests.factories import NOW, PASSWORD, make_user

pytestmark = pytest.mark.django_db

TRACES = ("mira.holm", "mira@example.org", "Mira", "worker-4711")


@pytest.fixture(autouse=True)
def _cheap_hash(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def everything() -> str:
    """Every cell of every table, as text."""
    cells = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            cells += [str(row) for row in cursor.fetchall()]
    return "\n".join(cells)


def test_no_table_names_an_erased_person_and_nobody_gets_in_as_them():
    admin = make_user(Role.ADMIN)
    _, token = invite(role="annotator", created_by=admin, now=NOW, note="for Mira Holm")
    user = accept(token, username="mira.holm", password=PASSWORD, email="mira@example.org", now=NOW)
    User.objects.filter(pk=user.pk).update(first_name="Mira", last_login=NOW)
    user.refresh_from_db()
    ExternalAccount.objects.create(user=user, source="prolific", external_id="worker-4711")
    AccessAttempt.objects.create(
        username="mira.holm", ip_address="192.0.2.7", failures_since_start=1
    )
    LogEntry.objects.create(
        user=admin,
        content_type=ContentType.objects.get_for_model(User),
        object_id=str(user.pk),
        object_repr="mira.holm",
        action_flag=2,
    )
    before = everything()
    assert all(trace in before for trace in TRACES)
    session = user.get_session_auth_hash()

    erase(user)

    after = everything()
    assert [trace for trace in TRACES if trace in after] == []
    user.refresh_from_db()
    assert (user.username, user.is_active) == (f"erased-{user.pk}", False)
    assert not user.has_usable_password()
    assert user.get_session_auth_hash() != session
    assert find_external("prolific", "worker-4711") is None


def test_researchers_do_not_erase_themselves():
    with pytest.raises(AccountRefused, match="Ask an admin"):
        erase(make_user(Role.RESEARCHER))


def test_one_id_of_one_source_is_one_account_without_a_password():
    first = find_or_make_external("prolific", "worker-4711")
    assert find_or_make_external("prolific", "worker-4711") == first
    assert find_or_make_external("mturk", "worker-4711") != first
    assert not first.has_usable_password()
    assert "4711" not in first.username


def test_a_name_that_somebody_took_keeps_nobody_from_being_erased():
    user = make_user(Role.ANNOTATOR)
    make_user(Role.ANNOTATOR, username=f"erased-{user.pk}")
    erase(user)
    assert user.username.startswith(f"erased-{user.pk}-")
    assert not user.is_active
