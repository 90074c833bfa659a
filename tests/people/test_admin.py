"""Django's admin: to look things up, under pseudonyms, without a way to spoil a vote."""

import re

import pytest
from django.contrib import admin
from django.test import RequestFactory
from django.urls import reverse

from annotate.judging.launch import launch
from annotate.judging.models import ContrastItem, PlannedItem, Vote
from annotate.judging.queue import hand
from annotate.judging.voting import Ballot, submit
from annotate.people.models import Role
from tests.factories import join, make_study, make_user

pytestmark = pytest.mark.django_db

OURS = [m for m in admin.site._registry if m.__module__.startswith("annotate.")]


@pytest.fixture
def boss(client):
    # Django's flags are off: the role alone decides.
    user = make_user(Role.ADMIN)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return user


@pytest.fixture
def vote():
    study = make_study(pairs=2)
    launch(study, actor=study.owner)
    user = join(study, make_user(username="mira.secret"))
    place = study.memberships.get(user=user)
    token = hand(place)[0].token
    submit(place, Ballot(token=token, answers={"alignment": "left"}))
    return Vote.objects.get(token=token)


def path(model, page, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.mark.parametrize("model", OURS, ids=lambda m: m.__name__)
def test_every_list_opens(client, boss, vote, model):
    assert client.get(path(model, "changelist")).status_code == 200
    if row := model.objects.first():
        assert client.get(path(model, "change", row.pk)).status_code == 200


@pytest.mark.parametrize("model", OURS, ids=lambda m: m.__name__)
def test_nothing_is_added_or_deleted_here(boss, model):
    request = RequestFactory().get("/")
    request.user = boss
    page = admin.site._registry[model]
    assert not page.has_add_permission(request)
    assert not page.has_delete_permission(request)
    assert not page.get_actions(request)


def test_a_vote_cannot_be_changed_or_deleted(client, boss, vote):
    before = Vote.objects.values().get()
    assert client.post(path(Vote, "change", vote.pk), {"choice": "second"}).status_code == 403
    assert client.post(path(Vote, "delete", vote.pk), {"post": "yes"}).status_code == 403
    assert Vote.objects.values().get() == before


def test_a_votes_answers_stand_with_it_criterion_by_criterion_to_be_read(client, boss, vote):
    html = client.get(path(Vote, "change", vote.pk)).content.decode()
    assert "alignment" in html
    assert not re.search(r'name="answers-\d+-(criterion|choice)"', html)


@pytest.mark.parametrize("model", [ContrastItem, PlannedItem])
def test_items_of_contrasts_can_be_looked_up(client, boss, vote, model):
    assert model in OURS
    assert client.get(path(model, "changelist")).status_code == 200


@pytest.mark.parametrize("page", ["changelist", "change"])
def test_votes_stand_under_pseudonyms(client, boss, vote, page):
    args = [vote.pk] if page == "change" else []
    html = client.get(path(Vote, page, *args)).content.decode()
    assert "A-01" in html
    assert "mira.secret" not in html


def test_a_leases_secret_is_not_shown(client, boss, vote):
    slot = vote.assignment
    html = client.get(path(type(slot), "change", slot.pk)).content.decode()
    assert str(slot.token) not in html


def test_the_admin_is_closed_to_others(client, vote):
    for role in (Role.ANNOTATOR, Role.RESEARCHER):
        # A flag that was left behind opens nothing.
        user = make_user(role, is_staff=True, is_superuser=True)
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        assert client.get(path(Vote, "changelist")).status_code == 302
