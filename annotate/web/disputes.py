"""The review page of a study: disputed pairs with all that was said of them, and marks on them.

It must not choose the pairs (reports.disputes does), nor change a vote or a verdict.
"""

from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from annotate.judging.marking import LONGEST, BadMark, mark
from annotate.judging.models import ReviewMark
from annotate.reports.disputes import disputes
from annotate.reports.frames import LIVE, read_snapshot
from annotate.sampling.media import gallery_url
from annotate.studies.models import Study
from annotate.web.access import PersonRequest, reviewed_study_or_404
from annotate.web.study_pages import study_page


class MarkForm(forms.Form):
    """A mark on one pair."""

    says = forms.ChoiceField(
        choices=ReviewMark.Says.choices,
        label="Mark",
        widget=forms.RadioSelect,
        error_messages={
            "required": "Choose a mark first.",
            "invalid_choice": "That is no mark: choose one of the three.",
        },
    )
    comment = forms.CharField(
        required=False,
        max_length=LONGEST,
        label="Comment",
        widget=forms.Textarea(attrs={"rows": 2}),
    )


@login_required
@never_cache
@require_GET
def disputed(request: HttpRequest, uid: UUID) -> HttpResponse:
    """The pairs under a filter, some on each page."""
    person = cast(PersonRequest, request)
    return _page(person, reviewed_study_or_404(person.user, uid), request.GET)


@login_required
@require_POST
def mark_pair(request: HttpRequest, uid: UUID, pk: int) -> HttpResponse:
    """Add a mark; the page comes back where it was, or with what is wrong beside the pair."""
    person = cast(PersonRequest, request)
    study = reviewed_study_or_404(person.user, uid)
    pair = get_object_or_404(study.comparisons.filter(kind=LIVE), pk=pk)
    form = MarkForm(request.POST, label_suffix="", auto_id=f"id_{pk}_%s")
    if form.is_valid():
        try:
            mark(pair, author=person.user, **form.cleaned_data)
        except BadMark as error:
            form.add_error(None, str(error))
    if not form.is_valid():
        return _page(person, study, request.POST, refused=(pk, form), status=422)
    messages.success(request, "The mark is in. The verdict stays as it was.")
    where = urlencode({"show": request.POST.get("show", ""), "page": request.POST.get("page", "")})
    return redirect(f"{reverse('study-disputes', args=[uid])}?{where}#pair-{pk}")


def _page(
    request: PersonRequest,
    study: Study,
    asked: Any,
    *,
    refused: tuple[int, MarkForm] | None = None,
    status: int = 200,
) -> HttpResponse:
    page = asked.get("page", "")
    with read_snapshot():
        found = disputes(
            study,
            kind=asked.get("show", "all"),
            page=int(page) if page.isascii() and page.isdigit() and len(page) < 10 else 1,
        )
    wrong, bound = refused or (0, None)
    cards = [
        (
            card,
            None if study.external else (gallery_url(card.row.first), gallery_url(card.row.second)),
            bound
            if card.row.pk == wrong
            else MarkForm(label_suffix="", auto_id=f"id_{card.row.pk}_%s"),
        )
        for card in found.cards
    ]
    manages = Study.objects.managed_by(request.user).filter(pk=study.pk).exists()
    return study_page(
        request,
        study,
        "disputes",
        tab="quality",
        status=status,
        # A reviewer sees neither the study's inner name nor its buttons.
        frame="studies/study.html" if manages else "studies/reviewed.html",
        nav="studies" if manages else "",
        manages=manages,
        public_name=study.read_spec().public_name,
        found=found,
        cards=cards,
        wrong=wrong,
        refused=bound,
    )
