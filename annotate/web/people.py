"""Who may come in: the admins' page of people and invitations. It must know no votes' content."""

from typing import Any

from django.contrib import messages
from django.db.models import Count, Max, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_GET, require_POST

from annotate.judging.queue import release_all
from annotate.people import accounts, invitations
from annotate.people.accounts import AccountRefused
from annotate.people.models import Invitation, Role, User
from annotate.web.access import PersonRequest, admin_required
from annotate.web.forms_account import InviteForm, RoleForm


@admin_required
@require_GET
def people(request: PersonRequest) -> HttpResponse:
    return _page(request, InviteForm())


@admin_required
@require_POST
def invite(request: PersonRequest) -> HttpResponse:
    """Answers with the page itself: the link is shown this once and kept nowhere."""
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    invitation, token = invitations.invite(
        role=form.cleaned_data["role"],
        created_by=request.user,
        now=timezone.now(),
        note=form.cleaned_data["note"],
    )
    link = request.build_absolute_uri(reverse("join", args=[token]))
    return _page(request, InviteForm(), link=link, invited=invitation)


@admin_required
@require_POST
def withdraw(request: PersonRequest, pk: int) -> HttpResponse:
    if invitations.withdraw(get_object_or_404(Invitation, pk=pk), now=timezone.now()):
        messages.success(request, "The invitation is withdrawn; its link no longer works.")
    else:
        messages.warning(request, "This invitation was used or withdrawn before. Nothing changed.")
    return redirect("people")


@admin_required
@require_POST
def set_active(request: PersonRequest, pk: int) -> HttpResponse:
    """Close or open an account. Closing returns every pair this person held, at once."""
    person = get_object_or_404(User, pk=pk)
    try:
        if request.POST.get("active") == "1":
            accounts.reactivate(person, actor=request.user)
            messages.success(request, f"{person.username} may log in again.")
        else:
            accounts.deactivate(person, actor=request.user, now=timezone.now())
            returned = release_all(person)
            messages.success(
                request,
                f"{person.username} is logged out and cannot log in. Votes stay; "
                f"pairs returned to others: {returned}.",
            )
    except AccountRefused as error:
        messages.error(request, str(error))
    return redirect("people")


@admin_required
@require_POST
def set_role(request: PersonRequest, pk: int) -> HttpResponse:
    person = get_object_or_404(User, pk=pk)
    form = RoleForm(request.POST)
    if not form.is_valid():
        messages.error(request, f"There is no such role. Choose {', '.join(Role.values)}.")
        return redirect("people")
    role = form.cleaned_data["role"]
    try:
        accounts.set_role(person, role, actor=request.user, now=timezone.now())
        messages.success(request, f"{person.username} is {role} now and has to log in again.")
    except AccountRefused as error:
        messages.error(request, str(error))
    return redirect("people")


def _page(
    request: PersonRequest, form: InviteForm, *, status: int = 200, **more: Any
) -> HttpResponse:
    now = timezone.now()
    open_ones = Invitation.objects.filter(
        used_at__isnull=True, withdrawn_at__isnull=True, expires_at__gt=now
    )
    context = {
        "nav": "people",
        "form": form,
        "roles": Role.choices,
        "people": User.objects.annotate(
            voted_at=Max("votes__created_at"),
            studies=Count("memberships", filter=Q(memberships__active=True), distinct=True),
        ).order_by("-is_active", "username"),
        "invitations": open_ones.select_related("created_by", "study_place__study").order_by(
            "expires_at"
        ),
        **more,
    }
    response = render(request, "people/people.html", context, status=status)
    patch_cache_control(response, no_store=True)
    return response
