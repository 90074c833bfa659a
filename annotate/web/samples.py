"""The sample browser: a study's prompts and what each method made of them.

It must not change anything.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from annotate.sampling.media import gallery_url
from annotate.sampling.models import Sample
from annotate.sampling.needs import priced
from annotate.sampling.samples import sample_prompt_digest, sample_seed
from annotate.studies.models import Method, Prompt, PromptSet, Study
from annotate.web.access import PersonRequest, managed_study_or_404, researcher_required
from annotate.web.study_pages import study_page
from annotate.web.thumbs import stored_thumbs, thumb_url
from generation.spec import Adaptive

PAGE = 24


@dataclass(frozen=True)
class SampleCounts:
    """How many prompts there are, and how many pictures of how many."""

    prompts: int
    methods: int
    done: int

    @property
    def wanted(self) -> int:
        return self.prompts * self.methods


@dataclass(frozen=True)
class Shown:
    """One sample in the grid. Without a picture, `state` and `error` say why there is none."""

    pk: int
    method: str
    replica: int
    state: str
    error: str
    url: str
    thumb: str
    width: int
    height: int
    is_tiny: bool
    digest: str
    decision: str
    steps: int | None
    # (estimator, score); the name is the digest's beginning where no method of the study has it.
    scores: list[tuple[str, float]]


@dataclass(frozen=True)
class PromptRow:
    """A prompt with the samples of each chosen method; a method without one has an empty list."""

    key: str
    text: str
    group: str
    cells: list[tuple[str, list[Shown]]]


def prompts_of(study: Study) -> QuerySet[Prompt]:
    return Prompt.objects.filter(prompt_set__studies=study).order_by("prompt_set", "order")


def sample_counts(study: Study) -> SampleCounts:
    """Pictures there are, of all that the prompts and methods call for (first replicas)."""
    methods = list(study.methods.only("study", "digest", "kind"))
    prompts = prompts_of(study).filter(prompt_set__role=PromptSet.Role.TEST)
    own = [m.digest for m in methods if m.kind == "imported"]
    made = [m.digest for m in methods if m.kind != "imported"]
    done = Sample.objects.filter(replica=0, state=Sample.State.DONE)
    # Generated samples are shared between studies: only those of these prompts and this seed.
    shared = done.filter(method_digest__in=made, seed=study.read_protocol().seed)
    shared = shared.filter(prompt_digest__in=prompts.values("digest"))
    there = done.filter(method_digest__in=own).count() + (shared.count() if made else 0)
    return SampleCounts(prompts.count(), len(methods), there)


# What the list can be limited to, and the words for it.
FILTERS = {
    "kept": "Kept as the student made it",
    "improved": "Improved by the teacher",
    "failed": "Failed",
    "waiting": "Not made yet",
}


def _limited(study: Study, found: QuerySet[Prompt], methods: list[Method], by: str) -> Any:
    """Prompts of which a chosen method has a sample of this kind (generated samples only)."""
    rows = Sample.objects.filter(
        method_digest__in=[m.digest for m in methods if m.kind != "imported"],
        seed=study.read_protocol().seed,
    )
    decided = Sample.Decision
    wanted = {
        "kept": Q(decision=decided.KEPT),
        "improved": Q(decision__in=[decided.REFINED, decided.REGENERATED]),
        "failed": Q(state=Sample.State.FAILED),
        "waiting": Q(state=Sample.State.QUEUED),
    }
    return found.filter(digest__in=rows.filter(wanted[by]).values("prompt_digest"))


@researcher_required
@require_GET
def samples(request: PersonRequest, uid: UUID) -> HttpResponse:
    """24 prompts a page, by words in the prompt, by method, by what became of its samples."""
    study = managed_study_or_404(request.user, uid)
    words = request.GET.get("q", "").strip()
    methods = list(study.methods.order_by("order", "pk"))
    chosen = [m for m in methods if m.name == request.GET.get("method")] or methods
    by = request.GET.get("show", "")
    tuning = request.GET.get("prompts") == "tune"
    role = PromptSet.Role.TUNE if tuning else PromptSet.Role.TEST
    found = prompts_of(study).filter(prompt_set__role=role)
    if words:
        found = found.filter(Q(text__icontains=words) | Q(key=words))
    if by in FILTERS:
        found = _limited(study, found, chosen, by)
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "page": page,
        "rows": _rows(study, list(page.object_list), chosen),
        "words": words,
        "methods": methods,
        "chosen": chosen[0].name if len(chosen) < len(methods) else "",
        "tuning": tuning,
        "has_tuning": study.prompt_sets.filter(role=PromptSet.Role.TUNE).exists(),
        "show": by if by in FILTERS else "",
        "filters": FILTERS if any(m.kind != "imported" for m in methods) else {},
        "any_prompts": bool(words or by or tuning) or page.paginator.count,
        "imports": not methods or any(m.kind == "imported" for m in methods),
    }
    return study_page(request, study, "samples", tab="samples", **context)


def _rows(study: Study, prompts: list[Prompt], methods: list[Method]) -> list[PromptRow]:
    """The samples of one page in a handful of queries."""
    seed = study.read_protocol().seed
    keys = {(m.pk, p.pk): sample_prompt_digest(m, p) for m in methods for p in prompts}
    seeds = {m.digest: sample_seed(m, seed=seed) for m in methods}
    rows = Sample.objects.filter(
        method_digest__in=seeds, prompt_digest__in=set(keys.values()), seed__in=set(seeds.values())
    )
    rows = rows.select_related("image").defer("record", "metadata").prefetch_related("scores")
    found: dict[tuple[str, str], list[Sample]] = {}
    for sample in rows.order_by("replica"):
        if sample.seed == seeds[sample.method_digest]:
            found.setdefault((sample.method_digest, sample.prompt_digest), []).append(sample)
    names = estimator_names(study)
    thumbs = stored_thumbs([s.image for some in found.values() for s in some if s.image])
    return [
        PromptRow(
            prompt.key,
            prompt.text,
            prompt.group,
            [
                (
                    str(m),
                    [
                        _shown(study, m, s, names, thumbs)
                        for s in found.get((m.digest, keys[m.pk, prompt.pk]), [])
                    ],
                )
                for m in methods
            ],
        )
        for prompt in prompts
    ]


def estimator_names(study: Study) -> dict[str, str]:
    """Digest -> name of the estimators that decide in this study."""
    reads = (m.read_arm() for m in study.read_spec().methods if m.kind.startswith("adaptive"))
    arms = (priced(read) for read in reads)
    return {a.estimator.digest(): a.estimator.name for a in arms if isinstance(a, Adaptive)}


def scores_of(sample: Sample, names: dict[str, str]) -> list[tuple[str, float]]:
    """A sample's scores, by the estimators' names."""
    return sorted(
        (names.get(s.estimator_digest, s.estimator_digest[:8]), s.value)
        for s in sample.scores.all()
    )


def _shown(
    study: Study, method: Method, sample: Sample, names: dict[str, str], thumbs: set[int]
) -> Shown:
    image = sample.image
    return Shown(
        pk=sample.pk,
        method=str(method),
        replica=sample.replica,
        state=sample.state,
        error=sample.error,
        url=gallery_url(image) if image else "",
        thumb=thumb_url(study, sample, stored=image.pk in thumbs) if image else "",
        width=image.width if image else 0,
        height=image.height if image else 0,
        is_tiny=image.is_tiny if image else False,
        digest=image.digest if image else "",
        decision=sample.get_decision_display(),
        steps=sample.steps,
        scores=scores_of(sample, names),
    )
