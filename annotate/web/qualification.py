"""The way to live work as pages: consent and screen check, instructions, training, exam.

Training and exam use the judging screen itself, with verbs of their own. It must not decide who
passes or which items are drawn.
"""

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_http_methods

from annotate.judging import qualification
from annotate.judging.models import Comparison
from annotate.judging.qualification import NotNow, Stage, Standing
from annotate.judging.qualification_models import Sitting
from annotate.judging.verdicts import protocol_of
from annotate.studies.entry_models import Entry
from annotate.studies.models import Membership, Study
from annotate.web.access import PersonRequest, ends_kindly, membership_or_404
from annotate.web.annotator import BallotIn, ballot_of, json_verb
from annotate.web.examples import by_line, examples
from annotate.web.markdown import consent_html, instructions_html
from annotate.web.qualification_words import count_words, feedback, lease_of, mark_words, title
from annotate.web.screen_check import PLACES, ScreenForm, Shown, bars
from annotate.web.tasks import config, task

VERBS = ("hand", "votes", "renew", "undo", "report", "skip")
HELD = {Study.State.OPEN, Study.State.PAUSED}


@login_required
@ends_kindly
@never_cache
@require_http_methods(["GET", "POST"])
def qualify(request: PersonRequest, uid: uuid.UUID) -> HttpResponse:
    """What comes next for this annotator; posting takes that step."""
    membership = _place(request, uid)
    there = qualification.standing(membership)
    if request.method == "GET":
        if not protocol_of(membership.study).qualification:
            return redirect("judge", uid)
        return _page(request, membership, there)
    try:
        return _STEPS[request.POST.get("step", "")](request, membership, there)
    except KeyError:
        return redirect("qualify", uid)
    except NotNow as error:
        return _page(request, membership, there, refused=str(error), status=409)


def _place(request: PersonRequest, uid: uuid.UUID) -> Membership:
    membership = membership_or_404(request.user, uid)
    if membership.study.state == Study.State.DRAFT:
        raise Http404
    return membership


def _consent(request: PersonRequest, membership: Membership, there: Standing) -> HttpResponse:
    shown = _shown(membership.study)
    form = ScreenForm(request.POST, bars=bars(membership.pk), shown=shown)
    if not form.is_valid():
        return _page(request, membership, there, form=form, status=422)
    qualification.consent(membership, device=form.device)
    return redirect("qualify", membership.study.uid)


def _shown(study: Study) -> Shown | None:
    """What the study will show, by the pairs that are there; None where it allows phones."""
    if protocol_of(study).phone:
        return None
    live = Comparison.objects.filter(study=study, kind=Comparison.Kind.LIVE)
    sizes = ("first__width", "second__width"), ("first__height", "second__height")
    names = [name for pair in sizes for name in pair]
    largest = live.aggregate(**{name: Max(name) for name in names})
    width, height = (max(largest[one] or 0, largest[two] or 0) for one, two in sizes)
    context = live.exclude(prompt__context="").exists()
    return Shown((width, height), context) if width and height else Shown(context=context)


def _instructed(_request: PersonRequest, membership: Membership, _: Standing) -> HttpResponse:
    qualification.instructed(membership)
    return redirect("qualify", membership.study.uid)


def _begin(_request: PersonRequest, membership: Membership, _: Standing) -> HttpResponse:
    if membership.study.state in HELD:
        qualification.begin(membership)
        return redirect("trial", membership.study.uid)
    return redirect("qualify", membership.study.uid)


Step = Callable[[PersonRequest, Membership, Standing], HttpResponse]
_STEPS: dict[str, Step] = {"consent": _consent, "instructions": _instructed, "begin": _begin}


def _page(
    request: PersonRequest,
    membership: Membership,
    there: Standing,
    *,
    form: ScreenForm | None = None,
    refused: str = "",
    status: int = 200,
) -> HttpResponse:
    study, protocol = membership.study, protocol_of(membership.study)
    stages = [Stage.CONSENT, Stage.INSTRUCTIONS, Stage.TRAINING, Stage.EXAM]
    steps = {Stage.WAIT: Stage.EXAM, Stage.FAILED: Stage.EXAM}
    context: dict[str, Any] = {
        "study": study,
        "title": study.read_spec().shown_name,
        "stage": there.stage.value,
        "steps": [(s.value, s is steps.get(there.stage, there.stage)) for s in stages],
        "protocol": protocol,
        "sitting": there.sitting,
        "running": there.running,
        "opens_at": there.opens_at,
        "open": study.state in HELD,
        "came": Entry.objects.filter(membership=membership).exists(),
        "extra": there.qualification is not None and qualification.has_extra(there.qualification),
        "refused": refused,
    }
    if there.stage is Stage.CONSENT:
        context["form"] = form or ScreenForm(bars=bars(membership.pk), shown=_shown(study))
        context["bars"] = bars(membership.pk)
        context["places"] = PLACES
        context["consent_html"] = consent_html(protocol)
    else:
        context["instructions_html"] = instructions_html(protocol)
        context["examples"] = examples(protocol)
    return render(request, "annotate/qualify.html", context, status=status)


