"""From a platform's link to the code and the pay sheet, as browsers see it."""

import csv
import io
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from annotate.judging.launch import launch
from annotate.judging.models import Assignment, Vote
from annotate.people.erasure import was_erased
from annotate.people.models import ErasedId, User
from annotate.studies.entry import close_link, make_link, token_of
from annotate.studies.entry_models import CompletionCode
from tests.factories import join, make_study

pytestmark = pytest.mark.django_db

PROLIFIC = {"PROLIFIC_PID": "5f3a", "STUDY_ID": "s1", "SESSION_ID": "v1"}
BACKEND = "django.contrib.auth.backends.ModelBackend"


def open_study(pairs=3, **protocol):
    study = make_study(pairs=pairs, protocol=protocol)
    return launch(study, actor=study.owner)


def make(study, source="prolific", **extra):
    now = timezone.now()
    extra = {"expires_at": now + timedelta(days=1)} | extra
    return make_link(study, source=source, created_by=study.owner, now=now, **extra)


def address(link, given=PROLIFIC, *, who=""):
    return f"{reverse('enter', args=[token_of(link, who)])}?{urlencode(given)}"


def owner_of(study):
    client = Client()
    client.force_login(study.owner, backend=BACKEND)
    return client


def hand(client, study):
    return client.get(reverse("judge-hand", args=[study.uid])).json()


def vote_all(client, study):
    """Left each time, until the site says where to go next."""
    while tasks := (reply := hand(client, study))["tasks"]:
        ballot = {"token": tasks[0]["token"], "answers": {"alignment": "left"}, "active_ms": 6000}
        taken = timezone.now() - timedelta(seconds=6)
        Assignment.objects.filter(token=ballot["token"]).update(leased_at=taken)
        sent = client.post(
            reverse("judge-votes", args=[study.uid]), ballot, content_type="application/json"
        )
        assert sent.status_code == 201
    return reply.get("next")


def test_a_worker_comes_by_the_link_judges_their_quota_and_takes_a_code_back():
    study = open_study(votes_per_annotator=2)
    link = make(study, return_url="https://app.prolific.com/submissions/complete?cc={code}")
    worker, here = Client(), address(link)
    assert "Begin" in worker.get(here).content.decode()
    assert not User.objects.filter(role="annotator").exists()  # looking makes nobody
    entered = worker.post(here)
    assert entered["Location"] == reverse("judge", args=[study.uid])
    assert entered["Referrer-Policy"] == "strict-origin"
    assert "no-store" in entered["Cache-Control"]
    assert worker.get(here)["Location"] == entered["Location"]

    end = vote_all(worker, study)
    assert (end, Vote.objects.count()) == (reverse("finished", args=[study.uid]), 2)
    page = worker.get(end).content.decode()
    code = CompletionCode.objects.get()
    assert "all 2 pairs that one person is asked for" in page
    assert f'href="https://app.prolific.com/submissions/complete?cc={code.code}"' in page
    assert code.reason == "quota"
    assert "Your completion code" in worker.get(reverse("my-work")).content.decode()


def test_a_worker_whose_session_ended_comes_back_in_the_same_browser():
    study = open_study()
    here, worker = address(make(study)), Client()
    worker.get(here)
    worker.post(here)
    held = [task["token"] for task in hand(worker, study)["tasks"]]
    worker.post(reverse("logout"))
    assert "Welcome back" in worker.get(here).content.decode()
    worker.post(here)
    assert [task["token"] for task in hand(worker, study)["tasks"]] == held
    kept = worker.cookies["browser"]
    assert (kept["path"], kept["httponly"], kept["samesite"]) == ("/enter/", True, "Lax")


def test_an_answer_that_was_lost_locks_nobody_out():
    study = open_study()
    here, worker, again = address(make(study)), Client(), Client()
    worker.get(here)
    again.cookies["browser"] = worker.cookies["browser"].value
    worker.post(here)
    assert again.post(here)["Location"] == reverse("judge", args=[study.uid])


def test_whoever_knows_an_id_gets_no_session_but_reads_what_to_do():
    study = open_study()
    here, worker, thief = address(make(study)), Client(), Client()
    worker.post(here)
    for answer in (thief.get(here), thief.post(here)):
        assert (answer.status_code, "Go on where you began" in answer.content.decode()) == (
            403,
            True,
        )
    assert thief.get(reverse("judge", args=[study.uid])).status_code == 302
    assert study.memberships.filter(role="annotator").count() == 1


