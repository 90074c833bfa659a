"""Come in, go out, forget a password, join by invitation. It must know no votes."""

import logging
import math
from datetime import timedelta
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout, update_session_auth_hash, views
from django.contrib.auth.decorators import login_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from annotate.people import accounts, guessing, invitations
from annotate.people.invitations import InvitationError, UsernameTaken
from annotate.people.models import Invitation, User
from annotate.studies import members
from annotate.studies.members import MemberRefused
from annotate.studies.models import StudyInvitation
from annotate.web.access import PersonRequest
from annotate.web.forms_account import JoinForm, LoginForm, ResetForm

logger = logging.getLogger(__name__)

BACKEND = "annotate.people.backends.PlainBackend"
THEMES = ("light", "dark")
YEAR = timedelta(days=365)

login_page = views.LoginView.as_view(
    redirect_authenticated_user=True, authentication_form=LoginForm
)
logout_now = views.LogoutView.as_view()
password_change = views.PasswordChangeView.as_view(success_url=reverse_lazy("account"))
password_reset = views.PasswordResetView.as_view(form_class=ResetForm)
password_reset_done = views.PasswordResetDoneView.as_view()
password_reset_confirm = views.PasswordResetConfirmView.as_view()
password_reset_complete = views.PasswordResetCompleteView.as_view()


@require_GET
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 (a view)
    """Whether this process reaches its database; for supervisors and load balancers."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        logger.exception("healthz: no database")
        return JsonResponse({"status": "no database"}, status=503)
    return JsonResponse({"status": "ok"})


def locked_out(request: HttpRequest, *_rest: Any) -> HttpResponse:
    """The answer to a log-in that was refused unseen: why, and for how long."""
    now = timezone.now()
    until = guessing.closed_until(guessing.visitor_address(request), now=now)
    wait = until - now if until else timedelta(hours=settings.AXES_COOLOFF_TIME)
    context = {
        "for_all": until is not None,
        "limit": guessing.LIMIT if until else settings.AXES_FAILURE_LIMIT,
        "minutes": math.ceil(wait / timedelta(minutes=1)),
    }
    response = render(request, "people/locked_out.html", context, status=429)
    response["Retry-After"] = str(math.ceil(wait.total_seconds()))
    return response


@login_required
@require_GET
def account(request: HttpRequest) -> HttpResponse:
    return render(request, "people/account.html", {"nav": _nav(request)})


@login_required
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Light or dark in this browser, whatever its system says; anything else follows the system."""
    response = redirect("account")
    chosen = request.POST.get("theme")
    if chosen in THEMES:
        secure = settings.SESSION_COOKIE_SECURE
        response.set_cookie("theme", chosen, max_age=YEAR, samesite="Lax", secure=secure)
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response


@login_required
@require_POST
def logout_everywhere(request: HttpRequest) -> HttpResponse:
    """End this session and all others this person has."""
    accounts.end_sessions(cast(PersonRequest, request).user)
    logout(request)
    messages.success(request, _("You are logged out everywhere."))
    return redirect("login")


@never_cache
@sensitive_post_parameters("password1", "password2")
@require_http_methods(["GET", "POST"])
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Use an invitation: make an account, or take the place with the account one has."""
    try:
        invitation = invitations.find(token, now=timezone.now())
        response = _join(request, token, invitation)
    except InvitationError as error:
        status = 404 if error.unknown else 410
        response = render(request, "people/join_closed.html", {"why": str(error)}, status=status)
    # The address is a secret, so no request that leaves this page may carry it. Not `no-referrer`:
    # under it browsers send `Origin: null` with the form, and the CSRF check must refuse that.
    response["Referrer-Policy"] = "strict-origin"
    patch_cache_control(response, no_store=True)
    return response


def _join(request: HttpRequest, token: str, invitation: Invitation) -> HttpResponse:
    context: dict[str, Any] = {
        "invitation": invitation,
        "place": StudyInvitation.objects.filter(invitation=invitation).first(),
    }
    if request.user.is_authenticated:
        return _join_as(request, token, request.user, context)
    form = JoinForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user = members.join_anew(
                token,
                username=form.cleaned_data["username"],
                password=form.cleaned_data["password1"],
                email=form.cleaned_data["email"],
                now=timezone.now(),
            )
        except UsernameTaken as error:
            form.add_error("username", str(error))
        else:
            login(request, user, backend=BACKEND)
            return redirect("home")
    return render(request, "people/join.html", {**context, "form": form})


def _join_as(request: HttpRequest, token: str, user: User, context: dict[str, Any]) -> HttpResponse:
    if request.method == "POST":
        try:
            members.join_as(token, user=user, now=timezone.now())
        except MemberRefused as error:
            return render(request, "people/join.html", {**context, "refused": error}, status=409)
        # A raised role is part of the session hash; this session is meant to go on.
        update_session_auth_hash(request, user)
        return redirect("my-work" if context["place"] else "home")
    return render(request, "people/join.html", context)


def _nav(request: HttpRequest) -> str:
    """Annotators have no main menu: they have one page, and the mark leads there."""
    return "account" if cast(PersonRequest, request).user.is_researcher else ""
