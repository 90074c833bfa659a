"""Coming in by an entry link, the end of one's work with its code, leaving, and being forgotten.

It must not decide who is let in or when work is over: studies.entry and judging.finishing do.
"""

import re
import secrets
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from annotate.judging.admission import is_qualified
from annotate.judging.finishing import EARLY, end_of, own_code
from annotate.judging.leaving import leave, leave_and_erase
from annotate.people.accounts import AccountRefused
from annotate.people.external import know
from annotate.people.models import Role
from annotate.studies.clock import database_now
from annotate.studies.entry import EntryRefused, Visit, check, enter, read_visit
from annotate.studies.entry_models import CompletionCode, Entry
from annotate.studies.models import Membership, Study
from annotate.web.access import (
    PersonRequest,
    PlaceEnded,
    ended_place_or_404,
    membership_or_404,
)
from annotate.web.account import BACKEND
from annotate.web.entry_words import end_words, refusal

# The browser's secret (people.external): by it somebody without a password comes back. Sent to the
# pages of entry only, and set before the button, so that a lost answer locks nobody out.
BROWSER, BROWSER_DAYS = "browser", 365
_SECRET = re.compile(r"[\w-]{43}", re.ASCII)


@never_cache
@require_http_methods(["GET", "POST"])
def enter_study(request: HttpRequest, token: str) -> HttpResponse:
    """One page before the study: looking at an address makes no account, its button does."""
    given = request.COOKIES.get(BROWSER, "")
    browser = given if _SECRET.fullmatch(given) else secrets.token_urlsafe(32)
    try:
        response = _enter(request, read_visit(token, request.GET.dict(), browser=browser))
        response.set_cookie(
            BROWSER,
            browser,
            max_age=BROWSER_DAYS * 24 * 3600,
            path=reverse("enter", args=["-"]).removesuffix("-/"),
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
    except EntryRefused as error:
        heading, words, status = refusal(error.why)
        context = {"heading": heading, "words": words}
        response = render(request, "people/entry_closed.html", context, status=status)
    # As in `account.join`: whoever has the address comes in as this person.
    response["Referrer-Policy"] = "strict-origin"
    patch_cache_control(response, no_store=True)
    return response


def _enter(request: HttpRequest, visit: Visit) -> HttpResponse:
    signed_in = request.user if request.user.is_authenticated else None
    now = timezone.now()
    if request.method == "POST":
        place = enter(visit, now=now, signed_in=signed_in)
        if place.user != signed_in:
            login(request, place.user, backend=BACKEND)
        return redirect(_next(place))
    there = check(visit, now=now, signed_in=signed_in)
    if there is not None and there.user == signed_in:
        know(there.user, visit.browser)
        return redirect(_next(there))
    context = {
        "study_name": visit.link.study.read_spec().shown_name,
        "again": there is not None,
        "single_use": visit.link.single_use and visit.place is None,
    }
    return render(request, "people/enter.html", context)


def _next(place: Membership) -> str:
    """To the pairs, or to the end where none are left: nobody trains for an empty pool."""
    end = None if place.study.state == Study.State.DRAFT else end_of(place)
    return reverse("finished" if end else "judge", args=[place.study.uid])


@login_required
@never_cache
@require_GET
def finished(request: PersonRequest, uid: UUID) -> HttpResponse:
    """Why there is nothing more to judge, and the code that shows the work was done."""
    try:
        membership = membership_or_404(request.user, uid)
    except PlaceEnded:
        membership = ended_place_or_404(request.user, uid)
    if membership.study.state == Study.State.DRAFT:
        raise Http404
    end = end_of(membership)
    code = own_code(membership, end, now=database_now())
    if end is None and (code is None or not is_qualified(membership)):
        return redirect("judge", uid)
    heading, words = end_words(end, membership)
    context: dict[str, Any] = {
        "heading": heading,
        "words": words,
        "study": membership.study,
        "code": code,
        "end": end,
        "early": code is not None and code.reason in EARLY,
    }
    entry = Entry.objects.select_related("link").filter(membership=membership).first()
    if entry:
        context["source"] = entry.link
    # A platform takes whoever returns by an address for somebody who has done their work.
    context["idle"] = code is not None and code.reason == CompletionCode.Reason.NO_WORK
    if code and entry and not context["idle"]:
        context["return_url"] = entry.link.way_back(code.code, early=context["early"])
    return render(request, "annotate/finished.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def leave_study(request: PersonRequest, uid: UUID) -> HttpResponse:
    """Ask once, then end the place: pairs in hand go to others at once."""
    membership = membership_or_404(request.user, uid)
    name = membership.study.read_spec().shown_name
    if request.method == "POST":
        leave(membership)
        messages.success(
            request, _("You have left %(study)s. Your answers stay.") % {"study": name}
        )
        if Entry.objects.filter(membership=membership).exists():
            return redirect("finished", uid)
        return redirect("my-work")
    context = {
        "study_name": name,
        "pseudonym": membership.pseudonym,
        "came": Entry.objects.filter(membership=membership).exists(),
    }
    return render(request, "annotate/leave.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def erase_me(request: PersonRequest) -> HttpResponse:
    """What would go and what would stay; with the box ticked it is done."""
    user = request.user
    context: dict[str, Any] = {
        "allowed": user.role == Role.ANNOTATOR,
        "places": Membership.objects.filter(user=user, role=Membership.Role.ANNOTATOR),
        "came_from_platform": hasattr(user, "external"),
    }
    if request.method == "POST" and request.POST.get("sure") != "yes":
        context["problem"] = _("Tick the box first: this cannot be taken back.")
        return render(request, "people/erase.html", context, status=422)
    if request.method == "POST":
        try:
            leave_and_erase(user)
        except AccountRefused as error:
            context["problem"] = str(error)
            return render(request, "people/erase.html", context, status=409)
        logout(request)
        return render(request, "people/erased.html")
    return render(request, "people/erase.html", context)
