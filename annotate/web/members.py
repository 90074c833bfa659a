"""The people of one study: invite, add, change, rest, return. It must not know what they voted."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from annotate.judging.models import Vote
from annotate.judging.queue import release
from annotate.judging.watching import resume
from annotate.people import invitations
from annotate.people.invitations import InvitationError
from annotate.people.models import Invitation, User
from annotate.reports.quality import votes_of
from annotate.studies.members import (
    MemberRefused,
    add_member,
    change_role,
    invite_to_study,
    may_change_roles,
    set_active,
)
from annotate.studies.models import Event, Membership, Study
from annotate.web.access import PersonRequest, managed_study_or_404, researcher_required
from annotate.web.study_pages import study_page

INVITED = [("annotator", "Annotator"), ("reviewer", "Reviewer"), ("researcher", "Researcher")]
# Places that an annotator's account may have.
HUMBLE = {Membership.Role.ANNOTATOR, Membership.Role.REVIEWER}


class InviteForm(forms.Form):
    """Whom an invitation is for."""

    role = forms.ChoiceField(choices=INVITED, label="Role")
    note = forms.CharField(
        required=False,
        max_length=200,
        label="Note",
        help_text="For you: whom it went to. They do not see it.",
    )


class AddForm(forms.Form):
    """Somebody who has an account already."""

    username = forms.CharField(max_length=150, label="Username")
    role = forms.ChoiceField(choices=Membership.Role.choices, initial="annotator", label="Role")

    def clean_username(self) -> User:
        given = self.cleaned_data["username"].strip()
        user = User.objects.filter(username=given, is_active=True).first()
        if user is None:
            raise forms.ValidationError(
                f"Nobody here is called “{given}”. Check the name, or invite them by a link."
            )
        return user

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        user, role = data.get("username"), data.get("role")
        if user and role not in HUMBLE and not user.is_researcher:
            self.add_error(
                "role",
                f"{user.username} has an annotator's account. Add them as annotator or reviewer "
                "or ask an admin to make them a researcher first.",
            )
        return data


@researcher_required
@never_cache
@require_GET
def members(request: PersonRequest, uid: UUID) -> HttpResponse:
    return _page(request, managed_study_or_404(request.user, uid))


@researcher_required
@require_POST
def invite(request: PersonRequest, uid: UUID) -> HttpResponse:
    """Answers with the page itself: the link is shown this once and kept nowhere."""
    study = managed_study_or_404(request.user, uid)
    form = InviteForm(request.POST, label_suffix="")
    if not form.is_valid():
        return _page(request, study, invite_form=form, status=422)
    try:
        invitation, token = invite_to_study(
            study, created_by=request.user, now=timezone.now(), **form.cleaned_data
        )
    except InvitationError as error:
        form.add_error(None, str(error))
        return _page(request, study, invite_form=form, status=422)
    link = request.build_absolute_uri(reverse("join", args=[token]))
    return _page(request, study, link=link, invited=invitation)


@researcher_required
@require_POST
def withdraw(request: PersonRequest, uid: UUID, pk: int) -> HttpResponse:
    study = managed_study_or_404(request.user, uid)
    invitation = get_object_or_404(Invitation, study_place__study=study, pk=pk)
    if invitations.withdraw(invitation, now=timezone.now()):
        messages.success(request, "The invitation is withdrawn; its link no longer works.")
    else:
        messages.warning(request, "This invitation was used or withdrawn before. Nothing changed.")
    return redirect("study-members", study.uid)


@researcher_required
@require_POST
def add(request: PersonRequest, uid: UUID) -> HttpResponse:
    study = managed_study_or_404(request.user, uid)
    form = AddForm(request.POST, label_suffix="")
    if not form.is_valid():
        return _page(request, study, add_form=form, status=422)
    try:
        member = add_member(study, form.cleaned_data["username"], role=form.cleaned_data["role"])
    except MemberRefused as error:
        form.add_error(None, str(error))
        return _page(request, study, add_form=form, status=422)
    Event.objects.create(
        study=study, actor=request.user, kind="member_added", data={"member": member.pseudonym}
    )
    messages.success(request, f"{member.user.username} is {member.pseudonym} in this study.")
    return redirect("study-members", study.uid)


@researcher_required
@require_POST
def activity(request: PersonRequest, uid: UUID, pk: int) -> HttpResponse:
    """Deactivate or reactivate. Whoever is deactivated gives back every pair they hold, at once."""
    study = managed_study_or_404(request.user, uid)
    member = get_object_or_404(Membership.objects.select_related("user"), study=study, pk=pk)
    active = request.POST.get("active") == "1"
    try:
        if active and member.role == Membership.Role.ANNOTATOR:
            resume(member, votes=votes_of(study, pk), actor=request.user)
        else:
            set_active(member, active=active, actor=request.user)
    except MemberRefused as error:
        messages.error(request, str(error))
    else:
        said = "may work on this study again."
        if not active:
            returned = release(study, member.user)
            said = f"is deactivated; the votes stay. Pairs given back: {returned}."
        messages.success(request, f"{member.pseudonym} {said}")
    return redirect("study-members", study.uid)


@researcher_required
@require_POST
def role(request: PersonRequest, uid: UUID, pk: int) -> HttpResponse:
    """Researcher or annotator. Who is no longer an annotator gives back every pair they hold."""
    study = managed_study_or_404(request.user, uid)
    member = get_object_or_404(Membership.objects.select_related("user"), study=study, pk=pk)
    try:
        change_role(member, request.POST.get("role", ""), actor=request.user)
    except MemberRefused as error:
        messages.error(request, str(error))
        return redirect("study-members", study.uid)
    if member.role == Membership.Role.ANNOTATOR:
        said = "judges now. Whoever has seen methods or results here no longer judges blindly."
    else:
        returned = release(study, member.user)
        said = f"is a researcher of this study now; the votes stay. Pairs given back: {returned}."
    messages.success(request, f"{member.pseudonym} {said}")
    return redirect("study-members", study.uid)


def _page(
    request: PersonRequest, study: Study, *, status: int = 200, **context: Any
) -> HttpResponse:
    now = timezone.now()
    votes = Vote.objects.filter(study=study, annotator=OuterRef("user"))
    # Both are read off the index on (study, annotator); a MAX would visit every vote.
    counted = votes.order_by().values("annotator").annotate(n=Count("pk")).values("n")
    newest = votes.order_by("-pk").values("created_at")[:1]
    people = study.memberships.select_related("user").annotate(
        vote_count=Coalesce(Subquery(counted), 0),
        last_vote=Subquery(newest),
    )
    waiting = Invitation.objects.filter(
        study_place__study=study, used_at=None, withdrawn_at=None, expires_at__gt=now
    ).select_related("study_place", "created_by")
    shared = {
        "members": people.order_by("-role", "pseudonym"),
        "waiting": waiting.order_by("expires_at"),
        "invite_form": InviteForm(label_suffix=""),
        "add_form": AddForm(label_suffix=""),
        "may_change_roles": may_change_roles(study, request.user),
        "now": now,
    }
    return study_page(request, study, "members", tab="members", status=status, **(shared | context))
