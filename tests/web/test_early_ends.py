"""Ends before the work is done (exam failed, paused, left): a page, a code and a way back."""

import pytest
from django.test import Client
from django.urls import reverse

from annotate.judging.leaving import leave
from annotate.judging.models import Assignment, Vote
from annotate.judging.voting import invalidate
from annotate.judging.watching import pause, resume
from annotate.studies.entry_models import CompletionCode, EntryLink
from annotate.studies.models import Membership
from annotate.web.home import study_lines
from tests.factories import NOW
from tests.judging.exam_items import make_examined, prepare, sit
from tests.web.test_entering import PROLIFIC, address, hand, make, open_study, vote_all

pytestmark = pytest.mark.django_db
RETURN = "https://app.prolific.com/submissions/complete?cc="


def come_in(study) -> tuple[Client, Membership]:
    """A worker of a platform, in their place."""
    worker = Client()
    worker.post(address(make(study, return_url=RETURN + "{code}"), PROLIFIC))
    places = Membership.objects.select_related("study", "user")
    return worker, places.get(study=study, role="annotator")


def vote_one(client: Client, study) -> None:
    token = hand(client, study)["tasks"][0]["token"]
    ballot = {"token": token, "answers": {"alignment": "left"}, "active_ms": 6000}
    client.post(reverse("judge-votes", args=[study.uid]), ballot, content_type="application/json")


def test_whoever_fails_the_exam_for_good_is_told_so_and_gets_a_code_that_says_it():
    study = make_examined(exam_attempts=1)
    worker, place = come_in(study)
    prepare(place, now=NOW)
    sit(place, right=False, now=NOW)
    end = reverse("finished", args=[study.uid])
    assert end in worker.get(reverse("qualify", args=[study.uid])).content.decode()
    page = worker.get(end).content.decode()
    code = CompletionCode.objects.get()
    assert (code.reason, RETURN + code.code in page) == ("screened", True)
    assert "The exam was not passed" in page
    (line,) = study_lines(place.user)
    assert (line.has_work, line.end, line.is_over) == (False, "screened", True)
    home = worker.get(reverse("my-work")).content.decode()
    assert "exam of this study was not passed" in home
    assert "come first" not in home
    assert "Start" not in home


def test_whoever_is_paused_gets_a_code_for_what_they_did_whatever_page_they_open():
    study = open_study()
    worker, place = come_in(study)
    vote_one(worker, study)
    pause(place, actor=None)
    end = reverse("finished", args=[study.uid])
    sent = worker.get(reverse("judge-hand", args=[study.uid]))
    assert (sent.status_code, sent.json()["error"], sent.json()["next"]) == (409, "ended", end)
    for name in ("judge", "qualify", "trial"):
        assert worker.get(reverse(name, args=[study.uid]))["Location"] == end
    page = worker.get(end).content.decode()
    code = CompletionCode.objects.get()
    assert (code.reason, RETURN + code.code in page) == ("ended", True)
    assert "Judge more pairs" not in page
    assert end in worker.get(reverse("my-work")).content.decode()


def test_a_code_of_an_early_end_says_the_later_one_after_they_were_let_back_in():
    study = open_study(votes_per_annotator=2)
    worker, place = come_in(study)
    vote_one(worker, study)
    pause(place, actor=None)
    end = reverse("finished", args=[study.uid])
    worker.get(end)
    early = CompletionCode.objects.get()
    resume(place, votes=1, actor=study.owner)
    worker.get(vote_all(worker, study))
    assert CompletionCode.objects.get().code == early.code
    assert (early.reason, CompletionCode.objects.get().reason) == ("ended", "quota")


def test_whoever_leaves_before_any_answer_gets_no_code_and_is_told_to_return_the_task():
    study = open_study()
    worker, _ = come_in(study)
    left = worker.post(reverse("leave", args=[study.uid]))
    page = worker.get(left["Location"])
    assert "Please return the task" in page.content.decode()
    assert not CompletionCode.objects.exists()


def test_a_fixed_code_for_work_done_is_not_handed_to_whoever_ends_early():
    fixed = EntryLink(return_url=RETURN + "C0FFEE")
    assert fixed.way_back("OWN", early=False) == RETURN + "C0FFEE"
    assert fixed.way_back("OWN", early=True) == ""
    fixed.early_url = RETURN + "SCREENED"
    assert fixed.way_back("OWN", early=True) == RETURN + "SCREENED"
    assert EntryLink(return_url=RETURN + "{code}").way_back("OWN", early=True) == RETURN + "OWN"


def test_a_stranger_finds_no_end_page():
    study = open_study()
    _, place = come_in(study)
    leave(place)
    outsider, _ = come_in(open_study())
    assert outsider.get(reverse("finished", args=[study.uid])).status_code == 404


def empty_pool(**protocol):
    """A study whose only pair is judged, and a worker who comes after that."""
    study = open_study(pairs=1, overlap=1, min_votes=1, **protocol)
    first = Client()
    first.post(address(make(study), PROLIFIC | {"PROLIFIC_PID": "first"}))
    vote_one(first, study)
    late = Client()
    late.post(address(make(study, return_url=RETURN + "{code}"), PROLIFIC))
    return study, late


def checked(study, code: str) -> str:
    owner = Client()
    owner.force_login(study.owner, backend="annotate.people.backends.PlainBackend")
    return owner.post(reverse("study-codes", args=[study.uid]), {"codes": code}).content.decode()


def test_who_found_nothing_to_judge_is_thanked_and_has_no_code_that_can_be_paid():
    study, late = empty_pool()
    page = late.get(reverse("finished", args=[study.uid])).content.decode()
    code = CompletionCode.objects.get(membership__pseudonym="A-02")
    assert (code.reason, code.code in page) == ("no_work", True)
    assert "no fault of yours" in page
    assert "Please return the task" in page
    assert RETURN not in page  # else the platform would take it for handed in
    assert "refused: no work" in checked(study, code.code)
    code.refresh_from_db()
    assert code.accepted_at is None


def test_a_code_for_no_work_becomes_one_for_work_when_pairs_come_back():
    study, late = empty_pool()
    late.get(reverse("finished", args=[study.uid]))
    code = CompletionCode.objects.get()
    invalidate(Vote.objects.get(), actor=study.owner)
    vote_one(late, study)
    assert code.code in late.get(reverse("finished", args=[study.uid])).content.decode()
    code.refresh_from_db()
    assert code.reason == "empty"
    assert "accepted</span>" in checked(study, code.code)


def test_training_is_work_also_where_no_pair_is_left_after_it():
    study = make_examined(pairs=1)
    worker, place = come_in(study)
    prepare(place, now=NOW)
    Assignment.objects.filter(study=study).update(held=True)
    page = worker.get(reverse("finished", args=[study.uid])).content.decode()
    code = CompletionCode.objects.get()
    assert (code.reason, RETURN + code.code in page) == ("trained", True)
    assert "accepted</span>" in checked(study, code.code)
