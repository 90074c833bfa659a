"""The judging screen and its five verbs as JSON. Each view reads, calls one verb, answers.

It must not decide who judges what or what a vote means.
"""

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, Literal

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from annotate.judging import queue, reporting, voting
from annotate.judging.admission import Unqualified, is_qualified, require_qualified
from annotate.judging.answers import BadAnswer
from annotate.judging.finishing import says_the_end
from annotate.judging.hotpath import Lease
from annotate.judging.verdicts import protocol_of
from annotate.studies.models import Membership, Study
from annotate.web.access import PersonRequest, PlaceEnded, ends_kindly, membership_or_404
from annotate.web.examples import by_line, examples
from annotate.web.markdown import instructions_html
from annotate.web.tasks import config, progress, task

Milliseconds = Annotated[int, Field(ge=0, le=2**31 - 1)]


class Display(BaseModel):
    """How the pair was shown, as the page measured it; kept with the vote."""

    model_config = ConfigDict(extra="ignore")

    viewport: tuple[int, int] | None = None
    dpr: float | None = None
    shown: tuple[float, float] | None = None
    scale: float | None = None
    layout: Literal["wide", "stacked", "flip"] | None = None
    # Which picture a phone showed first.
    first: Literal[1, 2] | None = None


class BallotIn(BaseModel):
    """The body of a vote."""

    model_config = ConfigDict(extra="ignore")

    token: uuid.UUID
    answers: dict[Annotated[str, Field(max_length=20)], Annotated[str, Field(max_length=10)]]
    factor: str | None = None
    active_ms: Milliseconds = 0
    elapsed_ms: Milliseconds = 0
    display: Display = Display()
    zooms: Milliseconds = 0
    zoom_ms: Milliseconds = 0
    flips: Milliseconds = 0
    flip_ms: Milliseconds = 0


class TokenIn(BaseModel):
    """The body of renew, undo and skip."""

    token: uuid.UUID


class ReportIn(TokenIn):
    """The body of a report."""

    reason: str
    comment: str = ""


def _problem(status: int, error: str, message: str, **more: str) -> JsonResponse:
    response = JsonResponse({"error": error, "message": message, **more}, status=status)
    if status == 503:
        response["Retry-After"] = "1"
    return response


Verb = Callable[[HttpRequest, Membership], HttpResponse]

# Which refusal is told how. `error` is what the page acts on, the message what people read.
_REFUSALS: dict[type[Exception], tuple[int, str]] = {
    queue.PassedOn: (409, "passed_on"),
    voting.Conflict: (409, "conflict"),
    voting.Undone: (409, "undone"),
    voting.TooLate: (409, "too_late"),
    BadAnswer: (422, "bad_answer"),
    reporting.BadReport: (422, "bad_report"),
    queue.Busy: (503, "busy"),
}


REFUSED: tuple[type[Exception], ...] = (ValidationError, *_REFUSALS)


def refusal(error: Exception) -> JsonResponse:
    """A refusal as the page and its reader are told it."""
    if isinstance(error, ValidationError):
        # `detail` is for programs: it names the field as the sender calls it.
        said = _("this page sent something that is not understood here. Reload it and go on.")
        return _problem(400, "bad_request", said, detail=_first_mistake(error))
    status, name = _REFUSALS[type(error)]
    return _problem(status, name, str(error))


def ballot_of(given: BallotIn) -> voting.Ballot:
    """The vote as the judging layer takes it; how it was shown becomes telemetry."""
    shown = {"display", "zooms", "zoom_ms", "flips", "flip_ms"}
    return voting.Ballot(
        token=given.token,
        answers=given.answers,
        factor=given.factor,
        active_ms=given.active_ms,
        elapsed_ms=given.elapsed_ms,
        telemetry=given.model_dump(include=shown),
    )


