"""Doors that stay closed even if a pickle's code were run: each tried in its own process."""

import subprocess
import sys
from pathlib import Path

import pytest

# Each test starts processes of its own.
pytestmark = pytest.mark.server

CLOSED = """
import os, socket, subprocess, ctypes
from pathlib import Path
from generation.sandbox import close_doors, leave_network
network = leave_network()
close_doors(may_write={allowed!r}, memory=2**28, file_size=2**20, cpu_seconds=2)
try:
    {attempt}
except (PermissionError, OSError, MemoryError) as refused:
    print(type(refused).__name__, refused)
else:
    print("done")
"""


def attempt(tmp_path: Path, code: str) -> subprocess.CompletedProcess[str]:
    script = CLOSED.format(allowed=str(tmp_path / "allowed"), attempt=code)
    return subprocess.run(
        [sys.executable, "-B", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    "code",
    [
        "os.system('touch {0}/canary')",
        "subprocess.run(['touch', '{0}/canary'])",
        "os.posix_spawn('/bin/sh', ['sh', '-c', 'touch {0}/canary'], dict())",
        "os.fork()",
        "open('{0}/canary', 'w')",
        "os.open('{0}/canary', os.O_CREAT | os.O_WRONLY)",
        "Path('{0}/canary').mkdir()",
        "Path('{0}/kept').unlink()",
        "os.rename('{0}/kept', '{0}/canary')",
        "os.symlink('{0}/kept', '{0}/canary')",
        "socket.socket()",
        "socket.getaddrinfo('example.org', 80)",
        "ctypes.CDLL(None)",
    ],
)
def test_no_program_no_socket_and_no_other_file(tmp_path: Path, code: str) -> None:
    (tmp_path / "kept").write_text("here")
    done = attempt(tmp_path, code.format(tmp_path))
    assert "PermissionError" in done.stdout, done
    assert "is not allowed while weights are opened" in done.stdout
    assert not (tmp_path / "canary").exists()
    assert (tmp_path / "kept").read_text() == "here"


def test_the_one_file_may_be_written_and_others_read(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("here")
    allowed, kept = str(tmp_path / "allowed"), str(tmp_path / "kept")
    code = f"Path({allowed!r}).write_text(Path({kept!r}).read_text())"
    assert attempt(tmp_path, code).stdout == "done\n"
    assert (tmp_path / "allowed").read_text() == "here"


def test_memory_file_size_and_time_are_bounded(tmp_path: Path) -> None:
    assert "MemoryError" in attempt(tmp_path, "bytearray(2**30)").stdout
    assert attempt(tmp_path, "len(bytearray(2**24))").stdout == "done\n"
    large = f"Path({str(tmp_path / 'allowed')!r}).write_bytes(bytes(2**22))"
    assert "OSError" in attempt(tmp_path, large).stdout
    assert (tmp_path / "allowed").stat().st_size <= 2**20
    assert attempt(tmp_path, "exec('while True: pass')").returncode < 0


def test_without_network_devices_nothing_answers(tmp_path: Path) -> None:
    """Where the system gives namespaces, the child stands in one; elsewhere the hook says no."""
    script = (
        "import os\nfrom generation.sandbox import leave_network\n"
        "print(leave_network(), os.listdir('/proc/self/net') != [], "
        "open('/proc/net/dev').read().count(':'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    kind, _, devices = done.stdout.split()
    assert kind in ("namespace", "hook")
    if kind == "namespace":
        assert int(devices) == 1  # loopback alone, and down
