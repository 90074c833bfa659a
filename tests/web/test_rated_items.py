"""Training and exam of a diversity study as pages: items by level, drawn ones, feedback."""

import pytest
from django.urls import reverse

from annotate.judging.drawn_items import OTHER as OTHER_WORDS
from annotate.judging.drawn_items import SAME as SAME_WORDS
from annotate.judging.qualification import begin, consent, in_hand, instructed
from annotate.people.models import Role
from annotate.web.examples import examples
from tests.factories import NOW, make_image, make_user
from tests.judging.arrange import member
from tests.judging.test_diversity import CLEARLY, make_diverse, open_study
from tests.judging.test_rated_items import SAME, examined

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(client):
    client.force_login(make_user(Role.ADMIN))
    return client


def test_an_item_is_added_by_its_levels(client):
    study = make_diverse()
    a, b = make_image("a"), make_image("b")
    address = reverse("study-exam", args=[study.uid])
    html = client.get(address).content.decode()
    assert "Main object" in html
    assert "Text match" not in html
    assert 'value="control"' not in html
    given = {"kind": "exam", "a": a.digest, "b": b.digest, "prompt": "a cup", "rings": ""}
    given |= {"explanation": "Look.", "main_object": "1", "tolerance": "1"}
    assert client.post(address, given).status_code == 302
    assert study.comparisons.get().expected == {"main_object": "1", "tolerance": "1"}
    assert "Main object: Somewhat (a level next to it" in client.get(address).content.decode()
    refused = client.post(address, given | {"main_object": ""})
    assert refused.status_code == 422
    assert "no level is stated" in refused.content.decode()


def test_items_are_drawn_at_the_press_of_a_button(client):
    open_study(prompts=2)
    study = make_diverse(prompts=2)
    address = reverse("study-exam-draw", args=[study.uid])
    page = client.post(address, {"kind": "exam", "count": "4"}, follow=True)
    assert "4 items for exam were drawn" in page.content.decode()
    assert study.comparisons.filter(kind="exam").count() == 4
    for given in ({"kind": "exam", "count": "100"}, {"kind": "control", "count": "1"}):
        page = client.post(address, given, follow=True)
        assert "Nothing was drawn" in page.content.decode()
    assert study.comparisons.count() == 4


def test_worked_pairs_are_drawn_for_a_draft_and_told_in_the_readers_language(client, monkeypatch):
    open_study(prompts=2)
    study = make_diverse(prompts=2)
    page = client.post(
        reverse("study-exam-draw", args=[study.uid]), {"kind": "worked", "count": "2"}, follow=True
    )
    assert "2 worked pairs were drawn" in page.content.decode()
    study.refresh_from_db()
    [same, other] = examples(study.read_protocol())
    assert (same.answer, other.answer) == ("Angle of view: Same", "Main object: Clearly")
    monkeypatch.setattr("annotate.judging.drawn_items._", str.upper)
    told = [one.explanation for one in examples(study.read_protocol())]
    assert told == [SAME_WORDS.upper(), OTHER_WORDS.upper()]


def test_no_worked_pairs_are_offered_once_a_study_runs(client):
    draft, running = make_diverse(prompts=2), examined()
    for study, offered in ((draft, True), (running, False)):
        html = client.get(reverse("study-exam", args=[study.uid])).content.decode()
        assert ('<option value="worked">' in html) is offered


def test_training_says_which_line_was_otherwise_and_why(client):
    study = examined()
    study.comparisons.filter(kind="training", identical=False).delete()
    who = member(study)
    consent(who, device={}, now=NOW)
    instructed(who, now=NOW)
    item = next(i for i in in_hand(begin(who, now=NOW)) if i.comparison.identical)
    client.force_login(who.user)
    assert b'id="lesson"' in client.get(reverse("trial", args=[study.uid])).content
    said = client.post(
        reverse("trial-verb", args=[study.uid, "votes"]),
        {"token": str(item.token), "answers": SAME | {"style": CLEARLY["style"]}},
        content_type="application/json",
    ).json()["feedback"]
    assert said["right"] is False
    assert said["heading"] == "Style: you said “Clearly”, right is “Same”."
    assert said["reason"] == "It is the same picture twice."
    assert said["more"].startswith("Nothing differs")
