"""The statements that every vote runs, as SQL: compiling them anew cost more than running them.

Each function is one statement, the same on SQLite and PostgreSQL; the ORM writes everything that
is rare. Why: docs/decisions/0007-sql-on-the-hot-path.md. It must not decide anything.
"""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from django.db import connection

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


def _time(value: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(value)


def _uuid(value: uuid.UUID) -> Any:
    return value if connection.features.has_native_uuid_field else value.hex


def _read_time(value: datetime) -> datetime:
    # SQLite's driver gives the UTC it stored without saying so.
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _read_uuid(value: Any) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(value)


def _lock(clause: str) -> str:
    """Row locks exist on PostgreSQL; on SQLite the IMMEDIATE transaction is the lock."""
    return f" FOR UPDATE OF {clause}" if connection.features.has_select_for_update else ""


@contextmanager
def _executed(sql: str, parameters: Sequence[Any]) -> Iterator[Any]:
    """A cursor that has run the statement.

    PostgreSQL plans each statement once a connection: planning cost it more than running, and
    Django's own cursors plan every time.
    """
    if connection.vendor != "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            yield cursor
        return
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(sql, parameters, prepare=True)
        yield cursor


def _run(sql: str, parameters: Sequence[Any]) -> int:
    with _executed(sql, parameters) as cursor:
        return int(cursor.rowcount)


def _rows(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with _executed(sql, parameters) as cursor:
        return list(cursor.fetchall())


# The study's specification stays behind: launched protocols are kept in memory.
_PLACE_FIELDS = ("id", "study_id", "user_id", "role", "pseudonym", "active", "cursor", "left_lead")
_STUDY_FIELDS = ("id", "name", "state", "protocol_hash")  # both in the order of their models
_PLACE = (
    "SELECT "  # noqa: S608 (constant names)
    + ", ".join([*(f'm."{f}"' for f in _PLACE_FIELDS), *(f's."{f}"' for f in _STUDY_FIELDS)])
    + " FROM studies_membership m JOIN studies_study s ON s.id = m.study_id "
    "WHERE s.uid = %s AND m.user_id = %s AND m.active AND m.role = 'annotator'"
)


def annotator_place(user: int, study: uuid.UUID) -> Membership | None:
    """Somebody's active place as an annotator of a study, with the study's state."""
    rows = _rows(_PLACE, [_uuid(study), user])
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
        token=_read_uuid(token),
        lane=lane,
        turn=turn,
        leased_at=_read_time(leased_at),
        lease_until=_read_time(until),
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
    return [_lease(row) for row in _rows(f"{sql} ORDER BY a.turn{_lock('a')}", [study, annotator])]


def lease_by_id(pk: int) -> Lease:
    """One lease with all that its screen shows."""
    return _lease(_rows(f"{_LEASE}WHERE a.id = %s", [pk])[0])


def lanes_and_turns(study: int, annotator: int) -> list[tuple[int, int]]:
    """(lane, turn) of somebody's open leases."""
    sql = "SELECT lane, turn FROM judging_assignment WHERE study_id = %s AND annotator_id = %s"
    return [(int(a), int(b)) for a, b in _rows(f"{sql} AND state = 'leased'", [study, annotator])]


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
    lock = _lock("a") and f"{_lock('a')} SKIP LOCKED"
    rows = _rows(
        f"{_UNSEEN} AND {where} ORDER BY {order} LIMIT 1{lock}",
        [study, annotator, annotator, *extra],
    )
    if not rows:
        return None
    pk, token, place, lead_left, returned = rows[0]
    return Candidate(pk, token, place, bool(lead_left), bool(returned))


def leftovers(study: int, *, now: datetime) -> tuple[bool, bool]:
    """Whether any slot came back, and whether any lease ran out: rare, so one look spares two
    searches."""
    slots = "SELECT 1 FROM judging_assignment WHERE study_id = %s AND NOT held AND"
    sql = (
        f"SELECT EXISTS ({slots} state = 'free' AND returned), "
        f"EXISTS ({slots} state = 'leased' AND lease_until < %s)"
    )
    came_back, ran_out = _rows(sql, [study, study, _time(now)])[0]
    return bool(came_back), bool(ran_out)


def returned_slot(study: int, annotator: int) -> Candidate | None:
    """The first slot that came back (skipped, released, refilled)."""
    where = "a.state = 'free' AND a.returned"
    return _candidate(study, annotator, where, 'a."order", a.slot')


def expired_slot(study: int, annotator: int, *, now: datetime) -> Candidate | None:
    """The lease that ran out longest ago."""
    where = "a.state = 'leased' AND a.lease_until < %s"
    return _candidate(study, annotator, where, "a.lease_until", _time(now))


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
    values = [annotator, _uuid(token), _time(now), _time(until), lane, turn, candidate.pk]
    if candidate.token is None:
        return _run(f"{sql}state = 'free'", values) == 1
    seen = [candidate.token, _time(now)]
    return _run(f"{sql}state = 'leased' AND token = %s AND lease_until < %s", values + seen) == 1


def walk_on(membership: int, *, cursor: int, leads: int) -> None:
    """Write down how far an annotator's walk has come, and by how much their sides moved.

    Both relative to the row: another tab of theirs may have walked on meanwhile.
    """
    sql = (
        'UPDATE studies_membership SET left_lead = left_lead + %s, "cursor" = '
        'CASE WHEN "cursor" < %s THEN %s ELSE "cursor" END WHERE id = %s'
    )
    _run(sql, [leads, cursor, cursor, membership])


@dataclass(frozen=True)
class Slot:
    """Somebody's slot by its token, as a vote finds it."""

    pk: int
    state: str
    flipped: bool
    lease_until: datetime | None
    comparison_id: int


def slot_by_token(study: int, annotator: int, token: uuid.UUID) -> Slot | None:
    """The slot, locked together with its comparison: the last two votes on it take turns."""
    sql = (
        "SELECT a.id, a.state, a.flipped, a.lease_until, a.comparison_id "
        "FROM judging_assignment a JOIN judging_comparison c ON c.id = a.comparison_id "
        "WHERE a.token = %s AND a.annotator_id = %s AND a.study_id = %s AND a.state <> 'void'"
    )
    rows = _rows(f"{sql}{_lock('a, c')}", [_uuid(token), annotator, study])
    if not rows:
        return None
    pk, state, flipped, until, comparison = rows[0]
    limit = None if until is None else _read_time(until)
    return Slot(pk, state, bool(flipped), limit, comparison)


def mark_voted(pk: int, token: uuid.UUID) -> bool:
    """Compare-and-set a lease to voted."""
    sql = (
        "UPDATE judging_assignment SET state = 'voted', lease_until = NULL, lane = NULL, "
        "turn = NULL WHERE id = %s AND token = %s AND state = 'leased'"
    )
    return _run(sql, [pk, _uuid(token)]) == 1


_VOTE_COLUMNS = (
    "assignment_id",
    "comparison_id",
    "study_id",
    "annotator_id",
    "token",
    "choice",
    "deciding",
    "both_bad",
    "side",
    "simulated",
    "late",
    "too_fast",
    "active_ms",
    "elapsed_ms",
    "telemetry",
    "created_at",
)
_INSERT_VOTE = (
    f"INSERT INTO judging_vote ({', '.join(_VOTE_COLUMNS)}) "  # noqa: S608 (constant names)
    f"VALUES ({', '.join(['%s'] * len(_VOTE_COLUMNS))})"
)
_INSERT_ANSWER = (
    "INSERT INTO judging_answer (vote_id, criterion, choice) "
    "VALUES ((SELECT id FROM judging_vote WHERE assignment_id = %s), %s, %s)"
)


def insert_vote(
    values: Mapping[str, Any], answers: Iterable[tuple[str, str]], *, now: datetime
) -> None:
    """One vote row and its answer rows."""
    row = {**values, "token": _uuid(values["token"]), "created_at": _time(now)}
    row["telemetry"] = json.dumps(values["telemetry"])
    _run(_INSERT_VOTE, [row[column] for column in _VOTE_COLUMNS])
    for criterion, choice in answers:
        _run(_INSERT_ANSWER, [values["assignment_id"], criterion, choice])


_VERDICT_COLUMNS = ("outcome", "reason", "rule", "deciding", "votes", "decided_at")
_STORE_VERDICT = (
    f"INSERT INTO judging_verdict (comparison_id, {', '.join(_VERDICT_COLUMNS)}) "  # noqa: S608
    f"VALUES (%s{', %s' * len(_VERDICT_COLUMNS)}) ON CONFLICT (comparison_id) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in _VERDICT_COLUMNS)
)


def store_verdict(comparison: int, values: Mapping[str, Any], *, now: datetime) -> None:
    """A comparison's one verdict, new or in place of the one before."""
    row = {**values, "decided_at": _time(now)}
    _run(_STORE_VERDICT, [comparison, *(row[column] for column in _VERDICT_COLUMNS)])


def answers_on(comparison: int) -> list[tuple[int, str, str, bool]]:
    """(vote, criterion, choice, whether there is a verdict) of a comparison's current votes.

    Ask under the comparison's lock. The statement that waits for the lock does not see what was
    committed while it waited, so it cannot bring the verdict along.
    """
    sql = (
        "SELECT a.vote_id, a.criterion, a.choice, EXISTS ("
        "SELECT 1 FROM judging_verdict d WHERE d.comparison_id = v.comparison_id) "
        "FROM judging_answer a JOIN judging_vote v ON v.id = a.vote_id WHERE v.comparison_id = %s"
    )
    return [(int(v), c, x, bool(d)) for v, c, x, d in _rows(sql, [comparison])]
