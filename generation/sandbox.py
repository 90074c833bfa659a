"""Doors a process closes behind itself before it touches a file it does not trust.

Must not know what the file is. Nothing here can be undone in the same process.
"""

import ctypes
import os
import resource
import sys
from pathlib import Path
from typing import Any

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
# Audit events (PEP 578) of starting programs, reaching out and changing files.
_NEVER = (
    "socket.",
    "subprocess.",
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "pty.",
    "ctypes.",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.mkdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
    "os.chown",
    "os.kill",
    "os.putenv",
    "shutil.",
    "ftplib.",
    "http.",
    "urllib.",
    "smtplib.",
    "webbrowser.",
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def leave_network() -> str:
    """Move this process into a namespace without network devices, where the system lets it.

    To be called before any thread starts. Gives `namespace`, or `hook` where only `close_doors`
    will stand between the process and the network.
    """
    if sys.platform != "linux":
        return "hook"
    libc = ctypes.CDLL(None, use_errno=True)
    for flags in (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET):
        if libc.unshare(flags) == 0:
            return "namespace"
    return "hook"


def close_doors(*, may_write: str, memory: int, file_size: int, cpu_seconds: int) -> None:
    """From here on: no socket, no program, no file but `may_write`, and bounded resources.

    Args:
        may_write: the one path that may be opened for writing.
        memory: bytes on top of what the process holds now.
        file_size: bytes of the largest file.
        cpu_seconds: of this process on top of what it has used.
    """
    held = _data_held()
    used = resource.getrusage(resource.RUSAGE_SELF)
    limits = [
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, file_size),
        (resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + cpu_seconds),
    ]
    if held is not None:
        limits.append((resource.RLIMIT_DATA, held + memory))
    for limit, most in limits:
        _, hard = resource.getrlimit(limit)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (most, most))

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            if _writes(mode, flags) and path != may_write:
                raise PermissionError(f"writing {path!r} is not allowed while weights are opened")
        elif event.startswith(_NEVER):
            raise PermissionError(f"{event} is not allowed while weights are opened")

    sys.addaudithook(refuse)


def _writes(mode: object, flags: object) -> bool:
    if isinstance(mode, str) and set(mode) & set("wax+"):
        return True
    return isinstance(flags, int) and bool(flags & _WRITING)


def _data_held() -> int | None:
    """Bytes of private writable memory, as RLIMIT_DATA counts them; None where nobody says."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    for line in status.read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return None
