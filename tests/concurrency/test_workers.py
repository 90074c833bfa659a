"""Real workers under the real supervisor: poison, cancelling, warm stops, strangers' messages."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.concurrency.brokers import Broker, Folder, broker_of
from tests.concurrency.site import ROOT, Database, wait_until
from tests.concurrency.workshop import Workshop

pytestmark = [pytest.mark.server, pytest.mark.slow]


def workshop_of(migrated: Database, broker: Broker | None = None) -> Workshop:
    number = len(list(migrated.folder.parent.iterdir()))
    database = Database(migrated.folder.parent / f"workers{number}", template=migrated)
    return Workshop(database, broker or Folder(database.folder), workers=1)


@pytest.fixture
def workshop(migrated: Database) -> Iterator[Workshop]:
    workshop = workshop_of(migrated)
    yield workshop
    workshop.stop()
    workshop.database.drop()


def rows_of(workshop: Workshop, *columns: str) -> list[tuple[object, ...]]:
    return workshop.database.rows(f"SELECT {', '.join(columns)} FROM sampling_job ORDER BY id")


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_poison_ends_with_a_plain_error_and_the_rest_is_done_and_nobody_outlives_up(
    workshop: Workshop,
) -> None:
    for ends in ("memory", "nan", "killed", "error"):
        workshop.order(jobs=1, ends=ends)
    workshop.order(jobs=5, samples=3)
    up = workshop.start("up", "--port=0")
    in_time = wait_until(lambda: workshop.ended() == 9, seconds=240)
    assert in_time, f"{rows_of(workshop, 'state', 'attempt', 'error')}\n{workshop.log[-5000:]}"
    found = rows_of(workshop, "state", "attempt", "error")
    assert [row[:2] for row in found[:4]] == [("failed", 3)] * 4
    assert [row[:2] for row in found[4:]] == [("done", 1)] * 5
    memory, nan, killed, error = (str(row[2]) for row in found[:4])
    assert memory.startswith("It ran out of memory, even in its smallest batch.")
    assert nan.startswith("the estimator imagereward gave no finite score")
    assert killed.startswith("Its worker ended without a word at attempt 3 of 3")
    assert error == "It failed with KeyError: 'unet'."
    reasons = workshop.database.rows(
        "SELECT state, error FROM sampling_sample WHERE state = 'failed' ORDER BY id"
    )
    assert [str(reason) for _, reason in reasons] == [memory, nan, killed, error]
    # Each attempt is one line of the log; what nobody explained has its traceback, once.
    log = workshop.log
    for number, words in ((1, memory), (2, nan), (4, error)):
        for attempt in (1, 2, 3):
            assert log.count(f"job={number} attempt={attempt} failed: {words}\n") == 1, log
    assert log.count("Traceback (most recent call last)") == 1, log
    assert "[config]" not in log, log  # Celery's banner
    children = children_of(up.pid)
    assert len(children) == 3, workshop.log  # web, worker, sweep
    up.kill()
    assert wait_until(lambda: not any(alive(pid) for pid in children), seconds=20)


def test_a_cancelled_job_stops_within_five_seconds_and_the_worker_goes_on(
    workshop: Workshop,
) -> None:
    (job,) = workshop.order(jobs=1, seconds=60)["ids"]
    workshop.start_workers()
    assert wait_until(lambda: workshop.states()["running"] == 1, seconds=30), workshop.log
    asked = time.monotonic()
    workshop.python(
        "from annotate.sampling.models import Job\n"
        f"Job.objects.filter(pk={job}).update(cancel_requested=True)\n"
    )
    written = time.monotonic()
    assert wait_until(lambda: workshop.states()["cancelled"] == 1, seconds=20, every=0.05)
    assert time.monotonic() - written <= 5, asked
    workshop.order(jobs=1)
    assert wait_until(lambda: workshop.states()["done"] == 1, seconds=20), workshop.log


def test_a_worker_told_to_end_gives_its_job_back_untried(workshop: Workshop) -> None:
    workshop.order(jobs=1, seconds=60)
    workshop.start_workers()
    assert wait_until(lambda: workshop.states()["running"] == 1, seconds=30), workshop.log
    (worker,) = workshop.running
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=20) == 0
    assert rows_of(workshop, "state", "attempt") == [("queued", 0)]


@pytest.mark.parametrize("order", [{"seconds": 60}, {"ends": "hangs"}])
def test_a_job_that_does_not_end_is_stopped_and_a_step_that_does_not_end_ends_the_worker(
    workshop: Workshop, order: dict[str, object]
) -> None:
    workshop.environment |= {"TRIPTYCH_JOB_DEADLINE": "1", "TRIPTYCH_JOB_HUNG": "2"}
    workshop.order(jobs=1, **order)
    workshop.start_workers()
    wanted = ("It had not ended after 1 seconds and was stopped. Look at its arms.",)
    assert wait_until(lambda: rows_of(workshop, "error") == [wanted], seconds=30), workshop.log
    if "ends" in order:
        (worker,) = workshop.running
        assert worker.wait(timeout=20) == 70


class Canary:
    """Whoever unpickles this makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_pickled_message_is_refused_unread(workshop: Workshop, tmp_path: Path) -> None:
    workshop.start_workers()
    canary = tmp_path / "canary"
    pickled = tmp_path / "message.pickle"
    pickled.write_bytes(pickle.dumps(((Canary(canary),), {}, {})))
    workshop.python(
        "import pathlib\n"
        "from annotate.config.celery import app\n"
        f"body = pathlib.Path({str(pickled)!r}).read_bytes()\n"
        "queue = app.amqp.queues['gpu']\n"
        "with app.connection_for_write() as connection:\n"
        "    app.amqp.Producer(connection).publish(\n"
        "        body, routing_key=queue.routing_key, exchange=queue.exchange, declare=[queue],\n"
        "        content_type='application/x-python-serialize', content_encoding='binary',\n"
        "        headers={'task': 'annotate.sampling.run_job', 'id': 'x', 'lang': 'py'},\n"
        "    )\n"
    )
    workshop.order(jobs=1)
    assert wait_until(lambda: workshop.states()["done"] == 1, seconds=30), workshop.log
    assert "ContentDisallowed" in workshop.log
    assert not canary.exists()


