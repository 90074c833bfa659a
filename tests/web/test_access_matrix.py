"""Every address x every role. An address without a row here fails; so does a row without address.

A row is: url name -> methods and what each role of ROLES gets by each of them:
    ok     the page, or a word about the input (never 401, 403, 404, 405, 5xx or the log-in page)
    login  is sent to the log-in page       401 403 404 405  that status
"""

import re
from collections.abc import Iterator
from http.cookies import SimpleCookie
from uuid import UUID

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from annotate.judging.launch import launch
from annotate.people.invitations import invite
from annotate.people.models import Role
from annotate.reports.freeze import freeze
from annotate.reports.models import Campaign
from annotate.reports.reviewing import make_review_link
from annotate.sampling.models import Sample
from annotate.studies.entry import make_link, token_of
from annotate.studies.members import invite_to_study
from tests.factories import NOW, join, make_study, make_user
from tests.judging.exam_items import add_items

pytestmark = pytest.mark.whole

ROLES = (
    *("anonymous", "annotator", "other annotator", "reviewer"),
    *("researcher", "other researcher", "admin"),
)

ANYBODY = "ok ok ok ok ok ok ok"
SIGNED_IN = "login ok ok ok ok ok ok"
RESEARCHERS = "login 404 404 404 ok ok ok"
ADMINS = "login 403 403 403 403 403 ok"
THIS_STUDY = "login 404 404 404 ok 404 ok"
ITS_REVIEWERS = "login 404 404 ok ok 404 ok"
ITS_ANNOTATORS = "login ok 404 404 404 404 404"
ITS_ANNOTATORS_JSON = "401 ok 404 404 404 404 404"

