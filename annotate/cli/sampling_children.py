"""The processes that make samples: one worker per GPU, and the sweep.

They are started only where the packages are that they need, which is found out without importing
any of them. It must not know what a job is.
"""

import importlib.util
import os
import shutil
import subprocess
import sys

from django.conf import settings

from annotate.cli.supervisor import Child

PACKAGES = ("torch", "diffusers", "transformers")
_MANAGE = [sys.executable, str(settings.BASE_DIR / "manage.py")]


def missing_packages() -> list[str]:
    """Which of the packages that sampling needs cannot be found."""
    return [name for name in PACKAGES if importlib.util.find_spec(name) is None]


def why_no_worker() -> str:
    """A plain sentence for whoever wonders; empty when workers can be started."""
    if not (missing := missing_packages()):
        return ""
    names = f"{', '.join(missing[:-1])} and {missing[-1]}" if len(missing) > 1 else missing[0]
    return (
        f"No samples are made on this machine: {names} cannot be found (README, “Making samples”). "
        "Imported pictures need none of it."
    )


def gpus() -> list[str]:
    """The GPUs as CUDA_VISIBLE_DEVICES names them; none where the driver is not there."""
    if (given := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [name for name in given.split(",") if name not in {"", "-1"}]
    if (program := shutil.which("nvidia-smi")) is None:
        return []
    asked = subprocess.run(  # noqa: S603 (found on PATH, no input from outside)
        [program, "--query-gpu=index", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return asked.stdout.split() if asked.returncode == 0 else []


def sampling_children() -> list[Child]:
    """One worker per GPU, or one on the CPU; the sweep wherever there are workers, here or away."""
    children = []
    if not missing_packages():
        devices = gpus()
        for device in devices:
            # What needs no GPU is done beside the first.
            queues = "gpu,cpu" if device == devices[0] else "gpu"
            env = {"CUDA_VISIBLE_DEVICES": device}
            children.append(Child(f"worker-{device}", _worker(f"gpu-{device}", queues), env=env))
        if not devices:
            children.append(Child("worker", _worker("cpu", "gpu,cpu")))
    if children or not settings.BROKER_URL.startswith("filesystem://"):
        children.append(Child("sweep", [*_MANAGE, "sweep"]))
    return children


def _worker(name: str, queues: str) -> list[str]:
    return [*_MANAGE, "worker", f"--name={name}", f"--queues={queues}"]
