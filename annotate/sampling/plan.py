"""The rows of the samples a study needs and the jobs that make them, two minutes of work each.

Equal recipes with equal seeds share samples across studies: what is there is reused, what another
study's job is making is waited for. It must not know pairs or votes, nor how samples are made.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.dispatch import receiver

from annotate.sampling.costs import Costs, measured
from annotate.sampling.jobs import enqueue
from annotate.sampling.models import Job, Sample, Score
from annotate.sampling.needs import Arm, Family, Slot, estimators_of, families
from annotate.sampling.signals import samples_finished
from annotate.studies.arms import plain
from annotate.studies.models import Study
from annotate.studies.turns import turn
from generation.spec import Adaptive, Estimator, read_arm

# What a job may take by measured cost, with a margin: a job is at most two minutes of work.
TARGET_SECONDS = 100.0
# How many prompts the jobs of arms nobody has measured hold. They are small, and those that have
# not begun are cut anew once the first is done (`recut`).
UNMEASURED = 8
MOST = 512
# A published estimator takes a second or two for a picture on a CPU.
SCORED = 64
BATCH = 500


@dataclass(frozen=True)
class Planned:
    """What planning came to, in samples: student samples of adaptive arms are counted too."""

    wanted: int
    reused: int
    # Being made by another study's job.
    shared: int
    jobs: int


@transaction.atomic
def plan_samples(study: Study, *, order: Mapping[Slot, int] | None = None) -> Planned:
    """Write the samples a study needs and the jobs that make them; safe to call again.

    Every arm's images are scored with every estimator of the study, so that its report can say how
    far scores and votes agree: those an earlier study made without asking for it, too.

    Raises:
        WaitsForThreshold: an adaptive arm has no tau yet.
    """
    protocol = study.read_protocol()
    planned = families(study, protocol, order=order)
    estimators = _deciding(planned)
    made = make(planned, study=study, seed=protocol.seed, score_with=estimators)
    score_made(planned, study=study, seed=protocol.seed, score_with=estimators)
    return made


def _deciding(planned: Iterable[Family]) -> Sequence[Estimator]:
    return estimators_of(arm for family in planned for arm in family.arms.values())


@transaction.atomic
def make(
    planned: Sequence[Family], *, study: Study | None, seed: int, score_with: Sequence[Estimator]
) -> Planned:
    """Write what these families need under this seed, and jobs for what nobody makes yet."""
    costs = measured()
    wanted = reused = shared = 0
    cuts: list[tuple[int, int, Family, list[Sample], bool]] = []
    for number, family in enumerate(planned):
        rows = _rows(family, seed)
        free = [row for row in rows if _is_free(row)]
        done = sum(row.state == Sample.State.DONE for row in rows)
        wanted += len(rows)
        reused += done
        shared += len(rows) - done - len(free)
        size = chunk_size(family.arms.values(), costs)
        for place, chunk in _chunks(family, free, size or UNMEASURED):
            cuts.append((place, number, family, chunk, size is None))
    # By place: the first prompts of every family come first, and their pairs open early.
    for _, _, family, chunk, guessed in sorted(cuts, key=lambda cut: cut[:2]):
        _enqueue(family, chunk, study=study, score_with=score_with, guessed=guessed)
    return Planned(wanted, reused, shared, jobs=len(cuts))


def score_made(
    planned: Sequence[Family], *, study: Study | None, seed: int, score_with: Sequence[Estimator]
) -> int:
    """Jobs that score what was made before these estimators were asked for; how many samples."""
    found = 0
    for family in planned:
        done = [row for row in _rows(family, seed) if row.state == Sample.State.DONE]
        for estimator in score_with:
            digest = estimator.digest()
            rows = Score.objects.filter(
                estimator_digest=digest, sample__method_digest__in=family.arms
            )
            scored = set(rows.values_list("sample", flat=True)) | _being_scored(digest)
            bare = [row.pk for row in done if row.pk not in scored]
            for start in range(0, len(bare), SCORED):
                some = bare[start : start + SCORED]
                payload = {"samples": some, "estimator": plain(estimator.model_dump(mode="json"))}
                enqueue([], kind="score", study=study, payload=payload, total=len(some))
            found += len(bare)
    return found


def _being_scored(estimator: str) -> set[int]:
    """The samples of jobs that are to score by this estimator and have not ended."""
    ended = (Job.State.FAILED, Job.State.CANCELLED, Job.State.DONE)
    payloads = Job.objects.filter(kind="score").exclude(state__in=ended)
    return {
        sample
        for payload in payloads.values_list("payload", flat=True)
        if Estimator.model_validate(payload["estimator"]).digest() == estimator
        for sample in payload["samples"]
    }


def chunk_size(arms: Iterable[Arm], costs: Costs) -> int | None:
    """How many prompts of a family's arms are two minutes of work; None when not measured."""
    seconds = 0.0
    for arm in arms:
        one = costs.seconds(arm)
        if one is None:
            return None
        # An adaptive arm's cost holds the student's, which is made once for all of them; all of
        # its samples may turn out to need improving.
        student = costs.seconds(arm.student) if isinstance(arm, Adaptive) else None
        seconds += one - (student or 0.0)
    return max(1, min(MOST, int(TARGET_SECONDS / seconds))) if seconds > 0 else MOST


