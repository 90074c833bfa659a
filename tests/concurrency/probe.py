"""A kind of job for the tests that start real workers: waits a little, draws a small picture.

Loaded by workers whose settings are `tests.concurrency.probe_settings`; the product never sees it.
It appends a line per start and per finished work to a file, so that waste can be counted.
"""

import os
import signal
import time
from pathlib import Path

from django.conf import settings
from PIL import Image as Pixels

from annotate.sampling import storage, tasks
from annotate.sampling.attempt import Attempt, Worked
from annotate.sampling.claims import Filled
from annotate.sampling.models import Job
from generation.errors import NonFiniteScoreError


class OutOfMemoryError(RuntimeError):
    """Named as torch's, which a test of brokers need not load."""


def probe(job: Job, trying: Attempt) -> Worked:
    """Payload: `seconds` of work, and `ends` in some way."""
    note(f"start {job.pk}")
    until = time.monotonic() + job.payload.get("seconds", 0.0)
    while time.monotonic() < until:
        trying.stop()
        time.sleep(0.02)
    match job.payload.get("ends"):
        case "hangs":
            time.sleep(600)  # never asks whether to stop
        case "memory":
            raise OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        case "nan":
            raise NonFiniteScoreError((0,), of=1, estimator="imagereward")
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "error":
            raise KeyError("unet")
    made = []
    for number, sample in enumerate(job.samples.all()):
        colour = (sample.pk % 251, sample.pk // 251 % 251, 7)
        picture = storage.write(Pixels.new("RGB", (8, 8), colour))
        made.append(Filled(sample=sample.pk, image=picture, scores={"e" * 64: 0.5}, steps=1))
        trying.progress(number + 1)
    note(f"end {job.pk}")
    return Worked(made, {"probed": len(made)})


def note(line: str) -> None:
    """One short append is whole, whoever else writes."""
    with Path(settings.DATA_DIR, "probe.log").open("a") as file:
        file.write(f"{line}\n")


tasks.KINDS["probe"] = probe
