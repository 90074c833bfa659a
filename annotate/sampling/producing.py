"""Work of kind "produce": a job's rows into what is wanted and known, and what was made into files.

Loads torch: only `sampling.tasks` may import it, inside a worker. It must not write rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.conf import settings
from django.db.models import Q
from PIL import Image as Pixels

from annotate.sampling import storage
from annotate.sampling.attempt import Attempt, NotYet, Worked
from annotate.sampling.claims import Filled
from annotate.sampling.files import folder_of
from annotate.sampling.models import Job, Sample
from annotate.studies.models import Prompt
from generation.device import best_device
from generation.engine import Models
from generation.errors import SamplingError
from generation.produce import Arm, Known, Made, Spent, StudentKey, Wanted, produce
from generation.spec import Adaptive, Estimator, read_arm

# A student's job that will not make it any more: whoever needs the sample makes it.
STALLED = (Job.State.PAUSED, Job.State.FAILED, Job.State.CANCELLED, Job.State.DONE)


@cache
def resident_models() -> Models:
    """This worker's models: they stay loaded from job to job."""
    return Models(
        device=settings.SAMPLING_DEVICE or best_device(),
        folder_of=folder_of,
        compile=settings.SAMPLING_COMPILE,
    )


def produce_samples(job: Job, trying: Attempt) -> Worked:
    """Make the job's samples that are not there yet, with the students' they are built on.

    Raises:
        NotYet: a student's sample is being made by another job.
        SamplingError: the job names an arm it does not bring, or a prompt that is gone.
    """
    order = Order.of(job)
    collected = Collected(order.parents)
    already = job.progress_total - len(order.wanted)
    spent = produce(
        order.arms,
        order.wanted,
        models=resident_models(),
        known=order.known,
        sink=collected.take,
        progress=lambda done, _: trying.progress(max(0, already) + done),
        stop=trying.stop,
        score_with=order.score_with,
        about=job.payload.get("about"),
    )
    return Worked(collected.filled, _in_figures(spent), spent.failed)


def _in_figures(spent: Spent) -> dict[str, Any]:
    return {
        "images": spent.images,
        "steps": spent.steps,
        "forwards": spent.forwards,
        "seconds": round(spent.seconds, 3),
        "batches": [[batch.role, batch.rows, batch.size] for batch in spent.batches],
    }


class Collected:
    """Takes each sample as it is made: its files go first, its row is filled at the finish."""

    def __init__(self, parents: Mapping[int, int]) -> None:
        self.filled: list[Filled] = []
        self._parents = parents

    def take(self, made: Made) -> None:
        """Write the files of one sample. Called in a thread of the producer's own."""
        latents = "" if made.latents is None else storage.put_latents(made.latents)
        self.filled.append(
            Filled(
                sample=made.sample,
                image=storage.write(Pixels.fromarray(made.image, "RGB")),
                record=made.record,
                latents=latents,
                scores=made.scores,
                decision=made.decision,
                steps=made.steps,
                forwards=made.forwards,
                seconds=made.seconds,
                parent=self._parents.get(made.sample),
                decided_by=_decided_by(made.record),
            )
        )


def _decided_by(record: Mapping[str, Any]) -> tuple[str, float] | None:
    """The estimator and the score that an adaptive arm's record decided by."""
    decision = record.get("decision") or {}
    score = decision.get("score")
    return None if score is None else (decision["estimator"], float(score))


