"""Runs the statements of the hot path (`hotpath`, `hotpath_votes`), alike on both databases.

It must not know a table. Why SQL: docs/decisions/0007-sql-on-the-hot-path.md.
"""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
from django.db import connection


def as_time(value: datetime) -> Any:
    """A time as this database takes it."""
    return connection.ops.adapt_datetimefield_value(value)


def as_uuid(value: uuid.UUID) -> Any:
    """A UUID as this database takes it."""
    return value if connection.features.has_native_uuid_field else value.hex


def read_time(value: datetime) -> datetime:
    """A time as this database gives it."""
    # SQLite's driver gives the UTC it stored without saying so.
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def read_uuid(value: Any) -> uuid.UUID:
    """A UUID as this database gives it."""
    return value if isinstance(value, uuid.UUID) else uuid.UUID(value)


def locking(clause: str) -> str:
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


def run(sql: str, parameters: Sequence[Any]) -> int:
    """How many rows the statement changed."""
    with _executed(sql, parameters) as cursor:
        return int(cursor.rowcount)


def fetch(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """All rows of the statement."""
    with _executed(sql, parameters) as cursor:
        return list(cursor.fetchall())
