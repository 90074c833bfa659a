"""`manage.py invite`: the way in for the first person."""

from io import StringIO
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command

from annotate.cli.site import note_address
from annotate.people.models import Invitation, Role, User
from tests.factories import PASSWORD, make_study

pytestmark = pytest.mark.django_db

FORM = {"username": "mira", "password1": PASSWORD, "password2": PASSWORD}


def run(*arguments):
    out = StringIO()
    call_command("invite", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue().strip()


def test_a_fresh_installation_gets_its_first_admin(client):
    link = run("--role", "admin")
    assert not User.objects.exists()
    assert client.post(urlsplit(link).path, FORM).status_code == 302
    assert User.objects.get().role == Role.ADMIN


def test_standard_output_is_the_link_alone():
    link = run("--base-url", "https://judge.example/")
    assert link.startswith("https://judge.example/join/")
    assert len(link.split()) == 1


def test_links_lead_to_where_the_site_answers(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    assert run().startswith("http://127.0.0.1:8000/join/")
    note_address("http://127.0.0.1:8123")
    assert run().startswith("http://127.0.0.1:8123/join/")
    settings.CSRF_TRUSTED_ORIGINS = ["https://judge.example"]
    assert run().startswith("https://judge.example/join/")


def test_a_place_in_a_study_comes_along(client):
    study = make_study()
    client.post(urlsplit(run("--study", str(study.uid))).path, FORM)
    assert study.memberships.get(user__username="mira").pseudonym == "A-01"


def test_what_cannot_be_is_said():
    with pytest.raises(CommandError, match="no study has the uid"):
        run("--study", "00000000-0000-0000-0000-000000000000")
    with pytest.raises(CommandError, match="cannot be invited to a study"):
        run("--study", str(make_study().uid), "--role", "admin")
    with pytest.raises(CommandError, match="reviewer needs --study UID"):
        run("--role", "reviewer")
    with pytest.raises(CommandError, match="positive"):
        run("--days", "0")
    assert not Invitation.objects.exists()