def _rows(family: Family, seed: int) -> list[Sample]:
    """The family's sample rows, made where they are missing."""
    keys = [(arm, *slot) for arm, slots in family.needs.items() for slot in slots]
    Sample.objects.bulk_create(
        (
            Sample(method_digest=arm, prompt_digest=prompt, seed=seed, replica=replica)
            for arm, prompt, replica in keys
        ),
        batch_size=BATCH,
        ignore_conflicts=True,
    )
    wanted = set(keys)
    prompts = sorted({prompt for _, prompt, _ in keys})
    rows: list[Sample] = []
    for start in range(0, len(prompts), BATCH):
        some = Sample.objects.filter(
            method_digest__in=family.arms,
            prompt_digest__in=prompts[start : start + BATCH],
            seed=seed,
        )
        rows += [
            row
            for row in some.select_related("job").defer("record", "metadata", "job__payload")
            if (row.method_digest, row.prompt_digest, row.replica) in wanted
        ]
    return rows


def _is_free(row: Sample) -> bool:
    """Whether nobody has made it and nobody is about to."""
    ended = {Job.State.FAILED, Job.State.CANCELLED, Job.State.DONE}
    return row.state != Sample.State.DONE and (row.job is None or row.job.state in ended)


def _chunks(
    family: Family, free: Sequence[Sample], size: int
) -> Iterator[tuple[int, list[Sample]]]:
    """Free rows in jobs of `size` prompts, each with the place its first prompt has."""
    by_slot: dict[Slot, list[Sample]] = defaultdict(list)
    for row in free:
        by_slot[row.prompt_digest, row.replica].append(row)
    slots = [(place, slot) for place, slot in enumerate(family.slots) if slot in by_slot]
    for start in range(0, len(slots), size):
        some = slots[start : start + size]
        yield some[0][0], [row for _, slot in some for row in by_slot[slot]]


def _enqueue(
    family: Family,
    chunk: list[Sample],
    *,
    study: Study | None,
    score_with: Sequence[Estimator],
    guessed: bool,
) -> Job:
    failed = [row.pk for row in chunk if row.state == Sample.State.FAILED]
    Sample.objects.filter(pk__in=failed, state=Sample.State.FAILED).update(
        state=Sample.State.QUEUED, error=""
    )
    # The student stands beside every adaptive arm: its sample may be there already.
    needed = {row.method_digest for row in chunk} | {family.key}
    payload: dict[str, Any] = {
        "arms": {
            digest: plain(arm.model_dump(mode="json"))
            for digest, arm in family.arms.items()
            if digest in needed
        },
        "score_with": [plain(estimator.model_dump(mode="json")) for estimator in score_with],
    }
    if about := {digest: family.about[digest] for digest in needed & family.about.keys()}:
        payload["about"] = about
    if guessed:
        payload["guessed"] = True
    return enqueue(chunk, study=study, payload=payload)


def recut(study: Study) -> int:
    """Cut jobs that nobody has begun anew, once their cost is known; how many were given up.

    Jobs of arms nobody had measured are small; on a fast machine, too small to fill a batch.
    """
    unbegun = Job.objects.filter(study=study, kind="produce", state=Job.State.QUEUED, attempt=0)
    if not unbegun.filter(payload__guessed=True).exists():
        return 0
    costs = measured()
    with turn(), transaction.atomic():
        groups: dict[str, list[Job]] = defaultdict(list)
        for job in unbegun.filter(payload__guessed=True).order_by("pk"):
            groups[json.dumps(job.payload, sort_keys=True)].append(job)
        return sum(_recut(jobs, costs, study=study) for jobs in groups.values())


def _recut(jobs: list[Job], costs: Costs, *, study: Study) -> int:
    payload = {what: value for what, value in jobs[0].payload.items() if what != "guessed"}
    arms = {digest: read_arm(arm) for digest, arm in payload["arms"].items()}
    size = chunk_size(arms.values(), costs)
    if size is None:
        return 0
    # Won like a claim: a job that somebody has begun meanwhile goes on as it is.
    queued = Job.objects.filter(state=Job.State.QUEUED, attempt=0)
    won = [j.pk for j in jobs if queued.filter(pk=j.pk).update(state=Job.State.CANCELLED)]
    slots: dict[Slot, list[Sample]] = defaultdict(list)
    for row in Sample.objects.filter(job__in=won).order_by("job", "pk"):
        slots[row.prompt_digest, row.replica].append(row)
    Job.objects.filter(pk__in=won).delete()
    rows = list(slots.values())
    for start in range(0, len(rows), size):
        chunk = [row for some in rows[start : start + size] for row in some]
        enqueue(chunk, study=study, payload=payload)
    return len(won)


@receiver(samples_finished)
def _recut_what_was_measured(study_ids: set[int], **_: Any) -> None:
    for study in Study.objects.filter(pk__in=study_ids):
        recut(study)


@receiver(samples_finished)
def _score_what_others_made(sample_ids: set[int], study_ids: set[int], **_: Any) -> None:
    """Another study's job knew nothing of the estimators of those that waited for its samples."""
    made = Sample.objects.filter(pk__in=sample_ids)
    for study in Study.objects.filter(pk__in=study_ids, state__in=["open", "paused"]):
        protocol = study.read_protocol()
        planned = families(study, protocol)
        asked = _deciding(planned)
        if asked and made.exclude(job__study=study).exists():
            with transaction.atomic():
                score_made(planned, study=study, seed=protocol.seed, score_with=asked)
