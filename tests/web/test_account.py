"""Log in, log out, passwords: as a browser sees them."""

import re
import statistics
import threading
import time
from datetime import timedelta

import pytest
from django.core import mail
from django.db import DatabaseError
from django.urls import reverse
from django.utils import timezone

from annotate.people.accounts import deactivate, reactivate, set_role
from annotate.people.models import Role
from annotate.web.forms_account import MAIL_THREAD
from tests.factories import NOW, PASSWORD, make_user, with_password
from tests.web.letters import all_letters_sent

pytestmark = [pytest.mark.django_db, pytest.mark.whole]

LOGIN = "/login/"
NEW = "another horse battery"


@pytest.fixture(autouse=True)
def _fast_and_quiet(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


def log_in(client, user, password=PASSWORD, **extra):
    return client.post(LOGIN, {"username": user.username, "password": password, **extra})


def signed_in(client):
    return client.get(reverse("account")).status_code == 200


# --- logging in and out ---------------------------------------------------------------------------


def test_the_right_password_opens_the_door(client):
    assert log_in(client, with_password(make_user()))["Location"] == "/"
    assert signed_in(client)


def test_logging_in_changes_the_session_key(client):
    client.get(reverse("join", args=["nothing"]))
    session = client.session
    session["planted"] = 1
    session.save()
    before = session.session_key
    log_in(client, with_password(make_user()))
    assert client.session.session_key != before


def test_a_wrong_name_and_a_wrong_password_are_answered_alike(client):
    user = with_password(make_user(username="mira"))
    wrong = log_in(client, user, "wrong").content.decode()
    unknown = client.post(LOGIN, {"username": "nobody", "password": "wrong"}).content.decode()

    def same(page):
        return re.sub(r'name="csrfmiddlewaretoken" value="\w+"|value="(mira|nobody)"', "", page)

    assert same(wrong) == same(unknown)


@pytest.mark.parametrize(
    "target", ["//evil.example", "\\\\evil.example", "https://evil.example", "javascript:alert(1)"]
)
def test_logging_in_never_leads_elsewhere(client, target):
    user = with_password(make_user())
    assert log_in(client, user, next=target)["Location"] == "/"


def test_logging_in_leads_on_within_the_site(client):
    user = with_password(make_user())
    assert log_in(client, user, next="/account/")["Location"] == "/account/"


def test_logging_out_takes_a_post(client):
    client.force_login(make_user(), backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(reverse("logout")).status_code == 405
    assert client.post(reverse("logout"))["Location"] == LOGIN
    assert not signed_in(client)


def test_a_deactivated_person_cannot_log_in(client):
    log_in(client, with_password(make_user(is_active=False)))
    assert not signed_in(client)


# --- guessing -------------------------------------------------------------------------------------


def test_the_eleventh_try_is_refused_in_plain_words(client):
    user = with_password(make_user())
    first_nine = [log_in(client, user, f"wrong {n}").status_code for n in range(9)]
    log_in(client, user, "wrong 10")
    eleventh = log_in(client, user, "wrong 11")
    assert first_nine == [200] * 9
    assert eleventh.status_code == 429
    assert "Wait a quarter of an hour" in eleventh.content.decode()


def locked(client):
    user = with_password(make_user())
    for n in range(10):
        log_in(client, user, f"wrong {n}")
    return user


def test_the_right_password_is_refused_while_locked(client):
    assert log_in(client, locked(client)).status_code == 429
    assert not signed_in(client)


def test_the_lock_opens_after_a_quarter_of_an_hour(client):
    from axes.models import AccessAttempt

    user = locked(client)
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=14))
    assert log_in(client, user).status_code == 429
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=15, seconds=1))
    assert log_in(client, user).status_code == 302


def test_a_lock_holds_for_one_account_at_one_address(client):
    user, other = locked(client), with_password(make_user())
    assert log_in(client, other).status_code == 302
    client.post(reverse("logout"))
    elsewhere = {"username": user.username, "password": PASSWORD}
    assert client.post(LOGIN, elsewhere, REMOTE_ADDR="203.0.113.9").status_code == 302


def test_a_right_password_forgets_earlier_mistakes(client):
    user = with_password(make_user())
    for _ in range(2):
        for n in range(9):
            log_in(client, user, f"wrong {n}")
        assert log_in(client, user).status_code == 302
        client.post(reverse("logout"))


# --- sessions -------------------------------------------------------------------------------------


def test_a_new_role_ends_the_session(client):
    user, boss = make_user(), make_user(Role.ADMIN)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    assert signed_in(client)
    set_role(user, "researcher", actor=boss, now=NOW)
    assert not signed_in(client)


def test_deactivating_ends_the_session_for_good(client):
    user, boss = make_user(), make_user(Role.ADMIN)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    deactivate(user, actor=boss, now=NOW)
    assert not signed_in(client)
    reactivate(user, actor=boss)
    assert not signed_in(client)


def test_log_out_everywhere_ends_every_session(client, django_user_model):
    from django.test import Client

    user, elsewhere = make_user(), Client()
    for browser in (client, elsewhere):
        browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    assert client.post(reverse("logout-everywhere"))["Location"] == LOGIN
    assert not signed_in(client)
    assert not signed_in(elsewhere)


