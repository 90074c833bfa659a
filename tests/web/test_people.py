"""The admins' page of people."""

import re

import pytest
from django.urls import reverse

from annotate.judging.launch import launch
from annotate.judging.queue import hand
from annotate.people.models import Invitation, Role
from tests.factories import PASSWORD, join, make_study, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client):
    user = make_user(Role.ADMIN, username="boss")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return user


def test_everybody_is_listed_with_role_and_state(client, boss):
    make_user(username="mira", role=Role.RESEARCHER)
    make_user(username="robot", simulated=True)
    make_user(username="gone", is_active=False)
    page = client.get(reverse("people")).content.decode()
    assert all(name in page for name in ("boss", "mira", "robot", "gone"))
    assert page.count(">simulated<") == 1
    assert page.count(">deactivated<") == 1


def test_the_list_costs_the_same_number_of_queries_however_long(
    client, boss, django_assert_max_num_queries
):
    for _ in range(30):
        make_user()
    with django_assert_max_num_queries(8):
        client.get(reverse("people"))


def test_an_invitation_link_is_shown_once_and_works(client, boss):
    page = client.post(reverse("people-invite"), {"role": "admin", "note": "for Noor"})
    path = re.search(r'value="http://testserver(/join/[^"]+)"', page.content.decode())[1]
    assert "no-store" in page["Cache-Control"]
    assert path not in client.get(reverse("people")).content.decode()
    client.post(reverse("logout"))
    form = {"username": "noor", "password1": PASSWORD, "password2": PASSWORD}
    assert client.post(path, form).status_code == 302
    assert Invitation.objects.get().used_by.role == Role.ADMIN


def test_annotators_are_not_invited_from_here(client, boss):
    assert client.post(reverse("people-invite"), {"role": "annotator"}).status_code == 422
    assert not Invitation.objects.exists()


def test_a_withdrawn_invitation_leaves_the_list(client, boss):
    client.post(reverse("people-invite"), {"role": "researcher", "note": "for Noor"})
    invitation = Invitation.objects.get()
    assert "for Noor" in client.get(reverse("people")).content.decode()
    for words in ("is withdrawn", "withdrawn before"):
        page = client.post(reverse("people-withdraw", args=[invitation.pk]), follow=True)
        assert words in page.content.decode()
    assert "for Noor" not in client.get(reverse("people")).content.decode()


def test_deactivating_returns_the_leases_at_once(client, boss):
    study = make_study(pairs=5)
    launch(study, actor=study.owner)
    user = join(study)
    assert len(hand(study.memberships.get(user=user))) == 3
    page = client.post(reverse("person-active", args=[user.pk]), {"active": "0"}, follow=True)
    assert "pairs returned to others: 3" in page.content.decode()
    assert not study.assignments.filter(state="leased").exists()
    user.refresh_from_db()
    assert not user.is_active


def test_a_deactivated_person_is_let_in_again(client, boss):
    user = make_user(is_active=False)
    client.post(reverse("person-active", args=[user.pk]), {"active": "1"})
    user.refresh_from_db()
    assert user.is_active


def test_a_role_is_changed(client, boss):
    user = make_user()
    client.post(reverse("person-role", args=[user.pk]), {"role": "researcher"})
    user.refresh_from_db()
    assert user.role == Role.RESEARCHER


@pytest.mark.parametrize("role", ["", "king"])
def test_a_role_that_is_none_changes_nothing(client, boss, role):
    user = make_user()
    page = client.post(reverse("person-role", args=[user.pk]), {"role": role}, follow=True)
    assert "There is no such role" in page.content.decode()
    user.refresh_from_db()
    assert user.role == Role.ANNOTATOR


@pytest.mark.parametrize(
    ("name", "data"), [("person-active", {"active": "0"}), ("person-role", {"role": "annotator"})]
)
def test_an_admin_cannot_lock_themselves_out(client, boss, name, data):
    page = client.post(reverse(name, args=[boss.pk]), data, follow=True)
    assert "Ask another admin" in page.content.decode()
    boss.refresh_from_db()
    assert (boss.role, boss.is_active) == ("admin", True)
