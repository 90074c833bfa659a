"""A report for reviewers without an account, and the page where researchers make such links.

It must not compute, and what it shows holds no name, e-mail address or free text about people.
"""

import tempfile
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.text import slugify
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from annotate.reports.diversity_frame import frozen_diversity
from annotate.reports.export import write_file
from annotate.reports.frames import fingerprint, read_snapshot
from annotate.reports.freeze import frozen_of, frozen_report
from annotate.reports.models import ReviewLink
from annotate.reports.report import make_report
from annotate.reports.reviewing import make_review_link, reviewed_study, withdraw_review_link
from annotate.studies.models import Study
from annotate.web.access import PersonRequest, managed_study_or_404, researcher_required
from annotate.web.diversity import diversity_answer, diversity_page
from annotate.web.reports import FROZEN_FILES, TYPES, report_context
from annotate.web.study_pages import study_page

# Without summary.json: its protocol holds texts for annotators, often with somebody's address.
OF_REPORT = tuple(name for name in FROZEN_FILES if name != "summary.json")
OF_ROWS = ("votes.csv", "verdicts.csv")
NAMES = (*OF_REPORT, *OF_ROWS)
# Of a diversity study, whose report is another one; its JSON holds the same protocol.
OF_DIVERSITY = (
    *("report.pdf", "report.tex", "tables.zip", "figures.zip"),
    *("scores.csv", "differences.csv", "answers.csv"),
)
# Protocol fields in researchers' own words, which may name people.
UNSHOWN = {"instructions", "consent"}


class ReviewLinkForm(forms.Form):
    """Whom a link goes to, and until when it opens."""

    note = forms.CharField(
        required=False,
        max_length=200,
        label="Note",
        help_text="For you: whom it went to. They do not see it.",
    )
    days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=3650,
        label="Days",
        help_text="Empty: until you withdraw it.",
    )


@researcher_required
@never_cache
@require_http_methods(["GET", "POST"])
def review_links(request: PersonRequest, uid: UUID) -> HttpResponse:
    """The links there are; posting makes one and shows it this once."""
    study = managed_study_or_404(request.user, uid)
    form = ReviewLinkForm(request.POST if request.method == "POST" else None, label_suffix="")
    if request.method == "GET" or not form.is_valid():
        return _links(request, study, form=form, status=422 if form.is_bound else 200)
    days = form.cleaned_data["days"]
    made, token = make_review_link(
        study,
        created_by=request.user,
        now=timezone.now(),
        note=form.cleaned_data["note"],
        lifetime=timedelta(days=days) if days else None,
    )
    address = request.build_absolute_uri(reverse("review", args=[token]))
    return _links(request, study, form=ReviewLinkForm(label_suffix=""), link=address, made=made)


def _links(
    request: PersonRequest, study: Study, *, status: int = 200, **context: Any
) -> HttpResponse:
    now = timezone.now()
    links = study.review_links.select_related("created_by").order_by("-created_at", "-pk")
    context["links"] = [(link, link.is_usable(now)) for link in links]
    return study_page(request, study, "review", tab="review", status=status, **context)


@researcher_required
@require_POST
def withdraw(request: PersonRequest, uid: UUID, pk: int) -> HttpResponse:
    study = managed_study_or_404(request.user, uid)
    link = get_object_or_404(ReviewLink, study=study, pk=pk)
    if withdraw_review_link(link, actor=request.user, now=timezone.now()):
        messages.success(request, "The link is withdrawn; its address opens nothing any more.")
    else:
        messages.warning(request, "This link was withdrawn before. Nothing changed.")
    return redirect("study-review-links", study.uid)


View = Callable[Concatenate[HttpRequest, Study, ...], HttpResponseBase]


def reviewers_only(view: View) -> Callable[..., HttpResponseBase]:
    """Turns a secret into its study, or into 404; keeps the address from logs of other sites."""

    @never_cache
    @require_GET
    @wraps(view)
    def wrapped(request: HttpRequest, token: str, *args: Any, **kwargs: Any) -> HttpResponseBase:
        study = reviewed_study(token, now=timezone.now())
        if study is None:
            raise Http404
        response = view(request, study, token, *args, **kwargs)
        response["Referrer-Policy"] = "no-referrer"
        response["X-Robots-Tag"] = "noindex, nofollow"
        patch_cache_control(response, no_store=True)
        return response

    return wrapped


@reviewers_only
def review(request: HttpRequest, study: Study, token: str) -> HttpResponse:
    """The frozen report of a closed study, else the present one."""
    if study.read_protocol().asks_diversity:
        own: dict[str, Any] = {
            "nav": "",
            "reviewer": True,
            "token": token,
            "downloads": OF_DIVERSITY,
        }
        return diversity_page(request, study, **own)
    with read_snapshot():
        mark = fingerprint(study)
        context = report_context(study, request, mark=mark, present=False, samples=False)
    page = context["page"]
    context["protocol"] = [(name, value) for name, value in page.protocol if name not in UNSHOWN]
    return render(
        request,
        "reports/review.html",
        context
        | {"nav": "", "reviewer": True, "token": token, "names": NAMES, "laboratory": False},
    )


@reviewers_only
def review_file(_request: HttpRequest, study: Study, _token: str, name: str) -> HttpResponseBase:
    """A file of the report, or the votes and verdicts by pseudonym."""
    diverse = study.read_protocol().asks_diversity
    if name not in (OF_DIVERSITY if diverse else NAMES):
        raise Http404
    if diverse:
        return diversity_answer(study, name, frozen=frozen_diversity(study))
    start = slugify(study.name)[:60] or "study"
    if name in OF_REPORT:
        kept = frozen_of(study)
        made = frozen_report(kept) if kept else make_report(study, now=timezone.now())
        answer = HttpResponse(FROZEN_FILES[name](made), content_type=TYPES[Path(name).suffix])
        answer["Content-Disposition"] = f'attachment; filename="{start}-{name}"'
        return answer
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the response closes it)
    with tempfile.TemporaryDirectory() as folder:
        write_file(study, name, file, now=timezone.now(), folder=Path(folder))
    file.seek(0)
    return FileResponse(
        file,
        as_attachment=True,
        filename=f"{start}-{name}",
        content_type=TYPES[Path(name).suffix],
    )
