"""Who may open what: the one place where pages turn a person and an id into a row, or into 404.

It must not render anything.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect

from annotate.judging.hotpath import annotator_place
from annotate.people.models import User
from annotate.studies.models import Membership, Study


class PersonRequest(HttpRequest):
    """A request whose user is known (behind `login_required`)."""

    user: User


def study_or_404(user: User, uid: UUID) -> Study:
    """A study this person belongs to in any role; a foreign id is a 404, never a 403."""
    study = Study.objects.visible_to(user).filter(uid=uid).first()
    if study is None:
        raise Http404
    return study


def managed_study_or_404(user: User, uid: UUID) -> Study:
    """A study this person may change and see results of."""
    study = Study.objects.managed_by(user).filter(uid=uid).first()
    if study is None:
        raise Http404
    return study


def reviewed_study_or_404(user: User, uid: UUID) -> Study:
    """A study whose disputed pairs this person may see and mark: its reviewers and researchers."""
    study = Study.objects.reviewed_by(user).filter(uid=uid).first()
    if study is None:
        raise Http404
    return study


class PlaceEnded(Http404):
    """A study that somebody judged in and left, or in which they were paused."""


def ended_place_or_404(user: User, uid: UUID) -> Membership:
    """This person's place as an annotator that has ended: pages of work are closed to them."""
    places = Membership.objects.select_related("study", "user")
    place = places.filter(
        user=user, study__uid=uid, active=False, role=Membership.Role.ANNOTATOR
    ).first()
    if place is None:
        raise Http404
    return place


def membership_or_404(user: User, uid: UUID) -> Membership:
    """This person's active place as an annotator of a study, with the study, in one query.

    Its researchers have none: who sees results does not vote on them. They preview instead. Raises
    PlaceEnded, which is a 404 too, for a place that has ended.
    """
    membership = annotator_place(user.pk, uid)
    if membership is None:
        ended_place_or_404(user, uid)
        raise PlaceEnded
    membership.user = user
    return membership


View = Callable[Concatenate[PersonRequest, ...], HttpResponseBase]


def ends_kindly(view: View) -> View:
    """A page of work that shows the end to whoever's place has ended, instead of a 404."""

    @wraps(view)
    def wrapped(request: PersonRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except PlaceEnded:
            return redirect("finished", kwargs["uid"])

    return wrapped


def researcher_required(view: View) -> Callable[..., HttpResponseBase]:
    """Signed in, and a researcher or admin; to annotators these pages do not exist (404)."""

    @login_required
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        person = cast(PersonRequest, request)
        if not person.user.is_researcher:
            raise Http404
        return view(person, *args, **kwargs)

    return wrapped


def admin_required(view: View) -> Callable[..., HttpResponseBase]:
    """Signed in, and an admin."""

    @login_required
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        person = cast(PersonRequest, request)
        if not person.user.is_admin:
            raise PermissionDenied
        return view(person, *args, **kwargs)

    return wrapped
