"""Message brokers of a test's own: started on free ports, wiped, stopped, and gone without a trace.

A program that is absent fails the test with what to install.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

INSTALL = {"redis-server": "redis-server", "rabbitmq-server": "rabbitmq-server"}


def program(name: str) -> str:
    """Where the program is. Debian's RabbitMQ on PATH changes the user; the one behind does not."""
    path = shutil.which(name, path=f"/usr/lib/rabbitmq/bin:{os.environ.get('PATH', '')}:/usr/sbin")
    assert path, f"{name} is not installed: run `apt-get install {INSTALL.get(name, name)}`."
    return path


def free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [s.getsockname()[1] for s in sockets]


def answers(port: int) -> bool:
    with socket.socket() as asking:
        asking.settimeout(1)
        return asking.connect_ex(("127.0.0.1", port)) == 0


def wait_for(port: int, *, seconds: float, log: Path) -> None:
    until = time.monotonic() + seconds
    while not answers(port):
        assert time.monotonic() < until, log.read_text(errors="replace")[-2000:]
        time.sleep(0.1)


class Broker:
    """A broker that can go away, come back, and lose everything."""

    url: str
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Come (back) up; returns when it answers."""

    def stop(self) -> None:
        """Go away, without a word to anybody."""

    def wipe(self) -> None:
        """Forget every message and queue."""
        raise NotImplementedError


class Folder(Broker):
    """The embedded default: a folder in the data directory."""

    url = "filesystem://localhost"

    def __init__(self, data: Path) -> None:
        self.messages = data / "broker" / "messages"

    def wipe(self) -> None:
        for message in self.messages.iterdir():
            message.unlink(missing_ok=True)


class Redis(Broker):
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (self.port,) = free_ports(1)
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        log = self.folder / "redis.log"
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [
                    program("redis-server"),
                    *("--port", str(self.port), "--bind", "127.0.0.1", "--save", ""),
                    *("--appendonly", "no", "--dir", str(self.folder)),
                ],
                stdout=file,
                stderr=file,
            )
        wait_for(self.port, seconds=20, log=log)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def wipe(self) -> None:
        import redis

        redis.Redis(port=self.port).flushall()


class RabbitMQ(Broker):
    """A node of its own, with its own name service, beside whatever else this machine runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, distribution, names = free_ports(3)
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        self.names = names
        self.env = {
            **os.environ,
            "HOME": str(folder),
            "RABBITMQ_NODENAME": f"triptych{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(folder / "none"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none.sh"),
            "ERL_EPMD_PORT": str(names),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    def start(self) -> None:
        log = self.folder / "rabbitmq.log"
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [program("rabbitmq-server")],
                env=self.env,
                cwd=self.folder,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        wait_for(self.port, seconds=90, log=log)

    def stop(self) -> None:
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):  # stopped before
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        until = time.monotonic() + 20
        while answers(self.port) and time.monotonic() < until:
            time.sleep(0.1)

    def wipe(self) -> None:
        for words in ("stop_app", "reset", "start_app"):
            self.ask(words)

    def ask(self, *words: str) -> None:
        done = subprocess.run(
            [program("rabbitmqctl"), *words],
            env=self.env,
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def forget(self) -> None:
        subprocess.run(
            ["epmd", "-port", str(self.names), "-kill"], capture_output=True, check=False
        )


@contextmanager
def broker_of(kind: str, *, data: Path, folder: Path) -> Iterator[Broker]:
    """A running broker of this kind, gone afterwards."""
    if kind == "folder":
        yield Folder(data)
        return
    broker = Redis(folder) if kind == "redis" else RabbitMQ(folder)
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()
        if isinstance(broker, RabbitMQ):
            broker.forget()
