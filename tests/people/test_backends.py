"""Finding somebody again by their session costs one statement and changes nothing else."""

import pytest
from django.contrib.auth import SESSION_KEY, authenticate
from django.contrib.auth.backends import ModelBackend
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from annotate.people.backends import PlainBackend
from annotate.people.models import Role, User
from tests.factories import PASSWORD, make_user, with_password

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]

DJANGOS = "django.contrib.auth.backends.ModelBackend"
OURS = "annotate.people.backends.PlainBackend"


@pytest.mark.parametrize("role", Role.values)
def test_the_person_found_is_the_one_that_djangos_backend_finds(role):
    user = make_user(role, first_name="Ann", email="ann@example.org", simulated=True)
    found, expected = PlainBackend().get_user(user.pk), ModelBackend().get_user(user.pk)
    assert isinstance(found, User)
    for field in User._meta.concrete_fields:
        assert getattr(found, field.attname) == getattr(expected, field.attname), field.name
    assert found.get_session_auth_hash() == user.get_session_auth_hash()


def test_it_takes_one_statement():
    user = make_user()
    with CaptureQueriesContext(
        connection,
    ) as asked:
        found = PlainBackend().get_user(user.pk)
        assert found.is_active
        assert not found.is_admin
    assert len(asked) == 1


def test_nobody_is_behind_the_session_of_an_unknown_or_locked_account():
    locked = make_user(is_active=False)
    assert PlainBackend().get_user(locked.pk) is None
    assert PlainBackend().get_user(locked.pk + 1) is None


@pytest.mark.parametrize("backend", [OURS, DJANGOS])
def test_sessions_go_on_whichever_backend_began_them(backend):
    client, user = Client(), make_user()
    client.force_login(user, backend=backend)
    assert client.get(reverse("home"), follow=True).context["user"] == user


def test_a_right_password_signs_in_through_the_plain_backend():
    user = with_password(make_user())
    request = RequestFactory().post(reverse("login"))
    found = authenticate(request, username=user.username, password=PASSWORD)
    assert (found, found.backend) == (user, OURS)


def test_a_wrong_password_is_looked_up_and_hashed_once():
    user = with_password(make_user())
    request = RequestFactory().post(reverse("login"))
    with CaptureQueriesContext(connection) as asked:
        assert authenticate(request, username=user.username, password="wrong") is None
    lookups = [q for q in asked.captured_queries if "people_user" in q["sql"]]
    assert len(lookups) == 1


def test_a_locked_account_does_not_sign_in():
    user = with_password(make_user(is_active=False))
    client = Client()
    client.post(reverse("login"), {"username": user.username, "password": PASSWORD})
    assert SESSION_KEY not in client.session
