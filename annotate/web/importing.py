"""Importing samples in the browser: a manifest and a zip, or a zip with its manifest inside.

It must not read either: `sampling.importing` does.
"""

import tempfile
from pathlib import Path
from uuid import UUID

from django.contrib import messages
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from annotate.sampling.importing import ImportRefused, import_samples
from annotate.sampling.refusals import LineError
from annotate.studies.models import Study
from annotate.web.access import PersonRequest, managed_study_or_404, researcher_required
from annotate.web.study_pages import study_page
from annotate.web.uploads import too_large


@researcher_required
@require_http_methods(["GET", "POST"])
def import_page(request: PersonRequest, uid: UUID) -> HttpResponse:
    """The form; on POST all of it is imported, or nothing and the list of what is wrong."""
    study = managed_study_or_404(request.user, uid)
    if request.method == "GET":
        return _page(request, study)
    try:
        with tempfile.TemporaryDirectory(prefix="triptych-upload-") as folder:
            manifest, source = _files(request, Path(folder))
            result = import_samples(study, manifest, source, actor=request.user)
    except ImportRefused as error:
        return _page(request, study, refused=error)
    said = (
        "Nothing changed: these samples are here already."
        if result.unchanged
        else f"{result.rows:,} rows read, {result.new_samples:,} new samples, "
        f"{result.images:,} different pictures."
    )
    messages.success(request, said)
    if request.headers.get("X-Part") == "import":
        return JsonResponse({"next": reverse("study-samples", args=[study.uid])})
    return redirect("study-samples", study.uid)


def _files(request: PersonRequest, folder: Path) -> tuple[Path | None, Path]:
    """The uploads under their own names; raises ImportRefused when the needed one is not there."""
    if too_large(request.META):
        raise ImportRefused.whole(
            "The upload is larger than 2 GB.",
            "Split it, or import on the server: manage.py import_samples.",
        )
    found: dict[str, Path] = {}
    for part in ("manifest", "pictures"):
        upload = request.FILES.get(part)
        if isinstance(upload, TemporaryUploadedFile) and upload.name:
            # Uploads have made-up names; the log of imports shows the real one.
            found[part] = folder / part / upload.name
            found[part].parent.mkdir()
            found[part].symlink_to(upload.temporary_file_path())
    if "pictures" not in found:
        raise ImportRefused.whole("No zip with pictures was sent.", "Choose one.")
    return found.get("manifest"), found["pictures"]


def _page(
    request: PersonRequest, study: Study, *, refused: ImportRefused | None = None
) -> HttpResponse:
    """`errors` are lines to correct; the script shows only the part that has changed."""
    errors: list[LineError] = refused.errors if refused else []
    return study_page(
        request,
        study,
        "import",
        tab="import",
        errors=errors,
        more=refused.total - len(errors) if refused else 0,
        total=refused.total if refused else 0,
        runs=study.imports.order_by("-at")[:10],
        status=422 if refused else 200,
    )
