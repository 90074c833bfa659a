"""The oracle laboratory for a file of outcomes: the file comes in, its page or its files go out.

It must not compute or keep anything: the page carries the file's text, so that another model, rule
or band is asked of the same file without choosing it again (docs/decisions/0016).
"""

import io
from pathlib import PurePath

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from annotate.analysis.oracle import Cost
from annotate.reports.branches import Branches, Settings
from annotate.reports.laboratory import investigate
from annotate.reports.laboratory_csv import COLUMNS, REQUIRED, OutcomesError, read_outcomes
from annotate.reports.laboratory_page import LabPage, lay_out_laboratory
from annotate.web.access import PersonRequest, researcher_required
from annotate.web.laboratory_asked import asked_settings, choices, download
from annotate.web.uploads import too_large

# Tens of thousands of prompts; the page carries them, and a form may hold 4 MB.
LIMIT = 2_000_000
# Each is set against every other.
MOST_ESTIMATORS = 8
# Each is drawn again 2,000 times for several intervals, while a visitor waits.
MOST_SCORES = 20_000
MOST_STEPS = 10_000


@researcher_required
@never_cache
@require_http_methods(["GET", "POST"])
def outcomes(request: PersonRequest) -> HttpResponse:
    """The form; on POST the laboratory of the file, or the list of what is wrong with it."""
    if request.method == "GET":
        return _page(request, settings=Settings())
    text = title = ""
    try:
        title, text = _sent(request)
        branches = _branches(request, title=title, text=text)
    except OutcomesError as error:
        settings, _ = asked_settings(request.POST, None)
        return _page(request, settings=settings, errors=str(error).splitlines())
    settings, said = asked_settings(request.POST, branches)
    lab = investigate(branches, settings)
    page = lay_out_laboratory(lab)
    if request.POST.get("give") == "zip":
        return download(lab, page)
    return _page(
        request, settings=settings, said=said, page=page, branches=branches, title=title, text=text
    )


def _sent(request: PersonRequest) -> tuple[str, str]:
    """Name and text of the file chosen now, or of the one that the page carries."""
    upload = request.FILES.get("outcomes")
    if too_large(request.META):
        raise OutcomesError(_too_large())
    if not isinstance(upload, UploadedFile) or not upload.name:
        if text := request.POST.get("text", ""):
            return request.POST.get("title", "")[:120] or "outcomes.csv", text
        raise OutcomesError("No file was sent. Choose a CSV file of outcomes.")
    if (upload.size or 0) > LIMIT:
        raise OutcomesError(_too_large())
    sent = upload.read()
    try:
        return PurePath(upload.name).name[:120], sent.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = sent.count(b"\n", 0, error.start) + 1
        raise OutcomesError(f"line {line}: not UTF-8 text. Save the file as UTF-8.") from error


def _too_large() -> str:
    return (
        f"The file is larger than {LIMIT / 1e6:g} MB. Leave out columns, or use "
        "manage.py oracle_lab --csv, which has no limit."
    )


def _branches(request: PersonRequest, *, title: str, text: str) -> Branches:
    """What the file says, checked for what a page can show."""
    branches = read_outcomes(io.StringIO(text, newline=""), title=title, cost=_cost(request))
    if len(branches.scores) > MOST_ESTIMATORS:
        raise OutcomesError(
            f"line 1: {len(branches.scores)} estimators; this page takes at most "
            f"{MOST_ESTIMATORS}. Leave out columns, or use manage.py oracle_lab --csv."
        )
    scores = len(branches.scores) * len(branches.prompts)
    if scores > MOST_SCORES:
        raise OutcomesError(
            f"{len(branches.scores)} estimators on {len(branches.prompts):,} prompts are "
            f"{scores:,} scores; this page takes at most {MOST_SCORES:,}. Leave out columns, or "
            "use manage.py oracle_lab --csv."
        )
    if not branches.decided:
        raise OutcomesError(
            "No prompt has a result for both student and refined. Give both on at least one line."
        )
    return branches


def _cost(request: PersonRequest) -> Cost | None:
    given = [request.POST.get(name, "").strip() for name in ("student_steps", "refine_steps")]
    if not any(given):
        return None
    if not all(g.isascii() and g.isdigit() and len(g) < 7 and int(g) <= MOST_STEPS for g in given):
        raise OutcomesError(
            f"Steps are {given[0]!r} and {given[1]!r}; give two whole numbers up to "
            f"{MOST_STEPS:,}, or leave both empty."
        )
    return Cost(student_steps=int(given[0]), refine_steps=int(given[1]))


def _page(
    request: PersonRequest,
    *,
    settings: Settings,
    errors: list[str] | None = None,
    said: str = "",
    page: LabPage | None = None,
    branches: Branches | None = None,
    title: str = "",
    text: str = "",
) -> HttpResponse:
    context = {
        "nav": "studies",
        "errors": errors or [],
        "said": said,
        "page": page,
        "branches": branches,
        "title": title,
        "text": text,
        "student_steps": request.POST.get("student_steps", ""),
        "refine_steps": request.POST.get("refine_steps", ""),
        "columns": [(name, name in REQUIRED, meaning) for name, meaning in COLUMNS.items()],
        "limit": f"{LIMIT / 1e6:g} MB",
        "most": f"{MOST_ESTIMATORS} estimators with {MOST_SCORES:,} scores",
    } | choices(settings)
    status = 422 if errors else 200
    return render(request, "reports/laboratory_file.html", context, status=status)
