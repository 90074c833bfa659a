"""The last look before a study opens. It must not pair or check: `judging.launch` does."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from annotate.judging.launch import LaunchRefused, launch, plan
from annotate.studies.lifecycle import IllegalMove
from annotate.studies.models import Study
from annotate.web.access import PersonRequest, managed_study_or_404, researcher_required
from annotate.web.study_pages import study_page


@researcher_required
@require_http_methods(["GET", "POST"])
def launch_study(request: PersonRequest, uid: UUID) -> HttpResponse:
    """What would be judged, and the button that opens the study."""
    study = managed_study_or_404(request.user, uid)
    if study.state != Study.State.DRAFT:
        messages.warning(request, "The study has been launched already.")
        return redirect("study", study.uid)
    if request.method == "POST":
        try:
            launch(study, actor=request.user)
        except (LaunchRefused, IllegalMove) as error:
            return _page(request, study, refused=str(error).splitlines())
        messages.success(request, "The study is open. Annotators find it on their home page.")
        return redirect("study", study.uid)
    return _page(request, study)


def _page(
    request: PersonRequest, study: Study, *, refused: list[str] | None = None
) -> HttpResponse:
    return study_page(
        request,
        study,
        "launch",
        tab="launch",
        plan=plan(study),
        protocol=study.read_protocol(),
        refused=refused,
        status=422 if refused else 200,
    )
