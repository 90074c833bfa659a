"""A diversity study's report and its files. Each view reads, lays out, answers.

It must not compute: annotate.reports does.
"""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.text import slugify
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from annotate.reports.diversity_page import answers_csv, lay_out, scores_csv, summary_json
from annotate.reports.diversity_report import answer_rows, diversity_report
from annotate.reports.frames import read_snapshot
from annotate.studies.models import Study
from annotate.web.access import PersonRequest, managed_study_or_404, researcher_required

FILES: Mapping[str, tuple[str, Callable[[Study], bytes]]] = {
    "scores.csv": ("text/csv; charset=utf-8", lambda study: scores_csv(diversity_report(study))),
    "answers.csv": ("text/csv; charset=utf-8", lambda study: answers_csv(list(answer_rows(study)))),
    "diversity.json": ("application/json", lambda study: summary_json(diversity_report(study))),
}


def diversity_page(request: HttpRequest, study: Study, **more: Any) -> HttpResponse:
    """The whole page; `more` is what reviewers' pages have of their own."""
    with read_snapshot():
        made = diversity_report(study)
    context = {
        "nav": "studies",
        "study": study,
        "report": made,
        "page": lay_out(made),
        "downloads": list(FILES),
    }
    return render(request, "reports/diversity.html", context | more)


@researcher_required
@never_cache
@require_GET
def diversity_file(request: PersonRequest, uid: UUID, name: str) -> HttpResponse:
    """One of the files; a study that asks for no attributes has empty ones."""
    study = managed_study_or_404(request.user, uid)
    if name not in FILES:
        raise Http404
    return diversity_answer(study, name)


def diversity_answer(study: Study, name: str) -> HttpResponse:
    """The file of that name, to be saved."""
    kind, write = FILES[name]
    with read_snapshot():
        answer = HttpResponse(write(study), content_type=kind)
    start = slugify(study.name)[:60] or "study"
    answer["Content-Disposition"] = f'attachment; filename="{start}-{name}"'
    return answer
