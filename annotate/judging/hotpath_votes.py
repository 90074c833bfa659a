"""The statements that every vote runs, as SQL: the slot it fills, its answers, the verdict.

Like `hotpath`, which finds pairs and leases them: one statement a function. It must not decide
anything.
"""

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from annotate.judging.statements import as_time, as_uuid, fetch, locking, read_time, run


@dataclass(frozen=True)
class Slot:
    """Somebody's slot by its token, as a vote finds it."""

    pk: int
    state: str
    flipped: bool
    leased_at: datetime | None
    lease_until: datetime | None
    comparison_id: int
    # False for controls and repeats, whose places lie below zero: they come to no verdict.
    live: bool


def slot_by_token(study: int, annotator: int, token: uuid.UUID) -> Slot | None:
    """The slot, locked together with its comparison: the last two votes on it take turns."""
    sql = (
        'SELECT a.id, a.state, a.flipped, a.leased_at, a.lease_until, a.comparison_id, a."order" '
        "FROM judging_assignment a JOIN judging_comparison c ON c.id = a.comparison_id "
        "WHERE a.token = %s AND a.annotator_id = %s AND a.study_id = %s AND a.state <> 'void'"
    )
    rows = fetch(f"{sql}{locking('a, c')}", [as_uuid(token), annotator, study])
    if not rows:
        return None
    pk, state, flipped, since, until, comparison, order = rows[0]
    leased, limit = (None if one is None else read_time(one) for one in (since, until))
    return Slot(pk, state, bool(flipped), leased, limit, comparison, live=order >= 0)


def mark_voted(pk: int, token: uuid.UUID) -> bool:
    """Compare-and-set a lease to voted."""
    sql = (
        "UPDATE judging_assignment SET state = 'voted', lease_until = NULL, lane = NULL, "
        "turn = NULL WHERE id = %s AND token = %s AND state = 'leased'"
    )
    return run(sql, [pk, as_uuid(token)]) == 1


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
    "protocol_hash",
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
    row = {**values, "token": as_uuid(values["token"]), "created_at": as_time(now)}
    row["telemetry"] = json.dumps(values["telemetry"])
    run(_INSERT_VOTE, [row[column] for column in _VOTE_COLUMNS])
    for criterion, choice in answers:
        run(_INSERT_ANSWER, [values["assignment_id"], criterion, choice])


_VERDICT_COLUMNS = (
    "outcome",
    "reason",
    "rule",
    "protocol_hash",
    "deciding",
    "votes",
    "decided_at",
)
_STORE_VERDICT = (
    f"INSERT INTO judging_verdict (comparison_id, {', '.join(_VERDICT_COLUMNS)}) "  # noqa: S608
    f"VALUES (%s{', %s' * len(_VERDICT_COLUMNS)}) ON CONFLICT (comparison_id) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in _VERDICT_COLUMNS)
)


def store_verdict(comparison: int, values: Mapping[str, Any], *, now: datetime) -> None:
    """A comparison's one verdict, new or in place of the one before."""
    row = {**values, "decided_at": as_time(now)}
    run(_STORE_VERDICT, [comparison, *(row[column] for column in _VERDICT_COLUMNS)])


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
    return [(int(v), c, x, bool(d)) for v, c, x, d in fetch(sql, [comparison])]


def slots_above(comparison: int, overlap: int) -> list[tuple[int, str, bool]]:
    """(id, state, held) of a pair's slots above the overlap that are not void, locked.

    Not waited for: whoever holds one of them may be waiting for this pair. Tried again later.
    """
    sql = (
        "SELECT a.id, a.state, a.held FROM judging_assignment a WHERE a.comparison_id = %s "
        "AND a.slot > %s AND a.state <> 'void' ORDER BY a.id"
    )
    lock = locking("a") and f"{locking('a')} NOWAIT"
    return [(int(pk), s, bool(h)) for pk, s, h in fetch(f"{sql}{lock}", [comparison, overlap])]
