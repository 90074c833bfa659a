"""Launching while the broker is away: the page answers, the jobs are kept and announced later."""

import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery
from django.urls import reverse
from django.utils import timezone

from annotate.sampling.doorbell import prepare
from tests.factories import make_generated
from tests.web.test_pictures import client_of, page

pytestmark = pytest.mark.django_db
# What the issue allows; the launch itself takes a fraction of it.
ANSWERS_WITHIN = 2.0

app = Celery("away")


@pytest.fixture(params=["nobody listens", "somebody listens and says nothing"])
def _away(request: Any, settings: Any) -> Iterator[None]:
    """A broker that refuses connections, and one that takes them and never answers."""
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        port = hole.getsockname()[1]
        if request.param != "nobody listens":
            hole.listen(8)
        app.conf.broker_url = f"redis://127.0.0.1:{port}/0"
        settings.CELERY_APP = f"{__name__}.app"
        settings.BROKER_PUBLISH_OPTIONS = {
            "max_retries": 0,
            "socket_timeout": 1,
            "socket_connect_timeout": 1,
        }
        # Server processes do so when they start (config.gunicorn).
        prepare()
        yield
    app.pool.force_close_all()


@pytest.mark.usefixtures("_away")
def test_the_launch_answers_within_two_seconds_and_says_so_on_the_dashboard(
    django_capture_on_commit_callbacks: Any,
) -> None:
    study = make_generated(prompts=20)
    client = client_of(study.owner)
    started = time.perf_counter()
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(reverse("study-launch", args=[study.uid]))
    took = time.perf_counter() - started
    assert answer["Location"] == reverse("study", args=[study.uid])
    assert took < ANSWERS_WITHIN
    assert study.jobs.count() > 1
    assert set(study.jobs.values_list("state", "published_at")) == {("queued", None)}
    study.jobs.update(queued_at=timezone.now() - timedelta(minutes=1))
    html = page(study)
    assert "The message broker cannot be reached." in html
    assert f"{study.jobs.count()} jobs could not be announced" in html
