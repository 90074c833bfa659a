"""All that a dashboard shows of a running study, counted together and kept for a moment.

It must not hold anything that a researcher has just changed: reports are read fresh.
"""

import time
from dataclasses import dataclass
from datetime import datetime

from django.core.cache import cache

from annotate.reports.people_lines import AnnotatorLine, annotators
from annotate.reports.progress import Counts, Pace, counts, expired_leases, pace
from annotate.reports.watch import Watch, watch
from annotate.studies.models import Study

# Counting may take at most a tenth of the time, however many people look at however large a study.
SHARE = 0.1
LONGEST_SECONDS = 60.0


@dataclass(frozen=True)
class Snapshot:
    """A study at the moment `at`."""

    counts: Counts
    pace: Pace
    annotators: list[AnnotatorLine]
    expired_leases: int
    at: datetime
    # Where the protocol declares early stopping.
    watch: Watch | None = None

    @property
    def working(self) -> int:
        return sum(line.working for line in self.annotators)

    @property
    def active(self) -> int:
        return sum(line.active for line in self.annotators)

    @property
    def simulated_votes(self) -> int:
        return sum(line.votes for line in self.annotators if line.simulated)


def take(study: Study, *, now: datetime) -> Snapshot:
    """Count everything now."""
    found = counts(study)
    return Snapshot(
        counts=found,
        pace=pace(study, needed=found.needed, now=now),
        annotators=annotators(study, now=now),
        expired_leases=expired_leases(study, now=now),
        at=now,
        watch=watch(study),
    )


def recent(study: Study, *, now: datetime) -> Snapshot:
    """The present numbers, or those of a moment ago where counting takes long."""
    key = f"snapshot|{study.pk}"
    kept: Snapshot | None = cache.get(key)
    if kept is not None:
        return kept
    began = time.perf_counter()
    fresh = take(study, now=now)
    keep = min((time.perf_counter() - began) / SHARE, LONGEST_SECONDS)
    if keep >= 1:  # a small study is counted anew each time
        cache.set(key, fresh, timeout=keep)
    return fresh
