"""Work of kind "remake": a finished sample made again from its record, and compared.

Loads torch: only `sampling.tasks` may import it, inside a worker. The stored sample stays as it is.
"""

import numpy as np
from PIL import Image as Pixels

from annotate.sampling import storage
from annotate.sampling.attempt import Attempt, Worked
from annotate.sampling.models import Job, Sample
from annotate.sampling.producing import resident_models
from generation.batches import Source
from generation.errors import SamplingError
from generation.remaking import remake


def remake_sample(job: Job, trying: Attempt) -> Worked:
    """Make the sample that the payload names again.

    The result: `same` (the same bytes), `max_difference` (0-255, None for another size),
    `differs` (what is not as it was recorded: packages, device, weights), `image` (digest of the
    new picture, which lies in the store for a day).

    Raises:
        SamplingError: the sample is gone or has no picture; what `generation.remaking` refuses.
    """
    sample = Sample.objects.select_related("image", "parent").filter(pk=job.payload["sample"])
    row = sample.first()
    if row is None or row.image is None:
        raise SamplingError(
            f"sample {job.payload['sample']} is gone or has no picture; choose a finished one."
        )
    again = remake(
        row.record, models=resident_models(), stop=trying.stop, student=_stored_student(row)
    )
    stored = storage.write(Pixels.fromarray(again.image))
    before = storage.pixels_of(row.image.digest)
    apart = None
    if before.shape == again.image.shape:
        apart = int(np.abs(before.astype(np.int16) - again.image.astype(np.int16)).max())
    trying.progress(1)
    return Worked(
        result={
            "same": again.same,
            "max_difference": apart,
            "differs": list(again.differs),
            "image": stored.digest,
        }
    )


def _stored_student(sample: Sample) -> Source | None:
    """The student's sample from the store, where the record does not say how it was made."""
    runs = sample.record.get("runs", [])
    if not runs or "batch" in runs[0] or sample.parent is None or sample.parent.image is None:
        return None
    parent = sample.parent
    latents = storage.latents_of(parent.latents_digest) if parent.latents_digest else None
    return Source(latents, storage.pixels_of(sample.parent.image.digest))
