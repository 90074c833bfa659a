"""The supervisor: children restart with back-off, stop warmly, and never outlive it."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest

from annotate.cli.site import door, site_children, url_of
from annotate.cli.supervisor import (
    Child,
    NotReadyError,
    PortTakenError,
    Supervisor,
    backoff,
    open_socket,
    status_of,
)

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


class FakeProcess:
    """A process that dies when told so."""

    stdout = None

    def __init__(self) -> None:
        self.status: int | None = None

    def poll(self) -> int | None:
        return self.status


class Stage:
    """One child on fake processes; keeps what was started and said."""

    def __init__(self) -> None:
        self.started: list[FakeProcess] = []
        self.said: list[str] = []
        self.site = Supervisor(
            [Child(name="web", command=[])], say=self.said.append, start=cast(Any, self._start)
        )

    def _start(self, _child: Child) -> FakeProcess:
        self.started.append(FakeProcess())
        return self.started[-1]

    def look(self, now: float) -> None:
        self.site.look(now)

    def kill(self) -> None:
        self.started[-1].status = -9


def eventually(true: Callable[[], bool], *, within: float = 10.0) -> bool:
    end = time.monotonic() + within
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("deaths", "seconds"), [(1, 0.5), (2, 1.0), (3, 2.0), (6, 16.0), (7, 30.0), (5000, 30.0)]
)
def test_each_death_doubles_the_wait_up_to_half_a_minute(deaths: int, seconds: float) -> None:
    assert backoff(deaths) == seconds


def test_a_child_that_never_died_has_no_wait() -> None:
    with pytest.raises(ValueError, match="deaths=0"):
        backoff(0)


def test_a_dead_child_starts_again_after_its_wait_and_not_before() -> None:
    stage = Stage()
    stage.look(0.0)
    stage.kill()
    stage.look(1.0)
    assert stage.said == ["web ended with status -9; again in 0.5 s"]
    stage.look(1.4)
    assert len(stage.started) == 1
    stage.look(1.5)
    assert len(stage.started) == 2


def test_a_child_that_keeps_dying_waits_longer_each_time() -> None:
    stage = Stage()
    now, waits = 0.0, []
    for _ in range(4):
        stage.look(now)
        stage.kill()
        stage.look(now)
        waits.append(stage.site.children[0].start_at - now)
        now = stage.site.children[0].start_at
    assert waits == [0.5, 1.0, 2.0, 4.0]


def test_a_child_that_ran_for_a_minute_is_forgiven_its_earlier_deaths() -> None:
    stage = Stage()
    stage.look(0.0)
    stage.kill()
    stage.look(0.0)
    stage.look(0.5)
    stage.kill()
    stage.look(60.5)
    assert stage.site.children[0].start_at == 61.0


def test_a_child_that_dies_while_starting_is_reported_at_once() -> None:
    said: list[str] = []
    child = Child(name="web", command=[sys.executable, "-c", "print('no database'); exit(3)"])
    with (
        closing(open_socket("127.0.0.1", port=0)) as listening,
        Supervisor([child], say=said.append) as site,
        pytest.raises(NotReadyError, match="web died while starting"),
    ):
        site.wait_until_ready("127.0.0.1", listening.getsockname()[1], timeout=10)
    assert "web | no database" in said


def test_being_asked_to_stop_ends_the_wait_for_the_site() -> None:
    with Supervisor([Child("web", SLEEPER)], say=print) as site:
        site.ask_to_stop()
        assert site.wait_until_ready("127.0.0.1", 1) is False


def test_leaving_stops_the_children_warmly_and_keeps_their_last_words() -> None:
    said: list[str] = []
    script = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('finished'), sys.exit(0)))\n"
        "print('started', flush=True)\n"
        "time.sleep(60)\n"
    )
    with Supervisor([Child("web", [sys.executable, "-c", script])], say=said.append) as site:
        process = site.children[0].process
        assert process is not None
        assert eventually(lambda: "web | started" in said)
    assert process.returncode == 0
    assert said[-1] == "web | finished"


def test_a_child_that_will_not_stop_is_killed_after_the_patience() -> None:
    said: list[str] = []
    script = (
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('started', flush=True)\n"
        "time.sleep(60)\n"
    )
    site = Supervisor([Child("web", [sys.executable, "-c", script])], say=said.append)
    site.look(0.0)
    process = site.children[0].process
    assert process is not None
    assert eventually(lambda: "web | started" in said)
    site.stop(patience=0.2)
    assert process.returncode == -signal.SIGKILL
    assert any("was killed" in line for line in said)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_a_child_dies_with_its_supervisor_even_on_kill_9() -> None:
    script = (
        "import sys, time\n"
        "from annotate.cli.supervisor import Child, Supervisor\n"
        f"site = Supervisor([Child('web', {SLEEPER!r})], say=print)\n"
        "site.look(0.0)\n"
        "print(site.children[0].process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent, parent.stdout as out:
        child = int(out.readline())
        assert alive(child)
        parent.kill()
        parent.wait()
    assert eventually(lambda: not alive(child))


def test_a_taken_port_is_refused_with_what_to_do() -> None:
    with closing(open_socket("127.0.0.1", port=0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError, match=rf"127.0.0.1:{port} .* choose another port"):
            open_socket("127.0.0.1", port=port)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
@pytest.mark.parametrize(("host", "at"), [("127.0.0.2", "127.0.0.2"), ("0.0.0.0", "127.0.0.1")])
def test_a_site_is_looked_for_on_the_interface_it_listens_on(host: str, at: str) -> None:
    with closing(open_socket(host, port=0)) as listening:
        port = listening.getsockname()[1]
        assert door(listening) == (at, port)
        assert url_of(listening) == f"http://{at}:{port}"


def test_without_a_port_the_next_free_one_is_taken() -> None:
    with (
        closing(open_socket("127.0.0.1", port=None)) as first,
        closing(open_socket("127.0.0.1", port=None)) as second,
    ):
        ports = [first.getsockname()[1], second.getsockname()[1]]
    assert 8000 <= ports[0] < ports[1] < 8020


def test_nobody_listening_is_not_an_answer() -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        assert status_of("127.0.0.1", unused.getsockname()[1], "/healthz") == 599


class Site:
    """`manage.py up` as a person runs it, on a data directory of its own."""

    def __init__(self, data: Path) -> None:
        self.lines: list[str] = []
        env = {**os.environ, "TRIPTYCH_DATA_DIR": str(data)}
        env["DJANGO_SETTINGS_MODULE"] = "annotate.config.settings"
        for name in ("TRIPTYCH_PLAIN_STATIC", "DATABASE_URL"):
            env.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--port", "0"],
            env=env,
            cwd=Path(__file__).resolve().parents[2],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.url = self._url()

    def _url(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if line.startswith("Triptych is at "):
                return line.split()[3]
        raise AssertionError("\n".join(self.lines))

    def status(self) -> int:
        with urllib.request.urlopen(f"{self.url}/healthz", timeout=10) as answer:
            return int(answer.status)

    def children(self) -> dict[int, str]:
        """The command lines of the processes the supervisor looks after, by process id."""
        task = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        pids = [int(pid) for pid in Path(task).read_text().split()]
        return {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in pids if alive(pid)}

    def server(self) -> int:
        """The process id of the web server the supervisor looks after; 0 while there is none."""
        return next((pid for pid, line in self.children().items() if "gunicorn" in line), 0)

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=40)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path / "data")
    try:
        yield site
    finally:
        if site.process.poll() is None:
            site.stop()
        assert site.process.stdout is not None
        site.process.stdout.close()


def test_a_site_that_makes_no_samples_is_swept_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Annotators are watched in the sweep's rounds, and imported pictures need no torch."""
    monkeypatch.setattr("annotate.cli.sampling_children.PACKAGES", ("no_such_package",))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert [child.name for child in site_children(listening)] == ["web", "sweep"]


@pytest.mark.server
def test_up_starts_the_site_survives_a_kill_9_of_the_server_and_stops_clean(site: Site) -> None:
    assert site.status() == 200
    server = site.server()
    os.kill(server, signal.SIGKILL)
    assert eventually(lambda: not alive(server))
    # The supervisor holds the socket: this visitor waits for the next server, nobody is refused.
    assert site.status() == 200
    assert eventually(lambda: site.server() not in {0, server})
    children = site.children()
    started = "".join(children.values())
    assert all(name in started for name in ("gunicorn", "worker", "sweep"))
    assert site.stop() == 0
    assert not any(alive(pid) for pid in children)
