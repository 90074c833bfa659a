"""The report's page and its downloads. Each view reads one snapshot, lays it out, answers.

It must not compute: annotate.reports does.
"""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from annotate.reports.branch_rows import has_laboratory
from annotate.reports.dataset import PicturesMissing
from annotate.reports.diversity_files import NAMES as DIVERSITY
from annotate.reports.export import NAMES, WITH_PICTURES, summary_json, write_file
from annotate.reports.frames import fingerprint, read_frame, read_snapshot
from annotate.reports.freeze import changed_since, frozen_of, frozen_report, thaw
from annotate.reports.gallery import gallery
from annotate.reports.models import FrozenReport
from annotate.reports.page import lay_out
from annotate.reports.report import Report, report_on
from annotate.reports.report_files import figures_zip, pdf_file, tables_zip, tex_file
from annotate.sampling.media import gallery_url
from annotate.studies.models import Study
from annotate.web.access import PersonRequest, managed_study_or_404, researcher_required
from annotate.web.diversity import FROZEN_NAMES, diversity_answer, diversity_page

TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".parquet": "application/vnd.apache.parquet",
    ".pdf": "application/pdf",
    ".tex": "text/plain; charset=utf-8",
    ".tsv": "text/tab-separated-values; charset=utf-8",
    ".zip": "application/zip",
}
# What is made again from a snapshot, byte for byte.
FROZEN_FILES: Mapping[str, Callable[[Report], bytes]] = {
    "report.pdf": pdf_file,
    "report.tex": lambda made: tex_file(made).encode(),
    "tables.zip": tables_zip,
    "figures.zip": figures_zip,
    "summary.json": summary_json,
}
DOWNLOADS = tuple(name for name in NAMES if name != "bundle.zip")


@researcher_required
@never_cache
@require_GET
def report(request: PersonRequest, uid: UUID) -> HttpResponse:
    """The whole page; for the page's script its inner part, or 204 when nothing has changed."""
    study = managed_study_or_404(request.user, uid)
    if study.read_protocol().asks_diversity:
        return diversity_page(request, study, present="now" in request.GET)
    asked = request.headers.get("X-Part") == "report"
    with read_snapshot():
        mark = fingerprint(study)
        if asked and request.headers.get("X-Seen") == mark:
            return HttpResponse(status=204)
        context = report_context(study, request, mark=mark, present="now" in request.GET)
        context |= {"mark": mark}
    return render(request, f"reports/{'_report' if asked else 'report'}.html", context)


def report_context(
    study: Study, request: HttpRequest, *, mark: str, present: bool, samples: bool = True
) -> dict[str, Any]:
    """What a report's page shows; `present` asks for today's numbers where others are frozen.

    Args:
        samples: pictures lead to their samples' records.
    """
    frozen = None if present else frozen_of(study)
    if frozen is None:
        frame = read_frame(study)
        made = report_on(study, frame, now=timezone.now())
    else:
        then, frame = thaw(frozen)
        made = report_on(then, frame, now=frozen.at)
    place = _number(request.GET.get("contrast"), default=1, most=len(frame.contrasts)) - 1
    shown = made.contrasts[place] if made.contrasts else None
    pairs = None
    if shown is not None and made.counts.comparisons and not study.external:
        pairs = gallery(
            study,
            frame,
            contrast=frame.contrasts[place].pk,
            kind=request.GET.get("show", "all"),
            part=request.GET.get("slice", ""),
            page=_number(request.GET.get("page"), default=1, most=10_000),
            samples=samples,
        )
    cards = (
        [(card, gallery_url(card.a), gallery_url(card.b)) for card in pairs.cards] if pairs else []
    )
    return {
        "nav": "studies",
        "study": study,
        "report": made,
        "page": (page := lay_out(made)),
        "protocol": page.protocol,
        "pairs": pairs,
        "cards": cards,
        "shown": shown,
        "place": place + 1,
        "downloads": [n for n in DOWNLOADS if n != WITH_PICTURES or not study.external],
        "laboratory": has_laboratory(study),
        "frozen": frozen,
        "frozen_changed": frozen is not None and changed_since(frozen, mark),
        "frozen_names": tuple(FROZEN_FILES),
    }


def _number(given: str | None, *, default: int, most: int) -> int:
    """A page or place from an address; anything else is the default, never an error."""
    if given is None or not given.isascii() or not given.isdigit() or len(given) > 9:
        return default
    return min(max(int(given), 1), max(most, 1))


@researcher_required
@never_cache
@require_GET
def export(request: PersonRequest, uid: UUID, name: str) -> HttpResponseBase:
    """One file or the bundle. Written out first, so that a slow reader holds no snapshot open."""
    study = managed_study_or_404(request.user, uid)
    if name in DIVERSITY and study.read_protocol().asks_diversity:
        return diversity_answer(study, name)
    if name not in NAMES:
        raise Http404
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the response closes it)
    try:
        with tempfile.TemporaryDirectory() as folder:
            write_file(study, name, file, now=timezone.now(), folder=Path(folder))
    except PicturesMissing as refusal:
        file.close()
        messages.error(request, str(refusal))
        return redirect("study-report", uid)
    file.seek(0)
    return FileResponse(
        file,
        as_attachment=True,
        filename=f"{slugify(study.name)[:60] or 'study'}-{name}",
        content_type=TYPES[Path(name).suffix],
    )


@researcher_required
@require_GET
def frozen(request: PersonRequest, uid: UUID, digest: str, name: str) -> HttpResponse:
    """A file of the report that was frozen under this hash: the same bytes whenever it is asked."""
    study = managed_study_or_404(request.user, uid)
    diverse = study.read_protocol().asks_diversity
    if name not in (FROZEN_NAMES if diverse else FROZEN_FILES):
        raise Http404
    kept = get_object_or_404(FrozenReport, study=study, digest=digest)
    if diverse:
        return diversity_answer(study, name, frozen=kept)
    answer = HttpResponse(
        FROZEN_FILES[name](frozen_report(kept)), content_type=TYPES[Path(name).suffix]
    )
    start = slugify(study.name)[:60] or "study"
    answer["Content-Disposition"] = f'attachment; filename="{start}-{digest[:8]}-{name}"'
    return answer
