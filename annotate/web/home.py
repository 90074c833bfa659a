"""The annotator's own page: my studies, what is left, my counts.

It must not show a study's inner name, a method, or how others answered.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.db.models import Avg, Count, Q, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotate.judging.admission import is_qualified
from annotate.judging.finishing import End, end_of, has_failed
from annotate.judging.models import Vote
from annotate.judging.queue import left_for
from annotate.people.models import User
from annotate.studies.clock import database_now
from annotate.studies.models import Membership, Study
from annotate.studies.spec import shown_name
from annotate.web.access import PersonRequest

ASKED = {
    "cascade": gettext_lazy(
        "Two pictures for one prompt. Say which one matches the text better; if they are equal, "
        "which has better quality; if that is equal too, which is more beautiful."
    ),
    "single": gettext_lazy(
        "Two pictures for one prompt. Say which one is better: by matching the text first, then by "
        "quality, then by beauty."
    ),
    "full": gettext_lazy(
        "Two pictures for one prompt. Compare how they match the text, their quality and their "
        "beauty, and say which one is better overall."
    ),
    "diversity": gettext_lazy(
        "Two pictures for one prompt. Say how different they are: in angle of view, background, "
        "main object and style."
    ),
}
# Fewer own votes say too little about one's pace.
PACE_FROM = 5


@dataclass(frozen=True)
class StudyLine:
    """One study as its annotator sees it."""

    uid: str
    title: str
    asked: str
    pseudonym: str
    state: str
    done: int
    left: int
    minutes_left: int | None
    # Training and exam come first.
    qualified: bool
    # Why nothing is left, where that is known (judging.finishing.End).
    end: str
    # By a platform's link, or with a code already.
    has_code: bool

    @property
    def total(self) -> int:
        return self.done + self.left

    @property
    def is_over(self) -> bool:
        """Whether the line leads to the page with the code."""
        early = self.end in {End.SCREENED, End.ENDED}
        resting = self.state in {Study.State.DRAFT, Study.State.PAUSED} or self.end == End.TODAY
        return self.has_code and (early or not (self.left or resting))

    @property
    def has_work(self) -> bool:
        return self.state == Study.State.OPEN and self.left > 0


@dataclass(frozen=True)
class OwnCount:
    """Own work in a stretch of time."""

    label: str
    pairs: int
    active: str


def hours_and_minutes(milliseconds: int) -> str:
    """1 h 49 min; whole minutes, since nobody works by the second."""
    hours, minutes = divmod(round(milliseconds / 60_000), 60)
    if hours:
        return _("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": minutes}
    return _("%(minutes)d min") % {"minutes": minutes}


def study_lines(user: User) -> Iterator[StudyLine]:
    """This person's places as an annotator: those with work first, then by age."""
    own: dict[int, tuple[int, float]] = {
        study: (done, pace)
        for study, done, pace in Vote.objects.filter(annotator=user)
        .values_list("study")
        .annotate(done=Count("pk"), pace=Avg("active_ms"))
    }
    places = (
        Membership.objects.filter(user=user, role=Membership.Role.ANNOTATOR)
        # A place that has ended is shown where a platform may wait for a code.
        .filter(Q(active=True) | Q(entry__isnull=False) | Q(completion__isnull=False))
        .exclude(study__state=Study.State.ARCHIVED)
        .select_related("study", "entry", "completion")
        .order_by("joined_at", "pk")
    )
    now = database_now()
    for place in places:
        study = place.study
        protocol = study.read_protocol()
        done, pace = own.get(study.pk, (0, 0.0))
        left = left_for(place, now=now) if place.active and not has_failed(place) else 0
        yield StudyLine(
            uid=str(study.uid),
            title=shown_name(study.spec.get("public_name", "")),
            asked=str(ASKED["diversity" if protocol.asks_diversity else protocol.judgement]),
            pseudonym=place.pseudonym,
            state=study.state,
            done=done,
            left=left,
            minutes_left=max(1, round(left * pace / 60_000)) if done >= PACE_FROM else None,
            qualified=is_qualified(place),
            end="" if left else end_of(place, now=now) or "",
            has_code=hasattr(place, "completion") or hasattr(place, "entry"),
        )


def own_counts(user: User, *, now: datetime) -> list[OwnCount]:
    """Votes and active time: neutral numbers, never compared with other people's."""
    spans = {
        "day": (_("Last 24 hours"), Q(created_at__gt=now - timedelta(days=1))),
        "week": (_("Last 7 days"), Q(created_at__gt=now - timedelta(days=7))),
        "all": (_("In all"), Q()),
    }
    sums: dict[str, Any] = {}
    for key, (_label, when) in spans.items():
        sums[f"{key}_pairs"] = Count("pk", filter=when)
        sums[f"{key}_ms"] = Sum("active_ms", filter=when)
    found = Vote.objects.filter(annotator=user).aggregate(**sums)
    return [
        OwnCount(label, found[f"{key}_pairs"], hours_and_minutes(found[f"{key}_ms"] or 0))
        for key, (label, _) in spans.items()
    ]


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The first page after logging in: studies for researchers, own work for annotators."""
    if cast(PersonRequest, request).user.is_researcher:
        return redirect("studies")
    return my_work(request)


def reviewed(user: User) -> list[tuple[str, str]]:
    """(uid, public name) of the studies this person reviews, by age."""
    places = Membership.objects.filter(user=user, active=True, role=Membership.Role.REVIEWER)
    rows = places.exclude(study__state=Study.State.ARCHIVED).select_related("study")
    return [
        (str(place.study.uid), shown_name(place.study.spec.get("public_name", "")))
        for place in rows.order_by("joined_at", "pk")
    ]


@login_required
def my_work(request: HttpRequest) -> HttpResponse:
    user = cast(PersonRequest, request).user
    lines = sorted(study_lines(user), key=lambda line: not line.has_work)
    context = {
        "lines": lines,
        "with_work": sum(line.has_work for line in lines),
        "reviewed": reviewed(user),
        "counts": own_counts(user, now=timezone.now()),
        "nav": "work" if user.is_researcher else "",
    }
    return render(request, "annotate/home.html", context)
