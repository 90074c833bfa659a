"""The dashboard while pictures are being made: what it says, and what its buttons do."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotate.judging.launch import launch
from annotate.people.models import Role
from annotate.sampling.models import Job, Sample
from annotate.studies.create import update_draft
from annotate.studies.models import Study
from annotate.studies.spec import parse_spec
from tests.factories import join, make_generated, make_user
from tests.web.arrange_sampling import finish, make_waiting

pytestmark = pytest.mark.django_db


def client_of(user: Any) -> Client:
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


def launched(**given: Any) -> Study:
    return launch(make_generated(**given), actor=None)


def page(study: Study, name: str = "study") -> str:
    html = client_of(study.owner).get(reverse(name, args=[study.uid])).content.decode()
    return " ".join(html.split())


def press(study: Study, verb: str) -> str:
    address = reverse("study-sampling", args=[study.uid, verb])
    return " ".join(client_of(study.owner).post(address, follow=True).content.decode().split())


def sample(study: Study, method: str, number: int = 0) -> Sample:
    digest = study.methods.get(name=method).digest
    return Sample.objects.filter(method_digest=digest).order_by("pk")[number]


def test_every_arm_has_its_bar_and_the_hidden_student_says_so() -> None:
    study = launched(prompts=4)
    finish(sample(study, "teacher"), steps=50, forwards=100)
    html = page(study)
    assert '<progress value="1" max="4" aria-label="teacher">' in html
    assert '<progress value="0" max="4" aria-label="adaptive">' in html
    assert "Student samples of the adaptive arms" in html
    assert "no method shows them" in html
    assert "50 steps and 100 forwards an image, planned 50 and 100" in html
    # Twelve samples: four of each, and the pairs wait for them.
    assert '1 <span class="of">of 12</span>' in html
    assert "4 items wait for a picture" in html


def test_acceptance_stands_beside_its_plan() -> None:
    study = make_waiting()
    methods = study.read_spec().model_dump(mode="json")
    methods["methods"][-1]["settings"]["threshold"] = {"tau": "Infinity"}
    launch(update_draft(study, parse_spec(methods), actor=study.owner), actor=None)
    finish(sample(study, "adaptive"), decision="refined", steps=25, forwards=50)
    html = page(study)
    assert "0 % kept as the student made them, planned 0 %" in html
    assert "25 steps and 50 forwards an image, planned 25 and 50" in html


def test_a_rate_gives_the_time_that_is_left() -> None:
    study = launched(prompts=4)
    row = sample(study, "teacher")
    now = timezone.now()
    assert row.job is not None
    Job.objects.filter(pk=row.job.pk).update(
        state="done", started_at=now - timedelta(minutes=2), finished_at=now
    )
    Study.objects.filter(pk=study.pk).update(launched_at=now - timedelta(minutes=2))
    finish(row)
    html = page(study)
    assert "0.5 a minute" in html
    assert "22 min" in html


def test_a_failure_is_told_with_its_reason_and_can_be_tried_again() -> None:
    study = launched(prompts=2)
    row = sample(study, "teacher")
    reason = "the estimator imagereward gave no finite score."
    Sample.objects.filter(pk=row.pk).update(state="failed", error=reason)
    Job.objects.filter(pk=row.job_id).update(state="failed", attempt=3, error=reason)
    html = page(study)
    assert "1 picture of teacher failed" in html
    assert "The estimator imagereward gave no finite score." in html
    assert "1 job queued again, with all attempts." in press(study, "retry")
    row.refresh_from_db()
    assert (row.state, row.error) == ("queued", "")


def test_pause_resume_and_cancel_say_what_they_did() -> None:
    study = launched(prompts=2)
    jobs = study.jobs.count()
    assert f"{jobs} jobs held back." in press(study, "pause")
    assert set(study.jobs.values_list("state", flat=True)) == {"paused"}
    html = page(study)
    assert f"{jobs} paused" in html
    assert ">Resume<" in html
    assert f"{jobs} jobs queued again." in press(study, "resume")
    assert f"{jobs} jobs ended." in press(study, "cancel")
    html = page(study)
    assert "nobody makes the rest" in html
    assert ">Try again<" in html
    assert "There was no job to do that to any more." in press(study, "pause")
    assert "cancelled the making of pictures" in html


def test_a_broker_that_takes_no_message_is_announced_and_nothing_is_lost() -> None:
    study = launched(prompts=2)
    assert "message broker cannot be reached" not in page(study)
    study.jobs.update(queued_at=timezone.now() - timedelta(minutes=1), published_at=None)
    assert "The message broker cannot be reached." in page(study)


def test_the_live_part_carries_the_pictures_and_asks_to_be_looked_at_sooner() -> None:
    study = launched(prompts=2)
    address = reverse("study", args=[study.uid])
    html = client_of(study.owner).get(address, headers={"X-Part": "live"}).content.decode()
    assert "data-busy" in html
    assert "<html" not in html


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel", "retry"])
def test_the_buttons_are_for_those_who_manage_the_study(verb: str) -> None:
    study = launched()
    address = reverse("study-sampling", args=[study.uid, verb])
    for outsider in (make_user(Role.RESEARCHER), join(study)):
        assert client_of(outsider).post(address).status_code == 404
    assert client_of(study.owner).get(address).status_code == 405
    assert set(study.jobs.values_list("state", flat=True)) == {"queued"}


def test_an_unknown_verb_is_no_address() -> None:
    study = launched()
    address = reverse("study-sampling", args=[study.uid, "explode"])
    assert client_of(study.owner).post(address).status_code == 404


def test_a_draft_says_what_its_methods_need() -> None:
    study = make_waiting()
    html = page(study)
    assert "Import samples" not in html
    assert "0 of 1 tuned." in html
    assert "starts the making of pictures" in html


def test_the_launch_page_prices_the_pictures_and_names_the_files(
    settings: Any, tmp_path: Path
) -> None:
    settings.MODELS_DIR = tmp_path
    study = make_generated(prompts=4)
    html = page(study, "study-launch")
    # 4 x 50 of the teacher, 4 x 5 of the student under the adaptive arm, at most 4 x 20 more.
    assert '<dt>Steps</dt><dd><span class="of">at most</span> 300</dd>' in html
    assert '<span class="of">at most</span> 600</dd>' in html
    assert "not known yet" in html
    for path in ("teacher", "student", "scorer"):
        assert f'<th scope="row" class="wrap">{path}</th>' in html
    assert "3 of 3 missing here" in html


def test_the_launch_page_takes_machine_time_from_what_samples_took_here() -> None:
    before = launched(prompts=2)
    for method, seconds in (("teacher", 10.0), ("adaptive", 6.0)):
        for number in range(2):
            row = sample(before, method, number)
            more = {"steps": 50, "forwards": 100} if method == "teacher" else {}
            finish(row, seconds=seconds, **more)
    student = Sample.objects.exclude(method_digest__in=before.methods.values("digest"))
    for row in student:
        finish(row, seconds=1.0, steps=5, forwards=10)
    before.jobs.update(state="done")
    html = page(make_generated(prompts=3), "study-launch")
    assert "not known yet" not in html
    # Three teachers of 10 s, three students of 1 s, three times at most 40 forwards of 0.1 s.
    assert "at most</span> 45 s" in html


def test_votes_saved_by_judging_equal_pairs_once_are_told() -> None:
    settings = {
        "teacher": ("teacher", {"preset": "ddim-50"}),
        "student": ("student", {"preset": "cd-5"}),
        "adaptive": (
            "adaptive-refine",
            {"preset": "table4/adaptive-15-random", "threshold": {"tau": 0.5}},
        ),
    }
    study = make_generated(
        prompts=10,
        methods=settings,
        contrasts=(("adaptive", "teacher"), ("student", "teacher")),
    )
    html = page(study, "study-launch")
    # Half of the adaptive pictures are the student's own: of 20 items 15 pairs are judged.
    assert '<b class="num">45</b><span>votes to be cast, 3 on each pair' in html
    assert '<b class="num">15</b><span>votes saved' in html
    assert "Blank in the paper, our choice" in html
