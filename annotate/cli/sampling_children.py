"""The processes that make samples: one worker per GPU, and the sweep that looks after them.

Workers are started only where the packages are that they need, which is found out without importing
any of them. It must not know what a job is.
"""

import importlib.util
import logging
import os
import shutil
import subprocess
import sys

from django.conf import settings

from annotate.cli.supervisor import Child

logger = logging.getLogger(__name__)

# Seconds in which the driver has to say which GPUs there are; one that is well takes less than one.
PATIENCE = 20
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
    asked = subprocess.Popen(  # noqa: S603 (found on PATH, no input from outside)
        [program, "--query-gpu=index", "--format=csv,noheader"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        said, _ = asked.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        # Not waited for: a program that hangs in its driver does not even end when killed.
        asked.kill()
        logger.warning(
            "nvidia-smi did not say within %g s which GPUs there are, so samples are made on the "
            "CPU. Restart the driver, or name the GPUs in CUDA_VISIBLE_DEVICES; then start again.",
            PATIENCE,
        )
        return []
    return said.split() if asked.returncode == 0 else []


def sampling_children() -> list[Child]:
    """One worker per GPU, or one on the CPU; none where the packages cannot be found."""
    children = []
    if not missing_packages():
        devices = gpus()
        for device in devices:
            env = {"CUDA_VISIBLE_DEVICES": device}
            children.append(Child(f"worker-{device}", _worker(f"gpu-{device}"), env=env))
        if not devices:
            children.append(Child("worker", _worker("cpu")))
    return children


def sweep_child() -> Child:
    """The rounds of `manage.py sweep`."""
    return Child("sweep", [*_MANAGE, "sweep"])


def _worker(name: str) -> list[str]:
    return [*_MANAGE, "worker", f"--name={name}"]