def _hand(membership: Membership, sitting: Sitting) -> dict[str, Any]:
    """The next items of a sitting; in training one at a time, since its feedback comes first."""
    left = qualification.in_hand(sitting)
    total = sitting.items.count()
    held = (
        1 if sitting.kind == Sitting.Kind.TRAINING else protocol_of(membership.study).prefetch + 1
    )
    reply: dict[str, Any] = {
        "tasks": [task(lease_of(item)) for item in left[:held]],
        "progress": {"done": total - len(left), "left": len(left)},
        "state": Study.State.OPEN,
    }
    if not left:
        reply["next"] = reverse("qualify", args=[membership.study.uid])
    return reply


@login_required
@ends_kindly
@ensure_csrf_cookie
@never_cache
@require_GET
def trial(request: PersonRequest, uid: uuid.UUID) -> HttpResponse:
    """The judging screen on the items of the sitting in hand."""
    membership = _place(request, uid)
    sitting = qualification.standing(membership).running
    if sitting is None or membership.study.state not in HELD:
        return redirect("qualify", uid)
    protocol = protocol_of(membership.study)
    context = {
        "study_name": title(sitting, membership.study.read_spec().shown_name),
        "config": _config(membership, sitting),
        "hand": _hand(membership, sitting),
        "trial_words": mark_words(sitting, protocol),
        "instructions_html": instructions_html(protocol),
        "examples": (found := examples(protocol)),
        "lines": by_line(found),
    }
    return render(request, "annotate/judge.html", context)


def _config(membership: Membership, sitting: Sitting) -> dict[str, Any]:
    uid = membership.study.uid
    training = sitting.kind == Sitting.Kind.TRAINING
    here = config(membership)
    return {
        **here,
        # What a browser keeps of a trial is kept apart from the study's answers.
        "annotator": f"trial-{membership.pseudonym}",
        "trial": sitting.kind,
        "hand": 1 if training else here["hand"],
        "undo_seconds": 0,
        "break_minutes": 0,
        "break_pairs": 0,
        "urls": {
            **{verb: reverse("trial-verb", args=[uid, verb]) for verb in VERBS},
            "home": reverse("home"),
        },
    }


def verb(request: PersonRequest, uid: uuid.UUID, name: str) -> HttpResponse:
    """The screen's verbs for training and exam; undo, report and skip are none of theirs."""
    if name not in _ANSWERS:
        raise Http404
    return _ANSWERS[name](request, uid)


@json_verb("GET", live=False)
def _hand_verb(_request: HttpRequest, membership: Membership) -> HttpResponse:
    sitting = qualification.standing(membership).running
    if sitting is None:
        there = reverse("qualify", args=[membership.study.uid])
        nothing = {"done": 0, "left": 0}
        return JsonResponse(
            {"tasks": [], "progress": nothing, "state": membership.study.state, "next": there}
        )
    return JsonResponse(_hand(membership, sitting))


@json_verb("POST", live=False)
def _votes(request: HttpRequest, membership: Membership) -> HttpResponse:
    ballot = ballot_of(BallotIn.model_validate_json(request.body))
    marked = qualification.answer(membership, ballot)
    sitting = marked.item.sitting
    reply = {"stored": True, **_hand(membership, sitting)}
    if sitting.kind == Sitting.Kind.TRAINING:
        words = count_words(sitting, protocol_of(membership.study))
        reply["feedback"] = {**feedback(marked), "count": words}
    return JsonResponse(reply, status=201 if marked.created else 200)


@json_verb("POST", live=False)
def _renew(_request: HttpRequest, membership: Membership) -> HttpResponse:
    return JsonResponse({"lease_seconds": protocol_of(membership.study).lease_minutes * 60})


_ANSWERS: dict[str, Callable[..., HttpResponse]] = {
    "hand": _hand_verb,
    "votes": _votes,
    "renew": _renew,
}