ROWS = {
    "home": ("GET", SIGNED_IN),
    "my-work": ("GET", SIGNED_IN),
    "healthz": ("GET", ANYBODY),
    "login": ("GET", ANYBODY),
    "logout": ("POST", "login login login login login login login"),
    "theme": ("POST", SIGNED_IN),
    "logout-everywhere": ("POST", "login login login login login login login"),
    "account": ("GET", SIGNED_IN),
    "password_change": ("POST", SIGNED_IN),
    "password_reset": ("POST", ANYBODY),
    "password_reset_done": ("GET", ANYBODY),
    "password_reset_confirm": ("GET", ANYBODY),
    "password_reset_complete": ("GET", ANYBODY),
    "join": ("POST", ANYBODY),
    "enter": ("GET POST", ANYBODY),
    "erase": ("GET POST", SIGNED_IN),
    "people": ("GET", ADMINS),
    "people-invite": ("POST", ADMINS),
    "people-withdraw": ("POST", ADMINS),
    "person-active": ("POST", ADMINS),
    "person-role": ("POST", ADMINS),
    "studies": ("GET", RESEARCHERS),
    "study-new": ("GET POST", RESEARCHERS),
    "method-price": ("GET", RESEARCHERS),
    "pass-table": ("GET", RESEARCHERS),
    "study": ("GET", THIS_STUDY),
    "study-edit": ("GET POST", THIS_STUDY),
    "study-toml": ("GET", THIS_STUDY),
    "study-clone": ("POST", THIS_STUDY),
    "study-template": ("POST", THIS_STUDY),
    "study-move": ("POST", THIS_STUDY),
    "study-launch": ("GET POST", THIS_STUDY),
    "study-import": ("GET POST", THIS_STUDY),
    "study-samples": ("GET", THIS_STUDY),
    "study-sample": ("GET", THIS_STUDY),
    "study-sample-again": ("POST", THIS_STUDY),
    "study-thumb": ("GET", THIS_STUDY),
    "study-sampling": ("POST", THIS_STUDY),
    "study-thresholds": ("GET POST", THIS_STUDY),
    "study-exam": ("GET POST", THIS_STUDY),
    "study-exam-numbers": ("POST", THIS_STUDY),
    "study-exam-draw": ("POST", THIS_STUDY),
    "study-exam-drop": ("POST", THIS_STUDY),
    "study-exam-extra": ("POST", THIS_STUDY),
    "study-pilot": ("POST", THIS_STUDY),
    "study-exam-take": ("POST", THIS_STUDY),
    "study-recruiting": ("GET POST", THIS_STUDY),
    "study-recruiting-close": ("POST", THIS_STUDY),
    "study-recruiting-addresses": ("POST", THIS_STUDY),
    "study-pay": ("GET", THIS_STUDY),
    "study-pay-csv": ("GET", THIS_STUDY),
    "study-codes": ("POST", THIS_STUDY),
    "study-quality": ("GET", THIS_STUDY),
    "study-quality-decide": ("POST", THIS_STUDY),
    "study-disputes": ("GET", ITS_REVIEWERS),
    "study-mark": ("POST", ITS_REVIEWERS),
    "study-members": ("GET", THIS_STUDY),
    "study-invite": ("POST", THIS_STUDY),
    "study-add-member": ("POST", THIS_STUDY),
    "study-member-active": ("POST", THIS_STUDY),
    "study-member-role": ("POST", THIS_STUDY),
    "study-withdraw": ("POST", THIS_STUDY),
    "study-reported": ("POST", THIS_STUDY),
    "study-preview": ("GET POST", THIS_STUDY),
    "preview-verb": ("GET", THIS_STUDY),
    "study-plan": ("GET", RESEARCHERS),
    "votes-import": ("GET POST", RESEARCHERS),
    "laboratory-file": ("GET POST", RESEARCHERS),
    "study-report": ("GET", THIS_STUDY),
    "study-laboratory": ("GET", THIS_STUDY),
    "study-diversity-file": ("GET", THIS_STUDY),
    "study-export": ("GET", THIS_STUDY),
    "study-frozen-report": ("GET", THIS_STUDY),
    "campaigns": ("GET POST", RESEARCHERS),
    "campaign": ("GET", THIS_STUDY),
    "campaign-file": ("GET", THIS_STUDY),
    "campaign-remove": ("POST", THIS_STUDY),
    "study-review-links": ("GET POST", THIS_STUDY),
    "study-withdraw-review": ("POST", THIS_STUDY),
    "review": ("GET", ANYBODY),
    "review-file": ("GET", ANYBODY),
    "judge": ("GET", ITS_ANNOTATORS),
    "qualify": ("GET POST", ITS_ANNOTATORS),
    "finished": ("GET", ITS_ANNOTATORS),
    "leave": ("GET POST", ITS_ANNOTATORS),
    "trial": ("GET", ITS_ANNOTATORS),
    "trial-verb": ("GET", ITS_ANNOTATORS_JSON),
    "judge-hand": ("GET", ITS_ANNOTATORS_JSON),
    "judge-votes": ("POST", ITS_ANNOTATORS_JSON),
    "judge-renew": ("POST", ITS_ANNOTATORS_JSON),
    "judge-undo": ("POST", ITS_ANNOTATORS_JSON),
    "judge-report": ("POST", ITS_ANNOTATORS_JSON),
    "judge-skip": ("POST", ITS_ANNOTATORS_JSON),
}
# What fills a parameter besides `uid`, where the name of the address does not say enough.
ARGUMENTS = {
    "join": {"token": "{token}"},
    "enter": {"token": "{entry}"},
    "study-recruiting-close": {"pk": "{entry_link}"},
    "study-recruiting-addresses": {"pk": "{entry_link}"},
    "password_reset_confirm": {"uidb64": "MQ", "token": "set-password"},
    "people-withdraw": {"pk": "{invitation}"},
    "person-active": {"pk": "{person}"},
    "person-role": {"pk": "{person}"},
    "study-member-active": {"pk": "{member}"},
    "study-member-role": {"pk": "{member}"},
    "study-quality-decide": {"pk": "{member}"},
    "study-withdraw": {"pk": "{study_invitation}"},
    "study-reported": {"pk": "{comparison}"},
    "study-mark": {"pk": "{comparison}"},
    "study-exam-drop": {"pk": "{item}"},
    "study-exam-extra": {"pk": "{member}"},
    "trial-verb": {"name": "hand"},
    "study-sample": {"pk": "{sample}"},
    "study-sample-again": {"pk": "{sample}"},
    "study-thumb": {"pk": "{sample}"},
    "study-sampling": {"verb": "pause"},
    "preview-verb": {"name": "hand"},
    "study-export": {"name": "votes.csv"},
    "study-diversity-file": {"name": "scores.csv"},
    "study-frozen-report": {"digest": "{snapshot}", "name": "summary.json"},
    "campaign": {"campaign": "{campaign}"},
    "campaign-file": {"campaign": "{campaign}", "name": "table.csv"},
    "campaign-remove": {"campaign": "{campaign}"},
    "study-withdraw-review": {"pk": "{review_link}"},
    "review": {"token": "{review}"},
    "review-file": {"token": "{review}", "name": "verdicts.csv"},
}
# What is posted, where an empty form is answered like a wrong address.
POSTED = {"study-move": {"to": "paused"}}


