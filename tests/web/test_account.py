"""Log in, log out, passwords, invitations: as a browser sees them."""

import logging
import re
import statistics
import threading
import time
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import DatabaseError
from django.urls import reverse
from django.utils import timezone

from annotate.people.accounts import deactivate, reactivate, set_role
from annotate.people.invitations import invite, withdraw
from annotate.people.models import Invitation, Role, User
from annotate.studies.members import invite_to_study
from annotate.web.forms_account import MAIL_THREAD
from tests.factories import NOW, PASSWORD, join, make_study, make_user, with_password

pytestmark = pytest.mark.django_db

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


def all_letters_sent():
    for thread in threading.enumerate():
        if thread.name == MAIL_THREAD:
            thread.join(10)


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


# --- joining --------------------------------------------------------------------------------------

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
