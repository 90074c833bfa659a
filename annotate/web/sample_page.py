"""One sample: its picture, what was decided about it, how it was made, and making it again.

It must not compare pictures or make any: a job does, and its result stands here.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from annotate.sampling.jobs import remake
from annotate.sampling.media import gallery_url
from annotate.sampling.models import Image, Job, Sample
from annotate.sampling.needs import priced
from annotate.sampling.samples import sample_prompt_digest, sample_seed
from annotate.studies.models import Method, Prompt, Study
from annotate.web.access import PersonRequest, managed_study_or_404, researcher_required
from annotate.web.record_words import about_lines, decision_line, run_lines
from annotate.web.samples import estimator_names, prompts_of, scores_of
from annotate.web.study_pages import study_page
from annotate.web.thumbs import make_thumb
from generation.spec import Adaptive

REMAKES = 5
OPEN = {Job.State.QUEUED, Job.State.RUNNING, Job.State.PAUSED}


@dataclass(frozen=True)
class Found:
    """A sample of a study with its prompt; `method` is None for a student that no method shows."""

    sample: Sample
    method: Method | None
    prompt: Prompt


@dataclass(frozen=True)
class Again:
    """A sample made again: where its job stands and what came of it."""

    job: Job
    url: str

    @property
    def open(self) -> bool:
        return self.job.state in OPEN


def sample_or_404(study: Study, pk: int) -> Found:
    """A sample of this study's methods, or of a student under one, for one of its prompts."""
    sample = (
        Sample.objects.filter(pk=pk)
        .select_related("image", "parent__image", "job")
        .prefetch_related("scores", "parent__scores")
        .first()
    )
    if sample is None:
        raise Http404
    seed = study.read_protocol().seed
    methods = {m.digest: m for m in study.methods.all()}
    method = methods.get(sample.method_digest)
    if method is None:
        mine = sample.seed == seed and sample.method_digest in _students(study)
        prompts = list(prompts_of(study).filter(digest=sample.prompt_digest)[:1]) if mine else []
    else:
        mine = sample.seed == sample_seed(method, seed=seed)
        prompts = _prompts(study, method, sample) if mine else []
    if not prompts:
        raise Http404
    return Found(sample, method, prompts[0])


def _prompts(study: Study, method: Method, sample: Sample) -> list[Prompt]:
    """The study's prompt that a sample of this method is of."""
    if method.kind != "imported":
        return list(prompts_of(study).filter(digest=sample.prompt_digest)[:1])
    digest = sample.prompt_digest
    return [p for p in prompts_of(study) if sample_prompt_digest(method, p) == digest]


def _students(study: Study) -> set[str]:
    """Digests of the students under the study's adaptive methods."""
    reads = (m.read_arm() for m in study.read_spec().methods if m.kind.startswith("adaptive"))
    arms = (priced(read) for read in reads)
    return {arm.student.digest() for arm in arms if isinstance(arm, Adaptive)}


@researcher_required
@never_cache
@require_GET
def sample(request: PersonRequest, uid: UUID, pk: int) -> HttpResponse:
    """The sample's page, or only its live part for the page's script."""
    study = managed_study_or_404(request.user, uid)
    found = sample_or_404(study, pk)
    again = _agains(found.sample)
    if request.headers.get("X-Part") == "live":
        shown = {"study": study, "sample": found.sample, "again": again}
        return render(request, "studies/_again.html", shown)
    record: dict[str, Any] = found.sample.record
    names = estimator_names(study)
    parent = found.sample.parent
    context: dict[str, Any] = {
        "sample": found.sample,
        "method": found.method or "Student sample, shown by no method",
        "prompt": found.prompt,
        "url": gallery_url(found.sample.image) if found.sample.image else "",
        "scores": scores_of(found.sample, names),
        "parent": parent,
        "parent_url": gallery_url(parent.image) if parent and parent.image else "",
        "parent_scores": scores_of(parent, names) if parent else [],
        "decision": decision_line(record),
        "runs": run_lines(record),
        "about": about_lines(record),
        "record": record,
        "again": again,
    }
    return study_page(request, study, "sample", tab="samples", **context)


def _agains(sample: Sample) -> list[Again]:
    """The last times it was made again, the newest first."""
    jobs = Job.objects.filter(kind="remake", payload__sample=sample.pk).order_by("-pk")[:REMAKES]
    return [Again(job, _picture(job.result.get("image", ""))) for job in jobs]


def _picture(digest: str) -> str:
    """The address of a picture made again; it lies in the store for a day, without a row."""
    return gallery_url(Image(digest=digest)) if digest else ""


@researcher_required
@require_POST
def make_again(request: PersonRequest, uid: UUID, pk: int) -> HttpResponse:
    """Ask a worker to make it again from its record; the stored picture stays."""
    study = managed_study_or_404(request.user, uid)
    found = sample_or_404(study, pk)
    try:
        remake(found.sample, actor=request.user)
    except ValueError as error:
        messages.error(request, f"{str(error)[:1].upper()}{str(error)[1:]}")
    return redirect("study-sample", uid, pk)


@researcher_required
@require_GET
def thumb(request: PersonRequest, uid: UUID, pk: int) -> HttpResponse:
    """Make a sample's small picture and lead to it."""
    found = sample_or_404(managed_study_or_404(request.user, uid), pk)
    if found.sample.image is None:
        raise Http404
    return redirect(make_thumb(found.sample.image))