def addresses(patterns=None, path=()) -> Iterator[tuple[tuple[str, ...], URLPattern]]:
    """All patterns of the site with their namespaces."""
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(entry, URLResolver):
            inner = (*path, entry.namespace) if entry.namespace else path
            yield from addresses(entry.url_patterns, inner)
        else:
            yield path, entry


OWN = {p.name: p for path, p in addresses() if not path}
ADMIN = [p for path, p in addresses() if path == ("admin",)]


BY_METHOD = [(name, m) for name, (methods, _) in sorted(ROWS.items()) for m in methods.split()]


class World:
    """A launched study with one of each role, and a second study of strangers."""

    def __init__(self) -> None:
        self.study, other = make_study(pairs=2), make_study(pairs=2)
        add_items(self.study, training=1, exam=0, ties=0)
        launch(self.study, actor=self.study.owner)
        launch(other, actor=other.owner)
        self.people = {
            "anonymous": None,
            "annotator": join(self.study),
            "other annotator": join(other),
            "reviewer": join(self.study, role="reviewer"),
            "researcher": self.study.owner,
            "other researcher": other.owner,
            "admin": make_user(Role.ADMIN),
        }
        invitation, token = invite(role=Role.ANNOTATOR, created_by=None, now=NOW)
        invitation.expires_at = invitation.expires_at.replace(year=2100)
        invitation.save()
        campaign = Campaign.objects.create(
            name="Figure", created_by=self.study.owner, created_at=NOW
        )
        campaign.studies.add(self.study)
        reviewed, review = make_review_link(self.study, created_by=self.study.owner, now=NOW)
        to_study, _ = invite_to_study(self.study, role="annotator", created_by=None, now=NOW)
        link = make_link(
            self.study,
            source="named",
            created_by=self.study.owner,
            now=NOW,
            expires_at=NOW.replace(year=2100),
        )
        self.values = {
            "uid": self.study.uid,
            "entry": token_of(link, "ada"),
            "entry_link": link.pk,
            "token": token,
            "invitation": invitation.pk,
            "person": make_user().pk,
            "member": self.study.memberships.get(user=self.people["annotator"]).pk,
            "study_invitation": to_study.pk,
            "snapshot": freeze(self.study, now=NOW).digest,
            "campaign": campaign.uid,
            "review_link": reviewed.pk,
            "review": review,
            "comparison": self.study.comparisons.filter(kind="live").first().pk,
            "item": self.study.comparisons.get(kind="training").pk,
            "sample": Sample.objects.filter(method_digest=self.study.methods.first().digest)
            .first()
            .pk,
        }

    def client(self, role: str, **extra) -> Client:
        client = Client(raise_request_exception=False, **extra)
        if (user := self.people[role]) is not None:
            client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    def address(self, name: str) -> str:
        given = ARGUMENTS.get(name, {})
        filled = {k: str(v).format(**self.values) for k, v in given.items()}
        wanted = OWN[name].pattern.converters
        if "uid" in wanted:
            filled["uid"] = self.values["uid"]
        return reverse(name, kwargs=filled)


