"""Jobs while workers are killed, messages lost and doubled, brokers wiped: all done, each once."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.concurrency.brokers import broker_of
from tests.concurrency.site import Database, wait_until
from tests.concurrency.workshop import Workshop

BROKERS = [
    pytest.param("folder", id="folder"),
    pytest.param("redis", marks=pytest.mark.brokers, id="redis"),
    pytest.param("rabbitmq", marks=pytest.mark.brokers, id="rabbitmq"),
]
pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.bothdb]

JOBS, KILLS, WORKERS = 200, 3, 2


@pytest.fixture
def workshop(
    migrated: Database, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Workshop]:
    folder = migrated.folder.parent / f"workshop{len(list(migrated.folder.parent.iterdir()))}"
    database = Database(folder, template=migrated)
    with broker_of(request.param, data=folder, folder=tmp_path) as broker:
        workshop = Workshop(database, broker, workers=WORKERS)
        try:
            yield workshop
        finally:
            workshop.stop()
    database.drop()


@pytest.mark.parametrize("workshop", BROKERS, indirect=True)
def test_every_job_is_done_once_whatever_is_killed_lost_or_doubled(
    workshop: Workshop, say: Callable[[str], None]
) -> None:
    began = time.monotonic()

    def ended(number: int) -> None:
        reached = wait_until(lambda: workshop.ended() >= number, seconds=120, every=0.05)
        assert reached, f"{workshop.states()}\n{workshop.log[-5000:]}"

    # Half of them nobody rings for, as if the launch had died after its commit.
    ids = workshop.order(jobs=JOBS, silent=JOBS // 2, doubled=1, seconds=0.1)["ids"]
    workshop.start_sweep()
    workshop.start_workers()
    for kill in range(KILLS):
        ended(30 + 40 * kill)
        workshop.kill_workers()
        workshop.start_workers()
    ended(130)
    workshop.broker.wipe()
    # Nobody but the sweep rings for what was lost; then every message comes twice more.
    ended(150)
    workshop.order(ids=ids)
    ended(JOBS)
    # Whoever was still at work for nothing has time to show it.
    time.sleep(1)
    noted = workshop.noted()
    rows = workshop.database.rows
    ((attempts,),) = rows("SELECT sum(attempt) FROM sampling_job")
    ((samples, images, scores),) = rows(
        "SELECT (SELECT count(*) FROM sampling_sample WHERE state = 'done'),"
        " (SELECT count(*) FROM sampling_image), (SELECT count(*) FROM sampling_score)"
    )
    say(
        f"{type(workshop.broker).__name__}: {dict(workshop.states())}, {samples} samples, "
        f"{images} images, {scores} scores, {attempts} attempts, {noted['start']} starts, "
        f"{noted['end']} ends, {time.monotonic() - began:.1f} s with {KILLS} kills x {WORKERS}"
    )
    assert workshop.states() == {"done": JOBS}
    assert (samples, images, scores) == (JOBS, JOBS, JOBS)
    assert noted["start"] - JOBS <= KILLS * WORKERS
    assert attempts - JOBS <= KILLS * WORKERS
