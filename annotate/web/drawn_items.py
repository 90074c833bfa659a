"""Items of a diversity study that are drawn from its own pictures at the press of a button.

It must not decide what is right of them.
"""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from annotate.judging.drawn_items import NoPictures, add_drawn_items
from annotate.web.access import PersonRequest, managed_study_or_404, researcher_required

KINDS = [("training", "Training"), ("exam", "Exam")]
MOST = 200


class DrawForm(forms.Form):
    """How many, and what for."""

    kind = forms.ChoiceField(choices=KINDS)
    count = forms.IntegerField(min_value=1, max_value=MOST)


@researcher_required
@require_POST
def draw(request: PersonRequest, uid: UUID) -> HttpResponse:
    """Add pairs of one picture and pairs of two prompts as items."""
    study = managed_study_or_404(request.user, uid)
    form = DrawForm(request.POST)
    if not form.is_valid():
        messages.error(
            request, f"No items were drawn: say how many, 1 to {MOST}, for training or exam."
        )
        return redirect("study-exam", uid)
    kind, count = form.cleaned_data["kind"], form.cleaned_data["count"]
    try:
        made = add_drawn_items(study, kind=kind, count=count, actor=request.user)
    except NoPictures as error:
        messages.error(request, f"No items were drawn: {error}")
    else:
        messages.success(request, f"{made} items for {kind} were drawn from the study’s pictures.")
    return redirect("study-exam", uid)
