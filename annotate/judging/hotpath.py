"""The statements that every claim runs, as SQL: compiling them anew cost more than running them.

Each function is one statement, the same on SQLite and PostgreSQL; the ORM writes everything that
is rare. Why: docs/decisions/0007-sql-on-the-hot-path.md. It must not decide anything.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from annotate.judging.statements import as_time, as_uuid, fetch, locking, read_time, read_uuid, run
from annotate.studies.models import Membership, Study


@dataclass
class Shown:
    """One of a pair's two pictures."""

    digest: str
    width: int
    height: int


@dataclass
class Lease:
    """An assignment in somebody's hand, with all that its screen shows."""

    pk: int
    comparison_id: int
    slot: int
    token: uuid.UUID
    lane: int
    turn: int
    leased_at: datetime
    lease_until: datetime
    flipped: bool
    prompt: str
    context: str
    context_role: str
    first: Shown
    second: Shown
    box_width: int
    box_height: int
    wire_bytes: int


@dataclass(frozen=True)
class Candidate:
    """A slot that could be claimed, as it was seen."""

    pk: int
    token: Any
    order: int
    lead_left: bool
    returned: bool


# The study's specification stays behind: launched protocols are kept in memory.
_PLACE_FIELDS = (
    *("id", "study_id", "user_id", "role", "pseudonym", "active", "cursor", "left_lead"),
    "qualified_version",
    "served",
    "next_extra",
)
_STUDY_FIELDS = ("id", "name", "state", "protocol_hash")  # both in the order of their models
_PLACE = (
    "SELECT "  # noqa: S608 (constant names)
    + ", ".join([*(f'm."{f}"' for f in _PLACE_FIELDS), *(f's."{f}"' for f in _STUDY_FIELDS)])
    + " FROM studies_membership m JOIN studies_study s ON s.id = m.study_id "
    "WHERE s.uid = %s AND m.user_id = %s AND m.active AND m.role = 'annotator'"
)


def annotator_place(user: int, study: uuid.UUID) -> Membership | None:
    """Somebody's active place as an annotator of a study, with the study's state."""
    rows = fetch(_PLACE, [as_uuid(study), user])
    if not rows:
        return None
    values = rows[0]
    split = len(_PLACE_FIELDS)
    membership = Membership.from_db("default", _PLACE_FIELDS, values[:split])
    membership.study = Study.from_db("default", _STUDY_FIELDS, values[split:])
    membership.study.uid = study
    return membership


_LEASE = """
SELECT a.id, a.comparison_id, a.slot, a.token, a.lane, a.turn, a.leased_at, a.lease_until,
       a.flipped, p.text, p.context, p.context_role, f.digest, f.width, f.height,
       s.digest, s.width, s.height, c.box_width, c.box_height, c.wire_bytes
FROM judging_assignment a
JOIN judging_comparison c ON c.id = a.comparison_id
JOIN studies_prompt p ON p.id = c.prompt_id
JOIN sampling_image f ON f.id = c.first_id
JOIN sampling_image s ON s.id = c.second_id
"""


def _lease(row: tuple[Any, ...]) -> Lease:
    pk, comparison, slot, token, lane, turn, leased_at, until, flipped, *rest = row
    text, context, role, *pictures, box_width, box_height, wire = rest
    return Lease(
        pk=pk,
        comparison_id=comparison,
        slot=slot,
        token=read_uuid(token),
        lane=lane,
        turn=turn,
        leased_at=read_time(leased_at),
        lease_until=read_time(until),
        flipped=bool(flipped),
        prompt=text,
        context=context,
        context_role=role,
        first=Shown(*pictures[:3]),
        second=Shown(*pictures[3:]),
        box_width=box_width,
        box_height=box_height,
        wire_bytes=wire,
    )


def leases(study: int, annotator: int) -> list[Lease]:
    """Somebody's open leases in display order, locked, so that none is passed on meanwhile."""
    sql = f"{_LEASE}WHERE a.study_id = %s AND a.annotator_id = %s AND a.state = 'leased'"
    # Locked in the order in which whoever gives them all back locks them.
    rows = fetch(f"{sql} ORDER BY a.id{locking('a')}", [study, annotator])
    return sorted((_lease(row) for row in rows), key=lambda lease: lease.turn)


def lease_by_id(pk: int) -> Lease:
    """One lease with all that its screen shows."""
    return _lease(fetch(f"{_LEASE}WHERE a.id = %s", [pk])[0])


def lanes_and_turns(study: int, annotator: int) -> list[tuple[int, int]]:
    """(lane, turn) of somebody's open leases."""
    sql = "SELECT lane, turn FROM judging_assignment WHERE study_id = %s AND annotator_id = %s"
    return [(int(a), int(b)) for a, b in fetch(f"{sql} AND state = 'leased'", [study, annotator])]


