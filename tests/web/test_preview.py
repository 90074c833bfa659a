"""A researcher tries the judging screen; nothing of it reaches the numbers."""

import json

import pytest
from django.test import Client
from django.urls import reverse

from annotate.judging.launch import launch
from annotate.judging.models import PreviewVote
from tests.factories import NOW, join, make_study

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def call(client: Client, study, name: str, **body: object):
    url = reverse("preview-verb", args=[study.uid, name])
    return client.post(url, json.dumps(body), content_type="application/json")


@pytest.mark.parametrize("launched", [False, True])
def test_preview_answers_are_kept_apart_from_votes(launched):
    study = make_study(pairs=5)
    if launched:
        launch(study, actor=None, now=NOW)
    client = signed_in(study.owner)
    assert client.get(reverse("study-preview", args=[study.uid])).status_code == 200
    tasks = call(client, study, "hand").json()["tasks"]
    assert len(tasks) == 3
    token = tasks[0]["token"]
    assert call(client, study, "votes", token=token, answers={"alignment": "left"}).json()["stored"]
    again = call(client, study, "votes", token=token, answers={"alignment": "right"})
    assert again.status_code == 409
    assert PreviewVote.objects.count() == 1
    assert not study.votes.exists()
    assert not study.assignments.exclude(state="free").exists()


def test_a_preview_can_be_undone_and_begun_anew():
    study = make_study(pairs=5)
    client = signed_in(study.owner)
    token = call(client, study, "hand").json()["tasks"][0]["token"]
    call(client, study, "votes", token=token, answers={"alignment": "left"})
    assert call(client, study, "undo", token=token).json()["tasks"][0]["token"] == token
    call(client, study, "votes", token=token, answers={"alignment": "right"})
    client.post(reverse("study-preview", args=[study.uid]))
    assert not PreviewVote.objects.exists()


def test_annotators_and_strangers_find_no_preview():
    study = make_study(pairs=1)
    for user in (join(study), make_study(pairs=1).owner):
        assert signed_in(user).get(reverse("study-preview", args=[study.uid])).status_code == 404


def test_a_bad_preview_answer_is_refused_in_words():
    study = make_study(pairs=5)
    client = signed_in(study.owner)
    token = call(client, study, "hand").json()["tasks"][0]["token"]
    refused = call(client, study, "votes", token=token, answers={"alignment": "up"})
    assert refused.status_code == 422
    assert "allowed here" in refused.json()["message"]
    assert call(client, study, "votes", token="nothing", answers={}).status_code == 400