@dataclass
class Order:
    """What a job comes to: its open samples, and the students' samples it may take as they are."""

    arms: dict[str, Arm]
    wanted: list[Wanted]
    score_with: Sequence[Estimator]
    known: dict[StudentKey, Known] = field(default_factory=dict)
    # The student's sample that each adaptive one is built on, by id.
    parents: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, job: Job) -> "Order":
        arms = {digest: read_arm(arm) for digest, arm in job.payload["arms"].items()}
        open_rows = list(job.samples.exclude(state=Sample.State.DONE).order_by("pk"))
        if missing := {row.method_digest for row in open_rows} - set(arms):
            raise SamplingError(
                f"the job has samples of {len(missing)} arms that it does not bring, the first is "
                f"{min(missing)[:12]}…. Plan the study again."
            )
        given = [Estimator.model_validate(one) for one in job.payload.get("score_with", [])]
        order = cls(arms, [], given)
        needed = {row.pk: key for row in open_rows if (key := _student_key(arms, row))}
        students = _students(job, set(needed.values()))
        order.parents = {pk: students[key].pk for pk, key in needed.items()}
        order.known = {
            key: _known(row) for key, row in students.items() if row.state == Sample.State.DONE
        }
        there = {row.pk for row in open_rows}
        added = [
            row
            for row in students.values()
            if row.state != Sample.State.DONE and row.pk not in there
        ]
        order.arms |= {
            arm.student.digest(): arm.student for arm in arms.values() if isinstance(arm, Adaptive)
        }
        order.wanted = _wanted([*open_rows, *added])
        return order


def _student_key(arms: Mapping[str, Arm], row: Sample) -> StudentKey | None:
    """The student's sample that an adaptive arm's is built on."""
    arm = arms[row.method_digest]
    if not isinstance(arm, Adaptive):
        return None
    return arm.student.digest(), row.prompt_digest, row.seed, row.replica


def _students(job: Job, keys: set[StudentKey]) -> dict[StudentKey, Sample]:
    """The rows of these students' samples; those that nobody makes become this job's own."""
    if not keys:
        return {}
    rows = Sample.objects.filter(
        method_digest__in={key[0] for key in keys}, prompt_digest__in={key[1] for key in keys}
    ).select_related("job")
    found = {key: row for row in rows if (key := _key_of(row)) in keys}
    for key in keys - set(found):
        student, prompt, seed, replica = key
        found[key], _ = Sample.objects.get_or_create(
            method_digest=student,
            prompt_digest=prompt,
            seed=seed,
            replica=replica,
            defaults={"job": job},
        )
    for row in found.values():
        if row.state == Sample.State.DONE or row.job_id == job.pk:
            continue
        if row.job is not None and row.job.state not in STALLED:
            raise NotYet(
                f"It waits for job {row.job_id}, which makes a sample that this one builds on."
            )
        free = Q(job=None) | Q(job__state__in=STALLED)
        mine = Sample.objects.filter(free, pk=row.pk).exclude(state=Sample.State.DONE)
        if not mine.update(job=job, state=Sample.State.QUEUED, error=""):
            raise NotYet("It waits for another job, which makes a sample that this one builds on.")
        row.state = Sample.State.QUEUED
    return found


def _key_of(row: Sample) -> StudentKey:
    return row.method_digest, row.prompt_digest, row.seed, row.replica


def _known(row: Sample) -> Known:
    """A stored student's sample, to be built on as it is."""
    if row.image is None:
        raise SamplingError(f"sample {row.pk} is done and has no image; look at its row.")
    return Known(
        latents=storage.latents_of(row.latents_digest) if row.latents_digest else None,
        image=storage.pixels_of(row.image.digest),
        scores=dict(row.scores.values_list("estimator_digest", "value")),
        record=row.record,
    )


def _wanted(rows: Sequence[Sample]) -> list[Wanted]:
    digests = {row.prompt_digest for row in rows}
    prompts = Prompt.objects.filter(digest__in=digests)
    texts = dict(prompts.values_list("digest", "text"))
    if gone := digests - set(texts):
        raise SamplingError(
            f"{len(gone)} prompts of this job are gone, the first has digest {min(gone)[:12]}…. "
            "Plan the study again."
        )
    return [
        Wanted(
            sample=row.pk,
            arm=row.method_digest,
            prompt=texts[row.prompt_digest],
            prompt_digest=row.prompt_digest,
            seed=row.seed,
            replica=row.replica,
        )
        for row in rows
    ]
