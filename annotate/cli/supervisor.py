"""Keeps a few child processes running: start, restart with back-off, stop warmly, label their logs.

It must know nothing of what they do, nor of Django.
"""

import ctypes
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import IO, Self

BACKOFF_FIRST = 0.5
BACKOFF_LONGEST = 30.0
# A child that ran this long before it died starts again without a penalty for earlier deaths.
SETTLED = 60.0
# How long a child may take to finish what it is doing; gunicorn's own limit is 30 s.
WARM_STOP = 35.0

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


class PortTakenError(ValueError):
    """The address asked for is in use."""


class NotReadyError(RuntimeError):
    """The site did not answer in time, or died while starting."""


def open_socket(host: str, *, port: int | None, tries: int = 20) -> socket.socket:
    """A listening socket: on `port` (0: any free one), or by default on the first free from 8000.

    It belongs to the supervisor, so that a server that dies leaves its callers waiting in line
    until the next one has started, instead of refused.
    """
    wanted = [port] if port is not None else list(range(8000, 8000 + tries))
    for candidate in wanted:
        try:
            return socket.create_server((host, candidate), backlog=2048)
        except OSError as error:
            last = error
    shown = str(port) if port is not None else f"{wanted[0]}-{wanted[-1]}"
    raise PortTakenError(
        f"cannot listen on {host}:{shown} ({last.strerror}); free it, or choose another port "
        "with --port (0 picks a free one)."
    ) from last


def backoff(deaths: int) -> float:
    """Seconds to wait before the next start, after `deaths` deaths in a row."""
    if deaths < 1:
        raise ValueError(f"deaths={deaths}; a child is started again after one death or more.")
    # Past the tenth doubling it is the longest wait whatever the count.
    return min(BACKOFF_FIRST * 2.0 ** min(deaths - 1, 10), BACKOFF_LONGEST)


@dataclass
class Child:
    """A process to keep running. `command` and `pass_fds` are its recipe, the rest its state."""

    name: str
    command: Sequence[str]
    pass_fds: tuple[int, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[str] | None" = None
    started_at: float = 0.0
    start_at: float = 0.0
    deaths: int = 0


def _die_with(parent: int) -> Callable[[], None]:
    """For the new process, before it becomes the child: end when the supervisor is gone.

    Even kill -9 of the supervisor then leaves no orphan that goes on writing.
    """

    def ask_kernel() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:  # it died before we asked
                os._exit(1)

    return ask_kernel


def spawn(child: Child) -> "subprocess.Popen[str]":
    """Start the process in a group of its own: Ctrl-C reaches the supervisor alone.

    Call it from the main thread: for the kernel, the thread that starts a process is its parent.
    """
    return subprocess.Popen(  # noqa: S603 (our own commands, no shell)
        list(child.command),
        env={**os.environ, **child.env},
        pass_fds=child.pass_fds,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        preexec_fn=_die_with(os.getpid()),  # two system calls, no locks
    )


class Supervisor:
    """Runs its children until told to stop.

    with Supervisor([web], say=print) as site:
        if site.wait_until_ready(host, port):
            site.run()  # until SIGINT or SIGTERM; leaving the block stops the children
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        start: "Callable[[Child], subprocess.Popen[str]]" = spawn,
    ) -> None:
        self.children = list(children)
        self._say = say
        self._clock = clock
        self._start = start
        self._asked_to_stop = threading.Event()
        self._readers: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self.look(self._clock())
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def look(self, now: float) -> None:
        """One round: note who died, start who is due."""
        for child in self.children:
            if child.process is not None and (status := child.process.poll()) is not None:
                if now - child.started_at >= SETTLED:
                    child.deaths = 0
                child.deaths += 1
                child.process, child.start_at = None, now + backoff(child.deaths)
                wait = child.start_at - now
                self._say(f"{child.name} ended with status {status}; again in {wait:g} s")
            if child.process is None and now >= child.start_at:
                child.process, child.started_at = self._start(child), now
                self._follow(child.name, child.process.stdout)

    def _follow(self, name: str, stream: IO[str] | None) -> None:
        """Pass a child's lines on under its name, in a thread that ends with the child's output."""

        def copy(lines: IO[str]) -> None:
            with lines:
                for line in lines:
                    self._say(f"{name} | {line.rstrip()}")

        if stream is not None:
            reader = threading.Thread(target=copy, args=(stream,), daemon=True)
            reader.start()
            self._readers = [r for r in self._readers if r.is_alive()] + [reader]

    def wait_until_ready(self, host: str, port: int, *, timeout: float = 60.0) -> bool:
        """Return True once /healthz answers, False when asked to stop before that.

        Any status below 500 will do: /healthz says 503 itself while the database is away, and a
        site behind TLS answers this plain request with a redirect.
        """
        deadline = self._clock() + timeout
        while not self._asked_to_stop.is_set():
            self.look(self._clock())
            if dead := [child.name for child in self.children if child.deaths]:
                raise NotReadyError(f"{', '.join(dead)} died while starting; see the log above.")
            if status_of(host, port, "/healthz") < 500:
                return True
            if self._clock() > deadline:
                raise NotReadyError(
                    f"no answer on {host}:{port} within {timeout:g} s; see its log above."
                )
            time.sleep(0.05)
        return False

    def run(self) -> None:
        """Watch until SIGINT, SIGTERM or `ask_to_stop`."""
        while not self._asked_to_stop.wait(0.2):
            self.look(self._clock())

    def ask_to_stop(self) -> None:
        self._asked_to_stop.set()

    @property
    def asked_to_stop(self) -> bool:
        return self._asked_to_stop.is_set()

    def on_signals(self) -> None:
        """Take SIGINT and SIGTERM as a wish to stop; a second one no longer waits for anybody."""

        def handle(number: int, _frame: FrameType | None) -> None:
            if self._asked_to_stop.is_set():
                self._signal_all(signal.SIGKILL)
                signal.signal(number, signal.SIG_DFL)
            self.ask_to_stop()

        signal.signal(signal.SIGINT, handle)
        signal.signal(signal.SIGTERM, handle)

    def stop(self, *, patience: float = WARM_STOP) -> None:
        """Let every child finish what it is doing, then end; kill who has not after `patience`."""
        self.ask_to_stop()
        self._signal_all(signal.SIGTERM)
        deadline = self._clock() + patience
        for child in self.children:
            if child.process is not None:
                try:
                    child.process.wait(max(0.0, deadline - self._clock()))
                except subprocess.TimeoutExpired:
                    self._say(f"{child.name} did not stop within {patience:g} s and was killed")
                    os.killpg(child.process.pid, signal.SIGKILL)
                    child.process.wait()
                child.process = None
        for reader in self._readers:
            reader.join(timeout=1.0)

    def _signal_all(self, number: signal.Signals) -> None:
        for child in self.children:
            if child.process is not None and child.process.poll() is None:
                if number is signal.SIGKILL:
                    os.killpg(child.process.pid, number)
                else:
                    child.process.send_signal(number)


def status_of(host: str, port: int, path: str) -> int:
    """The status the site answers with, or 599 when it does not answer."""
    connection = http.client.HTTPConnection(host, port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 599
    finally:
        connection.close()
