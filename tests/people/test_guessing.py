"""A hundred wrong passwords an hour from one address, whatever the accounts."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from django.utils import timezone

from annotate.people.guessing import (
    LIMIT,
    closed_until,
    count_failure,
    source,
    visitor_address,
)
from annotate.people.models import FailedLogin
from tests.factories import NOW, PASSWORD, make_user, with_password

pytestmark = pytest.mark.django_db

LOGIN = "/login/"
HOME, ELSEWHERE = "127.0.0.1", "203.0.113.9"
HOUR = timedelta(hours=1)


def failures(number, *, at, address=HOME):
    rows = [FailedLogin(source=source(address), at=at) for _ in range(number)]
    FailedLogin.objects.bulk_create(rows)


def try_name(client, name, password="wrong", **where):
    return client.post(LOGIN, {"username": name, "password": password}, **where)


# --- at the door ----------------------------------------------------------------------------------


def test_the_hundred_and_first_try_is_refused_whatever_the_account(client):
    tries = [try_name(client, f"nobody {n}").status_code for n in range(LIMIT)]
    assert tries == [200] * LIMIT
    assert try_name(client, "somebody else").status_code == 429


def test_the_right_password_is_refused_at_a_closed_address_only(client):
    user = with_password(make_user())
    failures(LIMIT, at=timezone.now())
    refused = try_name(client, user.username, PASSWORD)
    assert refused.status_code == 429
    assert isinstance(refused.wsgi_request.user, AnonymousUser)
    assert try_name(client, user.username, PASSWORD, REMOTE_ADDR=ELSEWHERE).status_code == 302


def test_a_closed_address_is_told_how_long_to_wait(client):
    failures(LIMIT, at=timezone.now() - timedelta(minutes=18, seconds=30))
    refused = try_name(client, "nobody")
    page = refused.content.decode()
    assert "For the next 42 minutes nobody can log in" in page
    assert 41 * 60 < int(refused["Retry-After"]) <= 42 * 60


def test_an_address_opens_an_hour_after_its_first_failures(client):
    user = with_password(make_user())
    failures(LIMIT, at=timezone.now() - HOUR - timedelta(seconds=1))
    assert try_name(client, user.username, PASSWORD).status_code == 302


def test_tries_at_a_closed_address_neither_prolong_it_nor_close_accounts(client):
    user = with_password(make_user())
    failures(LIMIT, at=timezone.now() - timedelta(minutes=59))
    for _ in range(12):
        assert try_name(client, user.username).status_code == 429
    assert FailedLogin.objects.count() == LIMIT
    FailedLogin.objects.all().delete()
    assert try_name(client, user.username, PASSWORD).status_code == 302


def test_tries_at_a_closed_account_do_not_close_its_address(client):
    user = with_password(make_user())
    for _ in range(15):
        try_name(client, user.username)
    assert FailedLogin.objects.count() == 10


def test_a_right_password_does_not_forget_wrong_ones_for_other_accounts(client):
    user = with_password(make_user())
    failures(LIMIT - 1, at=timezone.now())
    assert try_name(client, user.username, PASSWORD).status_code == 302
    client.post("/logout/")
    try_name(client, "nobody")
    assert try_name(client, user.username, PASSWORD).status_code == 429


def test_djangos_admin_keeps_the_same_limit(client):
    boss = with_password(make_user("admin"))
    failures(LIMIT, at=timezone.now())
    asked = {"username": boss.username, "password": PASSWORD}
    assert client.post("/admin/login/", asked).status_code == 429


# --- counting -------------------------------------------------------------------------------------


@pytest.mark.bothdb
def test_an_address_opens_when_the_hundredth_newest_failure_is_an_hour_old():
    first, later = NOW - timedelta(minutes=50), NOW - timedelta(minutes=10)
    failures(LIMIT // 2, at=first)
    failures(LIMIT // 2, at=later)
    assert closed_until(HOME, now=NOW) == first + HOUR
    failures(1, at=NOW)
    assert closed_until(HOME, now=NOW) == first + HOUR
    failures(LIMIT // 2, at=NOW)
    assert closed_until(HOME, now=NOW) == later + HOUR
    assert closed_until(ELSEWHERE, now=NOW) is None


def test_what_no_longer_counts_is_forgotten():
    failures(3, at=NOW - HOUR, address=ELSEWHERE)
    count_failure(HOME, now=NOW)
    assert FailedLogin.objects.get().source == HOME


def test_an_unknown_address_is_not_counted():
    count_failure(None, now=NOW)
    assert not FailedLogin.objects.exists()


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix:", None),
        (None, None),
    ],
)
def test_one_subscriber_is_one_source(address, counted):
    assert source(address) == counted


# --- whose address --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proxies", "forwarded", "seen"),
    [
        (0, "198.51.100.1", HOME),  # nobody in front: the visitor wrote it
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "8.8.8.8, 198.51.100.1", "198.51.100.1"),  # what the visitor wrote stands further left
        (2, "198.51.100.1, 10.0.0.2", "198.51.100.1"),
        (2, "198.51.100.1", HOME),  # came round the outer proxy
        (1, "", HOME),
        (1, "<script>", HOME),
    ],
)
def test_the_visitors_address_is_what_the_outermost_trusted_proxy_saw(
    settings, proxies, forwarded, seen
):
    settings.TRUSTED_PROXIES = proxies
    request = RequestFactory().get("/", HTTP_X_FORWARDED_FOR=forwarded, REMOTE_ADDR=HOME)
    assert visitor_address(request) == seen


def test_behind_a_proxy_one_visitor_does_not_close_the_site_to_others(client, settings):
    settings.TRUSTED_PROXIES = 1
    user = with_password(make_user())
    failures(LIMIT, at=timezone.now(), address=ELSEWHERE)
    asked = {"username": user.username, "password": PASSWORD}
    closed = client.post(LOGIN, asked, HTTP_X_FORWARDED_FOR=ELSEWHERE)
    other = client.post(LOGIN, asked, HTTP_X_FORWARDED_FOR="198.51.100.1")
    assert (closed.status_code, other.status_code) == (429, 302)
