"""Calibrating a draft's cut-offs in the browser: start, watch, see what tau rests on, choose.

It must not choose or read scores: `sampling.calibration` and `calibration_figures` do.
"""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from annotate.sampling.calibration import CalibrationRefused, calibrate, plan_tuning
from annotate.studies.create import FrozenStudyError, update_draft
from annotate.studies.models import Study
from annotate.studies.spec import SpecError
from annotate.web.access import PersonRequest, managed_study_or_404, researcher_required
from annotate.web.cut_offs import (
    MOST_REPLICAS,
    choose_set,
    cut_offs,
    tuning_pictures,
    tuning_sets,
    with_rule,
)
from annotate.web.method_fields import WAY_WORDS
from annotate.web.study_pages import study_page


@researcher_required
@never_cache
@require_http_methods(["GET", "POST"])
def thresholds(request: PersonRequest, uid: UUID) -> HttpResponse:
    """The whole page, its live part for the script, or what its buttons do."""
    study = managed_study_or_404(request.user, uid)
    if request.method == "POST":
        verb = _write if "method" in request.POST else _start
        if (refused := verb(request, study)) is not None:
            return _page(request, study, refused=refused)
        chosen = request.POST.get("set", "")
        query = f"?set={chosen}" if chosen.isdigit() else ""
        return redirect(f"{request.path}{query}")
    return _page(request, study)


def _start(request: PersonRequest, study: Study) -> str | None:
    """Plan the samples that the cut-offs are read from; why not, in words."""
    asked = request.POST.get("replicas", "1")
    replicas = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else 1
    try:
        chosen = choose_set(study, request.POST.get("set", ""))
        made = plan_tuning(study, chosen, replicas=min(max(replicas, 1), MOST_REPLICAS))
    except CalibrationRefused as error:
        return _sentence(error)
    messages.success(
        request,
        f"{made.wanted:,} tuning samples, {made.reused:,} there already; "
        f"{made.jobs:,} job{'' if made.jobs == 1 else 's'} to make the rest.",
    )
    return None


def _write(request: PersonRequest, study: Study) -> str | None:
    """Write a method's rule and, from the scores that are there, its tau."""
    try:
        spec = with_rule(
            study.read_spec(),
            request.POST["method"],
            way=request.POST.get("way", ""),
            value=request.POST.get("value", ""),
        )
        update_draft(study, spec, actor=request.user)
    except (SpecError, FrozenStudyError) as error:
        return _sentence(error)
    if request.POST.get("way") == "tau":
        messages.success(request, "The cut-off is written.")
        return None
    try:
        found = calibrate(study, choose_set(study, request.POST.get("set", "")), actor=request.user)
    except CalibrationRefused as error:
        messages.warning(request, f"The rule is written and has no tau yet: {error}")
        return None
    taus = ", ".join(f"{row.tau:.4g}" for row in found)
    messages.success(request, f"Written: tau {taus}.")
    return None


def _sentence(error: Exception) -> str:
    said = str(error)
    return said[:1].upper() + said[1:]


def _page(request: PersonRequest, study: Study, *, refused: str = "") -> HttpResponse:
    sets = tuning_sets(study)
    chosen, why_not = None, ""
    try:
        chosen = choose_set(study, request.POST.get("set") or request.GET.get("set", ""))
        pictures = tuning_pictures(study, chosen, now=timezone.now())
    except CalibrationRefused as error:
        pictures, why_not = None, _sentence(error)
    context = {
        "sets": sets,
        "chosen": chosen,
        "why_not": why_not,
        "pictures": pictures,
        "then": "thresholds",
        # Before anybody asked for samples there are no scores to miss.
        "cuts": cut_offs(study, chosen if pictures else None),
        "refused": refused,
        "ways": list(WAY_WORDS.items()),
        "replicas": range(1, MOST_REPLICAS + 1),
    }
    if request.headers.get("X-Part") == "live":
        shown = {"study": study, "is_draft": study.state == Study.State.DRAFT}
        return render(request, "studies/_thresholds.html", shown | context)
    status = 422 if refused else 200
    return study_page(request, study, "thresholds", tab="thresholds", status=status, **context)
