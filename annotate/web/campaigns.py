"""Campaigns: choose studies, see one figure with one family of tests, take its files.

It must not compute: annotate.reports does. Nobody sees a campaign with a study that is not theirs.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import Exists, F, OuterRef
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from annotate.people.models import User
from annotate.reports.campaign_page import FIGURES, FILES, campaign_section
from annotate.reports.campaigning import CampaignRefused, campaign_report, make_campaign
from annotate.reports.models import Campaign
from annotate.studies.models import Contrast, Study
from annotate.web.access import PersonRequest, researcher_required

TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".pdf": "application/pdf",
    ".svg": "image/svg+xml",
    ".tex": "text/plain; charset=utf-8",
}


if TYPE_CHECKING:
    OfStudies = forms.ModelMultipleChoiceField[Study]
else:  # generic for the type checker only
    OfStudies = forms.ModelMultipleChoiceField


class StudiesField(OfStudies):
    """Studies by name, as boxes to tick."""

    widget = forms.CheckboxSelectMultiple

    def label_from_instance(self, obj: Any) -> str:
        return str(obj.name)


class CampaignForm(forms.Form):
    """Which of a person's own launched studies belong together, of those that compare methods."""

    name = forms.CharField(max_length=120, label="Name", help_text="The figure’s heading.")
    studies = StudiesField(Study.objects.none(), label="Studies")

    def __init__(self, data: Mapping[str, Any] | None = None, *, user: User) -> None:
        super().__init__(data, label_suffix="")
        field = self.fields["studies"]
        assert isinstance(field, StudiesField)
        launched = Study.objects.managed_by(user).exclude(state=Study.State.DRAFT)
        compared = Contrast.objects.filter(study=OuterRef("pk")).exclude(a=F("b"))
        field.queryset = launched.filter(Exists(compared)).order_by("-launched_at")


@researcher_required
@never_cache
@require_http_methods(["GET", "POST"])
def campaigns(request: PersonRequest) -> HttpResponse:
    """The campaigns there are; posting makes one."""
    posted = request.method == "POST"
    form = CampaignForm(request.POST if posted else None, user=request.user)
    if posted and form.is_valid():
        try:
            made = make_campaign(
                form.cleaned_data["name"],
                list(form.cleaned_data["studies"]),
                created_by=request.user,
                now=timezone.now(),
            )
        except CampaignRefused as error:
            form.add_error(None, str(error))
        else:
            return redirect("campaign", made.uid)
    found = Campaign.objects.seen_by(request.user).prefetch_related("studies")
    context = {"nav": "studies", "form": form, "campaigns": found.order_by("-created_at", "-pk")}
    return render(request, "reports/campaigns.html", context, status=422 if form.errors else 200)


def _campaign_or_404(user: User, uid: UUID) -> Campaign:
    found = Campaign.objects.seen_by(user).filter(uid=uid).first()
    if found is None:
        raise Http404
    return found


@researcher_required
@never_cache
@require_GET
def campaign(request: PersonRequest, campaign: UUID) -> HttpResponse:
    shown = _campaign_or_404(request.user, campaign)
    found = campaign_report(shown, now=timezone.now())
    section = campaign_section(found)
    context = {
        "nav": "studies",
        "campaign": shown,
        "found": found,
        "section": section,
        "names": [name for name in FILES if section.plates or name not in FIGURES],
    }
    return render(request, "reports/campaign.html", context)


@researcher_required
@never_cache
@require_GET
def campaign_file(request: PersonRequest, campaign: UUID, name: str) -> HttpResponse:
    shown = _campaign_or_404(request.user, campaign)
    if name not in FILES:
        raise Http404
    found = campaign_report(shown, now=timezone.now())
    if name in FIGURES and not campaign_section(found).plates:
        raise Http404
    answer = HttpResponse(FILES[name](found), content_type=TYPES[Path(name).suffix])
    start = slugify(shown.name)[:60] or "campaign"
    answer["Content-Disposition"] = f'attachment; filename="{start}-{name}"'
    return answer


@researcher_required
@require_POST
def remove(request: PersonRequest, campaign: UUID) -> HttpResponse:
    """Takes the figure away; its studies stay as they are."""
    _campaign_or_404(request.user, campaign).delete()
    messages.success(request, "The campaign is removed; its studies stay as they are.")
    return redirect("campaigns")
