"""How far a study's pictures have come: per arm, in time, against the plan, and what went wrong.

It must write nothing, and know no pairs (`judging.opening.waiting` counts those that wait).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Min

from annotate.sampling.jobs import unheard
from annotate.sampling.models import Calibration, Job, Sample
from annotate.sampling.needs import Arm, Family, families, planned_share
from annotate.studies.arms import ReadArm
from annotate.studies.models import Method, Study
from generation.budget import planned, share_error
from generation.spec import Adaptive, Student

DONE = Sample.State.DONE
# The rate is that of the last minutes: machines come and go.
WINDOW = timedelta(minutes=10)


@dataclass(frozen=True)
class ArmProgress:
    """One arm's pictures. Steps and forwards are means of an image: planned, and as executed.

    `accepted` is the share of decided samples that kept the student's image; `accepted_planned` is
    1 - k/100 and `accepted_error` its standard error at so many samples.
    """

    name: str
    label: str
    kind: str
    wanted: int
    done: int
    failed: int
    steps_planned: float
    steps: float | None
    forwards_planned: float
    forwards: float | None
    # Planned means are upper limits where tau alone does not tell the share.
    at_most: bool
    accepted: float | None = None
    accepted_planned: float | None = None
    accepted_error: float | None = None

    @property
    def hidden(self) -> bool:
        """Made for other arms; no method of the study shows it."""
        return not self.name

    @property
    def share(self) -> float:
        return self.done / self.wanted if self.wanted else 1.0


@dataclass(frozen=True)
class Failure:
    """A reason in plain words, and how many samples of which methods it cost."""

    reason: str
    samples: int
    methods: tuple[str, ...]


@dataclass(frozen=True)
class Progress:
    """A study's sampling at one moment. `done` counts samples that running jobs have made so far.

    `rate` is samples a minute over the last ten minutes, without those that were there when the
    study began; `eta` follows from it and what is left to make. Both are None while nothing has
    been made.
    """

    arms: tuple[ArmProgress, ...]
    wanted: int
    done: int
    failed: int
    running: int
    queued: int
    paused: int
    cancelled: int
    # Queued jobs that no broker has taken a message for: it is unreachable.
    unheard: int
    rate: float | None
    eta: timedelta | None
    failures: tuple[Failure, ...]

    @property
    def left(self) -> int:
        """Samples that somebody will still make."""
        return self.wanted - self.done - self.failed

    @property
    def over(self) -> bool:
        """Nothing is being made and nothing waits to be."""
        return not (self.running or self.queued or self.paused) and self.left <= 0

    @property
    def stalled(self) -> bool:
        """Samples are missing that no job will make: they were cancelled, or their job is lost."""
        return not (self.running or self.queued or self.paused) and self.left > 0


def progress(study: Study, *, now: datetime) -> Progress:
    """How far the pictures of a launched study, and the students' samples under them, have come."""
    protocol = study.read_protocol()
    found = families(study, protocol)
    return progress_of(study, found, seed=protocol.seed, now=now)


def executed(study: Study) -> tuple[ArmProgress, ...]:
    """The study's generated arms as they were executed so far; empty for drafts and imports."""
    made = any(
        method.get("kind", "imported") != "imported" for method in study.spec.get("methods", ())
    )
    if not made or study.state == Study.State.DRAFT:
        return ()
    protocol = study.read_protocol()
    found = families(study, protocol)
    arms = _arms(study, found, _rows(found, protocol.seed))
    return tuple(arm for arm in arms if not arm.hidden)


def progress_of(study: Study, found: Sequence[Family], *, seed: int, now: datetime) -> Progress:
    """How far these families have come; a calibration's are not a study's own."""
    rows = _rows(found, seed)
    every = [row for some in rows.values() for row in some]
    open_rows = Counter(row.job for row in every if row.state != DONE and row.job is not None)
    jobs = list(Job.objects.filter(pk__in=open_rows).only("state", "progress_done", "started_at"))
    states = Counter(job.state for job in jobs)
    wanted = sum(len(slots) for family in found for slots in family.needs.values())
    done = sum(row.state == DONE for row in every)
    failed = [row for row in every if row.state == Sample.State.FAILED]
    running = [job for job in jobs if job.state == Job.State.RUNNING]
    # A job that another study shares makes samples that are none of this one's.
    begun = sum(min(job.progress_done, open_rows[job.pk]) for job in running)
    begun = min(begun, wanted - done - len(failed))
    rate = _rate(every, running, begun, since=max(now - WINDOW, _began(study, now)), now=now)
    left = wanted - done - begun - len(failed)
    return Progress(
        arms=tuple(_arms(study, found, rows)),
        wanted=wanted,
        done=done + begun,
        failed=len(failed),
        running=states[Job.State.RUNNING],
        queued=states[Job.State.QUEUED],
        paused=states[Job.State.PAUSED],
        cancelled=states[Job.State.CANCELLED],
        unheard=unheard(study),
        rate=rate,
        eta=timedelta(minutes=left / rate) if rate and left else None,
        failures=tuple(_failures(study, failed)),
    )


class _Row(NamedTuple):
    method: str
    prompt: str
    replica: int
    state: str
    decision: str
    steps: int | None
    forwards: int | None
    error: str
    job: int | None
    finished_at: datetime | None
    started_at: datetime | None


