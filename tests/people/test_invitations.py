"""Invitations: one person, once, in time."""

import base64
import threading
import time
from datetime import timedelta

import pytest
from django.db import OperationalError, connection

from annotate.people import invitations
from annotate.people.invitations import (
    LIFETIME,
    InvitationError,
    UsernameTaken,
    accept,
    accept_as,
    find,
    invite,
    withdraw,
)
from annotate.people.models import Invitation, Role, User
from tests.factories import NOW, PASSWORD, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _cheap_hash(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def fresh(role=Role.ANNOTATOR, **extra):
    return invite(role=role, created_by=None, now=NOW, **extra)


def test_a_token_has_at_least_128_random_bits():
    _, token = fresh()
    assert len(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))) * 8 >= 128


def test_tokens_differ():
    assert len({Invitation.new_token() for _ in range(1000)}) == 1000


def test_only_the_hash_of_a_token_is_stored():
    invitation, token = fresh()
    row = Invitation.objects.filter(pk=invitation.pk).values().get()
    assert all(token not in str(value) for value in row.values())


def test_an_accepted_invitation_makes_an_account_of_its_role():
    _, token = fresh(Role.RESEARCHER)
    user = accept(token, username="mira", password=PASSWORD, email="m@example.org", now=NOW)
    assert (user.role, user.email, user.check_password(PASSWORD)) == (
        "researcher",
        "m@example.org",
        True,
    )


@pytest.mark.parametrize("role", Role.values)
def test_djangos_flags_follow_the_role(role):
    user = accept(fresh(role)[1], username="mira", password=PASSWORD, now=NOW)
    assert user.is_staff is user.is_superuser is (role == Role.ADMIN)


def test_an_invitation_works_once():
    _, token = fresh()
    accept(token, username="mira", password=PASSWORD, now=NOW)
    with pytest.raises(InvitationError, match="used already"):
        accept(token, username="noor", password=PASSWORD, now=NOW)
    assert not User.objects.filter(username="noor").exists()


def test_an_invitation_ends_at_its_hour():
    _, token = fresh()
    assert find(token, now=NOW + LIFETIME - timedelta(seconds=1))
    with pytest.raises(InvitationError, match="ended on 16 March 2026"):
        find(token, now=NOW + LIFETIME)


def test_an_unknown_token_says_that_it_may_have_been_cut_off():
    _, token = fresh()
    with pytest.raises(InvitationError, match="cut off") as caught:
        find(token[:-1], now=NOW)
    assert caught.value.unknown


def test_a_withdrawn_invitation_lets_nobody_in():
    invitation, token = fresh()
    assert withdraw(invitation, now=NOW)
    with pytest.raises(InvitationError, match="withdrawn"):
        accept(token, username="mira", password=PASSWORD, now=NOW)


def test_a_used_invitation_cannot_be_withdrawn():
    invitation, token = fresh()
    accept(token, username="mira", password=PASSWORD, now=NOW)
    assert not withdraw(invitation, now=NOW)
    assert invitation.withdrawn_at is None


def test_a_taken_name_leaves_the_invitation_unused():
    make_user(username="mira")
    _, token = fresh()
    with pytest.raises(UsernameTaken, match="Choose another"):
        accept(token, username="mira", password=PASSWORD, now=NOW)
    assert find(token, now=NOW).used_by is None


def test_a_failing_last_step_leaves_neither_account_nor_spent_invitation():
    _, token = fresh()

    def refuse(user, invitation):
        raise ValueError("no room")

    with pytest.raises(ValueError, match="no room"):
        accept(token, username="mira", password=PASSWORD, now=NOW, then=refuse)
    assert not User.objects.filter(username="mira").exists()
    assert find(token, now=NOW).used_at is None


def test_who_accepts_between_look_and_step_wins(monkeypatch):
    """The second of two who both found the invitation usable gets no account."""
    _, token = fresh()
    seen_before = find(token, now=NOW)
    accept(token, username="first", password=PASSWORD, now=NOW)
    monkeypatch.setattr(invitations, "find", lambda token, *, now: seen_before)
    with pytest.raises(InvitationError, match="a moment ago"):
        accept(token, username="second", password=PASSWORD, now=NOW)
    assert User.objects.get().username == "first"


@pytest.mark.bothdb
@pytest.mark.django_db(transaction=True)
def test_of_eight_who_accept_at_once_one_gets_an_account():
    _, token = fresh()
    barrier, results = threading.Barrier(8), []

    def run(n):
        barrier.wait()
        try:
            while True:
                try:
                    results.append(accept(token, username=f"racer{n}", password=PASSWORD, now=NOW))
                    return
                except OperationalError:  # SQLite in memory refuses where a file would wait
                    time.sleep(0.01)
                except InvitationError as error:
                    results.append(error)
                    return
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    winners = [r for r in results if isinstance(r, User)]
    assert len(results) == 8
    assert list(User.objects.all()) == winners
    assert Invitation.objects.get().used_by == winners[0]


def test_an_existing_account_accepts_several_invitations():
    user = make_user()
    for _ in range(2):
        accept_as(fresh()[1], user=user, now=NOW)
    assert user.invitations_used.count() == 2


def test_accepting_raises_a_role_and_never_lowers_it():
    annotator, admin = make_user(), make_user(Role.ADMIN)
    accept_as(fresh(Role.RESEARCHER)[1], user=annotator, now=NOW)
    accept_as(fresh(Role.RESEARCHER)[1], user=admin, now=NOW)
    annotator.refresh_from_db()
    admin.refresh_from_db()
    assert (annotator.role, admin.role) == ("researcher", "admin")


@pytest.mark.parametrize(
    ("inviter", "role", "allowed"),
    [
        ("admin", "admin", True),
        ("admin", "annotator", True),
        ("researcher", "annotator", True),
        ("researcher", "researcher", True),
        ("researcher", "admin", False),
        ("annotator", "annotator", False),
    ],
)
def test_nobody_invites_above_themselves(inviter, role, allowed):
    user = make_user(inviter)
    if allowed:
        assert invite(role=role, created_by=user, now=NOW)[0].created_by == user
    else:
        with pytest.raises(InvitationError, match=f"{inviter} cannot invite {role}"):
            invite(role=role, created_by=user, now=NOW)


def test_a_deactivated_researcher_invites_nobody():
    with pytest.raises(InvitationError, match="nobody"):
        invite(role="annotator", created_by=make_user("researcher", is_active=False), now=NOW)


def test_an_invitation_needs_a_known_role_and_time_to_live():
    with pytest.raises(InvitationError, match="'guest' is unknown"):
        fresh("guest")
    with pytest.raises(InvitationError, match="positive"):
        fresh(lifetime=timedelta(0))