def test_a_changed_password_keeps_this_session_and_ends_the_others(client):
    from django.test import Client

    user, elsewhere = with_password(make_user()), Client()
    log_in(client, user)
    log_in(elsewhere, user)
    form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert client.post(reverse("password_change"), form)["Location"] == reverse("account")
    assert signed_in(client)
    assert not signed_in(elsewhere)


# --- forgotten passwords --------------------------------------------------------------------------


def ask_for_link(client, address):
    response = client.post(reverse("password_reset"), {"email": address})
    all_letters_sent()
    return response


def link_in_mail():
    return re.search(r"https?://[^/]+(/\S+)", mail.outbox[-1].body)[1]


def test_known_and_unknown_addresses_are_answered_alike(client):
    with_password(make_user(email="mira@example.org"))
    known, unknown = (
        ask_for_link(client, "mira@example.org"),
        ask_for_link(client, "no@example.org"),
    )
    assert (known.status_code, known["Location"], known.content) == (
        unknown.status_code,
        unknown["Location"],
        unknown.content,
    )
    assert [m.to for m in mail.outbox] == [["mira@example.org"]]


def test_a_slow_mail_server_does_not_tell_known_from_unknown(client, monkeypatch):
    with_password(make_user(email="mira@example.org"))
    let_go = threading.Event()
    monkeypatch.setattr(
        "django.core.mail.EmailMultiAlternatives.send", lambda self, **_: let_go.wait(30)
    )
    response = client.post(reverse("password_reset"), {"email": "mira@example.org"})
    waiting = [t for t in threading.enumerate() if t.name == MAIL_THREAD]
    let_go.set()
    all_letters_sent()
    assert response.status_code == 302
    assert len(waiting) == 1  # the answer came while the letter was still on its way


@pytest.mark.slow
def test_the_answer_takes_as_long_for_unknown_addresses(client):
    with_password(make_user(email="mira@example.org"))
    times = {"mira@example.org": [], "nobody@example.org": []}
    for _ in range(200):
        for address, taken in times.items():
            begin = time.thread_time()  # this thread's own work: other processes do not count
            client.post(reverse("password_reset"), {"email": address})
            taken.append(time.thread_time() - begin)
    all_letters_sent()
    known, unknown = (statistics.median(t) for t in times.values())
    assert max(known, unknown) / min(known, unknown) < 1.2


def follow(client, link):
    """Open a reset link; Django moves its token into the session."""
    response = client.get(link, follow=True)
    return response, response.request["PATH_INFO"]


def test_a_reset_link_sets_a_password_once(client):
    user = with_password(make_user(email="mira@example.org"))
    ask_for_link(client, "mira@example.org")
    link = link_in_mail()
    _, form = follow(client, link)
    new = {"new_password1": NEW, "new_password2": NEW}
    assert client.post(form, new)["Location"] == reverse("password_reset_complete")
    user.refresh_from_db()
    assert user.check_password(NEW)
    again, _ = follow(client, link)
    assert "no longer works" in again.content.decode()


def test_a_reset_link_lives_an_hour(client, monkeypatch):
    from django.contrib.auth.tokens import PasswordResetTokenGenerator as Tokens

    with_password(make_user(email="mira@example.org"))
    ask_for_link(client, "mira@example.org")
    real = Tokens._now
    for minutes, words in ((59, "Set the password"), (61, "no longer works")):
        monkeypatch.setattr(Tokens, "_now", lambda s, m=minutes: real(s) + timedelta(minutes=m))
        client.cookies.clear()
        page, _ = follow(client, link_in_mail())
        assert words in page.content.decode()


def test_resetting_ends_the_sessions(client):
    from django.test import Client

    user, elsewhere = with_password(make_user(email="mira@example.org")), Client()
    log_in(elsewhere, user)
    ask_for_link(client, "mira@example.org")
    _, form = follow(client, link_in_mail())
    client.post(form, {"new_password1": NEW, "new_password2": NEW})
    assert not signed_in(elsewhere)


# --- health ---------------------------------------------------------------------------------------


def test_healthz_says_ok(client):
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_healthz_without_a_database_is_503(client, monkeypatch, caplog):
    class Gone:
        def cursor(self):
            raise DatabaseError("gone")

    monkeypatch.setattr("annotate.web.account.connection", Gone())
    assert client.get("/healthz").status_code == 503
    assert "no database" in caplog.text


@pytest.mark.parametrize("chosen", ["light", "dark"])
def test_a_theme_is_chosen_for_the_browser_and_given_back_to_the_system(client, chosen):
    client.force_login(make_user(), backend="django.contrib.auth.backends.ModelBackend")
    account = reverse("account")
    assert b"data-theme" not in client.get(account).content
    assert client.post(reverse("theme"), {"theme": chosen})["Location"] == account
    page = client.get(account).content.decode()
    assert f'data-theme="{chosen}"' in page
    assert f'<option value="{chosen}" selected>' in page
    client.post(reverse("theme"), {"theme": "purple"})
    assert b"data-theme" not in client.get(account).content
