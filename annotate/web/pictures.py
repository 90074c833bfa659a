"""How a study's pictures are coming along, for its pages, and the buttons that hold or hurry them.

It must not count: `sampling.progress` does.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from annotate.sampling import jobs
from annotate.sampling.needs import WaitsForThreshold
from annotate.sampling.progress import ArmProgress, Progress, progress
from annotate.studies.models import Study
from annotate.web.access import PersonRequest, managed_study_or_404, researcher_required


@dataclass(frozen=True)
class ArmLine:
    """A bar of the page and what is said below it."""

    arm: ArmProgress
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Pictures:
    """A study's sampling as its page shows it."""

    seen: Progress
    lines: tuple[ArmLine, ...]

    @property
    def busy(self) -> bool:
        return bool(self.seen.running or self.seen.queued)

    @property
    def needs_somebody(self) -> bool:
        return bool(self.seen.failed or self.seen.unheard or self.seen.stalled or self.seen.paused)

    @property
    def pressing(self) -> bool:
        """Whether this belongs on top of the page."""
        return self.busy or self.needs_somebody

    @property
    def can_end(self) -> bool:
        return bool(self.seen.running or self.seen.queued or self.seen.paused)

    @property
    def can_retry(self) -> bool:
        return bool(self.seen.failed or self.seen.stalled)


def pictures(study: Study, *, now: datetime) -> Pictures | None:
    """None where nothing is made here: all is imported, or the draft was never begun."""
    if not study.methods.exclude(kind="imported").exists():
        return None
    try:
        seen = progress(study, now=now)
    except WaitsForThreshold:
        return None
    if study.state == Study.State.DRAFT and not any(arm.wanted for arm in seen.arms):
        return None
    return told(seen)


def told(seen: Progress) -> Pictures:
    """Progress in the page's words."""
    return Pictures(seen, tuple(ArmLine(arm, tuple(_notes(arm))) for arm in seen.arms))


def _notes(arm: ArmProgress) -> list[str]:
    notes = []
    if arm.accepted is not None:
        kept = f"{100 * arm.accepted:.0f} % kept as the student made them"
        if arm.accepted_planned is not None:
            kept += f", planned {100 * arm.accepted_planned:.0f} %"
            kept += f" ± {100 * arm.accepted_error:.0f}" if arm.accepted_error else ""
        notes.append(kept)
    if arm.steps is not None and arm.forwards is not None:
        most = "at most " if arm.at_most else ""
        notes.append(
            f"{arm.steps:.4g} steps and {arm.forwards:.4g} forwards an image, "
            f"planned {most}{arm.steps_planned:.4g} and {arm.forwards_planned:.4g}"
        )
    if arm.hidden:
        notes.append("no method shows them")
    return notes


@researcher_required
@require_POST
def sampling_verb(request: PersonRequest, uid: UUID, verb: str) -> HttpResponse:
    """Pause, resume, cancel or retry the study's jobs."""
    study = managed_study_or_404(request.user, uid)
    if verb not in jobs.VERBS:
        raise Http404
    messages.success(request, jobs.do(study, verb, actor=request.user))
    calibrating = request.POST.get("then") == "thresholds"
    return redirect("study-thresholds" if calibrating else "study", uid)
