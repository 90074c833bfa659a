"""Entry links of a study: make, show what a platform needs, close. It must know no votes."""

import csv
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from annotate.reports.export import safe_cell
from annotate.studies.entry import (
    PERSONAL_DAYS,
    LinkRefused,
    close_link,
    make_link,
    personal_token,
    token_of,
)
from annotate.studies.entry_models import EntryLink
from annotate.studies.models import Study
from annotate.studies.platforms import PLATFORMS, template
from annotate.web.access import PersonRequest, managed_study_or_404, researcher_required
from annotate.web.study_pages import study_page

MOST_NAMED = 1000


class LinkForm(forms.Form):
    """What a new entry link is for."""

    source = forms.ChoiceField(choices=EntryLink.Source.choices, label="Where people come from")
    note = forms.CharField(
        required=False,
        max_length=120,
        label="Note",
        help_text="For you: which batch it is. They do not see it.",
    )
    people = forms.IntegerField(
        min_value=0,
        max_value=100_000,
        initial=50,
        label="People at most",
        help_text="0 is no limit. Who came can come back while it is open.",
    )
    days = forms.IntegerField(min_value=1, max_value=365, initial=14, label="Open for days")
    return_url = forms.CharField(
        required=False,
        max_length=300,
        label="Where they return",
        help_text="Empty for Prolific is its own address. {code} stands for each person's code; a "
        "code that the platform gave you can stand there instead.",
    )
    early_url = forms.CharField(
        required=False,
        max_length=300,
        label="Where they return before the end",
        help_text="Who does not pass the exam, is paused or leaves: the platform's address for "
        "screened-out people. Empty: the address above if it has {code}, else none.",
    )
    person_key = forms.CharField(
        required=False,
        max_length=40,
        label="Parameter with the person's id",
        help_text="Empty: as the platform calls it, or “participant”.",
    )
    other_keys = forms.CharField(
        required=False,
        max_length=200,
        label="Further parameters to keep",
        help_text="Names with commas between them; empty: the platform's own.",
    )


@dataclass(frozen=True)
class LinkLine:
    """One link as the page shows it."""

    link: EntryLink
    came: int
    open: bool
    # What the researcher pastes into the platform; empty where each person has an own address.
    template: str


@researcher_required
@never_cache
@require_http_methods(["GET", "POST"])
def recruiting(request: PersonRequest, uid: UUID) -> HttpResponse:
    """The links, and the form for a new one."""
    study = managed_study_or_404(request.user, uid)
    form = LinkForm(request.POST or None, label_suffix="")
    if request.method == "GET":
        return _page(request, study, form=LinkForm(label_suffix=""))
    if "who" in request.POST:
        return _personal(request, study, request.POST["who"].strip())
    if not form.is_valid():
        return _page(request, study, form=form, status=422)
    try:
        _make(study, form.cleaned_data, request=request, now=timezone.now())
    except LinkRefused as error:
        form.add_error(None, str(error))
        return _page(request, study, form=form, status=422)
    messages.success(request, "The link is made. Paste its address into the platform.")
    return redirect("study-recruiting", study.uid)


def _personal(request: PersonRequest, study: Study, who: str) -> HttpResponse:
    """Answers with the page itself: the personal link is shown this once and kept nowhere."""
    form = LinkForm(label_suffix="")
    came = study.memberships.filter(entry__isnull=False).select_related("user", "study")
    place = came.filter(Q(pseudonym__iexact=who) | Q(user__external__external_id=who)).first()
    refused = f"Nobody who came by a link is “{who}”. Write a pseudonym such as A-07, or an id."
    if place is not None:
        try:
            token = personal_token(place, actor=request.user, now=timezone.now())
        except LinkRefused as error:
            refused = str(error)
        else:
            personal = request.build_absolute_uri(reverse("enter", args=[token]))
            shown: dict[str, Any] = {
                "personal": personal,
                "person": place.pseudonym,
                "days": PERSONAL_DAYS,
            }
            return _page(request, study, form=form, **shown)
    return _page(request, study, form=form, who=who, refused_who=refused, status=422)


def _make(study: Study, given: dict[str, Any], *, request: PersonRequest, now: datetime) -> None:
    platform = PLATFORMS[given["source"]]
    make_link(
        study,
        source=given["source"],
        created_by=request.user,
        now=now,
        expires_at=now + timedelta(days=given["days"]),
        note=given["note"],
        people=given["people"],
        return_url=given["return_url"] or platform.return_url,
        early_url=given["early_url"],
        person_key=given["person_key"],
        other_keys=[key for key in re.split(r"[\s,;]+", given["other_keys"]) if key],
    )


@researcher_required
@require_POST
def close(request: PersonRequest, uid: UUID, pk: int) -> HttpResponse:
    study = managed_study_or_404(request.user, uid)
    link = get_object_or_404(EntryLink, study=study, pk=pk)
    if close_link(link, actor=request.user, now=timezone.now()):
        messages.success(request, "The link lets nobody in any more. Who is in stays in.")
    else:
        messages.warning(request, "This link was closed before. Nothing changed.")
    return redirect("study-recruiting", study.uid)


@researcher_required
@require_POST
def addresses(request: PersonRequest, uid: UUID, pk: int) -> HttpResponse:
    """A file with one address for each person named: it works once, for them."""
    study = managed_study_or_404(request.user, uid)
    link = get_object_or_404(EntryLink, study=study, pk=pk, source=EntryLink.Source.NAMED)
    named = list(dict.fromkeys(request.POST.get("people", "").split()))
    try:
        if len(named) > MOST_NAMED:
            raise LinkRefused(
                f"{len(named):,} people were named; at most {MOST_NAMED:,} at a time get "
                "addresses. Ask for the rest in a second file."
            )
        rows = [(name, _address(request, link, name)) for name in named]
    except LinkRefused as error:
        return _page(request, study, form=LinkForm(label_suffix=""), refused=error, status=422)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    start = slugify(study.name)[:60] or "study"
    response["Content-Disposition"] = f'attachment; filename="{start}-addresses.csv"'
    out = csv.writer(response)
    out.writerow(["participant", "address"])
    out.writerows((safe_cell(name), address) for name, address in rows)
    return response


def _address(request: PersonRequest, link: EntryLink, external_id: str = "") -> str:
    return request.build_absolute_uri(reverse("enter", args=[token_of(link, external_id)]))


def _page(
    request: PersonRequest, study: Study, *, form: LinkForm, status: int = 200, **context: Any
) -> HttpResponse:
    now = timezone.now()
    links = study.entry_links.annotate(came=Count("entries")).order_by("-pk")
    lines = [
        LinkLine(
            link=link,
            came=link.came,
            open=link.is_open(now),
            template=""
            if link.single_use
            else template(
                link.source, _address(request, link), [link.person_key, *link.other_keys]
            ),
        )
        for link in links
    ]
    shared = {"lines": lines, "form": form, "protocol": study.read_protocol()}
    return study_page(
        request, study, "recruiting", tab="members", status=status, **(shared | context)
    )
