"""The way to live work over HTTP: nothing of it can be walked around, nothing is told too early."""

import json
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotate.judging import qualification, queue
from annotate.judging.launch import launch
from annotate.judging.models import Assignment, Vote
from annotate.judging.pilot import make_pilot
from annotate.judging.qualification_models import SittingItem
from annotate.sampling.models import Image
from annotate.studies.models import Membership, Study
from annotate.web.screen_check import ScreenForm, Shown, bars
from annotate.web.urls_annotator import urlpatterns
from tests.factories import NOW, make_study
from tests.judging.arrange import member, prefer, vote_all
from tests.judging.exam_items import SMALL, make_examined, prepare, raise_version, sit
from tests.judging.test_rated_items import SAME, examined

pytestmark = [pytest.mark.django_db, pytest.mark.whole]
LIVE = {"judge-hand", "judge-votes", "judge-renew", "judge-undo", "judge-report", "judge-skip"}
WIDE = json.dumps({"viewport": [1280, 720], "dpr": 1, "zoom_percent": 100})


def client_of(who: Membership) -> Client:
    client = Client()
    client.force_login(who.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def post(client: Client, name: str, uid, body: dict):
    return client.post(reverse(name, args=[uid]), json.dumps(body), "application/json")


STAGES = {
    "new": "consent",
    "consented": "instructions",
    "amid training": "training",
    "trained": "exam",
    "amid exam": "exam",
    "waiting": "wait",
    "failed": "failed",
    "other version": "consent",
}


def unqualified(stage: str, *, diversity: bool = False) -> Membership:
    """Somebody at each step before live work."""
    who, now = member(examined() if diversity else make_examined(exam=14)), timezone.now()
    if stage in {"consented", "amid training"}:
        qualification.consent(who, device={}, now=now)
    if stage == "amid training":
        qualification.instructed(who, now=now)
        qualification.begin(who, now=now)
    if stage in {"trained", "amid exam", "waiting", "failed", "other version"}:
        prepare(who)
    if stage == "amid exam":
        qualification.begin(who, now=now)
    if stage == "waiting":
        sit(who, right=False, now=now)
    if stage == "failed":
        for days in (2, 0):
            sit(who, right=False, now=now - timedelta(days=days))
    if stage == "other version":
        # They had passed, and hold a lease and a vote, when the study began to ask for more.
        sit(who)
        queue.hand(who, now=NOW)
        raise_version(who.study)
    return who


KINDS = [
    *((stage, False) for stage in STAGES),
    *((stage, True) for stage in ("new", "consented", "amid training")),
]


@pytest.mark.parametrize(("stage", "diversity"), KINDS)
def test_nobody_reaches_live_work_unqualified_by_any_address(stage, diversity):
    assert {p.name for p in urlpatterns if p.name.startswith("judge-")} == LIVE
    who = unqualified(stage, diversity=diversity)
    assert qualification.standing(who).stage == STAGES[stage]
    uid, client = who.study.uid, client_of(who)
    page = client.get(reverse("judge", args=[uid]))
    assert (page.status_code, page["Location"]) == (302, reverse("qualify", args=[uid]))
    held = Assignment.objects.filter(study=who.study, state="leased").first()
    token = str(held.token) if held else "6f1a7c0e-6a55-4bd0-9c9e-0e3f4c1d2b3a"
    answers = SAME if diversity else {"alignment": "left"}
    before = list(Assignment.objects.values_list("state", "token").order_by("pk"))
    body = {"token": token, "answers": answers, "reason": "broken"}
    for name in sorted(LIVE):
        if name == "judge-hand":
            answer = client.get(reverse(name, args=[uid]))
        else:
            answer = post(client, name, uid, body)
        assert (answer.status_code, answer.json()["error"]) == (409, "unqualified"), name
        assert answer.json()["next"] == reverse("qualify", args=[uid])
    assert list(Assignment.objects.values_list("state", "token").order_by("pk")) == before
    assert not who.study.votes.exists()


def test_a_trial_takes_no_token_of_live_work_and_live_work_none_of_a_trial():
    study = make_examined()
    who, other = member(study), member(study)
    prepare(who)
    sit(who)
    prepare(other)
    item = qualification.in_hand(qualification.begin(other, now=NOW))[0]
    lease = queue.hand(who, now=NOW)[0]
    answers = {"answers": {"alignment": "left"}}
    live = post(client_of(who), "judge-votes", study.uid, {"token": str(item.token), **answers})
    assert live.json()["error"] == "passed_on"
    for asking, token in ((other, lease.token), (who, item.token)):
        address = reverse("trial-verb", args=[study.uid, "votes"])
        body = json.dumps({"token": str(token), **answers})
        answer = client_of(asking).post(address, body, "application/json")
        assert answer.json()["error"] == "passed_on"
    assert not Vote.objects.exists()
    assert SittingItem.objects.get(pk=item.pk).answers is None


def test_consent_needs_agreement_a_wide_window_and_both_bars_seen():
    who = member(make_examined())
    Image.objects.update(width=1024, height=1024)
    client, address = client_of(who), reverse("qualify", args=[who.study.uid])
    seen = {square: place for square, (place, _) in bars(who.pk).items()}
    other = {"left": "middle", "middle": "right", "right": "left"}
    good = {"step": "consent", "agree": "on", "measured": WIDE, **seen}
    narrow, low, zoomed = (
        json.dumps({"viewport": viewport, "dpr": 1, "zoom_percent": zoom})
        for viewport, zoom in (([390, 844], 100), ([1024, 500], 101), ([610, 340], 210))
    )
    for wrong, said in (
        ({"agree": ""}, "Tick this box"),
        ({"dark": other[seen["dark"]]}, "The bar stands elsewhere"),
        ({"measured": narrow}, "This window is 390 × 844 px"),
        ({"measured": low}, "would be 225 px large, and 256 px are needed"),
        ({"measured": zoomed}, "zoom is about 210 %"),
        ({"measured": ""}, "needs JavaScript"),
    ):
        answer = client.post(address, good | wrong)
        assert answer.status_code == 422
        assert said in answer.content.decode()
        assert qualification.standing(who).stage == "consent"
    assert client.post(address, good).status_code == 302
    there = qualification.standing(who)
    assert there.stage == "instructions"
    assert there.qualification.device["viewport"] == [1280, 720]


@pytest.mark.parametrize(
    ("viewport", "plain", "context"),
    [
        ((1280, 720), 445, 437),
        ((900, 700), 390, 291),
        ((640, 360), 192, 145),
        ((800, 600), 272, 206),
        ((1366, 480), 395, 395),
        ((390, 844), 0, 0),
    ],
)
def test_pictures_are_judged_as_large_as_the_judging_screen_shows_them(viewport, plain, context):
    """The frames that Chromium drew on the judging screen, to a pixel."""
    square = (512, 512)
    assert Shown(square).side(viewport) == pytest.approx(plain, abs=1)
    assert Shown(square, context=True).side(viewport) == pytest.approx(context, abs=1)
    assert (Shown((64, 64)).least, Shown((512, 768)).least) == (64, 256)


def test_a_laptop_at_twice_its_zoom_is_welcome():
    form = {"agree": "on", "dark": "left", "light": "left"}
    form["measured"] = json.dumps({"viewport": [640, 360], "dpr": 2, "zoom_percent": 200})
    seen = dict.fromkeys(("dark", "light"), ("left", 14))
    assert ScreenForm(form, bars=seen, shown=Shown()).is_valid()


def test_training_explains_after_the_answer_and_an_exam_tells_nothing():
    who = member(make_examined())
    qualification.consent(who, device={}, now=NOW)
    qualification.instructed(who, now=NOW)
    client, uid = client_of(who), who.study.uid
    for kind in ("training", "exam"):
        client.post(reverse("qualify", args=[uid]), {"step": "begin"})
        page = client.get(reverse("trial", args=[uid]))
        hand = page.context["hand"]
        assert len(hand["tasks"]) == (1 if kind == "training" else 3)
        assert "Count comes before looks" not in page.content.decode()
        while hand.get("tasks"):
            item = SittingItem.objects.select_related("comparison").get(
                token=hand["tasks"][0]["token"]
            )
            left = (item.comparison.expected["alignment"] == "second") == item.flipped
            body = {"token": str(item.token), "answers": {"alignment": "left" if left else "right"}}
            if item.comparison.expected["alignment"] == "tie":
                body["answers"] = dict.fromkeys(("alignment", "quality", "aesthetics"), "equal")
            address = reverse("trial-verb", args=[uid, "votes"])
            hand = client.post(address, json.dumps(body), "application/json").json()
            if kind == "training":
                side = 1 if left else 2
                assert hand["feedback"]["heading"] == (
                    f"Right. Picture {side} matches the text better."
                )
                assert hand["feedback"]["reason"] == "Count comes before looks."
            else:
                assert "feedback" not in hand
        assert hand["next"] == reverse("qualify", args=[uid])
    assert client.get(reverse("judge", args=[uid])).status_code == 200


@pytest.mark.parametrize(("judgement", "asked"), [("cascade", "alignment"), ("single", "overall")])
def test_unanimous_pairs_of_a_pilot_become_controls_through_the_page(judgement, asked):
    study = make_study(pairs=2, protocol={"judgement": judgement})
    pilot = launch(make_pilot(study, prompts=2, owner=study.owner), actor=study.owner)
    vote_all(
        [member(pilot) for _ in range(5)],
        lambda lease: {asked: prefer(lease, "first")["alignment"]},
    )
    client = Client()
    client.force_login(study.owner, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(reverse("study-exam", args=[study.uid])).content.decode()
    offered = re.search(r'<select id="take-kind".*?</select>', page)[0]
    assert re.findall(r'value="(\w+)"', offered) == ["training", "exam", "control"]
    given = {"source": pilot.uid, "kind": "control", "limit": 2}
    client.post(reverse("study-exam-take", args=[study.uid]), given)
    items = study.comparisons.filter(kind="control")
    assert [item.expected for item in items] == [{asked: "first"}] * 2
    page = client.get(reverse("study-exam", args=[study.uid])).content.decode()
    assert f"Picture 1, {'overall' if judgement == 'single' else 'by text match'}" in page
    assert "All 5 annotators of a pilot" in items[0].explanation


def test_a_researcher_adds_items_tries_numbers_and_reads_who_would_pass():
    study = make_examined(pairs=1)
    draft = Study.objects.get(pk=study.pk)
    Study.objects.filter(pk=study.pk).update(state="draft", protocol_hash="")
    client = Client()
    client.force_login(draft.owner, backend="django.contrib.auth.backends.ModelBackend")
    address = reverse("study-exam", args=[study.uid])
    item = {"kind": "exam", "a": "p0 / student", "b": "p0 / teacher", "explanation": "Two. Not 3."}
    before = study.comparisons.filter(kind="exam").count()
    refused = client.post(address, item | {"quality": "a"})
    assert "the answer for alignment is missing" in refused.content.decode()
    assert client.post(address, item | {"alignment": "b"}).status_code == 302
    assert study.comparisons.filter(kind="exam").count() == before + 1
    numbers = SMALL | {
        "training_pairs": 10,
        "training_pass": 8,
        "exam_items": 20,
        "exam_pass": 16,
        "exam_attempts": 2,
        "exam_wait_hours": 24,
        "qualification_version": 1,
        "qualification": "on",
    }
    page = client.post(reverse("study-exam-numbers", args=[study.uid]), numbers).content.decode()
    for printed in ("0.6 %", "63.0 %", "95.7 %", "11 exam items in which one picture is better"):
        assert printed in page
    client.post(reverse("study-exam-numbers", args=[study.uid]), numbers | {"keep": "1"})
    assert Study.objects.get(pk=study.pk).read_protocol().exam_items == 20
