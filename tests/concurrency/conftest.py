"""One line of counts for each run, printed at the end: what a proof rests on must be readable."""

import time
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings

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