def test_the_same_worker_goes_on_at_another_device_by_a_personal_link():
    study = open_study()
    first, second, owner = Client(), Client(), owner_of(study)
    first.post(address(make(study)))
    held = [task["token"] for task in hand(first, study)["tasks"]]
    page = reverse("study-recruiting", args=[study.uid])
    assert owner.post(page, {"who": "nobody"}).status_code == 422
    for who in ("a-01", "5f3a"):
        made = owner.post(page, {"who": who}).context["personal"]
    assert "Welcome back" in second.get(made).content.decode()
    second.post(made)
    assert [task["token"] for task in hand(second, study)["tasks"]] == held
    assert Client().post(made).status_code == 410
    assert study.memberships.filter(role="annotator").count() == 1


def test_who_comes_late_gets_a_code_and_a_kind_page_before_any_training():
    study = open_study(pairs=1, overlap=1, min_votes=1)
    link = make(study)
    first, late = Client(), Client()
    first.post(address(link))
    assert vote_all(first, study) == reverse("finished", args=[study.uid])
    entered = late.post(address(link, PROLIFIC | {"PROLIFIC_PID": "late"}))
    assert entered["Location"] == reverse("finished", args=[study.uid])
    page = late.get(entered["Location"]).content.decode()
    assert "Nothing is left to judge" in page
    assert CompletionCode.objects.get(membership__pseudonym="A-02").code in page


def test_invited_people_stay_on_their_screen_when_the_pool_is_empty():
    study = open_study(pairs=1, overlap=1, min_votes=1)
    client = Client()
    client.force_login(join(study), backend=BACKEND)
    assert vote_all(client, study) is None


def test_whoever_cannot_come_in_reads_why():
    study = open_study()
    link = make(study, people=1)
    full, here = make(study, people=1), address(link)
    Client().post(address(full))
    token = token_of(link)
    closed, mine = make(study), make(study, source="named")
    close_link(closed, actor=study.owner, now=timezone.now())
    named = address(mine, {}, who="ada")
    Client().post(named)
    ended = make(study, expires_at=timezone.now() + timedelta(seconds=1))
    type(ended).objects.filter(pk=ended.pk).update(expires_at=timezone.now())
    stranger = PROLIFIC | {"PROLIFIC_PID": "stranger"}
    cases = [
        (here.replace(token, token[:-2] + "xx"), 404, "This link does not open"),
        (address(link, {}), 400, "missing something"),
        (address(full, stranger), 409, "All places are taken"),
        (address(closed), 410, "takes nobody in"),
        (address(ended, stranger), 410, "This link has ended"),
        (named, 410, "This link has been used"),
    ]
    people = User.objects.count()
    for where, status, words in cases:
        for answer in (Client().get(where), Client().post(where)):
            assert (answer.status_code, words in answer.content.decode()) == (status, True), where
    assert User.objects.count() == people


def test_somebody_signed_in_as_another_is_told_and_then_signed_out_there():
    study = open_study()
    client = owner_of(study)
    here = address(make(study))
    assert f"signed in as {study.owner.username}" in client.get(here).content.decode()
    client.post(here)
    assert client.get(reverse("study", args=[study.uid])).status_code == 404


def test_the_researcher_makes_a_link_and_reads_what_to_paste():
    study = open_study()
    client, page = owner_of(study), reverse("study-recruiting", args=[study.uid])
    form = {"source": "prolific", "people": "20", "days": "14"}
    assert client.post(page, form)["Location"] == page
    link = study.entry_links.get()
    token = token_of(link)
    pasted = (
        f"http://testserver/enter/{token}/?PROLIFIC_PID={{{{%PROLIFIC_PID%}}}}"
        "&amp;STUDY_ID={{%STUDY_ID%}}&amp;SESSION_ID={{%SESSION_ID%}}"
    )
    assert pasted in client.get(page).content.decode()
    assert link.return_url == "https://app.prolific.com/submissions/complete?cc={code}"
    bad = client.post(page, form | {"return_url": "http://plain.example"})
    assert (bad.status_code, "no https address" in bad.content.decode()) == (422, True)
    client.post(reverse("study-recruiting-close", args=[study.uid, link.pk]))
    link.refresh_from_db()
    assert link.closed_at is not None


