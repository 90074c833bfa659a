"""Preview as annotator: the judging screen for researchers, with answers that are kept apart.

It must not lease or store a vote.
"""

import uuid
from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie

from annotate.judging import preview
from annotate.studies.models import Membership, Study
from annotate.web.access import PersonRequest, managed_study_or_404, researcher_required
from annotate.web.annotator import REFUSED, BallotIn, TokenIn, ballot_of, refusal
from annotate.web.examples import by_line, examples
from annotate.web.markdown import instructions_html
from annotate.web.tasks import config, task

VERBS = ("hand", "votes", "renew", "undo", "report", "skip")


def _config(request: PersonRequest, study: Study) -> dict[str, Any]:
    stand_in = Membership(study=study, user=request.user, pseudonym="preview")
    urls = {verb: reverse("preview-verb", args=[study.uid, verb]) for verb in VERBS}
    urls["home"] = reverse("study", args=[study.uid])
    return {**config(stand_in, preview=True), "urls": urls}


def _hand(request: PersonRequest, study: Study) -> dict[str, Any]:
    return {
        "tasks": [task(lease) for lease in preview.hand(study, request.user)],
        "progress": preview.progress(study, request.user),
        "state": Study.State.OPEN,
    }


@researcher_required
@ensure_csrf_cookie
@never_cache
def page(request: PersonRequest, uid: uuid.UUID) -> HttpResponse:
    """The judging screen on a few pairs of the study; posting begins it anew."""
    study = managed_study_or_404(request.user, uid)
    if request.method == "POST":
        preview.restart(study, request.user)
        return redirect("study-preview", uid)
    context = {
        "study_name": study.read_spec().public_name,
        "config": _config(request, study),
        "hand": _hand(request, study),
        "instructions_html": instructions_html(study.read_protocol()),
        "examples": (found := examples(study.read_protocol())),
        "lines": by_line(found),
    }
    return render(request, "annotate/judge.html", context)


@researcher_required
@never_cache
def verb(request: PersonRequest, uid: uuid.UUID, name: str) -> HttpResponse:
    """The page's verbs, answered as for an annotator but without leases."""
    study = managed_study_or_404(request.user, uid)
    if name not in _ANSWERS:
        raise Http404
    try:
        return _ANSWERS[name](request, study)
    except REFUSED as error:
        return refusal(error)


def _votes(request: PersonRequest, study: Study) -> HttpResponse:
    ballot = ballot_of(BallotIn.model_validate_json(request.body))
    created = preview.submit(study, request.user, ballot)
    return JsonResponse({"stored": True, **_hand(request, study)}, status=201 if created else 200)


def _undo(request: PersonRequest, study: Study) -> HttpResponse:
    token = TokenIn.model_validate_json(request.body).token
    reopened = task(preview.undo(study, request.user, token))
    return JsonResponse({**_hand(request, study), "tasks": [reopened]})


def _whole_hand(request: PersonRequest, study: Study) -> HttpResponse:
    return JsonResponse(_hand(request, study))


def _renew(_request: PersonRequest, study: Study) -> HttpResponse:
    return JsonResponse({"lease_seconds": study.read_protocol().lease_minutes * 60})


Answer = Callable[[Any, Study], HttpResponse]
_ANSWERS: dict[str, Answer] = {
    "hand": _whole_hand,
    "votes": _votes,
    "renew": _renew,
    "undo": _undo,
    "report": _whole_hand,
    "skip": _whole_hand,
}
