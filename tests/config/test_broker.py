"""The broker's settings: a private folder by default, any other by one variable, numbers only."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# Each test starts processes of its own.
pytestmark = pytest.mark.server

SCRIPT = """
import json, django
django.setup()
from django.conf import settings
from annotate.config.celery import app
print(json.dumps({
    "url": app.conf.broker_url,
    "accept": app.conf.accept_content,
    "serializer": app.conf.task_serializer,
    "late": app.conf.task_acks_late,
    "prefetch": app.conf.worker_prefetch_multiplier,
    "options": app.conf.broker_transport_options,
    "queues": {q.name: q.queue_arguments for q in app.conf.task_queues},
    "publish": settings.BROKER_PUBLISH_OPTIONS,
}))
"""


def read(data: Path, **environment: str) -> dict[str, Any]:
    env = {k: v for k, v in os.environ.items() if not k.endswith("BROKER_URL")}
    env |= {"DJANGO_SETTINGS_MODULE": "annotate.config.settings", "TRIPTYCH_DATA_DIR": str(data)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=env | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_by_default_the_broker_is_one_private_folder_of_the_installation(tmp_path: Path) -> None:
    found = read(tmp_path)
    folder = found["options"]["data_folder_in"]
    assert found["url"].startswith("filesystem://")
    assert found["options"]["data_folder_out"] == folder
    assert Path(folder).is_relative_to(tmp_path)
    assert 0.1 <= found["options"]["polling_interval"] <= 0.2
    inside = [tmp_path / "broker", *(tmp_path / "broker").iterdir()]
    assert len(inside) == 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in inside} == {0o700}


@pytest.mark.parametrize("name", ["CELERY_BROKER_URL", "TRIPTYCH_BROKER_URL"])
@pytest.mark.parametrize(
    ("url", "arguments"),
    [
        ("redis://127.0.0.1:1/0", None),
        ("amqp://guest@127.0.0.1:1//", {"x-queue-type": "quorum"}),
    ],
)
def test_one_variable_names_another_broker(
    tmp_path: Path, name: str, url: str, arguments: dict[str, str] | None
) -> None:
    found = read(tmp_path, **{name: url})
    assert found["url"] == url
    # One queue: a second one, for work without a GPU, would never get any.
    assert found["queues"] == {"gpu": arguments}
    # Nobody who visits waits for a broker that is away.
    assert found["publish"]["max_retries"] == 0
    assert 1 in found["publish"].values()
    assert not (tmp_path / "broker").exists()


def test_messages_are_json_acknowledged_late_and_fetched_one_at_a_time(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert (found["accept"], found["serializer"]) == (["json"], "json")
    assert (found["late"], found["prefetch"]) == (True, 1)


def test_a_time_that_is_none_is_refused_with_what_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="TRIPTYCH_JOB_LEASE='soon'; allowed: seconds above 0"):
        read(tmp_path, TRIPTYCH_JOB_LEASE="soon")
