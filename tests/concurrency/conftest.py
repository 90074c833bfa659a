"""One line of counts for each run, printed at the end: what a proof rests on must be readable."""

import random
import time
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings

from tests.concurrency.site import Database, Site

_lines: list[str] = []


@pytest.fixture
def say(request: pytest.FixtureRequest) -> Iterator[Callable[[str], None]]:
    """Tell what a run counted; its name, database and duration are added."""
    started = time.monotonic()
    told: list[str] = []
    yield told.append
    kind = settings.DATABASES["default"]["ENGINE"].rsplit(".", 1)[1]
    seconds = time.monotonic() - started
    _lines.extend(f"{request.node.name} [{kind}] {seconds:.1f} s: {line}" for line in told)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _lines:
        terminalreporter.section("what the runs counted")
        for line in _lines:
            terminalreporter.write_line(line)
    _lines.clear()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """An empty database of this run's kind, to copy."""
    database = Database(tmp_path_factory.mktemp("sites") / "template")
    database.python("manage.py", "migrate", "--verbosity=0")
    yield database
    database.drop()


@pytest.fixture
def site(migrated: Database, request: pytest.FixtureRequest) -> Iterator[Site]:
    """A site on a fresh database, not yet started."""
    folder = migrated.folder.parent / f"site{len(list(migrated.folder.parent.iterdir()))}"
    database = Database(folder, template=migrated)
    site = Site(database, rng=random.Random(request.node.name))
    yield site
    site.stop()
    database.drop()