def test_people_one_names_get_addresses_of_their_own():
    study = open_study()
    link, client = make(study, "named"), owner_of(study)
    where = reverse("study-recruiting-addresses", args=[study.uid, link.pk])
    many = client.post(where, {"people": " ".join(f"p{n}" for n in range(1001))})
    assert many.status_code == 422
    assert "1,001 people were named; at most 1,000" in many.content.decode()
    file = client.post(where, {"people": "ada\nbob ada"}).content.decode()
    rows = list(csv.reader(io.StringIO(file)))
    assert [row[0] for row in rows] == ["participant", "ada", "bob"]
    assert Client().post(rows[1][1]).status_code == 302
    assert client.post(where, {"people": "a/b"}).status_code == 422


def test_codes_and_pay_are_the_researchers_to_see():
    study, other = open_study(votes_per_annotator=2), open_study()
    for one, who in ((study, "5f3a"), (other, "77aa")):
        worker = Client()
        worker.post(address(make(one), {"PROLIFIC_PID": who}))
        worker.get(vote_all(worker, one))
    mine, foreign = (CompletionCode.objects.get(membership__study=s).code for s in (study, other))
    client = owner_of(study)
    page = client.post(
        reverse("study-codes", args=[study.uid]), {"codes": f"{mine}, {mine}\n{foreign} NOCODE"}
    ).content.decode()
    for words in ("accepted</span> of A-01", "refused: reused", "of another study", "never given"):
        assert words in page
    sheet = client.get(reverse("study-pay-csv", args=[study.uid]), {"rate": "12"})
    (row,) = csv.DictReader(io.StringIO(sheet.content.decode()))
    assert (row["annotator"], row["source"], row["external_id"]) == ("A-01", "Prolific", "5f3a")
    assert (row["votes"], row["simulated"], row["completion_code"]) == ("2", "no", mine)
    assert float(row["amount"]) == pytest.approx(2 * 6 / 3600 * 12, abs=1e-4)
    assert (row["training_exam_hours"], row["paid_hours"]) == ("0.0000", row["active_hours"])
    assert "77aa" not in sheet.content.decode()


def test_leaving_asks_once_and_then_lets_nobody_on():
    study = open_study()
    client, user = Client(), join(study)
    client.force_login(user, backend=BACKEND)
    where = reverse("leave", args=[study.uid])
    assert "Only the study's researchers can let you in again" in client.get(where).content.decode()
    assert study.memberships.get(user=user).active
    assert client.post(where, follow=True).context["lines"] == []
    away = client.get(reverse("judge", args=[study.uid]))
    assert away["Location"] == reverse("finished", args=[study.uid])


def test_erasing_oneself_needs_the_box_and_ends_every_session():
    study = open_study()
    here, client, elsewhere = address(make(study)), Client(), Client()
    client.post(here)
    elsewhere.cookies["browser"] = client.cookies["browser"].value
    elsewhere.post(here)
    where = reverse("erase")
    assert client.post(where).status_code == 422
    assert "Your data is erased" in client.post(where, {"sure": "yes"}).content.decode()
    for one in (client, elsewhere):
        assert one.get(reverse("my-work")).status_code == 302
    place = study.memberships.get(role="annotator")
    assert (place.active, place.entry.parameters) == (False, {})
    assert not User.objects.filter(external__external_id="5f3a").exists()
    page = owner_of(study).get(reverse("study-pay", args=[study.uid])).content.decode()
    assert "A-01" in page
    assert "5f3a" not in page


def test_who_judged_and_was_erased_does_not_judge_the_same_pairs_again():
    study, other = open_study(pairs=1), open_study()
    here = address(make(study))
    for judges in (False, True):
        worker = Client()
        assert worker.post(here).status_code == 302
        if judges:
            vote_all(worker, study)
        worker.post(reverse("erase"), {"sure": "yes"})
    refused = Client().post(here)
    assert refused.status_code == 403
    assert "You have judged in this study already" in refused.content.decode()
    assert Client().post(address(make(study, "mturk"), {"workerId": "5f3a"})).status_code == 302
    assert Client().post(address(make(other))).status_code == 302
    (kept,) = ErasedId.objects.values_list("digest", flat=True)
    assert len(kept) == 64
    with override_settings(SECRET_KEY="another key"):
        assert not was_erased("prolific", "5f3a", scope=str(study.uid))