def test_garbage_in_the_brokers_folder_does_not_stop_the_work(workshop: Workshop) -> None:
    messages = workshop.database.folder / "broker" / "messages"
    workshop.order(jobs=2)
    garbage = ("", '{"body": ', "[]", "{}", '{"properties": 3}', '{"body": 1, "properties": {}}')
    for number, text in enumerate(garbage):  # named so that they come first
        (messages / f"0{number}_x.gpu.msg").write_text(text)
    workshop.start_workers()
    assert wait_until(lambda: workshop.states()["done"] == 2, seconds=60), workshop.log
    (worker,) = workshop.running
    worker.terminate()
    assert worker.wait(timeout=20) == 0, workshop.log
    assert list(messages.iterdir()) == []
    assert workshop.log.count("dropped a") == len(garbage)


def test_ringing_loads_no_torch(workshop: Workshop) -> None:
    printed = workshop.python(
        "import sys\n"
        "from annotate.sampling.doorbell import ring\n"
        "assert ring([(1, 'gpu')]) == [1]\n"
        "import annotate.cli.sampling_children as children\n"
        "assert children.sampling_children()\n"
        "print(sorted({'torch', 'diffusers', 'transformers'} & set(sys.modules)))\n"
    )
    assert printed.splitlines()[-1] == "[]"


@pytest.mark.brokers
@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_work_ordered_while_the_broker_is_away_starts_soon_after_its_return(
    kind: str, migrated: Database, tmp_path: Path
) -> None:
    with broker_of(kind, data=tmp_path, folder=tmp_path) as broker:
        workshop = workshop_of(migrated, broker)
        # The product's own pauses, not the tests' short ones.
        for name in ("TRIPTYCH_SWEEP", "TRIPTYCH_JOB_LEASE", "TRIPTYCH_JOB_REPUBLISH"):
            del workshop.environment[name]
        try:
            workshop.start_workers()
            workshop.start_sweep()
            workshop.order(jobs=1)
            assert wait_until(lambda: workshop.states()["done"] == 1, seconds=60), workshop.log
            broker.stop()
            time.sleep(15)
            ordered = workshop.order(jobs=40)
            assert ordered["seconds"] <= 2, ordered
            assert rows_of(workshop, "published_at")[1:] == [(None,)] * 40
            broker.start()
            returned = time.monotonic()
            assert wait_until(lambda: workshop.states()["done"] > 1, seconds=60), workshop.log
            assert time.monotonic() - returned <= 30
            assert wait_until(lambda: workshop.states()["done"] == 41, seconds=60), workshop.log
        finally:
            workshop.stop()
            workshop.database.drop()


def test_a_machine_without_the_packages_says_so_in_a_plain_sentence(tmp_path: Path) -> None:
    script = (
        "import sys, importlib.util as u\n"
        "found = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'diffusers' else found(name, *a)\n"
        "import django; django.setup()\n"
        "from annotate.cli import sampling_children as s\n"
        "print(s.sampling_children(), s.why_no_worker())\n"
    )
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "annotate.config.settings",
        "TRIPTYCH_DATA_DIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert done.stdout.startswith("[] No samples are made on this machine: diffusers cannot be ")
    assert json.dumps(done.stderr) == '""'


@pytest.mark.brokers
@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_a_broker_that_goes_while_jobs_end_finds_the_worker_listening_when_it_is_back(
    kind: str, migrated: Database, tmp_path: Path
) -> None:
    """The job at work then ends beside a broker that cannot be told."""
    with broker_of(kind, data=tmp_path, folder=tmp_path) as broker:
        workshop = workshop_of(migrated, broker)
        try:
            workshop.start_workers()
            workshop.start_sweep()
            workshop.order(jobs=200)
            assert wait_until(lambda: workshop.states()["done"] >= 2, seconds=60), workshop.log
            broker.stop()
            time.sleep(5)
            stopped = workshop.states()["done"]
            assert stopped < 200
            broker.start()
            assert wait_until(lambda: workshop.states()["done"] == 200, seconds=120), workshop.log
        finally:
            workshop.stop()
            workshop.database.drop()