@pytest.fixture
def world(db, settings) -> World:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    return World()


def answer(response) -> str:
    status = response.status_code
    if status in {401, 403, 404, 405}:
        return str(status)
    if status >= 500:
        return f"{status} (broken)"
    if status in {301, 302} and response["Location"].split("?")[0] == reverse("login"):
        return "login"
    return "ok"


def test_every_address_has_a_row_and_every_row_an_address():
    assert set(OWN) == set(ROWS)


def test_every_parameter_of_a_study_is_its_uuid():
    """So that no address can be guessed by counting."""
    for name, pattern in OWN.items():
        converters = pattern.pattern.converters
        if "uid" in converters:
            assert isinstance(converters["uid"].to_python(str(UUID(int=1))), UUID), name


def sent(client: Client, method: str, name: str, address: str):
    """The answer to one request; what it changed is taken back, so that each finds one world."""
    cookies = SimpleCookie(client.cookies)
    with transaction.atomic():
        if method == "GET":
            response = client.get(address)
        else:
            response = client.post(address, POSTED.get(name, {}))
        transaction.set_rollback(True)
    client.cookies = cookies
    return response


@pytest.mark.parametrize("role", ROLES)
def test_each_role_gets_at_each_address_what_its_row_says(world, role):
    client, column = world.client(role), ROLES.index(role)
    got = {(n, m): answer(sent(client, m, n, world.address(n))) for n, m in BY_METHOD}
    assert got == {(name, m): ROWS[name][1].split()[column] for name, m in BY_METHOD}


@pytest.mark.parametrize("role", ROLES)
def test_an_unsafe_request_without_a_csrf_token_is_refused(world, role):
    client, column = world.client(role, enforce_csrf_checks=True), ROLES.index(role)
    posts = [
        name
        for name, method in BY_METHOD
        if method == "POST" and (ROWS[name][1].split()[column] == "ok" or name.startswith("logout"))
    ]
    got = {name: sent(client, "POST", name, world.address(name)).status_code for name in posts}
    assert got == dict.fromkeys(posts, 403)


@pytest.mark.parametrize("role", ["other annotator", "other researcher"])
def test_an_unknown_study_is_answered_like_a_foreign_one(world, role):
    """Else one could find out which studies exist."""
    client = world.client(role)
    of_studies = [pair for pair in BY_METHOD if "uid" in OWN[pair[0]].pattern.converters]
    assert of_studies
    for name, method in of_studies:
        foreign = world.address(name)
        unknown = foreign.replace(str(world.study.uid), str(UUID(int=7)))
        pages = [
            plain(sent(client, method, name, address), address) for address in (foreign, unknown)
        ]
        assert pages[0] == pages[1], (name, method)
        assert pages[0][0] == 404, (name, method)


def plain(response, address: str) -> tuple[int, str]:
    """Status and page, without what differs from one answer to the next."""
    page = response.content.decode().replace(address, "")
    return response.status_code, re.sub(r'(csrfmiddlewaretoken" value=)"\w+"', r"\1", page)


@pytest.mark.parametrize("role", ROLES)
def test_djangos_admin_opens_for_admins_only(world, role):
    client = world.client(role)
    for pattern in ADMIN:
        if pattern.name is None or pattern.name == "logout":
            continue
        wanted = pattern.pattern.converters or pattern.pattern.regex.groupindex
        values = {"app_label": "people", "url": "nowhere/"}
        address = reverse(f"admin:{pattern.name}", kwargs={k: values.get(k, "1") for k in wanted})
        response = client.get(address)
        assert response.status_code < 500, address
        if role != "admin" and pattern.name != "login":
            assert response.status_code == 302, address
            assert response["Location"].startswith(reverse("admin:login")), address
