"""Items and worked pairs of a diversity study, drawn from its own pictures at a press of a button.

It must not decide what is right of them.
"""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from annotate.judging.drawn_items import NoPictures, add_drawn_examples, add_drawn_items
from annotate.web.access import PersonRequest, managed_study_or_404, researcher_required

WORKED = "worked"
KINDS = [("training", "Training"), ("exam", "Exam"), (WORKED, "Worked pairs")]
MOST = 200


class DrawForm(forms.Form):
    """How many, and what for."""

    kind = forms.ChoiceField(choices=KINDS)
    count = forms.IntegerField(min_value=1, max_value=MOST)


@researcher_required
@require_POST
def draw(request: PersonRequest, uid: UUID) -> HttpResponse:
    """Add pairs of one picture and pairs of two prompts as items, or to the instructions."""
    study = managed_study_or_404(request.user, uid)
    form = DrawForm(request.POST)
    if not form.is_valid():
        messages.error(request, f"Nothing was drawn: say how many, 1 to {MOST}, and what for.")
        return redirect("study-exam", uid)
    kind, count = form.cleaned_data["kind"], form.cleaned_data["count"]
    try:
        if kind == WORKED:
            made = add_drawn_examples(study, count=count, actor=request.user)
            said = f"{made} worked pairs were drawn from the study’s pictures; read them."
        else:
            made = add_drawn_items(study, kind=kind, count=count, actor=request.user)
            said = f"{made} items for {kind} were drawn from the study’s pictures."
    except NoPictures as error:
        messages.error(request, f"Nothing was drawn: {error}")
    else:
        messages.success(request, said)
    return redirect("study-exam", uid)
