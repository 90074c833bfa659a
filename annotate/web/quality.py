"""The quality page of a study: how each annotator works, and what to do about one who is flagged.

It must not judge: the rules are in analysis.watching, the verbs in judging.watching.
"""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.text import slugify
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from annotate.judging.watching import keep, pause, repair, resume
from annotate.reports.disputes import marks_count
from annotate.reports.figures import micro_interval
from annotate.reports.quality import QualityRow, quality_csv, quality_rows, votes_of
from annotate.studies.members import MemberRefused
from annotate.studies.models import Membership
from annotate.web import rating
from annotate.web.access import PersonRequest, managed_study_or_404, researcher_required
from annotate.web.study_pages import study_page


@researcher_required
@never_cache
@require_GET
def quality(request: PersonRequest, uid: UUID) -> HttpResponse:
    """The page, or its table as CSV."""
    study = managed_study_or_404(request.user, uid)
    rows = quality_rows(study)
    if request.GET.get("as") == "csv":
        answer = HttpResponse(quality_csv(rows), content_type="text/csv; charset=utf-8")
        name = slugify(study.name)[:60] or "study"
        answer["Content-Disposition"] = f'attachment; filename="{name}-quality.csv"'
        return answer
    flagged = [row for row in rows if row.flags]
    marked, marks = marks_count(study)
    return study_page(
        request,
        study,
        "quality",
        tab="quality",
        rows=[(row, _plot(row)) for row in rows],
        flagged=sorted(flagged, key=lambda row: row.kept),
        protocol=study.read_protocol(),
        lines=rating.rows(),
        marked=marked,
        marks=marks,
    )


def _plot(row: QualityRow) -> str:
    left = row.left
    if left.estimate is None or left.low is None or left.high is None:
        return ""
    return micro_interval(left.estimate, left.low, left.high, reference=0.5)


@researcher_required
@require_POST
def decide(request: PersonRequest, uid: UUID, pk: int) -> HttpResponse:
    """Keep, pause, resume, or void all votes of one annotator and open the slots for others."""
    study = managed_study_or_404(request.user, uid)
    place = get_object_or_404(
        Membership.objects.select_related("user", "study"), study=study, pk=pk
    )
    here = place.pseudonym
    try:
        match request.POST.get("do"):
            case "keep":
                keep(place, votes=votes_of(study, pk), actor=request.user)
                messages.success(request, f"The votes of {here} are kept. The flags rest.")
            case "pause":
                pause(place, actor=request.user)
                messages.success(request, f"{here} is paused and gave back what they held.")
            case "resume":
                resume(place, votes=votes_of(study, pk), actor=request.user)
                messages.success(
                    request, f"{here} may work on this study again. The flags rest for a while."
                )
            case "repair":
                n = repair(place, actor=request.user)
                messages.success(
                    request, f"{here} is paused. Votes voided: {n}; their pairs go to others."
                )
            case _:
                messages.error(request, "Nothing was done: choose keep, pause, resume or void.")
    except MemberRefused as error:
        messages.error(request, str(error))
    return redirect("study-quality", study.uid)
