"""A running study at a glance, and the two things to do about a reported pair.

It must not count: `reports.snapshot` does, and it draws only bars.
"""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from annotate.judging.models import Comparison
from annotate.judging.opening import waiting
from annotate.judging.reporting import resolve
from annotate.reports.alerts import alerts, flag_alerts
from annotate.reports.disputes import marks_count
from annotate.reports.progress import reported
from annotate.reports.snapshot import recent
from annotate.studies.models import Study
from annotate.web.access import PersonRequest, managed_study_or_404, researcher_required
from annotate.web.dashboard_figures import annotator_rows, pace_bars, vote_bar
from annotate.web.draft_steps import draft_steps
from annotate.web.pictures import pictures
from annotate.web.samples import sample_counts
from annotate.web.study_pages import study_page

EVENTS = 8
# Told in words; anything else shows its own name.
EVENT_WORDS = {
    "study_created": "created the draft",
    "study_changed": "changed the draft",
    "study_cloned": "made this draft from another study",
    "study_launched": "launched the study",
    "study_open": "opened it again",
    "study_paused": "paused it",
    "study_closed": "closed it",
    "study_archived": "archived it",
    "samples_imported": "imported samples",
    "member_invited": "made an invitation",
    "member_joined": "joined",
    "member_added": "added somebody",
    "member_activated": "let somebody return",
    "member_deactivated": "deactivated somebody",
    "member_role": "changed somebody's role",
    "reports_resolved": "looked at a reported pair",
    "pair_marked": "marked a disputed pair",
    "exam_extra_attempt": "granted an extra attempt at the exam",
    "repair_begun": "began to void somebody’s votes",
    "votes_invalidated": "voided votes",
    "annotator_flagged": "flagged an annotator",
    "annotator_kept": "kept a flagged annotator’s votes",
    "sampling_paused": "paused the making of pictures",
    "sampling_resumed": "resumed the making of pictures",
    "sampling_cancelled": "cancelled the making of pictures",
    "sampling_retried": "had failed or cancelled pictures tried again",
}


@researcher_required
@never_cache
@require_GET
def dashboard(request: PersonRequest, uid: UUID) -> HttpResponse:
    """The whole page, or only its live part when the page's script asks for it."""
    study = managed_study_or_404(request.user, uid)
    context = _live(study)
    if request.headers.get("X-Part") == "live":
        return render(request, "studies/_live.html", {"study": study, **context})
    marked, _ = marks_count(study)
    return study_page(
        request,
        study,
        "dashboard",
        tab="progress",
        events=_events(study),
        marked=marked,
        **context,
    )


def _live(study: Study) -> dict[str, Any]:
    now = timezone.now()
    shared: dict[str, Any] = {
        "now": now,
        "samples": sample_counts(study),
        "pictures": pictures(study, now=now),
    }
    if study.state == Study.State.DRAFT:
        return shared | {"steps": draft_steps(study, samples=shared["samples"])}
    snapshot = recent(study, now=now)
    pairs = reported(study)
    flags = flag_alerts(study)
    found = flags + alerts(snapshot)
    return shared | {
        "waiting": waiting(study),
        "snapshot": snapshot,
        "counts": snapshot.counts,
        "pace": snapshot.pace,
        "vote_bar": vote_bar(snapshot.counts),
        "pace_bars": pace_bars(snapshot.pace),
        "lines": annotator_rows(snapshot.annotators, flagged={flag.flagged for flag in flags}),
        "reported": pairs,
        "alerts": found,
        "open_alerts": len(pairs) + len(found),
    }


def _events(study: Study) -> list[dict[str, Any]]:
    """The last things that happened, by pseudonym."""
    names = dict(study.memberships.values_list("user_id", "pseudonym"))
    return [
        {
            "who": names.get(
                event.actor_id or 0,
                "an admin"
                if event.actor_id
                else "a rule"
                if event.kind == "annotator_flagged"
                else "the command line",
            ),
            "what": EVENT_WORDS.get(event.kind, event.kind.replace("_", " ")),
            "at": event.at,
        }
        for event in study.events.order_by("-at", "-pk")[:EVENTS]
    ]


@researcher_required
@require_POST
def resolve_reports(request: PersonRequest, uid: UUID, pk: int) -> HttpResponse:
    """Serve a reported pair again, or keep it back."""
    study = managed_study_or_404(request.user, uid)
    pair = get_object_or_404(Comparison, study=study, pk=pk)
    keep_held = request.POST.get("keep_held") == "1"
    resolve(pair, keep_held=keep_held, actor=request.user)
    said = "The pair stays back." if keep_held else "The pair is served again."
    messages.success(request, said)
    return redirect("study", study.uid)
