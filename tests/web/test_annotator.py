"""The judging screen's JSON verbs, as a browser calls them."""

import json
import uuid

import pytest
from django.test import Client
from django.urls import reverse

from annotate.judging.launch import LaunchRefused, launch
from annotate.judging.models import Vote
from annotate.sampling.media import read_token
from annotate.studies.models import Study
from tests.factories import NOW, join, make_image, make_study

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]


@pytest.fixture
def study() -> Study:
    return launch(make_study(pairs=6), actor=None, now=NOW)


@pytest.fixture
def annotator(study: Study) -> Client:
    client = Client()
    client.force_login(join(study))
    return client


def post(client: Client, name: str, study: Study, **body: object):
    return client.post(
        reverse(f"judge-{name}", args=[study.uid]),
        json.dumps(body, default=str),
        content_type="application/json",
    )


def hand(client: Client, study: Study) -> dict:
    return client.get(reverse("judge-hand", args=[study.uid])).json()


def test_the_hand_has_three_pairs_and_the_progress(study, annotator):
    got = hand(annotator, study)
    assert len(got["tasks"]) == 3
    assert got["progress"] == {"done": 0, "left": 6, "complete": False}
    assert got["state"] == "open"


def test_a_vote_is_created_once_and_brings_the_next_pair(study, annotator):
    token = hand(annotator, study)["tasks"][0]["token"]
    first = post(annotator, "votes", study, token=token, answers={"alignment": "left"})
    again = post(annotator, "votes", study, token=token, answers={"alignment": "left"})
    other = post(annotator, "votes", study, token=token, answers={"alignment": "right"})
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert len(first.json()["tasks"]) == 1
    assert other.json()["error"] == "conflict"
    assert Vote.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"token": "no-uuid", "answers": {}}, 400),
        ({"answers": {"alignment": "left"}}, 400),
        ({"token": uuid.uuid4(), "answers": {"alignment": "left"}}, 409),
        ({"token": None, "answers": {"alignment": "sideways"}}, 422),
        ({"token": None, "answers": {"alignment": "left"}, "active_ms": -1}, 400),
    ],
)
def test_bad_votes_are_refused_in_words_and_change_nothing(study, annotator, body, status):
    if body.get("token", "") is None:
        body = {**body, "token": hand(annotator, study)["tasks"][0]["token"]}
    answer = post(annotator, "votes", study, **body)
    assert answer.status_code == status
    assert answer.json()["message"]
    assert not Vote.objects.exists()


def test_undo_reopens_the_pair_under_a_new_token(study, annotator):
    token = hand(annotator, study)["tasks"][0]["token"]
    post(annotator, "votes", study, token=token, answers={"alignment": "left"})
    undone = post(annotator, "undo", study, token=token).json()
    assert undone["tasks"][0]["token"] != token
    assert hand(annotator, study)["tasks"][0]["token"] == undone["tasks"][0]["token"]
    assert post(annotator, "undo", study, token=token).json()["error"] == "too_late"


def test_skip_report_and_renew_answer(study, annotator):
    tokens = [t["token"] for t in hand(annotator, study)["tasks"]]
    assert post(annotator, "renew", study, token=tokens[0]).json() == {"lease_seconds": 600}
    assert post(annotator, "skip", study, token=tokens[0]).status_code == 200
    reported = post(annotator, "report", study, token=tokens[1], reason="broken", comment="x")
    assert reported.status_code == 200
    left = [t["token"] for t in hand(annotator, study)["tasks"]]
    assert not {tokens[0], tokens[1]} & set(left)
    assert post(annotator, "renew", study, token=tokens[0]).status_code == 409


def test_someone_who_is_signed_out_is_told_so_and_an_outsider_finds_nothing(study):
    assert Client().get(reverse("judge-hand", args=[study.uid])).status_code == 401
    outsider = Client()
    outsider.force_login(join(make_study(pairs=1)))
    assert outsider.get(reverse("judge-hand", args=[study.uid])).status_code == 404
    assert outsider.get(reverse("judge", args=[study.uid])).status_code == 404


def test_the_same_picture_has_another_address_in_every_slot(study):
    addresses = []
    for _ in range(3):
        client = Client()
        client.force_login(join(study))
        for task in hand(client, study)["tasks"]:
            addresses += task["images"]
    digests = [read_token(a.removeprefix("/i/")).digest for a in addresses]
    assert len(set(addresses)) == len(addresses) == 18
    assert len(set(digests)) == 6
    assert len({len(a) for a in addresses}) == 1


def test_a_reload_names_the_same_addresses(study, annotator):
    assert hand(annotator, study)["tasks"] == hand(annotator, study)["tasks"]


def test_nothing_in_an_annotators_answers_names_a_method(study, annotator):
    text = annotator.get(reverse("judge-hand", args=[study.uid])).content.decode().lower()
    for method in study.methods.all():
        assert method.name.lower() not in text
        assert method.digest not in text


def test_a_vote_with_the_next_pair_takes_few_queries(
    study, annotator, django_assert_max_num_queries
):
    token = hand(annotator, study)["tasks"][0]["token"]
    with django_assert_max_num_queries(22):
        answer = post(annotator, "votes", study, token=token, answers={"alignment": "left"})
    assert answer.status_code == 201


def test_the_instructions_show_worked_pairs_without_naming_their_pictures():
    first, second = make_image("example one"), make_image("example two")
    pair = {
        "prompt": "three red apples",
        "first": first.digest,
        "second": second.digest,
        "answer": "1",
        "explanation": "Picture 2 has four. Count comes before looks.",
    }
    study = launch(make_study(pairs=2, protocol={"examples": [pair]}), actor=None, now=NOW)
    client = Client()
    client.force_login(join(study))
    page = client.get(reverse("judge", args=[study.uid])).content.decode()
    assert "Count comes before looks." in page
    assert page.count('alt="Picture 1 of the worked pair"') == 1
    assert first.digest not in page
    assert second.digest not in page


def test_a_study_whose_worked_pairs_lack_a_picture_is_not_launched():
    pair = {"prompt": "p", "first": "0" * 64, "second": "1" * 64, "answer": "2", "explanation": "e"}
    with pytest.raises(LaunchRefused, match="not stored"):
        launch(make_study(pairs=2, protocol={"examples": [pair]}), actor=None, now=NOW)