# Slots of comparisons this annotator has neither had nor skipped.
_UNSEEN = """
SELECT a.id, a.token, a."order", a.lead_left, a.returned FROM judging_assignment a
WHERE a.study_id = %s AND NOT a.held
  AND NOT EXISTS (SELECT 1 FROM judging_assignment m
                  WHERE m.comparison_id = a.comparison_id AND m.annotator_id = %s)
  AND NOT EXISTS (SELECT 1 FROM judging_skip k
                  WHERE k.comparison_id = a.comparison_id AND k.annotator_id = %s)
"""


def _candidate(study: int, annotator: int, where: str, order: str, *extra: Any) -> Candidate | None:
    lock = locking("a") and f"{locking('a')} SKIP LOCKED"
    rows = fetch(
        f"{_UNSEEN} AND {where} ORDER BY {order} LIMIT 1{lock}",
        [study, annotator, annotator, *extra],
    )
    if not rows:
        return None
    pk, token, place, lead_left, returned = rows[0]
    return Candidate(pk, token, place, bool(lead_left), bool(returned))


def leftovers(study: int, *, now: datetime) -> tuple[bool, bool]:
    """Whether any slot came back, and whether any lease ran out: rare, so one look spares two
    searches.

    The order asks for the small index of such slots: without it SQLite reads every slot of the
    study.
    """
    slots = "SELECT 1 FROM judging_assignment WHERE study_id = %s AND NOT held AND"
    sql = (
        f"SELECT ({slots} returned AND state = 'free' ORDER BY \"order\", slot LIMIT 1), "
        f"({slots} state = 'leased' AND \"order\" >= 0 AND lease_until < %s "
        "ORDER BY lease_until LIMIT 1)"
    )
    came_back, ran_out = fetch(sql, [study, study, as_time(now)])[0]
    return bool(came_back), bool(ran_out)


def returned_slot(study: int, annotator: int) -> Candidate | None:
    """The first slot that came back (skipped, released, refilled)."""
    where = "a.state = 'free' AND a.returned"
    return _candidate(study, annotator, where, 'a."order", a.slot')


def expired_slot(study: int, annotator: int, *, now: datetime) -> Candidate | None:
    """The lease of a live pair that ran out longest ago: controls and repeats are one person's."""
    where = "a.state = 'leased' AND a.\"order\" >= 0 AND a.lease_until < %s"
    return _candidate(study, annotator, where, "a.lease_until", as_time(now))


def fresh_slot(
    study: int, annotator: int, *, after: int | None, up_to: int | None, left_first: bool | None
) -> Candidate | None:
    """The next free slot of the serving order after, or up to, a place in it."""
    where, limits = "a.state = 'free' AND NOT a.returned", []
    if after is not None:
        where, limits = f'{where} AND a."order" > %s', [after]
    if up_to is not None:
        where, limits = f'{where} AND a."order" <= %s', [*limits, up_to]
    side = "" if left_first is None else f"a.lead_left {'DESC' if left_first else 'ASC'}, "
    return _candidate(study, annotator, where, f'a."order", {side}a.slot', *limits)


def take(
    candidate: Candidate,
    *,
    annotator: int,
    token: uuid.UUID,
    now: datetime,
    until: datetime,
    lane: int,
    turn: int,
) -> bool:
    """Compare-and-set: lease the slot if it still is as it was seen."""
    sql = (
        "UPDATE judging_assignment SET state = 'leased', annotator_id = %s, token = %s, "
        "leased_at = %s, lease_until = %s, lane = %s, turn = %s WHERE id = %s AND "
    )
    values = [annotator, as_uuid(token), as_time(now), as_time(until), lane, turn, candidate.pk]
    if candidate.token is None:
        return run(f"{sql}state = 'free'", values) == 1
    seen = [candidate.token, as_time(now)]
    return run(f"{sql}state = 'leased' AND token = %s AND lease_until < %s", values + seen) == 1


def walk_on(membership: int, *, cursor: int, leads: int, served: int) -> None:
    """Write down how far an annotator's walk has come, by how much their sides moved, and how

    many more pairs they were given. All relative to the row: another tab of theirs may have walked
    on meanwhile.
    """
    sql = (
        "UPDATE studies_membership SET left_lead = left_lead + %s, served = served + %s, "
        '"cursor" = '
        'CASE WHEN "cursor" < %s THEN %s ELSE "cursor" END WHERE id = %s'
    )
    run(sql, [leads, served, cursor, cursor, membership])
