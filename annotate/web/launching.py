"""The last look before a study opens. It must not pair or check: `judging.launch` does."""

from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from annotate.judging.growing import GrowthRefused, grow
from annotate.judging.launch import LaunchRefused, launch, plan
from annotate.reports.words import counted
from annotate.sampling.calibration import to_tune
from annotate.studies.lifecycle import IllegalMove
from annotate.studies.models import Study
from annotate.studies.recipes import SECONDS_PER_VOTE
from annotate.web.access import PersonRequest, managed_study_or_404, researcher_required
from annotate.web.estimates import machine_lines
from annotate.web.study_pages import study_page


@researcher_required
@require_http_methods(["GET", "POST"])
def launch_study(request: PersonRequest, uid: UUID) -> HttpResponse:
    """What would be judged, and the button that opens the study."""
    study = managed_study_or_404(request.user, uid)
    if study.state != Study.State.DRAFT:
        messages.warning(request, "The study has been launched already.")
        return redirect("study", study.uid)
    if request.method == "POST" and "grow" in request.POST:
        return _grow(request, study)
    if request.method == "POST":
        try:
            launch(study, actor=request.user)
        except (LaunchRefused, IllegalMove) as error:
            return _page(request, study, refused=str(error).splitlines())
        messages.success(request, _said(study))
        return redirect("study", study.uid)
    return _page(request, study)


def _grows(request: PersonRequest, draft: Study) -> Study | None:
    """The running study that this draft was cloned from, if this person manages it too."""
    mine = Study.objects.managed_by(request.user).filter(clones=draft)
    return mine.filter(state__in=[Study.State.OPEN, Study.State.PAUSED]).first()


def _grow(request: PersonRequest, draft: Study) -> HttpResponse:
    """Add what this draft has more to the study it was cloned from."""
    study = _grows(request, draft)
    if study is None:
        raise Http404
    try:
        grown = grow(study, draft, actor=request.user)
    except GrowthRefused as error:
        return _page(request, draft, refused=str(error).splitlines())
    more = f"{counted(grown.prompts, 'prompt')} and {counted(grown.methods, 'method')}"
    said = f"The study grew: {more} more, {counted(grown.items, 'new item')}."
    if grown.version is not None:
        said += f" Everybody passes version {grown.version} of training and exam before going on."
    messages.success(
        request, f"{said} New verdicts stand under protocol {study.protocol_hash[:8]}."
    )
    return redirect("study", study.uid)


def _said(study: Study) -> str:
    """What the launch did, in words."""
    if study.planned_items.filter(opened_at=None).exists():
        return (
            "The study is open and its pictures are being made. A pair opens to annotators as soon "
            "as both of its pictures are there."
        )
    return "The study is open. Annotators find it on their home page."


def _page(
    request: PersonRequest, study: Study, *, refused: list[str] | None = None
) -> HttpResponse:
    planned = plan(study)
    return study_page(
        request,
        study,
        "launch",
        tab="launch",
        plan=planned,
        machine=machine_lines(study, planned.estimate) if planned.estimate else None,
        work=timedelta(seconds=planned.votes * SECONDS_PER_VOTE),
        untuned=any(task.read.tuned is None for task in to_tune(study)),
        seconds_per_vote=SECONDS_PER_VOTE,
        protocol=study.read_protocol(),
        refused=refused,
        grows=_grows(request, study),
        status=422 if refused else 200,
    )
