"""Launching while the broker is away: the page answers, the jobs are kept and announced later."""

import socket
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

pytestmark = [pytest.mark.django_db, pytest.mark.whole]
# A visitor waits at most two seconds: one try at the broker, which gives up after this one.
GIVES_UP_AFTER = 1

app = Celery("away")


@pytest.fixture(params=["nobody listens", "somebody listens and says nothing"])
def away(request: Any, settings: Any) -> Iterator[socket.socket]:
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
            "socket_timeout": GIVES_UP_AFTER,
            "socket_connect_timeout": GIVES_UP_AFTER,
        }
        # Server processes do so when they start (config.gunicorn).
        prepare()
        yield hole
    app.pool.force_close_all()


def tries_at(hole: socket.socket) -> int:
    """How many connections somebody made to it, none of them answered."""
    hole.setblocking(False)
    tries = 0
    while True:
        try:
            hole.accept()[0].close()
        except OSError:  # nobody waits any more, or it never listened
            return tries
        tries += 1


def test_a_launch_tries_the_broker_once_for_all_its_jobs_and_says_so_on_the_dashboard(
    away: socket.socket, django_capture_on_commit_callbacks: Any
) -> None:
    study = make_generated(prompts=20)
    client = client_of(study.owner)
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(reverse("study-launch", args=[study.uid]))
    assert answer["Location"] == reverse("study", args=[study.uid])
    assert tries_at(away) <= 1
    assert study.jobs.count() > 1
    assert set(study.jobs.values_list("state", "published_at")) == {("queued", None)}
    study.jobs.update(queued_at=timezone.now() - timedelta(minutes=1))
    html = page(study)
    assert "The message broker cannot be reached." in html
    assert f"{study.jobs.count()} jobs could not be announced" in html
