"""A study made of a file of votes that were cast elsewhere.

It must not read the file: `judging.external_import` does.
"""

import tempfile
from pathlib import Path

from django.contrib import messages
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from annotate.judging.external_formats import format_of
from annotate.judging.external_import import VotesImported, import_votes
from annotate.judging.external_votes import COLUMNS, REQUIRED
from annotate.sampling.refusals import ImportRefused, LineError, Refused
from annotate.web.access import PersonRequest, researcher_required
from annotate.web.uploads import too_large


@researcher_required
@require_http_methods(["GET", "POST"])
def votes_import(request: PersonRequest) -> HttpResponse:
    """The form; on POST the new study, or nothing and the list of what is wrong."""
    if request.method == "GET":
        return _page(request)
    try:
        made = _imported(request)
    except ImportRefused as error:
        return _page(request, refused=error)
    said = (
        "Nothing changed: this file is this study already."
        if made.unchanged
        else f"{made.votes:,} votes of {made.annotators:,} annotators on {made.pairs:,} pairs."
    )
    messages.success(request, said)
    return redirect("study", made.study.uid)


def _imported(request: PersonRequest) -> VotesImported:
    upload = request.FILES.get("votes")
    if too_large(request.META):
        raise ImportRefused.whole("The upload is larger than 2 GB.", "Split it.")
    if not isinstance(upload, TemporaryUploadedFile) or not upload.name:
        raise ImportRefused.whole("No file with votes was sent.", "Choose one.")
    try:
        kind = format_of(upload.name)
    except Refused as error:
        raise ImportRefused.whole(error.problem, error.remedy) from error
    with tempfile.TemporaryDirectory(prefix="triptych-votes-") as folder:
        # Uploads have made-up names; the log of imports shows the real one.
        path = Path(folder, upload.name)
        path.symlink_to(upload.temporary_file_path())
        name = request.POST.get("name", "").strip() or path.stem
        return import_votes(path, kind=kind, name=name, owner=request.user, now=timezone.now())


def _page(request: PersonRequest, *, refused: ImportRefused | None = None) -> HttpResponse:
    errors: list[LineError] = refused.errors if refused else []
    context = {
        "nav": "studies",
        "errors": errors,
        "total": refused.total if refused else 0,
        "more": refused.total - len(errors) if refused else 0,
        "name": request.POST.get("name", ""),
        "columns": [(name, name in REQUIRED, meaning) for name, meaning in COLUMNS.items()],
    }
    return render(request, "studies/import_votes.html", context, status=422 if refused else 200)
