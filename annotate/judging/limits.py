"""How much one person may do in a study: answers in all, and active time within 24 hours.

Asked at each claim: it costs nothing where the protocol sets no limit, and one statement over the
person's own votes where it does. It must not know why there are limits, nor what follows.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from annotate.judging.statements import as_time, fetch
from annotate.judging.verdicts import protocol_of
from annotate.studies.models import Membership

DAY = timedelta(hours=24)


@dataclass(frozen=True)
class Room:
    """What the limits leave somebody: further pairs in all, and whether today has any time."""

    pairs: int | None  # None: as many as there are
    today: bool = True

    def cut(self, wanted: int, *, held: int = 0) -> int:
        """How many of `wanted` pairs may be given to somebody who holds `held` already."""
        if not self.today:
            return 0
        return wanted if self.pairs is None else max(0, min(wanted, self.pairs - held))


FREE = Room(None)


def room(membership: Membership, *, now: datetime) -> Room:
    """What the protocol's limits leave this annotator; open leases are not counted as done."""
    protocol = protocol_of(membership.study)
    most, minutes = protocol.votes_per_annotator, protocol.daily_minutes
    if not most and not minutes:
        return FREE
    # Without a limit by time the votes are counted on the index alone.
    spent = "SUM(CASE WHEN created_at > %s THEN active_ms ELSE 0 END)" if minutes else "0"
    rows = fetch(
        f"SELECT COUNT(*), {spent} FROM judging_vote "  # noqa: S608 (constants)
        "WHERE study_id = %s AND annotator_id = %s",
        [*([as_time(now - DAY)] if minutes else []), membership.study_id, membership.user_id],
    )
    done, active_ms = int(rows[0][0]), int(rows[0][1] or 0)
    return Room(
        max(0, most - done) if most else None,
        today=not minutes or active_ms < minutes * 60_000,
    )