def _rows(found: Sequence[Family], seed: int) -> dict[str, list[_Row]]:
    """The families' samples by arm. Chosen in memory: one IN cannot hold every prompt."""
    needs = {digest: set(slots) for family in found for digest, slots in family.needs.items()}
    rows = Sample.objects.filter(method_digest__in=needs, seed=seed).values_list(
        "method_digest",
        "prompt_digest",
        "replica",
        "state",
        "decision",
        "steps",
        "forwards",
        "error",
        "job",
        "job__finished_at",
        "job__started_at",
    )
    chosen: dict[str, list[_Row]] = {digest: [] for digest in needs}
    for row in map(_Row._make, rows.iterator(chunk_size=5000)):
        if (row.prompt, row.replica) in needs[row.method]:
            chosen[row.method].append(row)
    return chosen


def _arms(
    study: Study, found: Sequence[Family], rows: Mapping[str, list[_Row]]
) -> Iterator[ArmProgress]:
    """The study's methods in their order, then students that no method shows."""
    spec = {method.name: method for method in study.read_spec().methods}
    arms = {digest: arm for family in found for digest, arm in family.arms.items()}
    named: set[str] = set()
    for method in study.methods.exclude(kind="imported").order_by("order", "pk"):
        if method.digest in arms:
            named.add(method.digest)
            yield _arm(
                method, spec[method.name].read_arm(), arms[method.digest], rows[method.digest]
            )
    for digest, arm in arms.items():
        if digest not in named and digest in rows:
            yield _bare("", UNSHOWN[type(arm)], arm, rows[digest], share=1.0)


# What no method of the study shows, and is made for those that do.
UNSHOWN: dict[type[Arm], str] = {
    Student: "Student samples of the adaptive arms",
    Adaptive: "All samples improved",
}


def _arm(method: Method, read: ReadArm, arm: Arm, rows: Sequence[_Row]) -> ArmProgress:
    """A method's arm against its plan."""
    share = planned_share(read)
    bare = _bare(method.name, str(method), arm, rows, share=share)
    if not isinstance(arm, Adaptive) or not bare.done:
        return bare
    kept = sum(row.decision == Sample.Decision.KEPT for row in rows)
    error = None
    if share is not None:
        error = share_error(share, samples=bare.done, tuned_on=_tuned_on(read))
    return replace(
        bare,
        accepted=kept / bare.done,
        accepted_planned=None if share is None else 1 - share,
        accepted_error=error,
    )


def _tuned_on(read: ReadArm) -> int | None:
    """How many scores its threshold was read from; None where tau was set directly."""
    if read.tuned is None:
        return None
    rows = Calibration.objects.filter(thresholds=read.tuned.threshold)
    scores = rows.values_list("scores", flat=True).first()
    return len(scores) if scores else None


def _bare(
    name: str, label: str, arm: Arm, rows: Sequence[_Row], *, share: float | None
) -> ArmProgress:
    adaptive = isinstance(arm, Adaptive)
    plan = planned(arm, rejected=(1.0 if share is None else share) if adaptive else None)
    done = [row for row in rows if row.state == DONE]
    return ArmProgress(
        name=name,
        label=label,
        kind=f"adaptive-{arm.strategy}" if isinstance(arm, Adaptive) else arm.kind,
        wanted=len(rows),
        done=len(done),
        failed=sum(row.state == Sample.State.FAILED for row in rows),
        steps_planned=float(plan.steps),
        steps=_mean(row.steps for row in done),
        forwards_planned=float(plan.forwards),
        forwards=_mean(row.forwards for row in done),
        at_most=adaptive and share is None,
    )


def _mean(numbers: Iterable[int | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return sum(known) / len(known) if known else None


def _began(study: Study, now: datetime) -> datetime:
    """When this study's own pictures began to be made: those of before were there to be reused."""
    if study.launched_at:
        return study.launched_at
    first: datetime | None = study.jobs.aggregate(first=Min("created_at"))["first"]
    return first or now - WINDOW


def _rate(
    rows: Sequence[_Row], running: Sequence[Job], begun: int, *, since: datetime, now: datetime
) -> float | None:
    """Samples a minute since then, those that running jobs have made so far included."""
    late = [
        row for row in rows if row.state == DONE and row.finished_at and row.finished_at > since
    ]
    starts = [row.started_at for row in late if row.started_at]
    starts += [job.started_at for job in running if job.started_at]
    made = len(late) + begun
    if not starts or not made:
        return None
    minutes = (now - max(since, min(starts))).total_seconds() / 60
    return made / minutes if minutes > 0 else None


def _failures(study: Study, failed: Sequence[_Row]) -> Iterator[Failure]:
    """Reasons, the most frequent first."""
    names = dict(study.methods.values_list("digest", "name"))
    by_reason: dict[str, list[_Row]] = defaultdict(list)
    for row in failed:
        by_reason[row.error].append(row)
    for reason, rows in sorted(by_reason.items(), key=lambda one: -len(one[1])):
        methods = sorted({names.get(row.method, UNSHOWN[Student]) for row in rows})
        yield Failure(reason, len(rows), tuple(methods))
