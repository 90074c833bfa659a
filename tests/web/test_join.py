"""The page behind an invitation link, as a browser sees it."""

import logging
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.sessions.models import Session
from django.urls import reverse
from django.utils import timezone

from annotate.people.invitations import invite, withdraw
from annotate.people.models import Invitation, Role, User
from annotate.studies.members import invite_to_study
from tests.factories import PASSWORD, join, make_study, make_user

pytestmark = pytest.mark.django_db

LOGIN = "/login/"


@pytest.fixture(autouse=True)
def _cheap_hash(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def signed_in(client):
    return client.get(reverse("account")).status_code == 200


ACCOUNT = {"username": "mira", "password1": PASSWORD, "password2": PASSWORD, "email": ""}


def link_for(role=Role.ANNOTATOR, **extra):
    _, token = invite(role=role, created_by=None, now=timezone.now(), **extra)
    return reverse("join", args=[token])


def link_to(study, role="annotator"):
    _, token = invite_to_study(study, role=role, created_by=study.owner, now=timezone.now())
    return reverse("join", args=[token])


def test_there_is_no_open_sign_up(client):
    assert client.post(reverse("join", args=["anything"]), ACCOUNT).status_code == 404
    assert not User.objects.exists()


def test_joining_makes_the_account_and_logs_it_in(client):
    assert client.post(link_for(), ACCOUNT)["Location"] == "/"
    assert User.objects.get().username == "mira"
    assert signed_in(client)


def test_joining_takes_the_place_in_the_study(client):
    study = make_study()
    client.post(link_to(study), ACCOUNT)
    assert study.memberships.get(user__username="mira").pseudonym == "A-01"


def test_a_signed_in_person_accepts_with_their_account(client):
    study, user = make_study(), join(make_study())
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    link = link_to(study)
    assert f"Accept as {user.username}" in client.get(link).content.decode()
    assert client.post(link)["Location"] == reverse("my-work")
    assert study.memberships.filter(user=user).exists()
    assert User.objects.count() == 3  # two owners and this person


def test_a_raised_role_keeps_the_session_that_accepted_it(client):
    user = make_user()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    client.post(link_for(Role.RESEARCHER))
    user.refresh_from_db()
    assert user.role == "researcher"
    assert signed_in(client)


def test_who_judged_a_study_is_told_why_they_cannot_join_as_researcher(client):
    study = make_study()
    user, link = join(study), link_to(study, "researcher")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    response = client.post(link)
    assert response.status_code == 409
    assert "keeps one role" in response.content.decode()
    assert Invitation.objects.get().used_at is None


@pytest.mark.parametrize(
    "change",
    [
        {"password1": "12345678", "password2": "12345678"},
        {"password1": "short1x", "password2": "short1x"},
        {"password2": "something else"},
        {"username": ""},
        {"username": "no spaces"},
        {"username": "TAKEN"},
    ],
)
def test_a_poor_form_makes_no_account_and_keeps_the_invitation(client, change):
    make_user(username="taken")
    response = client.post(link_for(), ACCOUNT | change)
    assert response.status_code == 200
    assert 'aria-invalid="true"' in response.content.decode()
    assert User.objects.count() == 1
    assert Invitation.objects.get().used_at is None


def test_a_used_link_is_gone_and_says_what_to_do(client):
    link = link_for()
    client.post(link, ACCOUNT)
    client.post(reverse("logout"))
    for response in (client.get(link), client.post(link, ACCOUNT | {"username": "noor"})):
        assert response.status_code == 410
        assert "each one works once" in response.content.decode()
    assert User.objects.count() == 1


def test_expired_and_withdrawn_links_are_gone(client):
    expired = link_for(lifetime=timedelta(microseconds=1))
    invitation, token = invite(role="annotator", created_by=None, now=timezone.now())
    withdraw(invitation, now=timezone.now())
    assert client.get(expired).status_code == 410
    assert client.get(reverse("join", args=[token])).status_code == 410


def test_the_secret_address_leaks_to_nobody(client, caplog):
    """No request from this page carries its path, and no cache keeps it."""
    link = link_for()
    with caplog.at_level(logging.INFO, logger="annotate"):
        responses = [client.get(link), client.get(link[:-2] + "/"), client.post(link, ACCOUNT)]
    for response in responses:
        assert response["Referrer-Policy"] == "strict-origin"
        assert "no-store" in response["Cache-Control"]
    assert token_of(link) not in caplog.text
    assert PASSWORD not in caplog.text


def test_no_table_holds_a_secret_address(client):
    """Not even those of the log-in guard, which note where a log-in came from."""
    unused, used = link_for(), link_for()
    log_in_here = f"{LOGIN}?next={unused}"
    for address in (log_in_here, LOGIN):
        client.post(address, {"username": "mira", "password": "wrong", "next": unused})
    client.get(unused)
    client.post(used, ACCOUNT)
    for model in apps.get_models():
        for row in model._base_manager.values():
            for token in (token_of(unused), token_of(used)):
                assert token not in str(row), model
    for session in Session.objects.all():
        assert token_of(unused) not in str(session.get_decoded())


def token_of(link):
    return link.split("/")[-2]
