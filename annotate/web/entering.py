"""Coming in by an entry link, the end of one's work with its code, leaving, and being forgotten.

It must not decide who is let in or when work is over: studies.entry and judging.finishing do.
"""

from typing import Any
from uuid import UUID

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

from annotate.judging.finishing import End, end_of, give_code
from annotate.judging.leaving import leave, leave_and_erase
from annotate.people.accounts import AccountRefused
from annotate.people.models import Role
from annotate.studies.clock import database_now
from annotate.studies.entry import EntryRefused, Visit, check, enter, read_visit
from annotate.studies.entry_models import CompletionCode, Entry
from annotate.studies.models import Membership, Study
from annotate.web.access import PersonRequest, membership_or_404
from annotate.web.account import BACKEND
from annotate.web.entry_words import end_words, refusal


@never_cache
@require_http_methods(["GET", "POST"])
def enter_study(request: HttpRequest, token: str) -> HttpResponse:
    """One page before the study: looking at an address makes no account, its button does."""
    try:
        response = _enter(request, read_visit(token, request.GET.dict()))
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
        return redirect(_next(there))
    context = {
        "study_name": visit.link.study.read_spec().public_name,
        "again": there is not None,
        "single_use": visit.link.single_use,
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
    membership = membership_or_404(request.user, uid)
    if membership.study.state == Study.State.DRAFT:
        raise Http404
    end = end_of(membership)
    if end is None or end is End.TODAY:
        code = CompletionCode.objects.filter(membership=membership).first()
    else:
        code = give_code(membership, end, now=database_now())
    if end is None and code is None:
        return redirect("judge", uid)
    heading, words = end_words(end, membership)
    context: dict[str, Any] = {
        "heading": heading,
        "words": words,
        "study": membership.study,
        "code": code,
        "end": end,
    }
    entry = Entry.objects.select_related("link").filter(membership=membership).first()
    if code and entry:
        context["source"] = entry.link
        context["return_url"] = entry.link.return_url.replace("{code}", code.code)
    return render(request, "annotate/finished.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def leave_study(request: PersonRequest, uid: UUID) -> HttpResponse:
    """Ask once, then end the place: pairs in hand go to others at once."""
    membership = membership_or_404(request.user, uid)
    name = membership.study.read_spec().public_name
    if request.method == "POST":
        leave(membership)
        messages.success(
            request, _("You have left %(study)s. Your answers stay.") % {"study": name}
        )
        return redirect("my-work")
    context = {"study_name": name, "pseudonym": membership.pseudonym}
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
