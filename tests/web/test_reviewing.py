"""A report for reviewers: opened by a secret alone, without a name in it, until it is withdrawn."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotate.judging.models import Comparison, Report
from annotate.reports.models import ReviewLink
from annotate.reports.reviewing import make_review_link, withdraw_review_link
from annotate.studies.lifecycle import move
from annotate.studies.models import Study
from annotate.web.reviewing import NAMES, OF_DIVERSITY
from tests.judging.arrange import member, vote_next
from tests.judging.test_diversity import CLEARLY, open_study
from tests.reports.arrange import voted

pytestmark = pytest.mark.whole


@pytest.mark.django_db
def test_a_reviewer_sees_the_report_and_its_files_and_nobodys_name() -> None:
    study, people = voted(["aaa", "aab", "abt"], protocol={"consent": "Write to ann@example.org."})
    for n, person in enumerate([study.owner, *people]):
        person.username, person.email = f"secretname{n}", f"secretname{n}@example.org"
        person.save()
    Report.objects.create(
        comparison=Comparison.objects.first(),
        annotator=people[0],
        reason="broken",
        comment="signed secretname1",
        at=timezone.now(),
    )
    _, token = make_review_link(study, created_by=study.owner, now=timezone.now(), note="venue")
    client = Client()
    for state in (Study.State.OPEN, Study.State.CLOSED):
        if state != study.state:
            move(study, state, actor=study.owner)
        answer = client.get(reverse("review", args=[token]))
        html = answer.content.decode()
        assert answer.status_code == 200
        assert "preferred student on" in html
        assert "secretname" not in html
        assert "example.org" not in html
        assert "/studies/" not in html
        assert ("Frozen as" in html) == (state == Study.State.CLOSED)
        assert answer["Referrer-Policy"] == "no-referrer"
        assert "noindex" in answer["X-Robots-Tag"]
        for name in NAMES:
            file = client.get(reverse("review-file", args=[token, name]))
            content = file.getvalue()
            assert file.status_code == 200, name
            assert content
            assert b"secretname" not in content
            assert b"example.org" not in content
            assert file["Referrer-Policy"] == "no-referrer"


@pytest.mark.django_db
def test_a_reviewer_of_a_diversity_study_sees_its_own_report_and_files() -> None:
    study = open_study(prompts=1, control_rate=0.3, consent="Write to ann@example.org.")
    vote_next(member(study), CLEARLY)
    _, token = make_review_link(study, created_by=study.owner, now=timezone.now())
    html = Client().get(reverse("review", args=[token])).content.decode()
    assert "Controls anchor the scale" in html
    assert "/studies/" not in html
    for name in OF_DIVERSITY:
        address = reverse("review-file", args=[token, name])
        assert address in html
        file = Client().get(address)
        assert file.status_code == 200
        assert b"example.org" not in file.content
    for name in ("bundle.zip", "snapshot.json", "diversity.json"):
        assert Client().get(reverse("review-file", args=[token, name])).status_code == 404


@pytest.mark.django_db
def test_a_link_that_ended_is_answered_like_one_that_never_was() -> None:
    study, _ = voted(["aaa"])
    now = timezone.now()
    client, pages = Client(), set()
    withdrawn, token = make_review_link(study, created_by=study.owner, now=now)
    assert withdraw_review_link(withdrawn, actor=study.owner, now=now)
    assert not withdraw_review_link(withdrawn, actor=study.owner, now=now)
    _, old = make_review_link(
        study, created_by=study.owner, now=now - timedelta(days=2), lifetime=timedelta(days=1)
    )
    for secret in (token, old, "unknown"):
        for name, args in (("review", [secret]), ("review-file", [secret, "votes.csv"])):
            answer = client.get(reverse(name, args=args))
            assert answer.status_code == 404
            pages.add(answer.content.decode().replace(secret, ""))
    assert len(pages) == 1


@pytest.mark.django_db
def test_the_secret_is_shown_once_and_kept_nowhere() -> None:
    study, _ = voted(["aaa"])
    client = Client()
    client.force_login(study.owner, backend="django.contrib.auth.backends.ModelBackend")
    address = reverse("study-review-links", args=[study.uid])
    html = client.post(address, {"note": "venue", "days": "30"}).content.decode()
    token = html.split("/review/")[1].split("/")[0]
    link = ReviewLink.objects.get()
    assert token not in str(vars(link))
    assert token not in client.get(address).content.decode()
    assert Client().get(reverse("review", args=[token])).status_code == 200
    client.post(reverse("study-withdraw-review", args=[study.uid, link.pk]))
    assert Client().get(reverse("review", args=[token])).status_code == 404