def json_verb(method: str, *, live: bool = True) -> Callable[[Verb], Callable[..., HttpResponse]]:
    """A JSON address of one study for its annotators; refusals become words, not pages.

    One of live work is closed to whoever has not passed the study's training and exam.
    """

    def decorate(verb: Verb) -> Callable[..., HttpResponse]:
        @never_cache
        @wraps(verb)
        def wrapped(request: PersonRequest, uid: uuid.UUID) -> HttpResponse:
            if not request.user.is_authenticated:
                return _problem(401, "signed_out", _("You are signed out. Sign in and go on."))
            if request.method != method:
                said = _("%(given)s does nothing here; use %(allowed)s.")
                words = said % {"given": request.method, "allowed": method}
                return _problem(405, "method", words)
            try:
                membership = membership_or_404(request.user, uid)
            except PlaceEnded:
                said = _("your place in this study has ended. The answers you gave are kept.")
                return _problem(409, "ended", said, next=reverse("finished", args=[uid]))
            try:
                if live:
                    require_qualified(membership)
                return verb(request, membership)
            except Unqualified as error:
                # `next` is where the page goes instead. Not 403: an answer that waits in a browser
                # would be sent again for ever.
                there = reverse("qualify", args=[uid])
                return _problem(409, "unqualified", str(error), next=there)
            except REFUSED as error:
                return refusal(error)

        return wrapped

    return decorate


def _first_mistake(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(str(p) for p in first['loc']) or 'body'}: {first['msg']}"


def _hand(membership: Membership) -> dict[str, Any]:
    tasks = [task(lease) for lease in queue.hand(membership)]
    reply = {"tasks": tasks, "progress": progress(membership), "state": membership.study.state}
    if not tasks and says_the_end(membership):
        reply["next"] = reverse("finished", args=[membership.study.uid])
    return reply


def _more(membership: Membership, fresh: list[Lease], **extra: Any) -> dict[str, Any]:
    return {"tasks": [task(lease) for lease in fresh], "state": membership.study.state, **extra}


@login_required
@ends_kindly
@ensure_csrf_cookie
@never_cache
def judge(request: PersonRequest, uid: uuid.UUID) -> HttpResponse:
    """The judging screen with its first pairs already in the page."""
    membership = membership_or_404(request.user, uid)
    study = membership.study
    if study.state == Study.State.DRAFT:
        raise Http404
    if not is_qualified(membership):
        return redirect("qualify", uid)
    protocol = protocol_of(study)
    context = {
        "study_name": study.read_spec().shown_name,
        "config": config(membership),
        "hand": _hand(membership),
        "instructions_html": instructions_html(protocol),
        "examples": (found := examples(protocol)),
        "lines": by_line(found),
    }
    return render(request, "annotate/judge.html", context)


@json_verb("GET")
def hand(_request: HttpRequest, membership: Membership) -> HttpResponse:
    """The pairs in hand, in display order."""
    return JsonResponse(_hand(membership))


@json_verb("POST")
def votes(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Store one vote; the answer brings the next pair along."""
    receipt = voting.submit(membership, ballot_of(BallotIn.model_validate_json(request.body)))
    body = _more(membership, receipt.fresh, stored=True)
    return JsonResponse(body, status=201 if receipt.created else 200)


@json_verb("POST")
def renew(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Prolong the lease of the pair on screen."""
    queue.renew(membership, TokenIn.model_validate_json(request.body).token)
    return JsonResponse({"lease_seconds": protocol_of(membership.study).lease_minutes * 60})


@json_verb("POST")
def undo(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Take the last vote back; its pair returns under a new token."""
    lease, dropped = voting.undo(membership, TokenIn.model_validate_json(request.body).token)
    return JsonResponse(
        _more(membership, [lease], dropped=[str(t) for t in dropped], progress=progress(membership))
    )


@json_verb("POST")
def report(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Report a problem with the pair and get another."""
    given = ReportIn.model_validate_json(request.body)
    reporting.report(membership, given.token, reason=given.reason, comment=given.comment)
    return JsonResponse(_hand(membership))


@json_verb("POST")
def skip(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Pass on a pair for good and get another."""
    queue.skip(membership, TokenIn.model_validate_json(request.body).token)
    return JsonResponse(_hand(membership))
