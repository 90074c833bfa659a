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
from annotate.sampling.samples import sample_prompt_digest
from annotate.studies.models import Method, Prompt, Study
from annotate.web.access import PersonRequest, managed_study_or_404, researcher_required
from annotate.web.study_pages import study_page

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
    """One picture in the grid."""

    method: str
    replica: int
    url: str
    width: int
    height: int
    digest: str


@dataclass(frozen=True)
class PromptRow:
    """A prompt with the pictures of each chosen method; a method without one has an empty list."""

    key: str
    text: str
    group: str
    cells: list[tuple[str, list[Shown]]]


def prompts_of(study: Study) -> QuerySet[Prompt]:
    return Prompt.objects.filter(prompt_set__studies=study).order_by("prompt_set", "order")


def sample_counts(study: Study) -> SampleCounts:
    """Pictures there are, of all that the prompts and methods call for (first replicas)."""
    digests = list(study.methods.values_list("digest", flat=True))
    done = Sample.objects.filter(
        method_digest__in=digests, replica=0, state=Sample.State.DONE
    ).count()
    return SampleCounts(prompts_of(study).count(), len(digests), done)


@researcher_required
@require_GET
def samples(request: PersonRequest, uid: UUID) -> HttpResponse:
    """24 prompts a page, by words in the prompt and by method."""
    study = managed_study_or_404(request.user, uid)
    words = request.GET.get("q", "").strip()
    methods = list(study.methods.order_by("order", "pk"))
    chosen = [m for m in methods if m.name == request.GET.get("method")] or methods
    found = prompts_of(study)
    if words:
        found = found.filter(Q(text__icontains=words) | Q(key=words))
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "page": page,
        "rows": _rows(list(page.object_list), chosen),
        "words": words,
        "methods": methods,
        "chosen": chosen[0].name if len(chosen) < len(methods) else "",
        "any_prompts": bool(words) or page.paginator.count,
    }
    return study_page(request, study, "samples", tab="samples", **context)


def _rows(prompts: list[Prompt], methods: list[Method]) -> list[PromptRow]:
    """The pictures of one page in one query."""
    keys = {(m.pk, p.pk): sample_prompt_digest(m, p) for m in methods for p in prompts}
    rows = Sample.objects.filter(
        method_digest__in=[m.digest for m in methods],
        prompt_digest__in=set(keys.values()),
        state=Sample.State.DONE,
    )
    found: dict[tuple[str, str], list[Sample]] = {}
    for sample in rows.select_related("image").order_by("replica"):
        found.setdefault((sample.method_digest, sample.prompt_digest), []).append(sample)
    return [
        PromptRow(
            prompt.key,
            prompt.text,
            prompt.group,
            [
                (str(m), [_shown(m, s) for s in found.get((m.digest, keys[m.pk, prompt.pk]), [])])
                for m in methods
            ],
        )
        for prompt in prompts
    ]


def _shown(method: Method, sample: Sample) -> Shown:
    image = sample.image
    assert image is not None  # the schema: a finished sample has its picture
    return Shown(
        method=str(method),
        replica=sample.replica,
        url=gallery_url(image),
        width=image.width,
        height=image.height,
        digest=image.digest,
    )
