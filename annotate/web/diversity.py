"""A diversity study's report and its files. Each view reads, lays out, answers.

It must not compute: annotate.reports does.
"""

import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.text import slugify
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from annotate.reports.diversity_files import FILES, NAMES, Made, diversity_bytes, made_of, paper_of
from annotate.reports.diversity_frame import frozen_diversity, read_diversity, thaw_diversity
from annotate.reports.diversity_page import lay_out
from annotate.reports.frames import fingerprint, read_snapshot
from annotate.reports.freeze import changed_since
from annotate.reports.models import FrozenReport
from annotate.studies.models import Study
from annotate.web.access import PersonRequest, managed_study_or_404, researcher_required

TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".pdf": "application/pdf",
    ".tex": "text/plain; charset=utf-8",
    ".zip": "application/zip",
}
# Made again from a snapshot, byte for byte.
FROZEN_NAMES = tuple(FILES)


def diversity_page(
    request: HttpRequest, study: Study, *, present: bool = False, **more: Any
) -> HttpResponse:
    """The whole page, of a closed study as it was frozen; `more` is of reviewers' pages.

    Args:
        present: today's numbers where others are frozen.
    """
    with read_snapshot():
        frozen = None if present else frozen_diversity(study)
        made = _made(study, frozen)
        mark = fingerprint(study) if frozen else ""
    context = {
        "nav": "studies",
        "study": study,
        "report": made.report,
        "page": lay_out(made.report),
        "citation": paper_of(made.report).bibtex,
        "downloads": [name for name in NAMES if name != "bundle.zip"],
        "frozen": frozen,
        "frozen_changed": frozen is not None and changed_since(frozen, mark),
        "frozen_names": FROZEN_NAMES,
    }
    return render(request, "reports/diversity.html", context | more)


def _made(study: Study, frozen: FrozenReport | None) -> Made:
    if frozen is None:
        return made_of(study, read_diversity(study))
    return made_of(*thaw_diversity(frozen))


@researcher_required
@never_cache
@require_GET
def diversity_file(request: PersonRequest, uid: UUID, name: str) -> HttpResponse:
    """One of the files, of the present rows; a study that asks for no attributes has empty ones."""
    study = managed_study_or_404(request.user, uid)
    if name not in NAMES:
        raise Http404
    return diversity_answer(study, name)


def diversity_answer(
    study: Study, name: str, *, frozen: FrozenReport | None = None
) -> HttpResponse:
    """The file of that name, to be saved; of the snapshot where one is given."""
    with read_snapshot():
        study.refresh_from_db()
        made = _made(study, frozen)
    with tempfile.TemporaryDirectory() as folder:
        data = diversity_bytes(made, name, Path(folder))
    answer = HttpResponse(data, content_type=TYPES[Path(name).suffix])
    start = slugify(study.name)[:60] or "study"
    start += f"-{frozen.digest[:8]}" if frozen else ""
    answer["Content-Disposition"] = f'attachment; filename="{start}-{name}"'
    return answer
