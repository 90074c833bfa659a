"""Pilots of a study and what is taken from them. It must not decide what is unanimous."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from annotate.judging.controls import KINDS
from annotate.judging.pilot import PilotRefused, make_pilot, promote
from annotate.studies.models import Study
from annotate.web.access import PersonRequest, managed_study_or_404, researcher_required


class PilotForm(forms.Form):
    """How small a pilot is to be."""

    prompts = forms.IntegerField(min_value=1, max_value=1000, initial=20, label="Prompts")


class PromoteForm(forms.Form):
    """Whose unanimous pairs become items, of which kind, and how many at most."""

    source = forms.UUIDField(label="From")
    kind = forms.ChoiceField(choices=[(k.value, k.label) for k in KINDS], initial="exam")
    limit = forms.IntegerField(min_value=1, max_value=1000, initial=40, label="At most")


def sources(study: Study, request: PersonRequest) -> list[Study]:
    """Launched studies of this researcher that this one may draw from: its pilots first."""
    mine = Study.objects.managed_by(request.user).exclude(pk=study.pk)
    launched = mine.exclude(state=Study.State.DRAFT).order_by("-launched_at")[:100]
    return sorted(launched, key=lambda one: one.cloned_from_id != study.pk)


@researcher_required
@require_POST
def pilot(request: PersonRequest, uid: UUID) -> HttpResponse:
    """Make a pilot draft and go to it."""
    study = managed_study_or_404(request.user, uid)
    form = PilotForm(request.POST)
    if not form.is_valid():
        messages.error(
            request, "No pilot was made: say how many prompts it is to have, 1 to 1,000."
        )
        return redirect("study-exam", uid)
    try:
        made = make_pilot(study, prompts=form.cleaned_data["prompts"], owner=request.user)
    except PilotRefused as error:
        messages.error(request, f"No pilot was made: {error}")
        return redirect("study-exam", uid)
    messages.success(request, "This is the pilot. Invite people and launch it like any study.")
    return redirect("study", made.uid)


@researcher_required
@require_POST
def take(request: PersonRequest, uid: UUID) -> HttpResponse:
    """Make unanimous pairs of another study items of this one."""
    study = managed_study_or_404(request.user, uid)
    form = PromoteForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Nothing was taken: choose a study, a kind and a number.")
        return redirect("study-exam", uid)
    given = form.cleaned_data
    source = managed_study_or_404(request.user, given["source"])
    try:
        count = promote(source, study, kind=given["kind"], limit=given["limit"], actor=request.user)
    except PilotRefused as error:
        messages.error(request, f"Nothing was taken: {error}")
    else:
        messages.success(request, f"{count} unanimous pairs of {source.name} are items now.")
    return redirect("study-exam", uid)
